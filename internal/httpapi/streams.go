package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
)

// StreamRoutes are the streams of security events, for receivers of the Shared Signals Framework. They are on the public
// listener, where the issuer's URL leads.
func StreamRoutes(a *app.App) []Route {
	return []Route{
		keyed(a, a.MayPoll, "POST "+app.StreamPollPath+"{stream_id}", a.PollStream),
		keyed(a, a.Authenticate, "POST "+app.StreamPath, a.CreateStream),
		keyed(a, a.Authenticate, "GET "+app.StreamPath, a.GetStreams),
		keyed(a, a.Authenticate, "PATCH "+app.StreamPath, a.UpdateStream),
		keyed(a, a.Authenticate, "PUT "+app.StreamPath, a.ReplaceStream),
		keyed(a, a.Authenticate, "DELETE "+app.StreamPath, a.DeleteStream),
		keyed(a, a.Authenticate, "GET "+app.StreamStatusPath, a.GetStreamStatus),
		keyed(a, a.Authenticate, "POST "+app.StreamStatusPath, a.SetStreamStatus),
		keyed(a, a.Authenticate, "POST "+app.StreamVerifyPath, a.VerifyStream),
	}
}

// keyed is a route for whoever has a key that may.
func keyed[Req, Res any](a *app.App, may func(context.Context, string) (bool, error), pattern string, operation func(context.Context, *Req) (Res, error)) Route {
	next := endpoint(a, pattern, operation)
	return Route{Pattern: pattern, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok, err := may(r.Context(), bearer(r))
		if err == nil && !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			err = plain(http.StatusUnauthorized, "authentication_invalid", "Invalid authentication", "Send the header Authorization: Bearer with a key that may do this.")
		}
		if err != nil {
			fail(a, w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})}
}

// bearer is the bearer token of a request; "" when it has none.
func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}
