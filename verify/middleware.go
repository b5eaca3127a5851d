package verify

import (
	"context"
	"crypto/sha1" //nolint:gosec // names a cookie as the contract does; protects nothing
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
)

type (
	contextKey     struct{} // of the claims
	unavailableKey struct{} // of true, where a token could not be verified for no fault of its own
)

// FromContext answers the claims that Middleware found, and false for a request without a valid token.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, ok := ctx.Value(contextKey{}).(*Claims)
	return c, ok
}

// NewContext puts claims where FromContext finds them, for tests of handlers.
func NewContext(ctx context.Context, c *Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// Middleware puts the claims of a request's session token into its context. The token comes in the header
// Authorization: Bearer, or in the __session cookie. A request without a valid token goes on without claims.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch c, err := v.VerifyRequest(r); {
		case err == nil:
			r = r.WithContext(NewContext(r.Context(), c))
		case unavailable(err):
			r = r.WithContext(context.WithValue(r.Context(), unavailableKey{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// unavailable reports whether an error says nothing about the token.
func unavailable(err error) bool {
	return errors.Is(err, ErrKeysUnavailable) || errors.Is(err, ErrStale) || errors.Is(err, context.DeadlineExceeded)
}

// Require lets requests pass that Middleware found claims for, and answers 401 to others. Where Middleware could not
// know, for want of keys or because the revocation feed is stale, it answers 503: a 401 would sign users out.
func (v *Verifier) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ok := FromContext(r.Context())
		switch {
		case ok:
			next.ServeHTTP(w, r)
		case r.Context().Value(unavailableKey{}) != nil:
			w.Header().Set("Retry-After", "1") // second
			refuse(w, http.StatusServiceUnavailable, `{"errors":[{"message":"Service unavailable","long_message":"The session token cannot be verified right now. Try again.","code":"service_unavailable"}]}`)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, `{"errors":[{"message":"Invalid authentication","long_message":"Send a valid session token.","code":"authentication_invalid"}]}`)
		}
	})
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// ErrNoToken says that a request carries no token.
var ErrNoToken = errors.New("verify: the request has no session token")

// VerifyRequest verifies the session token of a request. A bearer token comes before a cookie.
func (v *Verifier) VerifyRequest(r *http.Request) (*Claims, error) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return v.Verify(r.Context(), strings.TrimSpace(token))
	}
	for _, name := range v.cookieNames {
		if cookie, err := r.Cookie(name); err == nil && cookie.Value != "" {
			return v.Verify(r.Context(), cookie.Value)
		}
	}
	return nil, ErrNoToken
}

const sessionCookie = "__session"

// cookieNames are the names of the session cookie, the suffixed one first: it cannot be another app's.
func cookieNames(publishableKey string) []string {
	if publishableKey == "" {
		return []string{sessionCookie}
	}
	sum := sha1.Sum([]byte(publishableKey)) //nolint:gosec // as above
	return []string{sessionCookie + "_" + base64.URLEncoding.EncodeToString(sum[:])[:8], sessionCookie}
}
