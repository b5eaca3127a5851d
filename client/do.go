package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

const (
	maxAnswer    = 10 << 20 // bytes
	maxExcerpt   = 512      // bytes of an unexpected answer
	maxWait      = 30 * time.Second
	firstWait    = 200 * time.Millisecond
	maxDoublings = 8 // of firstWait; more would overflow
)

// call describes one request. repeatable says that doing it twice is doing it once.
type call struct {
	method     string
	path       []string // its segments below /v1; an empty one is refused
	query      url.Values
	body       any
	origin     string
	repeatable bool
}

func get(path ...string) call    { return call{method: http.MethodGet, path: path, repeatable: true} }
func post(path ...string) call   { return call{method: http.MethodPost, path: path} }
func patch(path ...string) call  { return call{method: http.MethodPatch, path: path} }
func put(path ...string) call    { return call{method: http.MethodPut, path: path} }
func remove(path ...string) call { return call{method: http.MethodDelete, path: path} }

func (c call) with(body any) call {
	c.body = body
	return c
}

// asking turns the fields of params that have a query tag into the query.
func (c call) asking(params any) call {
	c.query = url.Values{}
	v := reflect.ValueOf(params)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name, ok := f.Tag.Lookup("query"); ok {
			addQuery(c.query, name, v.FieldByIndex(f.Index).Interface())
		}
	}
	return c
}

func addQuery(query url.Values, name string, value any) {
	switch v := value.(type) {
	case string:
		if v != "" {
			query.Add(name, v)
		}
	case []string:
		for _, s := range v {
			query.Add(name, s)
		}
	case int64:
		if v != 0 {
			query.Add(name, strconv.FormatInt(v, 10))
		}
	case bool:
		if v {
			query.Add(name, "true")
		}
	case api.Field[int64]:
		if n, ok := v.Get(); ok {
			query.Add(name, strconv.FormatInt(n, 10))
		}
	case api.Field[bool]:
		if b, ok := v.Get(); ok {
			query.Add(name, strconv.FormatBool(b))
		}
	}
}

// do makes a call and reads its answer into a fresh T.
func do[T any](ctx context.Context, c *connection, r call) (*T, error) {
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		answer, err := once[T](ctx, c, r, target, body)
		if err == nil || attempt >= c.retries || !r.mayRepeat(ctx, err) {
			return answer, err
		}
		if err := c.sleep(ctx, c.wait(err, attempt)); err != nil {
			return nil, err
		}
	}
}

func (c call) encode() ([]byte, error) {
	if c.body == nil {
		return nil, nil
	}
	return json.Marshal(c.body)
}

func (c *connection) target(r call) (string, error) {
	var b strings.Builder
	b.WriteString(c.base)
	for _, segment := range r.path {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("client: %q is not an id", segment)
		}
		b.WriteString("/" + url.PathEscape(segment))
	}
	if len(r.query) > 0 {
		b.WriteString("?" + r.query.Encode())
	}
	return b.String(), nil
}

func once[T any](ctx context.Context, c *connection, r call, target string, body []byte) (*T, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Clerk-API-Version", c.apiVersion)
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Content-Type", "application/json")
	if r.origin != "" {
		req.Header.Set("Origin", r.origin)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return read[T](res, raw)
}

func read[T any](res *http.Response, raw []byte) (*T, error) {
	answer := new(T)
	if res.StatusCode == http.StatusNoContent {
		return answer, nil
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	unexpected := &UnexpectedResponseError{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type"), Body: raw[:min(len(raw), maxExcerpt)]}
	switch {
	case kind != "application/json":
		return nil, unexpected
	case res.StatusCode == http.StatusOK:
		if json.Unmarshal(raw, answer) != nil {
			return nil, unexpected
		}
		return answer, nil
	}
	told := &APIError{}
	if json.Unmarshal(raw, &told.Answer) != nil || len(told.Errors) == 0 {
		return nil, unexpected
	}
	told.Status, told.RetryAfter = res.StatusCode, retryAfter(res)
	if told.TraceID == "" {
		told.TraceID = res.Header.Get("Clerk-Trace-Id")
	}
	return nil, told
}

func retryAfter(res *http.Response) time.Duration {
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// mayRepeat reports whether a failed call can be made again: always when the server said that it did nothing, and
// after any other failure of the way only when repeating is harmless.
func (c call) mayRepeat(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if told, ok := errors.AsType[*APIError](err); ok {
		return told.Status == http.StatusTooManyRequests || (told.Status == http.StatusServiceUnavailable && told.RetryAfter > 0) ||
			(c.repeatable && (told.Status == http.StatusBadGateway || told.Status >= http.StatusServiceUnavailable))
	}
	if unexpected, ok := errors.AsType[*UnexpectedResponseError](err); ok {
		return c.repeatable && (unexpected.Status == http.StatusBadGateway || unexpected.Status >= http.StatusServiceUnavailable)
	}
	return c.repeatable // the connection failed
}

// wait is how long to wait before another attempt: as long as the server asks, or longer each time.
func (c *connection) wait(err error, attempt int) time.Duration {
	var told *APIError
	if errors.As(err, &told) && told.RetryAfter > 0 {
		return min(told.RetryAfter, maxWait)
	}
	backoff := firstWait << min(attempt, maxDoublings)
	return min(backoff/2+time.Duration(c.jitter()*float64(backoff/2)), maxWait)
}

const pageSize = 100

// all goes through the pages of a list. Pages are cut by offset: what is created or deleted meanwhile can make an item
// appear twice or not at all.
func all[T any](list func(limit, offset int64) ([]T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for offset := int64(0); ; offset += pageSize {
			page, err := list(pageSize, offset)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page {
				if !yield(&page[i], nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}
