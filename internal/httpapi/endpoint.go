// Package httpapi turns HTTP into operations and their answers back into HTTP: one generic adapter, one table of
// routes, one place where an error becomes an answer. It decides nothing about sessions.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/event"
)

// endpoint makes a handler of an operation: it fills the request from path, query, headers and body, calls the
// operation, and writes its answer or its error.
func endpoint[Req, Res any](a *app.App, pattern string, operation func(context.Context, *Req) (Res, error)) http.Handler {
	plan := planOf[Req]()
	dated := removed[pattern]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := dated.check(a, versionOf(r)); err != nil {
			fail(a, w, r, err)
			return
		}
		req := new(Req)
		if err := plan.read(w, r, req, dated.fieldsAt(versionOf(r))); err != nil {
			fail(a, w, r, err)
			return
		}
		ctx := r.Context()
		if r.Method != http.MethodGet { // which changes nothing
			ctx = app.WithOrigin(ctx, origin(a, r, pattern))
		}
		res, err := operation(ctx, req)
		if err != nil {
			fail(a, w, r, err)
			return
		}
		write(a, w, r, res)
	})
}

// origin is where what an operation does comes from.
func origin(a *app.App, r *http.Request, pattern string) event.Origin {
	address := remote(r)
	if trusts(a, address) {
		address = forwardedFor(a, r, address)
	}
	return event.Origin{Operation: pattern, Trace: traceOf(r), Address: addressText(address), UserAgent: userAgent(r)}
}

func addressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// appender is an answer that knows a faster way to its own JSON.
type appender interface {
	AppendJSON(b []byte) []byte
}

// write sends an operation's answer. Clients compare the content type literally: no charset may follow.
func write(a *app.App, w http.ResponseWriter, r *http.Request, res any) {
	switch res := res.(type) {
	case *api.Empty:
		w.WriteHeader(http.StatusNoContent)
	case appender:
		send(w, http.StatusOK, res.AppendJSON(make([]byte, 0, 1024)))
	default:
		body, err := json.Marshal(res)
		if err != nil {
			fail(a, w, r, err)
			return
		}
		status := http.StatusOK
		if _, created := res.(interface{ Created() }); created {
			status = http.StatusCreated
		}
		send(w, status, body)
	}
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller is gone; nothing to tell anybody
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// fail sends an error in the contract's envelope. It is the only place where errors of requests are logged.
func fail(a *app.App, w http.ResponseWriter, r *http.Request, err error) {
	var told *api.Error
	if !errors.As(err, &told) {
		told = untold(a, r, err)
	}
	answer := *told // operations may share their errors
	answer.TraceID = traceOf(r)
	if answer.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((answer.RetryAfter+time.Second-1)/time.Second), 10))
	}
	body, err := json.Marshal(&answer)
	if err != nil {
		body = []byte(`{"errors":[]}`)
	}
	send(w, answer.Status, body)
}

// untold is what callers see of errors that are not theirs.
func untold(a *app.App, r *http.Request, err error) *api.Error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || app.Unavailable(err) {
		level := slog.LevelWarn
		if errors.Is(r.Context().Err(), context.Canceled) { // its caller has gone, as those who poll do when they stop
			level = slog.LevelDebug
		}
		a.Log.Log(r.Context(), level, "request not served", requestAttrs(r, slog.String("error", err.Error()))...)
		answer := plain(http.StatusServiceUnavailable, "service_unavailable", "Service unavailable", "The server cannot answer right now. Try again.")
		answer.RetryAfter = time.Second
		return answer
	}
	a.Log.ErrorContext(r.Context(), "request failed", requestAttrs(r, slog.String("error", err.Error()))...)
	return plain(http.StatusInternalServerError, "internal_clerk_error", "Internal error", "Something went wrong on the server. Its log has this trace id.")
}

func plain(status int, code, message, long string) *api.Error {
	return &api.Error{Status: status, Errors: []api.ErrorDetail{{Message: message, LongMessage: long, Code: code}}}
}

func param(name string, err *api.Error) *api.Error {
	if name == "" { // JSON members may be called nothing, and meta is never empty
		return err
	}
	err.Errors[0].Meta = &api.ErrorMeta{ParamName: name}
	return err
}

func requestAttrs(r *http.Request, more ...any) []any {
	return append([]any{slog.String("trace_id", traceOf(r)), slog.String("method", r.Method), slog.String("route", r.Pattern)}, more...)
}

// logged writes a line for each request, at level debug: paths hold nothing secret, queries and bodies may.
func logged(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.Log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		began, status := a.Now(), &statusWriter{ResponseWriter: w}
		next.ServeHTTP(status, r)
		a.Log.DebugContext(r.Context(), "request", slog.String("trace_id", traceOf(r)), slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.Int("status", status.code), slog.Duration("took", a.Now().Sub(began)))
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recovered keeps the server up when an operation panics, and tells the caller nothing of it.
func recovered(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			a.Log.ErrorContext(r.Context(), "request panicked", requestAttrs(r, slog.Any("panic", v), slog.String("stack", string(debug.Stack())))...)
			fail(a, w, r, plain(http.StatusInternalServerError, "internal_clerk_error", "Internal error", "Something went wrong on the server. Its log has this trace id."))
		}()
		next.ServeHTTP(w, r)
	})
}
