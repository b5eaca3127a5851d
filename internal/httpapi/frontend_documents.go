package httpapi

import (
	"context"
	"net/http"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// documentRoutes are what browsers and servers fetch before anybody is known, and where browsers pass through on their
// way to a page.
func documentRoutes(a *app.App) []FrontendRoute {
	environment := func(ctx context.Context, _ *app.Visitor, req *api.None) (*api.Environment, error) {
		return a.Environment(ctx, req)
	}
	return []FrontendRoute{
		bare(a, "GET /v1/environment", environment),
		bare(a, "PATCH /v1/environment", environment),
		redirecting(a, http.StatusTemporaryRedirect, "GET /v1/client/handshake", a.Handshake),
		redirecting(a, http.StatusTemporaryRedirect, "GET /v1/client/touch", a.TouchBrowserClient),
		redirecting(a, http.StatusSeeOther, "GET /v1/tickets/accept", a.AcceptTicket),
		bare(a, "GET /v1/proxy-health", a.CheckProxy),
		frontendHealth(a),
	}
}

// redirecting sends a browser where an operation says. The page that it comes to learns nothing of the URL that led it
// there, which may hold a ticket.
func redirecting[Req any](a *app.App, status int, pattern string, operation func(context.Context, *app.Visitor, *Req) (*api.Redirect, error)) FrontendRoute {
	return visit(a, pattern, operation, func(w http.ResponseWriter, _ *http.Request, _ *app.Visitor, to *api.Redirect) error {
		h := w.Header()
		if to.Cookie != "" {
			h.Add("Set-Cookie", to.Cookie)
		}
		h.Set("Location", to.Location)
		h.Set("Referrer-Policy", "no-referrer")
		h["Cache-Control"] = noStore
		w.WriteHeader(status)
		return nil
	})
}

// frontendHealth is readiness in the words of the Frontend API.
func frontendHealth(a *app.App) FrontendRoute {
	return FrontendRoute{Pattern: "GET /v1/health", handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready(a, r) {
			send(w, http.StatusServiceUnavailable, []byte(`{"status":"unhealthy","message":"The database cannot serve."}`))
			return
		}
		send(w, http.StatusOK, []byte(`{"status":"healthy"}`))
	})}
}
