package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/sojourn-auth/sojourn/internal/app"
)

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
