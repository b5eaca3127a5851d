package api

import (
	"fmt"
	"strings"
	"time"
)

// Error is a failure that the caller caused or can act on, with the status it is answered with.
// It is what the server writes and what the client SDK returns.
type Error struct {
	Status     int           `json:"-"`              // HTTP status
	Errors     []ErrorDetail `json:"errors"`         // never empty
	Meta       *ErrorMeta    `json:"meta,omitempty"` // reserved by the contract; usually absent
	TraceID    string        `json:"clerk_trace_id"` // 32 hex digits; also in the server's log
	RetryAfter time.Duration `json:"-"`              // from the Retry-After header; 0 when there was none
}

// ErrorDetail is one thing that is wrong.
type ErrorDetail struct {
	Message     string     `json:"message"`
	LongMessage string     `json:"long_message"`
	Code        string     `json:"code"` // stable; match on this
	Meta        *ErrorMeta `json:"meta,omitempty"`
}

// ErrorMeta places an error.
type ErrorMeta struct {
	ParamName  string   `json:"param_name,omitempty"`
	ParamNames []string `json:"param_names,omitempty"`

	SessionID               string `json:"session_id,omitempty"`                 // of whoever is signed in already
	LockoutExpiresInSeconds int64  `json:"lockout_expires_in_seconds,omitempty"` // 0: nobody knows when
}

// Code returns the first code, or "".
func (e *Error) Code() string {
	if len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Code
}

// Has reports whether any of the errors carries code.
func (e *Error) Has(code string) bool {
	for _, d := range e.Errors {
		if d.Code == code {
			return true
		}
	}
	return false
}

// Error says what went wrong in one line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, d := range e.Errors {
		if i > 0 {
			b.WriteString("; ")
		}
		text := d.LongMessage
		if text == "" {
			text = d.Message
		}
		fmt.Fprintf(&b, "%s: %s", d.Code, text)
	}
	if e.TraceID != "" {
		fmt.Fprintf(&b, " (status %d, trace %s)", e.Status, e.TraceID)
	}
	return b.String()
}
