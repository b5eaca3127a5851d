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
		if !ready(a, r) {
			send(w, http.StatusServiceUnavailable, []byte(`{"status":"unavailable"}`))
			return
		}
		send(w, http.StatusOK, []byte(`{"status":"ready"}`))
	})
}

func ready(a *app.App, r *http.Request) bool {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	err := a.Ready(ctx)
	if err != nil {
		a.Log.WarnContext(ctx, "not ready", "error", err.Error())
	}
	return err == nil
}
