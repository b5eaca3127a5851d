package client

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sojourn-auth/sojourn/api"
)

// What an answer's status means, for errors.Is.
var (
	ErrInvalid      = errors.New("client: invalid request")    // 400 and 422
	ErrUnauthorized = errors.New("client: unauthorized")       // 401: a wrong key, or a session that has ended
	ErrForbidden    = errors.New("client: forbidden")          // 403
	ErrNotFound     = errors.New("client: not found")          // 404
	ErrConflict     = errors.New("client: conflict")           // 409
	ErrGone         = errors.New("client: operation is gone")  // 410
	ErrRateLimited  = errors.New("client: too many requests")  // 429; see APIError.RetryAfter
	ErrUnavailable  = errors.New("client: server unavailable") // 500 and above
)

// APIError is an error that the server documents. Its codes say exactly what is wrong.
type APIError struct{ Answer }

// Answer is the error as the server sent it: its status, its codes, its trace id.
type Answer = api.Error

// Error says what went wrong in one line.
func (e *APIError) Error() string { return e.Answer.Error() }

// Is makes errors.Is(err, client.ErrNotFound) and its like work.
func (e *APIError) Is(target error) bool { return target == meaning(e.Status) }

// UnexpectedResponseError is an answer that no Backend API gives, such as the HTML of a proxy.
type UnexpectedResponseError struct {
	Status      int    // HTTP status
	ContentType string // as the answer had it
	Body        []byte // its beginning, 512 bytes at most
}

// Error says what came instead of an answer.
func (e *UnexpectedResponseError) Error() string {
	return fmt.Sprintf("client: unexpected answer: status %d, content type %q", e.Status, e.ContentType)
}

// Is makes errors.Is(err, client.ErrUnavailable) and its like work.
func (e *UnexpectedResponseError) Is(target error) bool { return target == meaning(e.Status) }

func meaning(status int) error {
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return ErrInvalid
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusConflict:
		return ErrConflict
	case status == http.StatusGone:
		return ErrGone
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status >= http.StatusInternalServerError:
		return ErrUnavailable
	default:
		return nil
	}
}
