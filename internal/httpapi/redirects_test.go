package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// strangers are URLs that lead away from an instance at https://clerk.sojourn.test whose operator named
// https://app.example.com, in the spellings by which people get past checks like this one.
var strangers = []string{
	"https://evil.example", "https://evil.example/", "http://evil.example", "https://evil.example:443/x",
	"//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "/evil", "evil.example", "?x", "#x", ".",
	"https:evil.example", "https:/evil.example", "https:///evil.example", "https:\\\\evil.example", "https:/\\evil.example",
	"HTTPS://EVIL.example", "hTtPs://evil.example",
	"https://app.sojourn.test@evil.example", "https://app.sojourn.test:x@evil.example/", "https://evil.example@app.sojourn.test/",
	"https://evil.example\\@app.sojourn.test", "https://evil.example\\.sojourn.test", "https://app.sojourn.test\\@evil.example",
	"https://app.sojourn.test.evil.example", "https://evilsojourn.test", "https://sojourn.test.", "https://app.sojourn.test./", "https://test",
	"https://evil.example/https://app.sojourn.test", "https://evil.example?https://app.sojourn.test", "https://evil.example#https://app.sojourn.test",
	"https://evil.example;app.sojourn.test/", "https://evil.example%2f.sojourn.test", "https://evil.example%00.sojourn.test", "https://evil.example%E3%80%82sojourn.test",
	"https://evil.example／.sojourn.test", "https://evil.example＃.sojourn.test", "https://evil.example？.sojourn.test", "https://evil。example", "https://sojourn。test",
	"https://ѕojourn.test", "https://app.example.com:8443/", "http://app.example.com/", "http://app.sojourn.test/", "https://app.example.com.evil.example/", "https://sub.app.example.com/",
	" https://app.sojourn.test", "https://app.sojourn.test ", "https://app.sojourn.test\r\nSet-Cookie: a=b", "https://app.sojourn.test\t", "\thttps://evil.example", "ht\ttps://evil.example", "https://evil.example\n.sojourn.test",
	"javascript:alert(1)", "javascript://app.sojourn.test/%0aalert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://app.sojourn.test/", "blob:https://app.sojourn.test/x", "view-source:https://app.sojourn.test", "app://x",
	"https://", "https://:443", "https://[::1", "https://[evil.example]/", "http://127.0.0.1/", "http://localhost:3000/", "https://0x7f000001/", "https://2130706433/", "http://[::1]:3000/", "https://169.254.169.254/latest",
	"null", "about:blank", "https://%61pp.sojourn.test@evil.example/", "https://app.sojourn.test%40evil.example/",
}

// TestNobodyIsSentToStrangers: no operation that sends browsers elsewhere sends them to a page that is none of the
// instance's, however its URL is spelled.
func TestNobodyIsSentToStrangers(t *testing.T) {
	if len(strangers) < 40 {
		t.Fatalf("%d URLs are few", len(strangers))
	}
	w := serve(t, func(w *world) {
		w.app.Settings.Environment = "production"
		w.app.Settings.Browsers.AllowedOrigins = []string{"https://app.example.com"}
		w.app.Settings.Browsers.HomeURL = "https://app.example.com"
	})
	b := w.newTab(t)
	paths := redirects(t, w)
	for n, path := range slices.Concat(paths, paths) {
		w.app.Settings.Browsers.PublishableKey = map[bool]string{true: liveKey, false: testKey}[n < len(paths)]
		for _, target := range strangers {
			got := b.send(t, http.MethodGet, path+url.QueryEscape(target), nil)
			if got.status < 400 || got.status >= 500 || got.header.Get("Location") != "" || len(got.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s%q: %d, Location %q", path, target, got.status, got.header.Get("Location"))
			}
		}
	}
}

// redirects are the URLs that send browsers elsewhere, up to the value that says where.
func redirects(t *testing.T, w *world) []string {
	t.Helper()
	return []string{
		"/v1/client/handshake?redirect_url=",
		"/v1/client/handshake?format=nonce&redirect_url=",
		"/v1/client/touch?redirect_url=",
		"/v1/tickets/accept?ticket=" + newTicket(t, w) + "&redirect_url=",
	}
}

// newTicket is a sign-in token of a new user.
func newTicket(t *testing.T, w *world) string {
	t.Helper()
	user := ok[map[string]any](t, w.post(t, "/v1/users", `{}`))["id"].(string)
	return ok[map[string]any](t, w.post(t, "/v1/sign_in_tokens", `{"user_id":"`+user+`"}`))["token"].(string)
}

// TestRedirectsArrive: pages of the instance are reached, at the very URL that was asked for.
func TestRedirectsArrive(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.AllowedOrigins = []string{"https://app.example.com"} })
	b := w.newTab(t)
	for name, c := range map[string]struct{ target, want string }{
		"a named origin":     {"https://app.example.com/a/b?c=d&e=%20f#g", "https://app.example.com/a/b?c=d&e=%20f#g"},
		"its default port":   {"https://app.example.com:443/", "https://app.example.com/"},
		"capitals":           {"HTTPS://App.Example.COM/X", "https://app.example.com/X"},
		"the site":           {"https://app.sojourn.test:8443/x", "https://app.sojourn.test:8443/x"},
		"this machine":       {"http://localhost:3000/?next=https://evil.example", "http://localhost:3000/?next=https://evil.example"},
		"IPv6":               {"http://[::1]:3000/", "http://[::1]:3000/"},
		"other scripts":      {"http://localhost:3000/ü?q=ü", "http://localhost:3000/%C3%BC?q=%C3%BC"},
		"a broken parameter": {"http://localhost:3000/?a=%zz&b", "http://localhost:3000/?a=%zz&b"},
	} {
		got := b.send(t, http.MethodGet, "/v1/client/touch?redirect_url="+url.QueryEscape(c.target), nil)
		if got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != c.want {
			t.Errorf("%s: %d %q, want %q", name, got.status, got.header.Get("Location"), c.want)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", name, got.header)
		}
	}
}

// TestTouchRenewsTheCookie, but never writes an old one over a newer one.
func TestTouchRenewsTheCookie(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	path := "/v1/client/touch?redirect_url=" + url.QueryEscape(pageOrigin+"/x")
	if got := b.send(t, http.MethodGet, path, nil); len(got.header.Values("Set-Cookie")) > 0 {
		t.Errorf("nobody gets the cookies %v", got.header.Values("Set-Cookie"))
	}
	id := b.begin(t)
	got := b.send(t, http.MethodGet, path, nil)
	if set := strings.Join(got.header.Values("Set-Cookie"), "\n"); !strings.HasPrefix(set, "__client_"+w.app.CookieSuffix()+"=ey") {
		t.Errorf("the cookies are %q", set)
	}
	if now := b.clientID(t); now != id {
		t.Errorf("the browser is the client %q after that, want %q", now, id)
	}
}

// TestTicketsLead to a page that redeems them, and are not redeemed on the way.
func TestTicketsLead(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.HomeURL = "https://app.sojourn.test/" })
	b := w.newTab(t)
	ticket := newTicket(t, w)
	for name, c := range map[string]struct {
		query  string
		status int
		want   string // Location, or the error's code
	}{
		"to the sign-in page": {"?ticket=" + ticket, 303, "https://clerk.sojourn.test/sign-in?__clerk_ticket=" + ticket},
		"to a page":           {"?ticket=" + ticket + "&redirect_url=https%3A%2F%2Fapp.sojourn.test%2Fx%3Fa%3D1", 303, "https://app.sojourn.test/x?a=1&__clerk_ticket=" + ticket},
		"in place of another": {"?ticket=" + ticket + "&redirect_url=https%3A%2F%2Fapp.sojourn.test%2F%3F__clerk_ticket%3Dx%26a", 303, "https://app.sojourn.test/?a&__clerk_ticket=" + ticket},
		"no ticket":           {"", 422, "form_param_missing"},
		"garbage":             {"?ticket=garbage", 400, "ticket_invalid_code"},
	} {
		got := b.send(t, http.MethodGet, "/v1/tickets/accept"+c.query, nil)
		said, _ := errorOf(got)
		if got.status != c.status || got.header.Get("Location")+said != c.want {
			t.Errorf("%s: %d %q %s, want %d %s", name, got.status, got.header.Get("Location"), said, c.status, c.want)
		}
	}
}

// TestDocuments are there for everybody, with or without a page.
func TestDocuments(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	if got := ok[map[string]string](t, b.send(t, http.MethodGet, "/v1/health", nil)); got["status"] != "healthy" {
		t.Errorf("health: %v", got)
	}
	configuration := ok[map[string]any](t, b.send(t, http.MethodGet, "/.well-known/openid-configuration", nil))
	if configuration["issuer"] != issuer || configuration["jwks_uri"] != issuer+"/.well-known/jwks.json" {
		t.Errorf("the OpenID configuration is %v", configuration)
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		if got := ok[map[string]any](t, b.send(t, method, "/v1/environment", nil)); got["auth_config"] == nil || got["response"] != nil {
			t.Errorf("%s environment: %v", method, got)
		}
	}
	ok[map[string]any](t, b.send(t, http.MethodPost, "/v1/environment?_method=PATCH&__clerk_api_version=2099-01-01", url.Values{"x": {"y"}}))

	if code, _ := errorOf(b.send(t, http.MethodGet, "/v1/proxy-health?domain_id=x", nil)); code != "request_header_missing" {
		t.Errorf("without a proxy: %s", code)
	}
	b.header = map[string]string{"Clerk-Proxy-Url": "https://app.sojourn.test/__clerk", "Clerk-Secret-Key": secretKey, "X-Forwarded-For": "203.0.113.9"}
	if got := ok[map[string]string](t, b.send(t, http.MethodGet, "/v1/proxy-health?domain_id=x", nil)); got["status"] != "healthy" || got["x_forwarded_for"] != "203.0.113.9" {
		t.Errorf("through a proxy: %v", got)
	}
	if err := w.app.Store.Close(); err != nil {
		t.Fatal(err)
	}
	b.header = nil
	if got := b.send(t, http.MethodGet, "/v1/health", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", got.status)
	}
	w.app.Store = reopened(t, w)
}
