package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/api"
)

// Publishable keys for clerk.sojourn.test, but for the last: that of a dev suffix.
const (
	liveKey = "pk_live_Y2xlcmsuc29qb3Vybi50ZXN0JA"
	testKey = "pk_test_Y2xlcmsuc29qb3Vybi50ZXN0JA"
	devKey  = "pk_test_c29qb3Vybi50ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ"
)

// keyed is a server with a publishable key.
func keyed(t testing.TB, key string, options ...func(*world)) *world {
	t.Helper()
	return serve(t, append([]func(*world){func(w *world) { w.app.Settings.Browsers.PublishableKey = key }}, options...)...)
}

// shake sends a browser to the handshake for a page, as official SDKs do, and answers where it is sent and the carrier
// that it brings along.
func (b *tab) shake(t testing.TB, page, format string, query ...string) (location *url.URL, carrier string) {
	t.Helper()
	values := form(append([]string{"redirect_url", page, "format", format, "__clerk_hs_reason", "x", "__clerk_api_version", "2099-01-01"}, query...)...)
	got := b.send(t, http.MethodGet, "/v1/client/handshake?"+values.Encode(), nil)
	if got.status != http.StatusTemporaryRedirect || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("handshake for %s: %d %s", page, got.status, got.body)
	}
	location, err := url.Parse(got.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	name := map[string]string{"nonce": "__clerk_handshake_nonce", "token": "__clerk_handshake", "": "__clerk_handshake"}[format]
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if c.Name == name {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 60 || c.Path != "/" || c.Secure != (location.Scheme == "https") {
				t.Errorf("the carrier is %s", c)
			}
			if len(c.Name)+len(c.Value) > 4096 {
				t.Errorf("the carrier has %d bytes: browsers drop it", len(c.Value))
			}
			return location, c.Value
		}
	}
	carrier = location.Query().Get(name)
	if carrier == "" {
		t.Fatalf("no carrier: %v", got.header)
	}
	return location, carrier
}

// payload fetches the cookies of a handshake, as the server of an app does.
func (w *world) payload(t testing.TB, nonce string) []string {
	t.Helper()
	got := ok[api.HandshakePayload](t, w.get(t, "/v1/clients/handshake_payload?nonce="+nonce))
	if got.Object != "handshake_payload" || got.Nonce != nonce {
		t.Errorf("the payload is %q for %q", got.Object, got.Nonce)
	}
	return got.Directives
}

// directives are the cookies in a carrier of either format.
func (w *world) directives(t testing.TB, format, carrier string) []string {
	t.Helper()
	if format == "nonce" {
		return w.payload(t, carrier)
	}
	return part[struct{ Handshake []string }](t, carrier, 1).Handshake
}

// part reads a part of a JWT.
func part[T any](t testing.TB, jwt string, n int) (v T) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", jwt)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// sessionIn is the session token that official SDKs find in cookies: in the last one that begins so; "" for none.
func sessionIn(cookies []string) (jwt string) {
	for _, c := range cookies {
		pair, _, _ := strings.Cut(c, ";")
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "__session") {
			jwt = value
		}
	}
	return jwt
}

var secrets = regexp.MustCompile(`=(eyJ|rt_|dvb_)[^;]+`)

// TestHandshakeCookies says each cookie of each kind of handshake, in their order.
func TestHandshakeCookies(t *testing.T) {
	const (
		gone   = "; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
		goneTo = "; Path=/; Domain=sojourn.test; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
		year   = "; Path=/; Max-Age=31536000; SameSite=Lax"
		years  = "; Path=/; Max-Age=315360000; SameSite=Lax"
	)
	for name, c := range map[string]struct {
		key, page, format, suffixed string
		signedIn, tls               bool
		want                        []string // SFX is the suffix, UAT the moment of the sign-in
	}{
		"live, on the site": {liveKey, "https://app.sojourn.test/x", "nonce", "true", true, true, []string{
			"__clerk_handshake_nonce=" + goneTo, "__clerk_handshake=" + goneTo, "__client_uat=" + gone, "__client_uat_SFX=" + gone,
			"__client_uat=UAT; Path=/; Domain=sojourn.test; Max-Age=315360000; Secure; SameSite=Lax", "__client_uat_SFX=UAT; Path=/; Domain=sojourn.test; Max-Age=315360000; Secure; SameSite=Lax",
			"__refresh_SFX=rt_; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax",
			"__session=eyJ; Path=/; Max-Age=31536000; Secure; SameSite=Lax", "__session_SFX=eyJ; Path=/; Max-Age=31536000; Secure; SameSite=Lax",
		}},
		"live, on the host": {liveKey, "http://127.0.0.1:3000/x", "nonce", "true", true, false, []string{
			"__clerk_handshake_nonce=" + gone, "__clerk_handshake=" + gone, "__client_uat=UAT" + years, "__client_uat_SFX=UAT" + years,
			"__refresh_SFX=rt_; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax", "__session=eyJ" + year, "__session_SFX=eyJ" + year,
		}},
		"live, signed out": {liveKey, "http://127.0.0.1:3000/x", "nonce", "true", false, false, []string{
			"__clerk_handshake_nonce=" + gone, "__clerk_handshake=" + gone, "__client_uat=0" + years, "__client_uat_SFX=0" + years,
			"__refresh_SFX=" + gone, "__session=" + gone, "__session_SFX=" + gone,
		}},
		"live, in a token": {liveKey, "http://127.0.0.1:3000/x", "", "false", true, false, []string{
			"__clerk_handshake_nonce=" + gone, "__clerk_handshake=" + gone, "__client_uat=UAT" + years, "__client_uat_SFX=UAT" + years,
			"__session=eyJ" + year, "__session_SFX=eyJ" + year,
		}},
		"test": {testKey, "http://localhost:3000/x", "nonce", "false", true, false, []string{
			"__clerk_db_jwt=dvb_" + year, "__clerk_db_jwt_SFX=dvb_" + year, "__client_uat=UAT" + years, "__client_uat_SFX=UAT" + years,
			"__refresh_SFX=rt_; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax", "__session=eyJ" + year, "__session_SFX=eyJ" + year,
		}},
		"test, signed out, in a token": {testKey, "http://localhost:3000/x", "token", "true", false, false, []string{
			"__clerk_db_jwt=dvb_" + year, "__clerk_db_jwt_SFX=dvb_" + year, "__client_uat=0" + years, "__client_uat_SFX=0" + years,
			"__refresh_SFX=" + gone, "__session=" + gone, "__session_SFX=" + gone,
		}},
		"test, a new dev browser": {devKey, "http://localhost:3000/x", "nonce", "true", false, false, []string{
			"__clerk_db_jwt=dvb_" + year, "__clerk_db_jwt_SFX=dvb_" + year, "__client_uat=0" + years, "__client_uat_SFX=0" + years,
			"__refresh_SFX=" + gone, "__session=" + gone, "__session_SFX=" + gone,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := keyed(t, c.key, func(w *world) {
				w.app.Settings.Browsers.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			})
			b := w.newTab(t)
			if c.tls {
				b = w.newSecureTab(t)
				b.header = map[string]string{"X-Forwarded-Host": "clerk.sojourn.test"}
			}
			if c.signedIn {
				b.signUp(t, testEmail)
			}
			moment := fmt.Sprint(w.clock.now().Unix())
			w.clock.advance(time.Hour)
			_, carrier := b.shake(t, c.page, c.format, "suffixed_cookies", c.suffixed)
			got := w.directives(t, c.format, carrier)
			page, err := url.Parse(c.page)
			if err != nil {
				t.Fatal(err)
			}
			if jwt := sessionIn(got); (jwt != "") != c.signedIn {
				t.Errorf("SDKs find the token %q", jwt)
			} else if c.signedIn {
				claims := part[map[string]any](t, jwt, 1)
				if claims["azp"] != page.Scheme+"://"+page.Host || claims["iat"] != float64(w.clock.now().Unix()) {
					t.Errorf("the token says %v", claims)
				}
			}
			for i := range got {
				got[i] = secrets.ReplaceAllString(got[i], "=$1")
			}
			for i, want := range c.want {
				c.want[i] = strings.NewReplacer("SFX", w.app.CookieSuffix(), "UAT", moment).Replace(want)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the cookies (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHandshakeFitsInACookie: a token that would be too long has the session token under the one name that the app reads.
func TestHandshakeFitsInACookie(t *testing.T) {
	w := keyed(t, liveKey, func(w *world) {
		w.app.Settings.SessionClaims = `{"long":"` + strings.Repeat("x", 700) + `"}`
	})
	b := w.newTab(t)
	b.signUp(t, testEmail)
	for suffixed, want := range map[string]string{"true": "__session_" + w.app.CookieSuffix() + "=", "false": "__session="} {
		_, carrier := b.shake(t, "http://127.0.0.1:3000/", "token", "suffixed_cookies", suffixed)
		var sessions []string
		for _, c := range w.directives(t, "token", carrier) {
			if strings.HasPrefix(c, "__session") {
				sessions = append(sessions, c)
			}
		}
		if len(sessions) != 1 || !strings.HasPrefix(sessions[0], want) {
			t.Errorf("suffixed_cookies=%s: %d session cookies, want one %s", suffixed, len(sessions), want)
		}
	}
}

// TestHandshakeLocation: the page is reached at its own URL, without what earlier handshakes left in it. Under a test
// key the carrier is in it, under a live one it never is.
func TestHandshakeLocation(t *testing.T) {
	const page = "http://127.0.0.1:3000/a%20b?x=1&__clerk_handshake_nonce=old&y=%2F&__clerk_handshake=old&__clerk_db_jwt=old#z"
	for key, want := range map[string]string{
		liveKey: "http://127.0.0.1:3000/a%20b?x=1&y=%2F#z",
		testKey: "http://127.0.0.1:3000/a%20b?x=1&y=%2F&__clerk_handshake_nonce=CARRIER#z",
	} {
		location, carrier := keyed(t, key).newTab(t).shake(t, page, "nonce")
		if got := strings.ReplaceAll(location.String(), carrier, "CARRIER"); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

// TestHandshakeRefuses what it cannot do, before anything is kept.
func TestHandshakeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		key, query string
		status     int
		code       string
	}{
		"no page":                       {testKey, "", 400, "invalid_handshake"},
		"half a page":                   {testKey, "redirect_url=/x", 400, "invalid_handshake"},
		"a script":                      {testKey, "redirect_url=javascript:alert(1)", 400, "invalid_handshake"},
		"a stranger":                    {testKey, "redirect_url=https://evil.example", 422, "redirect_url_domain_mismatch"},
		"a format that nobody has":      {testKey, "format=xml&redirect_url=http://localhost:3000", 422, "form_param_value_invalid"},
		"a page that no cookie reaches": {liveKey, "redirect_url=http://localhost:3000", 422, "redirect_url_domain_mismatch"},
		"another site, though allowed":  {liveKey, "redirect_url=https://app.example.com", 422, "redirect_url_domain_mismatch"},
	} {
		w := keyed(t, c.key, func(w *world) { w.app.Settings.Browsers.AllowedOrigins = []string{"https://app.example.com"} })
		before := w.digest(t)
		got := w.newTab(t).send(t, http.MethodGet, "/v1/client/handshake?"+c.query, nil)
		if code, _ := errorOf(got); got.status != c.status || code != c.code || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, code, c.status, c.code)
		}
		if w.digest(t) != before {
			t.Errorf("%s: the database changed", name)
		}
	}
}

// TestHandshakeChoosesTheSession: that of the page's token if it is the client's, else the one used last, else the first.
func TestHandshakeChoosesTheSession(t *testing.T) {
	w := keyed(t, testKey)
	b, other := w.newTab(t), w.newTab(t)
	b.signUp(t, testEmail)
	sessions := b.signUp(t, "second+clerk_test@example.com").Client.Sessions
	first, second := sessions[0].ID, sessions[1].ID
	stranger := other.signUp(t, "third+clerk_test@example.com").Client.Sessions[0].ID
	token := func(b *tab, id string) string {
		return ok[api.Token](t, b.send(t, http.MethodPost, "/v1/client/sessions/"+id+"/tokens", nil)).JWT
	}
	ofFirst, ofStranger := token(b, first), token(other, stranger)
	chosen := func(shown string) string {
		_, nonce := b.shake(t, "http://localhost:3000/", "nonce", "__session", shown)
		return part[map[string]any](t, sessionIn(w.payload(t, nonce)), 1)["sid"].(string)
	}
	w.clock.advance(48 * time.Hour) // the tokens are old, as they are when a handshake is needed
	if got := chosen(""); got != first {
		t.Errorf("nothing used: %s, want the first", got)
	}
	ok[any](t, b.send(t, http.MethodPost, "/v1/client/sessions/"+second+"/touch", nil))
	for name, c := range map[string]struct{ shown, want string }{
		"used last": {"", second}, "the page's": {ofFirst, first}, "a stranger's": {ofStranger, second}, "garbage": {"garbage", second},
	} {
		if got := chosen(c.shown); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	w.post(t, "/v1/sessions/"+first+"/revoke", "")
	if got := chosen(ofFirst); got != second {
		t.Errorf("the page's, revoked: %s, want the other", got)
	}
	w.post(t, "/v1/sessions/"+second+"/revoke", "")
	_, nonce := b.shake(t, "http://localhost:3000/", "nonce", "__session", ofFirst)
	if jwt := sessionIn(w.payload(t, nonce)); jwt != "" {
		t.Error("a client without sessions is signed in")
	}
}

// TestHandshakeIsActivity: whoever only ever loads pages keeps their session.
func TestHandshakeIsActivity(t *testing.T) {
	w := keyed(t, testKey, func(w *world) { w.app.Settings.Lifetimes.Max, w.app.Settings.Lifetimes.Inactivity = 0, time.Hour })
	b := w.newTab(t)
	b.signUp(t, testEmail)
	for range 3 {
		w.clock.advance(50 * time.Minute)
		_, nonce := b.shake(t, "http://localhost:3000/", "nonce")
		if sessionIn(w.payload(t, nonce)) == "" {
			t.Fatal("the session ended while its pages were loaded")
		}
	}
	w.clock.advance(time.Hour)
	_, nonce := b.shake(t, "http://localhost:3000/", "nonce")
	if sessionIn(w.payload(t, nonce)) != "" {
		t.Error("the session outlives its timeout")
	}
}

// TestHandshakePayload can be read for its minute, and never holds a token once the session's end is acknowledged.
func TestHandshakePayload(t *testing.T) {
	w := keyed(t, liveKey)
	b := w.newTab(t)
	id := b.signUp(t, testEmail).Client.Sessions[0].ID
	_, nonce := b.shake(t, "http://127.0.0.1:3000/", "nonce")
	cookies := w.payload(t, nonce)
	w.clock.advance(time.Minute - time.Millisecond)
	if again := w.payload(t, nonce); !slices.Equal(cookies, again) {
		t.Errorf("read again, the cookies are %v, and were %v", again, cookies)
	}
	w.post(t, "/v1/sessions/"+id+"/revoke", "")
	ended := strings.Join(w.payload(t, nonce), "\n")
	if strings.Contains(ended, "=ey") || strings.Contains(ended, "=rt_") || !strings.Contains(ended, "__session=; Path=/; Expires=") || !strings.Contains(ended, "__client_uat=0;") {
		t.Errorf("the session was revoked, and its cookies are %s", ended)
	}
	w.clock.advance(time.Millisecond)
	for _, c := range []struct {
		nonce  string
		status int
	}{{nonce, 404}, {"unknown", 404}, {"", 422}} {
		if got := w.get(t, "/v1/clients/handshake_payload?nonce="+c.nonce); got.status != c.status {
			t.Errorf("nonce %q: %d, want %d", c.nonce, got.status, c.status)
		}
	}
	if err := w.app.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.log.String(), nonce) {
		t.Error("the nonce is in the log")
	}
}

// TestHandshakeOfDevBrowsers knows browsers by the name in the query, and gives a name to those who have none.
func TestHandshakeOfDevBrowsers(t *testing.T) {
	w := keyed(t, devKey)
	b := w.newTab(t)
	named := func(query ...string) string {
		_, nonce := b.shake(t, "http://localhost:3000/", "nonce", query...)
		name, _, _ := strings.Cut(strings.TrimPrefix(w.payload(t, nonce)[0], "__clerk_db_jwt="), ";")
		return name
	}
	first := named()
	if again := named("__clerk_db_jwt", first); again != first {
		t.Errorf("a known name becomes %s", again)
	}
	if other := named("__clerk_db_jwt", "dvb_unknown"); other == "dvb_unknown" || other == first || !strings.HasPrefix(other, "dvb_") {
		t.Errorf("an unknown name becomes %s", other)
	}
	if got := b.send(t, http.MethodGet, "/v1/client?__clerk_db_jwt="+first, nil); got.status != http.StatusOK {
		t.Errorf("the name that was given is not known: %d", got.status)
	}
}

// TestStrangersWordsInCookies: what stands in a URL does not become another cookie, nor an attribute of one.
func TestStrangersWordsInCookies(t *testing.T) {
	w := keyed(t, testKey)
	for _, word := range []string{"x; Domain=evil.example", "x\r\nSet-Cookie: a=b", "x, y", "x=y", "ü", strings.Repeat("x", 300), " "} {
		_, nonce := w.newTab(t).shake(t, "http://localhost:3000/", "nonce", "__clerk_db_jwt", word)
		for _, c := range w.payload(t, nonce) {
			if strings.Contains(c, word) && word != " " || strings.Contains(c, "evil") {
				t.Errorf("%q: %s", word, c)
			}
		}
	}
	_, nonce := w.newTab(t).shake(t, "http://localhost:3000/", "nonce", "__clerk_db_jwt", "dvb_kept")
	if got := w.payload(t, nonce)[0]; !strings.HasPrefix(got, "__clerk_db_jwt=dvb_kept;") {
		t.Errorf("a name of one's own becomes %s", got)
	}
}

// TestHandshakeTokensAreNoSessionTokens, though the contract gives them the same category.
func TestHandshakeTokensAreNoSessionTokens(t *testing.T) {
	w := keyed(t, testKey)
	b := w.newTab(t)
	id := b.signUp(t, testEmail).Client.Sessions[0].ID
	_, carrier := b.shake(t, "http://localhost:3000/", "token")
	header := part[map[string]any](t, carrier, 0)
	if header["cat"] != "cl_B7d4PD111AAA" || header["typ"] != "JWT" || header["alg"] != "RS256" || header["kid"] == "" {
		t.Errorf("the header is %v", header)
	}
	if payload := part[map[string]any](t, carrier, 1); len(payload) != 1 {
		t.Errorf("the payload has more than the cookies: %v", payload)
	}
	if got := w.post(t, "/v1/sessions/"+id+"/verify", `{"token":"`+carrier+`"}`); got.status < 400 {
		t.Errorf("it is taken for a session token: %d", got.status)
	}
}

// TestHandshakesAreBounded for those who are not signed in: each leaves a row behind.
func TestHandshakesAreBounded(t *testing.T) {
	w := keyed(t, liveKey, func(w *world) {
		w.app.Settings.Environment = "production"
		w.app.Settings.Browsers.AllowedOrigins = []string{"http://127.0.0.1:3000"}
	})
	b := w.newTab(t)
	for n := range 101 {
		got := b.send(t, http.MethodGet, "/v1/client/handshake?format=nonce&redirect_url=http://127.0.0.1:3000/", nil)
		if want := map[bool]int{true: 307, false: 429}[n < 100]; got.status != want {
			t.Fatalf("handshake %d: %d, want %d", n, got.status, want)
		}
	}
	w.clock.advance(10 * time.Second)
	b.shake(t, "http://127.0.0.1:3000/", "nonce")
}

// TestHandshakesAreSealed: the database holds neither the nonce nor a token in a form that can be used.
func TestHandshakesAreSealed(t *testing.T) {
	w := keyed(t, liveKey)
	b := w.newTab(t)
	b.signUp(t, testEmail)
	_, nonce := b.shake(t, "http://127.0.0.1:3000/", "nonce")
	refresh := refreshIn(t, w.payload(t, nonce))
	w.digest(t) // opens the database
	kept := strings.Join(append(w.query(t, `SELECT * FROM handshakes`), w.query(t, `SELECT * FROM refresh_tokens`)...), "\n")
	if sealed, err := base64.StdEncoding.DecodeString(w.query(t, `SELECT directives FROM handshakes`)[0]); err != nil {
		t.Error(err)
	} else {
		kept += string(sealed)
	}
	for name, secret := range map[string]string{"the nonce": nonce, "the refresh token": refresh, "a cookie": "__session"} {
		if strings.Contains(kept, secret) {
			t.Errorf("the database holds %s", name)
		}
	}
}
