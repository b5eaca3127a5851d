package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// FrontendRoutes is the whole Frontend API, a line for each operation.
func FrontendRoutes(a *app.App) []FrontendRoute {
	return slices.Concat(
		[]FrontendRoute{
			ofClient(a, "GET /v1/client", a.GetBrowserClient),
			wrapped(a, "PUT /v1/client", a.CreateBrowserClient),
			wrapped(a, "POST /v1/client", a.CreateBrowserClient),
			bare(a, "POST /v1/dev_browser", a.CreateDevBrowser),
		},
		signRoutes(a), browserSessionRoutes(a), meRoutes(a), documentRoutes(a),
	)
}

// Frontend is the public listener: the Frontend API, the keys that verify tokens, and the health of the server.
func Frontend(a *app.App) http.Handler {
	operations := http.NewServeMux()
	for _, route := range FrontendRoutes(a) {
		operations.Handle(route.Pattern, route.handler)
	}
	hosted(a, operations)
	operations.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(a, w, r, noSuchURL()) })

	mux := http.NewServeMux()
	health(a, mux)
	libraries(a, mux)
	published(a, mux, "GET /.well-known/jwks.json", a.JWKS)
	published(a, mux, "GET /.well-known/openid-configuration", a.OpenIDConfiguration)
	published(a, mux, "GET /.well-known/ssf-configuration", a.SSFConfiguration)
	for _, r := range StreamRoutes(a) {
		mux.Handle(r.Pattern, r.handler)
	}
	mux.Handle("/", sameOrigins(a, visited(a, operations)))
	return traced(a, recovered(a, spelled(mux)))
}

// published serves what is for anybody's verifier.
func published[Res any](a *app.App, mux *http.ServeMux, pattern string, operation func(context.Context, *api.None) (Res, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		res, err := operation(r.Context(), &api.None{})
		if err != nil {
			fail(a, w, r, err)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		write(a, w, r, res)
	})
}
