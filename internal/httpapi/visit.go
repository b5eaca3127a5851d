package httpapi

import (
	"context"
	"net/http"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/event"
)

// FrontendRoute is one operation of the Frontend API.
type FrontendRoute struct {
	Pattern string // as net/http.ServeMux reads it
	handler http.Handler
}

// visit makes a route of an operation for visitors: it fills the request, calls the operation, gives the visitor's
// browser the cookies that it must keep, and lets answer write.
func visit[Req, Res any](a *app.App, pattern string, operation func(context.Context, *app.Visitor, *Req) (Res, error),
	answer func(w http.ResponseWriter, r *http.Request, v *app.Visitor, res Res) error,
) FrontendRoute {
	plan := planOf[Req]()
	plan.forms = true
	_, plan.emptyClears = any(*new(Req)).(interface{ EmptyClears() })
	return FrontendRoute{Pattern: pattern, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitorOf(r)
		req := new(Req)
		if err := plan.read(w, r, req, nil); err != nil {
			fail(a, w, r, err)
			return
		}
		res, err := operation(app.WithOrigin(r.Context(), visitOrigin(r, pattern)), v, req)
		keep(a, w, r, v) // of an operation that failed too: what it did to the client stands
		if err != nil {
			fail(a, w, r, err)
			return
		}
		if err := answer(w, r, v, res); err != nil {
			fail(a, w, r, err)
		}
	})}
}

// visitOrigin is where what a visitor does comes from.
func visitOrigin(r *http.Request, operation string) event.Origin {
	v := visitorOf(r)
	return event.Origin{Operation: operation, Trace: traceOf(r), Address: v.Address, UserAgent: v.UserAgent}
}

// wrapped answers what an operation says, and the client beside it. The page takes that client for its own, and the hooks
// of React fail on a session that has lost its token, so every answer brings tokens along.
func wrapped[Req, Res any](a *app.App, pattern string, operation func(context.Context, *app.Visitor, *Req) (Res, error)) FrontendRoute {
	return visit(a, pattern, operation, func(w http.ResponseWriter, r *http.Request, v *app.Visitor, res Res) error {
		client, err := a.BrowserClient(r.Context(), v, app.WithTokens)
		if err != nil {
			return err
		}
		putRight(a, w, r, client)
		write(a, w, r, &api.Wrapped[Res]{Response: res, Client: client})
		return nil
	})
}

// ofClient answers the client that an operation says; null when the visitor is none.
func ofClient[Req any](a *app.App, pattern string, operation func(context.Context, *app.Visitor, *Req) (*api.BrowserClient, error)) FrontendRoute {
	return visit(a, pattern, operation, func(w http.ResponseWriter, r *http.Request, _ *app.Visitor, client *api.BrowserClient) error {
		putRight(a, w, r, client)
		write(a, w, r, &api.Wrapped[*api.BrowserClient]{Response: client})
		return nil
	})
}

// bare answers what an operation says, as it is.
func bare[Req, Res any](a *app.App, pattern string, operation func(context.Context, *app.Visitor, *Req) (Res, error)) FrontendRoute {
	return visit(a, pattern, operation, func(w http.ResponseWriter, r *http.Request, _ *app.Visitor, res Res) error {
		write(a, w, r, res)
		return nil
	})
}
