package httpapi_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/httpapi"
)

// pageOrigin is the origin of the app whose pages tests stand for.
const pageOrigin = "http://localhost:3000"

// tab is a browser with a page of an app in it. It keeps cookies as browsers do.
type tab struct {
	server *httptest.Server
	jar    *cookiejar.Jar
	origin string
	header map[string]string // of each request

	unjudged bool // its answers are not held against Clerk's description
}

// newTab is a browser that has never been here.
func (w *world) newTab(t testing.TB) *tab {
	t.Helper()
	return tabOf(t, w.frontend)
}

// newSecureTab is one that reaches the server over TLS.
func (w *world) newSecureTab(t testing.TB) *tab {
	t.Helper()
	server := httptest.NewTLSServer(httpapi.Frontend(w.app))
	t.Cleanup(server.Close)
	return tabOf(t, server)
}

func tabOf(t testing.TB, server *httptest.Server) *tab {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &tab{server: server, jar: jar, origin: pageOrigin}
}

func (b *tab) url(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(b.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// cookie is the value of a cookie whose name begins with prefix, or "".
func (b *tab) cookie(t testing.TB, prefix string) string {
	t.Helper()
	for _, c := range b.jar.Cookies(b.url(t)) {
		if strings.HasPrefix(c.Name, prefix) {
			return c.Value
		}
	}
	return ""
}

// send sends a form, as the browser library does.
func (b *tab) send(t testing.TB, method, path string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.origin != "" {
		req.Header.Set("Origin", b.origin)
	}
	for name, value := range b.header {
		req.Header.Set(name, value)
	}
	client := *b.server.Client()
	client.Jar = b.jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{request: request{method: method, path: path}, status: res.StatusCode, header: res.Header, body: body}
	if !b.unjudged {
		judgeFrontend(t, got)
	}
	return got
}

// clientID is the id of the client that the browser is, or "".
func (b *tab) clientID(t testing.TB) string {
	t.Helper()
	got := ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodGet, "/v1/client", nil))
	if got.Response == nil {
		return ""
	}
	return got.Response.ID
}

// begin makes the browser a client.
func (b *tab) begin(t testing.TB) string {
	t.Helper()
	return ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodPost, "/v1/client", nil)).Response.ID
}

// TestStrangersPages: a page whose origin is not allowed changes nothing and reads nothing, and one that is can do both.
func TestStrangersPages(t *testing.T) {
	for name, c := range map[string]struct {
		origin      string
		environment string
		code        string // of what a POST is refused with; "" when it is not
	}{
		"this machine, in development":         {"http://localhost:3000", "development", ""},
		"an address of it":                     {"http://127.0.0.1:9", "development", ""},
		"a name of it":                         {"http://app.localhost:3000", "development", ""},
		"this machine, in production":          {"http://localhost:3000", "production", "origin_invalid"},
		"the site itself":                      {"https://app.sojourn.test", "production", ""},
		"the server itself":                    {issuer, "production", ""},
		"the site without TLS":                 {"http://app.sojourn.test", "production", "origin_invalid"},
		"an origin that the settings name":     {"https://app.example.com", "production", ""},
		"a site that ends like it":             {"https://evilsojourn.test", "production", "origin_invalid"},
		"a site that begins like it":           {"https://clerk.sojourn.test.evil.example", "production", "origin_invalid"},
		"another port of a named origin":       {"https://app.example.com:444", "production", "origin_invalid"},
		"a stranger":                           {"https://evil.example", "development", "origin_invalid"},
		"a sandboxed page":                     {"null", "development", "origin_invalid"},
		"a name that only looks like loopback": {"http://localhost.evil.example", "development", "origin_invalid"},
		"a page that does not say":             {"", "development", "request_header_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(w *world) {
				w.app.Settings.Environment = c.environment
				w.app.Settings.Browsers.AllowedOrigins = []string{"https://app.example.com"}
			})
			b := w.newTab(t)
			b.origin = c.origin
			posted := b.send(t, http.MethodPost, "/v1/client", nil)
			read := b.send(t, http.MethodGet, "/v1/client", nil)
			if read.status != http.StatusOK {
				t.Errorf("GET: %d", read.status)
			}
			named := c.origin
			if c.code != "" {
				named = ""
				if code, _ := errorOf(posted); posted.status != http.StatusBadRequest || code != c.code {
					t.Errorf("POST: %d %s, want 400 %s", posted.status, code, c.code)
				}
				if set := posted.header.Values("Set-Cookie"); len(set) > 0 {
					t.Errorf("the refused POST sets cookies: %v", set)
				}
			} else if posted.status != http.StatusOK {
				t.Errorf("POST: %d: %s", posted.status, posted.body)
			}
			for _, got := range []answer{posted, read} {
				if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != named {
					t.Errorf("%s names the origin %q, want %q", got.method, allowed, named)
				}
				if got.header.Get("Vary") != "Origin" || got.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s may be kept by caches: %v", got.method, got.header)
				}
			}
		})
	}
}

// TestALinkChangesNothing: what a browser follows by itself is a GET, whatever its query says.
func TestALinkChangesNothing(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	id := b.begin(t)
	b.origin = ""
	for _, method := range []string{"DELETE", "POST", "PATCH", "PUT"} {
		got := ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodGet, "/v1/client?_method="+method, nil))
		if got.Response == nil || got.Response.ID != id {
			t.Errorf("GET with _method=%s was taken for more than a read", method)
		}
	}
	if got := b.clientID(t); got != id {
		t.Errorf("the client is %q now, want %q", got, id)
	}
}

// TestMethodsInTheQuery: the browser library spells other methods as a POST.
func TestMethodsInTheQuery(t *testing.T) {
	w := serve(t)
	for _, path := range []string{"/v1/client?_method=PUT", "/v1/client/?_method=PUT", "/__clerk/v1/client?_method=PUT", "/__clerk/v1/client/"} {
		if got := w.newTab(t).send(t, http.MethodPost, path, nil); got.status != http.StatusOK {
			t.Errorf("%s: %d: %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/v1/client?_method=CONNECT", "/__clerk/v1/client?_method=get"} {
		if got := w.newTab(t).send(t, http.MethodPost, path, nil); got.status != http.StatusOK {
			t.Errorf("%s is not the POST that it is: %d: %s", path, got.status, got.body)
		}
	}
	if got := w.newTab(t).send(t, http.MethodPost, "/__clerkv1/client", nil); got.status != http.StatusNotFound {
		t.Errorf("/__clerkv1: %d", got.status)
	}
}

// TestGarbageIsNoClient: whatever stands in the cookie, reading the client answers 200, and what is no token of ours is
// nobody.
func TestGarbageIsNoClient(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	b.begin(t)
	good := b.cookie(t, "__client_")
	other := serve(t).newTab(t)
	other.begin(t)
	for name, value := range map[string]string{
		"garbage": "garbage", "dots": "..", "nothing": "", "long": strings.Repeat("x", 5000),
		"another instance's": other.cookie(t, "__client_"),
		"unsigned":           good[:strings.LastIndexByte(good, '.')+1],
		"a changed one":      good[:len(good)-4] + "AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			v := w.newTab(t)
			v.jar.SetCookies(v.url(t), []*http.Cookie{{Name: "__client_" + w.app.CookieSuffix(), Value: value}})
			if id := v.clientID(t); id != "" {
				t.Errorf("it is the client %s", id)
			}
		})
	}
}

// TestAPlantedCookieIsNotRead: over TLS only the cookie counts that no other host of the site can set.
func TestAPlantedCookieIsNotRead(t *testing.T) {
	w := serve(t)
	attacker, victim := w.newSecureTab(t), w.newSecureTab(t)
	attackers := attacker.begin(t)
	value := attacker.cookie(t, "__Host-__client_")
	if value == "" {
		t.Fatal("the client is not in a __Host- cookie")
	}
	for _, name := range []string{"__client", "__client_" + w.app.CookieSuffix()} {
		victim.jar.SetCookies(victim.url(t), []*http.Cookie{{Name: name, Value: value, Path: "/v1"}, {Name: name, Value: value, Path: "/"}})
	}
	if id := victim.clientID(t); id != "" {
		t.Errorf("a planted cookie made the victim the client %s", id)
	}
	if id := victim.begin(t); id == attackers {
		t.Error("the victim begins on the attacker's client")
	}
}

// TestTwoCookiesAreNone: nobody can tell which of two clients a browser is, so it is neither.
func TestTwoCookiesAreNone(t *testing.T) {
	w := serve(t)
	attacker, victim := w.newTab(t), w.newTab(t)
	attacker.begin(t)
	victim.begin(t)
	name := "__client_" + w.app.CookieSuffix()
	victim.jar.SetCookies(victim.url(t), []*http.Cookie{{Name: name, Value: attacker.cookie(t, name), Path: "/v1"}})
	if id := victim.clientID(t); id != "" {
		t.Errorf("with two cookies the victim is the client %s", id)
	}
}

// TestClientCookie: what the cookie allows, over TLS and without.
func TestClientCookie(t *testing.T) {
	w := serve(t)
	for name, c := range map[string]struct {
		tab    *tab
		secure bool
	}{"http": {w.newTab(t), false}, "https": {w.newSecureTab(t), true}} {
		t.Run(name, func(t *testing.T) {
			got := c.tab.send(t, http.MethodPost, "/v1/client", nil)
			cookies := (&http.Response{Header: got.header}).Cookies()
			var client *http.Cookie
			for _, cookie := range cookies {
				if strings.Contains(cookie.Name, "__client_"+w.app.CookieSuffix()) && !strings.Contains(cookie.Name, "uat") {
					client = cookie
				}
			}
			if client == nil {
				t.Fatalf("no client cookie among %v", cookies)
			}
			if !client.HttpOnly || client.Secure != c.secure || client.SameSite != http.SameSiteLaxMode || client.Path != "/" || client.Domain != "" {
				t.Errorf("the client cookie is %s", client)
			}
			for _, cookie := range cookies {
				if strings.HasPrefix(cookie.Name, "__client_uat") && (cookie.Value != "0" || cookie.HttpOnly || cookie.Secure != c.secure) {
					t.Errorf("nobody is signed in, and yet %s", cookie)
				}
			}
		})
	}
}

// TestForwardedHeaders are believed of those alone who show the secret key or are trusted by the operator.
func TestForwardedHeaders(t *testing.T) {
	forwarded := map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example.com", "X-Forwarded-For": "203.0.113.9"}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range []map[string]string{forwarded, more} {
			maps.Copy(all, m)
		}
		return all
	}
	for name, c := range map[string]struct {
		header  map[string]string
		trusted []netip.Prefix
		status  int
		code    string
		secure  bool
	}{
		"from anybody":       {with(nil), nil, 200, "", false},
		"with the key":       {with(map[string]string{"Clerk-Proxy-Url": "https://app.example.com/__clerk", "Clerk-Secret-Key": secretKey}), nil, 200, "", true},
		"with another key":   {with(map[string]string{"Clerk-Proxy-Url": "https://app.example.com/__clerk", "Clerk-Secret-Key": "sk_test_another"}), nil, 401, "proxy_request_invalid_secret_key", false},
		"without a key":      {with(map[string]string{"Clerk-Proxy-Url": "https://app.example.com/__clerk"}), nil, 400, "proxy_request_missing_secret_key", false},
		"from trusted proxy": {with(nil), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 200, "", true},
		"from another one":   {with(nil), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 200, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(w *world) { w.app.Settings.Browsers.TrustedProxies = c.trusted })
			b := w.newTab(t)
			b.header = c.header
			got := b.send(t, http.MethodPost, "/v1/client", nil)
			if code, _ := errorOf(got); got.status != c.status || code != c.code {
				t.Fatalf("%d %s, want %d %s", got.status, code, c.status, c.code)
			}
			secure := strings.Contains(strings.Join(got.header.Values("Set-Cookie"), "\n"), "__Host-")
			if secure != c.secure {
				t.Errorf("taken for TLS: %t, want %t", secure, c.secure)
			}
			if strings.Contains(w.log.String(), secretKey) {
				t.Error("the secret key is in the log")
			}
		})
	}
}

// TestForms: a form says what JSON can, in the types of each request; names that nobody knows are passed over.
func TestForms(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	b.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, c := range map[string]struct {
		body   url.Values
		status int
		code   string
	}{
		"nothing known":      {url.Values{"captcha_token": {"x"}, "locale": {"en-US"}}, 200, ""},
		"empty is not given": {url.Values{"first_name": {""}, "unsafe_metadata": {""}}, 200, ""},
		"an object":          {url.Values{"unsafe_metadata": {`{"a":1}`}}, 200, ""},
		"no object":          {url.Values{"unsafe_metadata": {`[1]`}}, 422, "form_param_format_invalid"},
		"a broken object":    {url.Values{"unsafe_metadata": {`{"a":`}}, 422, "form_param_format_invalid"},
		"no boolean":         {url.Values{"legal_accepted": {"perhaps"}}, 422, "form_param_value_invalid"},
		"NUL":                {url.Values{"first_name": {"a\x00b"}}, 422, "form_param_format_invalid"},
		"not UTF-8":          {url.Values{"first_name": {"\xff"}}, 422, "form_param_format_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.send(t, http.MethodPost, "/v1/client/sign_ups", c.body)
			if code, _ := errorOf(got); got.status != c.status || code != c.code {
				t.Errorf("%d %s, want %d %s: %s", got.status, code, c.status, c.code, got.body)
			}
		})
	}
}

// TestDevBrowsers: an instance whose key says so knows browsers by what they send, and never by a cookie.
func TestDevBrowsers(t *testing.T) {
	w := serve(t, func(w *world) {
		w.app.Settings.Browsers.PublishableKey = "pk_test_c29qb3Vybi50ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ" // sojourn.test.clerk.accounts.dev$
	})
	b := w.newTab(t)
	for _, path := range []string{"/v1/client", "/v1/client?__clerk_db_jwt=dvb_unknown"} {
		if got := b.send(t, http.MethodGet, path, nil); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d, want 401", path, got.status)
		} else if code, _ := errorOf(got); code != "dev_browser_unauthenticated" {
			t.Errorf("%s: %s", path, code)
		}
	}
	made := b.send(t, http.MethodPost, "/v1/dev_browser", nil)
	dev := ok[api.DevBrowser](t, made)
	if made.header.Get("Clerk-Db-Jwt") != dev.ID || !strings.HasPrefix(dev.ID, "dvb_") {
		t.Errorf("the dev browser is %q, and %q in the header", dev.ID, made.header.Get("Clerk-Db-Jwt"))
	}
	with := "?__clerk_db_jwt=" + dev.ID
	if got := ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodGet, "/v1/client"+with, nil)); got.Response != nil {
		t.Errorf("a new dev browser is the client %s", got.Response.ID)
	}
	begun := ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodPost, "/v1/client"+with, nil))
	again := ok[api.Wrapped[*api.BrowserClient]](t, w.newTab(t).send(t, http.MethodGet, "/v1/client"+with, nil))
	if again.Response == nil || again.Response.ID != begun.Response.ID {
		t.Error("the same dev browser is another client")
	}
	if cookies := b.jar.Cookies(b.url(t)); len(cookies) > 0 {
		t.Errorf("a dev browser got cookies: %v", cookies)
	}
}

// TestClientIsWhole: what pages read of a client is there before anybody signs in.
func TestClientIsWhole(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	b.begin(t)
	got := ok[map[string]json.RawMessage](t, b.send(t, http.MethodGet, "/v1/client", nil))
	if string(got["client"]) != "null" {
		t.Errorf("GET /v1/client repeats the client: %s", got["client"])
	}
	client := map[string]json.RawMessage{}
	if err := json.Unmarshal(got["response"], &client); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]string{"object": `"client"`, "sessions": `[]`, "sign_in": `null`, "sign_up": `null`, "cookie_expires_at": `null`} {
		if string(client[member]) != want {
			t.Errorf("%s is %s, want %s", member, client[member], want)
		}
	}
}
