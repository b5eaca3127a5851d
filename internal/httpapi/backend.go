package httpapi

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// Backend is the Backend API: the routes under /v1 for whoever holds the secret key, and the health of the server.
func Backend(a *app.App) http.Handler {
	mux := http.NewServeMux()
	for _, r := range Routes(a) {
		mux.Handle(r.Pattern, r.handler)
	}
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(a, w, r, noSuchURL()) }))

	outer := http.NewServeMux()
	health(a, outer)
	outer.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, OpenAPI()) })
	emails := mailbox(a)
	outer.Handle("/mailbox", emails)
	outer.Handle("/mailbox/", emails)
	outer.Handle("/", authenticated(a, mux))
	return traced(a, recovered(a, clean(a, outer)))
}

// authenticated lets requests with the secret key pass. It comes before routing: without the key, nobody learns
// which URLs exist.
func authenticated(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := authenticate(a, r); err != nil {
			fail(a, w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func authenticate(a *app.App, r *http.Request) error {
	key := bearer(r)
	if key == "" {
		return plain(http.StatusUnauthorized, "authorization_header_format_invalid", "Invalid Authorization header format", "Send the header Authorization: Bearer YOUR_SECRET_KEY.")
	}
	ok, err := a.Authenticate(r.Context(), key)
	switch {
	case err != nil:
		return err
	case !ok:
		return plain(http.StatusUnauthorized, "clerk_key_invalid", "The secret key is invalid", "This server does not know the secret key.")
	}
	if err := limited(a, r); err != nil {
		return err
	}
	info := infoOf(r)
	info.version, err = chooseVersion(r)
	return err
}

// limited counts a request. The key set is never limited: verifiers that cannot fetch it lock everybody out.
func limited(a *app.App, r *http.Request) error {
	if r.URL.Path == "/v1/jwks" {
		return nil
	}
	wait, err := a.TakeRequest(r.Context())
	if err != nil || wait == 0 {
		return err
	}
	answer := plain(http.StatusTooManyRequests, "too_many_requests", "Too many requests", "Too many requests; try again later.")
	answer.RetryAfter = wait
	return answer
}

// requestTimeout bounds what a request may wait for: a connection to the database, a lock, a statement. Its caller is
// told 503 then, instead of piling up behind a database that hangs.
const requestTimeout = 10 * time.Second

// traced gives every request its deadline and its trace id, which is also in its answer and in the log.
func traced(a *app.App, next http.Handler) http.Handler {
	next = logged(a, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace := newTrace()
		h := w.Header()
		h["Clerk-Trace-Id"] = []string{trace}
		h["X-Clerk-Trace-Id"] = []string{trace}
		h["X-Content-Type-Options"] = noSniff
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, withInfo(ctx, r, &requestInfo{trace: trace, version: APIVersions[0]}))
	})
}

var noSniff = []string{"nosniff"}

// newTrace is 32 hex digits. It names a request and protects nothing.
func newTrace() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // not a secret
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // not a secret
	return hex.EncodeToString(b[:])
}

// clean answers paths that ServeMux would redirect: this API has one spelling for each URL.
func clean(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if unclean(r.URL.Path) {
			if err := authenticate(a, r); err != nil {
				fail(a, w, r, err)
				return
			}
			fail(a, w, r, noSuchURL())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unclean(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func noSuchURL() *api.Error {
	return plain(http.StatusNotFound, "resource_not_found", "URL not found", "There is nothing at this URL.")
}
