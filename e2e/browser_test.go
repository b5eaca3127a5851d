package e2e

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// browsing is how an app's pages, the browser library in them and the server are put together. The scenarios of
// e2e/browser read it.
type browsing struct {
	Name           string `json:"name"`
	Pages          string `json:"pages"`    // origin of the app
	ProxyURL       string `json:"proxyUrl"` // what the app tells the library
	PublishableKey string `json:"publishableKey"`
	Suffix         string `json:"suffix"` // of the names of cookies
	ClerkJS        string `json:"clerkJs"`
	Mode           string `json:"mode"`
	BackendURL     string `json:"backendUrl"`
	SecretKey      string `json:"secretKey"`
	Chromium       string `json:"chromium"`
	Screenshots    string `json:"screenshots"`
	Only           string `json:"only,omitempty"`
}

// The modes of a browsing.
const (
	liveMode       = "live"        // a key for production, the client in a cookie
	testMode       = "test"        // a key for development, and the cookie all the same
	devBrowserMode = "dev browser" // a key for development that keeps the library from relying on cookies
)

// relative is where an app puts the Frontend API among its own pages.
const relative = "/__clerk"

// TestBrowsers drives the server through the official browser libraries, unmodified, in a real Chromium.
func TestBrowsers(t *testing.T) {
	for name, c := range map[string]struct {
		clerkJS, mode, proxy string
		files                []string
	}{
		onPostgres:                                   {"6", liveMode, "http://localhost", []string{"load", "life", "me", "handshake", "components"}},
		"clerk-js 5, a live key, behind the app":     {"5", liveMode, relative, []string{"load", "life", "me", "handshake"}},
		"clerk-js 6, a test key, behind the app":     {"6", testMode, relative, []string{"load", "life", "me", "handshake", "clock"}},
		"clerk-js 6, a dev browser, on another site": {"6", devBrowserMode, "http://127.0.0.1", []string{"load", "life", "me", "handshake"}},
		"clerk-js 5, a dev browser, behind the app":  {"5", devBrowserMode, relative, []string{"load", "life", "me", "handshake"}},
		"components of @clerk/ui, behind the app":    {"6", liveMode, relative, []string{"components"}},
		"components of clerk-js 5":                   {"5", testMode, relative, []string{"components"}},
		"@clerk/react":                               {"6", testMode, relative, []string{"react"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if (name == onPostgres) != (storetest.Engine() == storetest.EnginePostgres) {
				t.Skip("runs on the other engine")
			}
			chromium := findChromium(t)
			p := newPages(t)
			var settings []string
			if slices.Contains(c.files, "react") {
				p.build(t, "react.jsx")
				settings = append(settings, addLibraries(t)) // @clerk/react looks for them behind its proxy URL
			}
			b := p.serve(t, c.mode, c.proxy, settings...)
			b.Name, b.ClerkJS, b.Chromium = t.Name(), c.clerkJS, chromium
			p.show(b)
			b.run(t, c.files...)
		})
	}
}

// onPostgres is the arrangement that plays every file of scenarios on PostgreSQL. The others, which together play them on
// SQLite, differ in browsers and pages, not in the engine below them.
const onPostgres = "clerk-js 6, a live key, another port"

// onSQLiteOnly leaves out a test of pages that say the same on every engine.
func onSQLiteOnly(t *testing.T) {
	t.Helper()
	if storetest.Engine() != storetest.EngineSQLite {
		t.Skip("runs on SQLite")
	}
}

// findChromium is the path of the browser. Where there can be none, TEST_NO_BROWSER=1 leaves these tests out.
func findChromium(t *testing.T) string {
	t.Helper()
	if os.Getenv("TEST_NO_BROWSER") != "" {
		t.Skip("SKIPPED: TEST_NO_BROWSER is set, so nothing here was tried in a browser")
	}
	if _, err := os.Stat(filepath.Join("browser", "node_modules", "playwright-core")); err != nil {
		t.Fatal("the browser libraries are not installed: run scripts/test-deps")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed: run scripts/test-deps, or set TEST_NO_BROWSER=1 to go without")
	return ""
}

// scenario is what e2e/browser/run.mjs says of one.
type scenario struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
	Requests int    `json:"requests"` // to the Frontend API
}

// run plays the scenarios of some files, each as a test of its own.
func (b browsing) run(t *testing.T, files ...string) {
	t.Helper()
	b.Screenshots = screenshots(t)
	b.Only = os.Getenv("TEST_SCENARIO")
	world, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", append([]string{"run.mjs"}, files...)...)
	command.Dir = "browser"
	command.Env = append(cleanEnv(), "SOJOURN_WORLD="+string(world))
	var stderr output
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	played, lines := 0, bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s scenario
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Errorf("not a scenario: %s", lines.Text())
			continue
		}
		played++
		t.Run(s.Name, func(t *testing.T) {
			t.Logf("%d requests", s.Requests)
			if !s.OK {
				t.Error(s.Error)
			}
		})
	}
	if err := command.Wait(); err != nil || played == 0 {
		t.Errorf("node run.mjs %v: %v after %d scenarios\n%s", files, err, played, stderr.String())
	}
}

// screenshots is the folder of pictures, which stay for people to look at.
func screenshots(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".cache", "screenshots"))
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// cookieSuffix is what the library appends to the names of an instance's cookies.
func cookieSuffix(publishableKey string) string {
	sum := sha1.Sum([]byte(publishableKey))
	return base64.URLEncoding.EncodeToString(sum[:])[:8]
}

// serve starts a server for the pages: in production for a live key, `sojourn dev` otherwise. proxy is where the pages
// find it: a path of their own, or a URL that still lacks the port.
func (p *pages) serve(t *testing.T, mode, proxy string, settings ...string) browsing {
	t.Helper()
	b := browsing{Pages: p.origin, Mode: mode, ProxyURL: proxy}
	var frontend string
	if mode == liveMode {
		post := startPost(t)
		p.post = post
		settings = append(settings, "SOJOURN_ALLOWED_ORIGINS="+p.origin, "SOJOURN_SIGN_IN_RATE_LIMIT=0",
			"SOJOURN_ATTEMPT_RATE_LIMIT=0", "SOJOURN_SMTP_URL=smtp://"+post.addr, "SOJOURN_MAIL_FROM=no-reply@example.com")
		live := newProduction(t, emptyDatabase(t), settings...)
		live.run(t, "migrate")
		n := live.serve(t)
		n.awaitReady(t)
		frontend, b.BackendURL, b.SecretKey = n.frontend, n.backend, live.key
		b.PublishableKey = "pk_live_" + base64.RawStdEncoding.EncodeToString([]byte("clerk.example.com$"))
	} else {
		if mode == devBrowserMode {
			settings = append(settings, "SOJOURN_FRONTEND_URL=https://quiet-otter-7.clerk.accounts.dev")
		}
		s := startIn(t, filepath.Join(t.TempDir(), "data"), settings...)
		frontend, b.BackendURL, b.SecretKey, b.PublishableKey = listenerOf(s), s.BackendURL, s.SecretKey, s.PublishableKey
	}
	p.forwardTo(t, frontend)
	if proxy != relative {
		b.ProxyURL += frontend[strings.LastIndexByte(frontend, ':'):]
	}
	b.Suffix = cookieSuffix(b.PublishableKey)
	return b
}

// listenerOf is where the public listener of a server is, whatever it is called in public.
func listenerOf(s *server) string {
	return strings.Replace(s.ProxyURL, "//localhost:", "//127.0.0.1:", 1)
}
