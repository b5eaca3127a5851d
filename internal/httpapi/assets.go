package httpapi

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/assets"
)

// How long browsers keep a library: for good under its very version, and not for long under a tag, which will stand for
// another version some day.
const (
	keepVersion = "public, max-age=31536000, immutable"
	keepTag     = "public, max-age=300"
)

// libraries serves the browser libraries of the operator to pages of any origin, under the URLs at which frameworks
// look for them: /npm/@clerk/clerk-js@6/dist/clerk.browser.js.
func libraries(a *app.App, mux *http.ServeMux) {
	dir := assets.Dir(a.Settings.Browsers.Assets)
	mux.HandleFunc("GET /npm/{scope}/{package}/dist/{file...}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*") // of what is not there too, or pages cannot tell
		name, tag, ok := assets.Parse(r.PathValue("scope") + "/" + r.PathValue("package"))
		version, err := "", error(nil)
		if ok && dir != "" {
			version, err = dir.Version(name, tag)
		}
		switch {
		case err != nil:
			fail(a, w, r, err)
		case version == "":
			fail(a, w, r, noSuchURL())
		default:
			serveLibrary(a, w, r, dir, name, version, tag)
		}
	})
}

func serveLibrary(a *app.App, w http.ResponseWriter, r *http.Request, dir assets.Dir, name, version, tag string) {
	file := r.PathValue("file")
	f, err := dir.Open(name, version, file)
	if err != nil {
		fail(a, w, r, noSuchURL())
		return
	}
	defer f.Close()
	info, err := f.Stat()
	kind := assets.Types[path.Ext(file)]
	if err != nil || kind == "" {
		fail(a, w, r, noSuchURL())
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", fmt.Sprintf(`"%s-%x-%x"`, version, info.Size(), info.ModTime().UnixNano()))
	h.Set("Cache-Control", keepTag)
	if tag == version && !strings.Contains(version, "-") { // what comes before a release may be built again
		h.Set("Cache-Control", keepVersion)
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}
