package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withLibraries gives a world a directory of browser libraries: file names, and what is in them.
func withLibraries(t testing.TB, files map[string]string) func(*world) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return func(w *world) { w.app.Settings.Browsers.Assets = filepath.Join(dir, "assets") }
}

var someLibraries = map[string]string{
	"assets/npm/@clerk/clerk-js@5.9.0/dist/clerk.browser.js":      "// 5.9.0 …",
	"assets/npm/@clerk/clerk-js@6.9.0/dist/clerk.browser.js":      "// 6.9.0 …",
	"assets/npm/@clerk/clerk-js@6.40.0/dist/clerk.browser.js":     "// 6.40.0 …",
	"assets/npm/@clerk/clerk-js@6.40.0/dist/chunks/a/1.js":        "// a part",
	"assets/npm/@clerk/clerk-js@6.40.0/dist/page.html":            "<script>alert(1)</script>",
	"assets/npm/@clerk/clerk-js@6.40.0/package.json":              "{}",
	"assets/npm/@clerk/clerk-js@7.0.0-rc.1/dist/clerk.browser.js": "// rc",
	"assets/npm/@clerk/ui@1.36.0/dist/ui.browser.js":              "// ui",
	"assets/npm/@clerk/other@1.0.0/dist/other.js":                 "// not ours",
	"assets/npm/@clerk/clerk-js@6.x/dist/clerk.browser.js":        "// no version",
	"assets/secret.js": "// secret",
	"secret.js":        "// secret",
}

// TestLibraries: libraries are served under their versions and under the tags by which frameworks ask for them.
func TestLibraries(t *testing.T) {
	b := serve(t, withLibraries(t, someLibraries)).newTab(t)
	b.origin = "https://anybody.example"
	for path, c := range map[string]struct{ body, cache string }{
		"/npm/@clerk/clerk-js@6/dist/clerk.browser.js":          {"// 6.40.0 …", "public, max-age=300"},
		"/npm/@clerk/clerk-js@6.9/dist/clerk.browser.js":        {"// 6.9.0 …", "public, max-age=300"},
		"/npm/@clerk/clerk-js@5/dist/clerk.browser.js":          {"// 5.9.0 …", "public, max-age=300"},
		"/npm/@clerk/clerk-js@6.9.0/dist/clerk.browser.js":      {"// 6.9.0 …", "public, max-age=31536000, immutable"},
		"/npm/@clerk/clerk-js@6.40.0/dist/chunks/a/1.js":        {"// a part", "public, max-age=31536000, immutable"},
		"/npm/@clerk/clerk-js@7.0.0-rc.1/dist/clerk.browser.js": {"// rc", "public, max-age=300"},
		"/npm/@clerk/ui@1/dist/ui.browser.js":                   {"// ui", "public, max-age=300"},
		"/__clerk/npm/@clerk/ui@1/dist/ui.browser.js":           {"// ui", "public, max-age=300"},
	} {
		got := b.send(t, http.MethodGet, path, nil)
		if got.status != http.StatusOK || string(got.body) != c.body || got.header.Get("Cache-Control") != c.cache {
			t.Errorf("GET %s: %d %q %q, want %q %q", path, got.status, got.body, got.header.Get("Cache-Control"), c.body, c.cache)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/javascript; charset=utf-8", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
			"Access-Control-Allow-Credentials": "", "Set-Cookie": "",
		} {
			if value := got.header.Get(name); value != want {
				t.Errorf("GET %s: %s is %q, want %q", path, name, value, want)
			}
		}
		b.header = map[string]string{"If-None-Match": got.header.Get("ETag")}
		if again := b.send(t, http.MethodGet, path, nil); again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("GET %s again: %d %q", path, again.status, again.body)
		}
		b.header = nil
	}
}

// TestNothingElseIsServed: no URL leads out of the folders of the libraries, and there is nothing but what pages load.
func TestNothingElseIsServed(t *testing.T) {
	w := serve(t, withLibraries(t, someLibraries))
	b := w.newTab(t)
	link := filepath.Join(w.app.Settings.Browsers.Assets, "npm/@clerk/ui@1.36.0/dist/link.js")
	if err := os.Symlink("../../../../../secret.js", link); err != nil {
		t.Fatal(err)
	}
	ui := "/npm/@clerk/ui@1.36.0/dist/"
	for _, path := range []string{
		ui, ui + "nothing.js", ui + "link.js", ui + "ui.browser.js/", ui + "ui.browser.js%00", ui + "%00",
		ui + "..%2f..%2f..%2f..%2fsecret.js", ui + "..%2F..%2F..%2F..%2F..%2Fsecret.js", ui + "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.js",
		ui + "..%5c..%5c..%5c..%5csecret.js", ui + "%2fetc%2fpasswd", ui + "chunks%2f..%2f..%2f..%2f..%2f..%2fsecret.js",
		"/npm/@clerk/clerk-js@6.40.0/package.json", "/npm/@clerk/clerk-js@6.40.0/dist/page.html", "/npm/@clerk/clerk-js@6.40.0/dist/chunks",
		"/npm/@clerk/clerk-js@6.40.0/dist/..%2fpackage.json",
		"/npm/@clerk/clerk-js@6.x/dist/clerk.browser.js", "/npm/@clerk/clerk-js@7/dist/clerk.browser.js", "/npm/@clerk/clerk-js@/dist/clerk.browser.js",
		"/npm/@clerk/clerk-js/dist/clerk.browser.js", "/npm/@clerk/clerk-js@latest/dist/clerk.browser.js", "/npm/@clerk/clerk-js@06/dist/clerk.browser.js",
		"/npm/@clerk/clerk-js@4/dist/clerk.browser.js", "/npm/@clerk/clerk-js@6.40.0%2f../dist/clerk.browser.js", "/npm/@clerk/clerk-js@..%2fui@1.36.0/dist/ui.browser.js",
		"/npm/@clerk/other@1.0.0/dist/other.js", "/npm/%2e%2e/assets/dist/secret.js", "/npm/", "/npm",
	} {
		got := b.send(t, http.MethodGet, path, nil)
		if got.status != http.StatusNotFound || strings.Contains(string(got.body), "secret") {
			t.Errorf("GET %s: %d %q", path, got.status, got.body)
		}
	}
	if got := serve(t).newTab(t).send(t, http.MethodGet, ui+"ui.browser.js", nil); got.status != http.StatusNotFound {
		t.Errorf("without a directory: %d %q", got.status, got.body)
	}
}
