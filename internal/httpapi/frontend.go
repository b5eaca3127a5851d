package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// Frontend is the public listener: the keys that verify tokens, and the health of the server.
func Frontend(a *app.App) http.Handler {
	mux := http.NewServeMux()
	health(a, mux)
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		keys, err := a.JWKS(r.Context(), &api.None{})
		if err != nil {
			fail(a, w, r, err)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*") // public keys, for anybody's verifier
		write(a, w, r, keys)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(a, w, r, noSuchURL()) })
	return traced(a, recovered(a, mux))
}

const readyTimeout = 2 * time.Second

// health answers whether the process lives, and whether it can serve.
func health(a *app.App, mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusOK, []byte(`{"status":"ok"}`))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := a.Ready(ctx); err != nil {
			a.Log.WarnContext(ctx, "not ready", "error", err.Error())
			send(w, http.StatusServiceUnavailable, []byte(`{"status":"unavailable"}`))
			return
		}
		send(w, http.StatusOK, []byte(`{"status":"ready"}`))
	})
}
