package e2e

import (
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// pages is the web server of an app: its pages, the browser libraries, and the Frontend API under a path of its own.
type pages struct {
	origin string
	proxy  atomic.Pointer[httputil.ReverseProxy]
	shown  atomic.Pointer[browsing]
	bundle string // folder of scripts that are made for the test
	post   *post  // where emails arrive, in production
}

// newPages starts the app. It has no server behind it yet.
func newPages(t *testing.T) *pages {
	t.Helper()
	p := &pages{bundle: t.TempDir()}
	mux := http.NewServeMux()
	mux.HandleFunc("/npm/@clerk/{package}/", library)
	mux.HandleFunc(relative+"/", func(w http.ResponseWriter, r *http.Request) { p.proxy.Load().ServeHTTP(w, r) })
	mux.Handle("/bundle/", http.StripPrefix("/bundle/", http.FileServer(http.Dir(p.bundle))))
	mux.HandleFunc("/mail", func(w http.ResponseWriter, r *http.Request) { p.post.hand(w, r) })
	html := template.Must(template.ParseGlob(filepath.Join("browser", "pages", "*.html")))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.write(w, r, html) })

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	s.Start()
	t.Cleanup(s.Close)
	p.origin = strings.Replace(s.URL, "//127.0.0.1:", "//localhost:", 1)
	return p
}

// write writes the page for a path: /ui has the components, everything else has not.
func (p *pages) write(w http.ResponseWriter, r *http.Request, html *template.Template) {
	name, ui := "app.html", strings.HasPrefix(r.URL.Path, "/ui")
	if strings.HasPrefix(r.URL.Path, "/react") {
		name = "react.html"
	}
	b := p.shown.Load()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = html.ExecuteTemplate(w, name, map[string]any{"Key": b.PublishableKey, "ProxyURL": b.ProxyURL, "ClerkJS": b.ClerkJS, "UI": ui})
}

// show decides what the pages tell the library.
func (p *pages) show(b browsing) { p.shown.Store(&b) }

// forwardTo puts the Frontend API behind the app.
func (p *pages) forwardTo(t *testing.T, frontend string) {
	t.Helper()
	target, err := url.Parse(frontend)
	if err != nil {
		t.Fatal(err)
	}
	p.proxy.Store(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // cookies are for the host that the browser knows
	}})
}

// build bundles a page in React with the libraries it imports.
func (p *pages) build(t *testing.T, page string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "node_modules/esbuild/bin/esbuild", filepath.Join("pages", page),
		"--bundle", "--jsx=automatic", "--log-level=warning", `--define:process.env.NODE_ENV="production"`, "--outdir="+p.bundle)
	command.Dir = "browser"
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
}

// library serves the files of a browser library. Pages ask for a major version; the scripts that they get ask for more
// of themselves by the exact one.
func library(w http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/npm/@clerk/"), "/")
	var dir string
	switch name, version, _ := strings.Cut(name, "@"); {
	case name == "ui":
		dir = "@clerk/ui"
	case name == "clerk-js" && strings.HasPrefix(version, "6"):
		dir = "@clerk/clerk-js"
	case name == "clerk-js" && strings.HasPrefix(version, "5"):
		dir = "clerk-js-5"
	default:
		http.NotFound(w, r)
		return
	}
	http.ServeFileFS(w, r, os.DirFS(filepath.Join("browser", "node_modules", dir)), path)
}

// addLibraries puts the current browser libraries where a server serves them, and answers the setting that says where.
func addLibraries(t *testing.T) string {
	t.Helper()
	setting := "SOJOURN_ASSETS_DIR=" + filepath.Join(t.TempDir(), "assets")
	modules := filepath.Join("browser", "node_modules", "@clerk")
	command := exec.CommandContext(t.Context(), sojourn, "assets", "add", filepath.Join(modules, "clerk-js"), filepath.Join(modules, "ui"))
	command.Env = append(cleanEnv(), setting)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("sojourn assets add: %v\n%s", err, out)
	}
	return setting
}
