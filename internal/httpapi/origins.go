package httpapi

import (
	"net/http"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
)

// sameOrigins keeps the pages of strangers out. Browsers send cookies along whoever's page asks, and these requests are
// simple ones without a preflight, so the Origin header is the defence: whatever changes something must have one, and
// one that is allowed. Reading is refused by the browser itself when the answer does not name the page's origin.
func sameOrigins(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		allowed, err := a.OriginAllowed(r.Context(), origin)
		if err != nil {
			fail(a, w, r, err)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", exposed)
		}
		switch {
		case r.Method == http.MethodOptions:
			if allowed {
				h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
				h.Set("Access-Control-Allow-Headers", "Content-Type")
				h.Set("Access-Control-Max-Age", "600")
			}
			w.WriteHeader(http.StatusNoContent)
		case reads(r.Method) || allowed:
			next.ServeHTTP(w, r)
		case origin == "":
			fail(a, w, r, plain(http.StatusBadRequest, "request_header_missing", "Missing request header", "This request needs the header Origin."))
		default:
			fail(a, w, r, plain(http.StatusBadRequest, "origin_invalid", "Invalid origin", "Pages of this origin may not use this instance."))
		}
	})
}

// exposed are the headers that pages read.
const exposed = "Authorization, Clerk-Db-Jwt, Retry-After, X-Country, X-Clerk-Trace-Id"

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// proxyPrefix is where apps put the Frontend API among their own pages.
const proxyPrefix = "/__clerk"

// spelled reads the ways in which the browser library spells a request: a path under the prefix of a proxy, a slash at
// its end, and another method in the query. Only a POST can be another method: anybody's link is a GET.
func spelled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, found := strings.CutPrefix(r.URL.Path, proxyPrefix)
		if found && !strings.HasPrefix(path, "/") {
			path = r.URL.Path
		}
		if strings.HasPrefix(path, "/v1/") {
			path = strings.TrimSuffix(path, "/")
		}
		method := r.Method
		if method == http.MethodPost {
			switch meant := r.URL.Query().Get("_method"); meant {
			case http.MethodPatch, http.MethodPut, http.MethodDelete:
				method = meant
			}
		}
		if path != r.URL.Path || method != r.Method {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath, r.Method = path, "", method
		}
		next.ServeHTTP(w, r)
	})
}
