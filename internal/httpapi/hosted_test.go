package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/sojourn-auth/sojourn/api"
)

// person is somebody with a browser who looks at hosted pages, without scripts.
type person struct {
	*tab
	at   string // the path of the page
	page string // its HTML
	res  answer
}

// newPerson has never been here.
func (w *world) newPerson(t testing.TB) *person {
	t.Helper()
	p := &person{tab: w.newTab(t)}
	p.origin = p.server.URL
	return p
}

// visit opens a page, and follows it to where it leads on this host.
func (p *person) visit(t testing.TB, path string) *person {
	t.Helper()
	return p.follow(t, path, p.send(t, http.MethodGet, path, nil))
}

// follow goes where an answer sends browsers, until it is a page or leads away from this host.
func (p *person) follow(t testing.TB, path string, got answer) *person {
	t.Helper()
	for range 5 {
		p.at, p.page, p.res = path, string(got.body), got
		path = got.header.Get("Location")
		if !strings.HasPrefix(path, "/") {
			if got.status/100 != 3 {
				checkPage(t, got)
			}
			return p
		}
		if got.status != http.StatusSeeOther {
			t.Fatalf("%s leads to %s with %d", got.path, path, got.status)
		}
		got = p.send(t, http.MethodGet, path, nil)
	}
	t.Fatalf("%s leads round in circles", path)
	return p
}

// press presses the button of the page that does an action, after filling in its form: names and values in turn.
func (p *person) press(t testing.TB, action string, pairs ...string) *person {
	t.Helper()
	for _, f := range elements(parsed(t, p.page), atom.Form) {
		if !slices.ContainsFunc(elements(f, atom.Button), func(b *html.Node) bool { return attr(b, "value") == action }) {
			continue
		}
		values := form("action", action)
		for _, input := range elements(f, atom.Input) {
			if attr(input, "type") != "checkbox" || has(input, "checked") {
				values.Set(attr(input, "name"), attr(input, "value"))
			}
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			if !values.Has(pairs[i]) {
				t.Fatalf("%s has no input %q beside %q", p.at, pairs[i], action)
			}
			values.Set(pairs[i], pairs[i+1])
		}
		path := attr(f, "action")
		return p.follow(t, path, p.send(t, http.MethodPost, path, values))
	}
	t.Fatalf("%s has no button %q:\n%s", p.at, action, p.page)
	return p
}

// sees fails the test unless the page has all the texts.
func (p *person) sees(t testing.TB, texts ...string) *person {
	t.Helper()
	page := strings.ReplaceAll(p.page, "&#43;", "+")
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Fatalf("%s (%d) has no %q:\n%s", p.at, p.res.status, text, p.page)
		}
	}
	return p
}

// told fails the test unless the page says what is wrong, with a status, at an input.
func (p *person) told(t testing.TB, status int, text, input string) *person {
	t.Helper()
	root := parsed(t, p.page)
	alerts := slices.DeleteFunc(elements(root, 0), func(n *html.Node) bool { return attr(n, "role") != "alert" })
	if p.res.status != status || len(alerts) != 1 || !strings.Contains(textOf(alerts[0]), text) {
		t.Fatalf("%s: %d, want %d %q:\n%s", p.at, p.res.status, status, text, p.page)
	}
	for _, i := range elements(root, atom.Input) {
		if want := attr(i, "name") == input && input != ""; has(i, "aria-invalid") != want || want && attr(i, "aria-describedby") != attr(alerts[0], "id") {
			t.Errorf("%s: input %q is wrong: %v, want %v", p.at, attr(i, "name"), has(i, "aria-invalid"), want)
		}
	}
	return p
}

// signUpHere signs a person up, on the pages.
func (p *person) signUpHere(t testing.TB, email string) *person {
	t.Helper()
	p.visit(t, "/sign-up").press(t, "start", "email_address", email, "password", goodPassword, "first_name", "Maria")
	return p.sees(t, "We sent a code", email).press(t, "code", "code", knownCode)
}

func TestHostedLife(t *testing.T) {
	w := serve(t)
	p := w.newPerson(t).visit(t, "/")
	if p.at != "/sign-in" {
		t.Fatalf("/ leads a stranger to %s", p.at)
	}
	p.signUpHere(t, testEmail).sees(t, "Your account", testEmail, `value="Maria"`, "(this one)")
	if p.at != "/user" {
		t.Errorf("after signing up: %s", p.at)
	}
	if p.visit(t, "/"); p.at != "/user" {
		t.Errorf("/ leads a user to %s", p.at)
	}
	p.visit(t, "/sign-in").sees(t, "You are signed in as", testEmail, `href="/user"`)
	p.visit(t, "/user").press(t, "sign_out").sees(t, "I forgot my password")
	if p.at != "/sign-in" || p.cookie(t, "__client_uat") != "0" {
		t.Errorf("after signing out: %s, __client_uat=%s", p.at, p.cookie(t, "__client_uat"))
	}
	if p.visit(t, "/user"); p.at != "/sign-in?redirect_url="+url.QueryEscape(p.server.URL+"/user") {
		t.Errorf("/user leads a stranger to %s", p.at)
	}

	p.visit(t, "/sign-in").press(t, "password", "identifier", testEmail, "password", "wrong password").told(t, 422, "not the password", "password")
	p.sees(t, `value="`+testEmail+`"`)
	if strings.Contains(p.page, "wrong password") {
		t.Error("the page shows the password again")
	}
	p.press(t, "password", "identifier", testEmail, "password", "").told(t, 422, "Enter your password", "password")
	p.press(t, "password", "identifier", "", "password", goodPassword).told(t, 422, "Enter your email", "identifier")
	p.press(t, "password", "identifier", "nobody@example.com", "password", goodPassword).told(t, 422, "no account", "identifier")
	p.press(t, "password", "identifier", testEmail, "password", goodPassword).sees(t, "Your account")
	if uat := p.cookie(t, "__client_uat"); uat == "" || uat == "0" {
		t.Errorf("__client_uat is %q after signing in", uat)
	}
}

func TestHostedCodes(t *testing.T) {
	w := serve(t)
	w.newPerson(t).signUpHere(t, testEmail)
	p := w.newPerson(t).visit(t, "/sign-in").press(t, "email", "identifier", testEmail).sees(t, "We sent a code", testEmail)
	p.press(t, "resend").told(t, 429, "moment ago", "")
	if p.res.header.Get("Retry-After") == "" {
		t.Error("how long to wait is not said")
	}
	w.clock.advance(time.Minute)
	p.press(t, "resend").sees(t, "We sent a code")
	p.press(t, "code", "code", "000000").told(t, 422, "", "code")
	p.press(t, "code", "code", knownCode).sees(t, "Your account")

	other := w.newPerson(t).visit(t, "/sign-in").press(t, "reset", "identifier", testEmail).sees(t, "choose a new password")
	other.press(t, "code", "code", knownCode).sees(t, "Choose a new password")
	other.visit(t, "/sign-in").sees(t, "New password") // a reload loses nothing
	other.press(t, "new_password", "password", "short").told(t, 422, "", "password")
	other.press(t, "new_password", "password", "another battery staple").sees(t, "Your account")
	if p.visit(t, "/user"); !strings.HasPrefix(p.at, "/sign-in") {
		t.Errorf("the reset left other devices signed in: %s", p.at)
	}
	p.visit(t, "/sign-in").press(t, "password", "identifier", testEmail, "password", goodPassword).told(t, 422, "not the password", "password")
	p.press(t, "password", "identifier", testEmail, "password", "another battery staple").sees(t, "Your account")
}

func TestHostedSignUp(t *testing.T) {
	w := serve(t)
	w.newPerson(t).signUpHere(t, testEmail)
	p := w.newPerson(t).visit(t, "/sign-up")
	p.press(t, "start", "email_address", testEmail, "password", goodPassword).told(t, 422, "", "email_address")
	p.press(t, "start", "email_address", "", "password", goodPassword).told(t, 422, "Enter your email", "email_address")
	p.press(t, "start", "email_address", "x+clerk_test@example.com").told(t, 422, "Choose a password", "password")
	p.press(t, "start", "email_address", "x+clerk_test@example.com", "password", "short").told(t, 422, "", "password")
	p.press(t, "start", "email_address", "x+clerk_test@example.com", "password", goodPassword).sees(t, "We sent a code")
	p.press(t, "code", "code", "000000").told(t, 422, "", "code")
	p.visit(t, "/sign-up").sees(t, "We sent a code") // a reload loses nothing
	p.visit(t, "/sign-up?step=start").sees(t, `name="email_address"`)
	p.visit(t, "/sign-up").press(t, "code", "code", knownCode).sees(t, "Your account", "x+clerk_test@example.com")

	closed := serve(t, func(w *world) { w.app.Settings.Browsers.SignUpRestricted = true }).newPerson(t)
	closed.visit(t, "/sign-up").sees(t, "Nobody can sign up")
	if strings.Contains(closed.page, "<form") || strings.Contains(closed.visit(t, "/sign-in").page, "/sign-up") {
		t.Error("pages offer to sign up where nobody can")
	}
}

func TestHostedUser(t *testing.T) {
	w := serve(t)
	here, there := w.newPerson(t).signUpHere(t, testEmail), w.newPerson(t)
	there.header = map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
	there.visit(t, "/sign-in").press(t, "password", "identifier", testEmail, "password", goodPassword).sees(t, "Your account")
	here.visit(t, "/user").press(t, "profile", "first_name", `Ma"ria`, "last_name", "<b>").sees(t, "Saved.", `value="Ma&#34;ria"`, `value="&lt;b&gt;"`)
	here.press(t, "profile", "first_name", strings.Repeat("x", 999)).told(t, 422, "", "first_name")
	here.visit(t, "/user").press(t, "profile", "last_name", "").sees(t, `name="last_name" type="text" autocomplete="family-name" value=""`)
	here.sees(t, "Firefox on Linux", "Sign out there", "1 June 2026").press(t, "revoke")
	if strings.Contains(here.page, "Sign out there") {
		t.Error("the session that was revoked is still shown")
	}
	if there.visit(t, "/user"); !strings.HasPrefix(there.at, "/sign-in") {
		t.Errorf("the revoked session still shows %s", there.at)
	}

	here.visit(t, "/sign-in?step=start").press(t, "password", "identifier", testEmail, "password", "whatever").sees(t, "Your account") // it is their own session
	other := "other+clerk_test@example.com"
	here.visit(t, "/sign-up").press(t, "start", "email_address", other, "password", goodPassword).press(t, "code", "code", knownCode)
	here.sees(t, "Signed in as <strong>other+clerk_test@example.com", "Other accounts", testEmail)
	here.press(t, "switch").sees(t, "Signed in as <strong>maria+clerk_test@example.com", "Switch to other+clerk_test@example.com")
	here.press(t, "sign_out").sees(t, "You are signed in as", "other+clerk_test@example.com")
	stranger := w.newPerson(t).signUpHere(t, "stranger+clerk_test@example.com")
	session := ok[api.Wrapped[*api.BrowserClient]](t, here.send(t, http.MethodGet, "/v1/client", nil)).Response.Sessions[0].ID
	got := stranger.send(t, http.MethodPost, "/user", form("action", "revoke", "session_id", session))
	stranger.follow(t, "/user", got).told(t, 404, "", "")
	here.visit(t, "/user").sees(t, "Your account")
}

// TestHostedAccount: people change their password and their addresses without a script.
func TestHostedAccount(t *testing.T) {
	w := serve(t)
	here, there := w.newPerson(t).signUpHere(t, testEmail), w.newPerson(t)
	there.visit(t, "/sign-in").press(t, "password", "identifier", testEmail, "password", goodPassword).sees(t, "Your account")
	here.visit(t, "/user").press(t, "password", "current_password", "wrong password", "new_password", "another good one").told(t, 422, "", "current_password")
	here.visit(t, "/user").press(t, "password", "current_password", goodPassword, "new_password", "short").told(t, 422, "", "new_password")
	here.visit(t, "/user").press(t, "password", "current_password", goodPassword, "new_password", "another good one").sees(t, "Saved.")
	if there.visit(t, "/user"); !strings.HasPrefix(there.at, "/sign-in") {
		t.Errorf("the other device still shows %s", there.at)
	}

	here.press(t, "add_email", "email_address", "nobody").told(t, 422, "", "email_address")
	here.visit(t, "/user").press(t, "add_email", "email_address", secondEmail).sees(t, "Saved.", secondEmail, "(not verified)", "Code that was sent to other")
	here.press(t, "verify_email", "code", "000000").told(t, 422, "", "code")
	here.visit(t, "/user").press(t, "verify_email", "code", knownCode).sees(t, "Make other+clerk_test@example.com primary")
	here.press(t, "primary_email").sees(t, "Signed in as <strong>other+clerk_test@example.com", "Make maria")
	here.press(t, "delete_email").sees(t, "Saved.")
	if strings.Contains(here.page, testEmail) {
		t.Error("the address that was removed is still shown")
	}
}

// TestHostedRedirects: people are sent back to pages of the instance, and to nobody else's.
func TestHostedRedirects(t *testing.T) {
	w := serve(t, func(w *world) {
		w.app.Settings.Environment = "production"
		w.app.Settings.Browsers.AllowedOrigins = []string{"https://app.example.com"}
		w.app.Settings.Browsers.HomeURL = "https://home.example.com/start"
	})
	ok[map[string]any](t, w.post(t, "/v1/users", `{"email_address":["ann@example.com"],"password":"`+goodPassword+`"}`))
	p := w.newPerson(t)
	p.origin = "https://clerk.sojourn.test"
	signIn := func(target string) string {
		p.visit(t, "/sign-in?step=start&redirect_url="+url.QueryEscape(target))
		policy := p.res.header.Get("Content-Security-Policy")
		p.press(t, "password", "identifier", "ann@example.com", "password", goodPassword)
		to := p.res.header.Get("Location")
		if u, err := url.Parse(to); err != nil || !strings.Contains(policy, "form-action 'self' "+u.Scheme+"://"+u.Host+";") {
			t.Errorf("%s: a browser that holds forms to %q cannot go to %s", target, policy, to)
		}
		return to
	}
	for _, target := range []string{"https://app.example.com/a?b=c&d=%20#e", "https://app.sojourn.test/", "https://clerk.sojourn.test/user"} {
		if got := signIn(target); got != target {
			t.Errorf("asked for %s, got %s", target, got)
		}
	}
	if len(strangers) < 40 {
		t.Fatalf("%d URLs are few", len(strangers))
	}
	for n, target := range strangers {
		p.visit(t, "/sign-in?step=start&redirect_url="+url.QueryEscape(target))
		if strings.Contains(p.at, "redirect_url") {
			t.Errorf("%q: the page stays at %s", target, p.at)
		}
		post := form("action", "password", "identifier", "ann@example.com", "password", goodPassword, "redirect_url", target)
		got := p.send(t, http.MethodPost, "/sign-in", post)
		if to := got.header.Get("Location"); to != "https://home.example.com/start" && got.status != http.StatusBadRequest {
			t.Errorf("%q: sent to %s (%d)", target, to, got.status)
		}
		if n%20 != 0 { // it stays signed in, or each sign-in has to hash the password
			continue
		}
		got = p.send(t, http.MethodPost, "/user", form("action", "sign_out", "redirect_url", target))
		if to := got.header.Get("Location"); to != "https://home.example.com/start" && !strings.HasPrefix(to, "/sign-in") && got.status != http.StatusBadRequest {
			t.Errorf("%q: sent to %s (%d) after signing out", target, to, got.status)
		}
	}
}

// TestHostedOrigins: only pages of the instance can send its forms.
func TestHostedOrigins(t *testing.T) {
	w := serve(t)
	w.newPerson(t).signUpHere(t, testEmail)
	for _, origin := range []string{"https://evil.example", "null", "", "http://localhost:3000.evil.example"} {
		p := w.newPerson(t)
		p.origin = origin
		for path, post := range map[string]url.Values{
			"/sign-in": form("action", "password", "identifier", testEmail, "password", goodPassword),
			"/sign-up": form("action", "start", "email_address", "y+clerk_test@example.com", "password", goodPassword),
			"/user":    form("action", "sign_out"),
		} {
			if got := p.send(t, http.MethodPost, path, post); got.status != http.StatusBadRequest || len(got.header.Values("Set-Cookie")) > 0 {
				t.Errorf("from %q: %s", origin, got)
			}
		}
	}
	allowed := w.newTab(t)
	got := allowed.send(t, http.MethodGet, "/sign-in", nil)
	if got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("pages of apps can read the page: %v", got.header)
	}
}

// TestHostedTicket: a link alone signs nobody in.
func TestHostedTicket(t *testing.T) {
	w := serve(t)
	ticket := newTicket(t, w)
	p := w.newPerson(t).visit(t, "/sign-up?__clerk_ticket="+ticket).sees(t, "You followed a link")
	if p.clientID(t) != "" {
		t.Error("looking at the page made a client")
	}
	p.press(t, "ticket").sees(t, "Your account")
	again := w.newPerson(t).visit(t, "/sign-in?__clerk_ticket="+ticket).press(t, "ticket").told(t, 400, "ticket", "")
	again.visit(t, "/sign-in?__clerk_ticket=nonsense").press(t, "ticket").told(t, 400, "ticket", "")
	w.newPerson(t).signUpHere(t, testEmail).visit(t, "/sign-in?__clerk_ticket="+newTicket(t, w)).sees(t, testEmail+" is signed in here now").press(t, "ticket").sees(t, "Other accounts")
}

// TestHostedDevBrowser: with a key by which browsers name themselves, the pages keep the name in the cookie of the browser library,
// and tell it to the page they send people to.
func TestHostedDevBrowser(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.PublishableKey = devKey })
	p := w.newPerson(t).visit(t, "/sign-up?redirect_url="+url.QueryEscape("http://localhost:3000/in?a=b"))
	named := p.cookie(t, "__clerk_db_jwt_")
	if !strings.HasPrefix(named, "dvb_") {
		t.Fatalf("the browser has the name %q", named)
	}
	p.press(t, "start", "email_address", testEmail, "password", goodPassword).press(t, "code", "code", knownCode)
	if want := "http://localhost:3000/in?a=b&__clerk_db_jwt=" + named; p.res.header.Get("Location") != want {
		t.Errorf("sent to %s, want %s", p.res.header.Get("Location"), want)
	}
	p.visit(t, "/user").sees(t, "Your account")

	app := w.newPerson(t) // whose app has named the browser already
	own := ok[api.DevBrowser](t, app.send(t, http.MethodPost, "/v1/dev_browser", nil)).ID
	if app.visit(t, "/sign-in?__clerk_db_jwt="+own); app.at != "/sign-in" || app.cookie(t, "__clerk_db_jwt_") != own {
		t.Errorf("%s, and the browser is %q", app.at, app.cookie(t, "__clerk_db_jwt_"))
	}
	app.press(t, "password", "identifier", testEmail, "password", goodPassword).sees(t, "Your account")
	client := ok[api.Wrapped[*api.BrowserClient]](t, app.send(t, http.MethodGet, "/v1/client?__clerk_db_jwt="+own, nil)).Response
	if client == nil || len(client.Sessions) != 1 {
		t.Errorf("the app does not see who signed in: %+v", client)
	}
	if app.visit(t, "/user?__clerk_db_jwt=dvb_of_nobody"); app.cookie(t, "__clerk_db_jwt_") == "dvb_of_nobody" {
		t.Error("a name that nobody gave is taken")
	}
}

// TestHostedComponents: where the libraries are, they make the pages, and forms stay for those who want them.
func TestHostedComponents(t *testing.T) {
	libraries := map[string]string{
		"assets/npm/@clerk/clerk-js@6.40.0/dist/clerk.browser.js": "//", "assets/npm/@clerk/ui@1.36.0/dist/ui.browser.js": "//",
	}
	w := serve(t, withLibraries(t, libraries))
	p := w.newPerson(t).visit(t, "/sign-in?redirect_url="+url.QueryEscape(`http://localhost:3000/"><script>`))
	p.sees(t, "/npm/@clerk/clerk-js@6.40.0/dist/clerk.browser.js", "/npm/@clerk/ui@1.36.0/dist/ui.browser.js", `data-page="sign-in"`)
	if strings.Contains(p.page, `"><script>`) {
		t.Errorf("the URL is in the page as it is:\n%s", p.page)
	}
	for _, script := range elements(parsed(t, p.page), atom.Script) {
		if got := p.send(t, http.MethodGet, attr(script, "src"), nil); got.status != http.StatusOK || !strings.Contains(got.header.Get("Content-Type"), "javascript") {
			t.Errorf("%s: %d %s", attr(script, "src"), got.status, got.header.Get("Content-Type"))
		}
		if textOf(script) != "" {
			t.Errorf("the page has a script in itself, which its policy forbids: %s", textOf(script))
		}
	}
	for _, script := range elements(parsed(t, p.page), atom.Script) {
		if after := attr(script, "data-after"); after != "" {
			if p.visit(t, after); p.res.header.Get("Location") != "http://localhost:3000/%22%3E%3Cscript%3E" {
				t.Errorf("%s leads to %q", after, p.res.header.Get("Location"))
			}
		}
	}
	if p.visit(t, "/hosted/leave?redirect_url=https://evil.example"); strings.Contains(p.res.header.Get("Location"), "evil") {
		t.Errorf("people are sent to %s", p.res.header.Get("Location"))
	}
	p.visit(t, "/sign-up").sees(t, `data-page="sign-up"`)
	p.visit(t, "/sign-in?__clerk_ticket=x").sees(t, "You followed a link")
	p.visit(t, "/sign-up?plain=1").press(t, "start", "email_address", testEmail, "password", goodPassword).sees(t, "We sent a code").press(t, "code", "code", knownCode)
	p.sees(t, `name="first_name"`).visit(t, "/user").sees(t, `data-page="user"`)
	p.visit(t, "/user?plain=1").press(t, "sign_out").sees(t, "I forgot my password")
}

// TestHostedBadInput: whatever is sent, the answer is a page that says what is wrong.
func TestHostedBadInput(t *testing.T) {
	p := serve(t).newPerson(t)
	for name, c := range map[string]struct {
		path   string
		form   url.Values
		status int
	}{
		"no action":                  {"/sign-in", form(), 422},
		"an unknown one":             {"/sign-up", form("action", "dance"), 422},
		"a code of nothing":          {"/sign-in", form("action", "code", "code", knownCode), 422},
		"a code without a sign-up":   {"/sign-up", form("action", "code", "code", knownCode), 404},
		"another without a sign-up":  {"/sign-up", form("action", "resend"), 404},
		"a password without a reset": {"/sign-in", form("action", "new_password", "password", goodPassword), 404},
		"no text":                    {"/sign-in", form("action", "password", "identifier", "\xff", "password", "x"), 400},
		"a zero":                     {"/sign-up", form("action", "start", "email_address", "a\x00@example.com", "password", goodPassword), 400},
		"too much":                   {"/sign-in", form("action", "password", "identifier", strings.Repeat("x", 300<<10)), 400},
		"a long identifier":          {"/sign-in", form("action", "password", "identifier", strings.Repeat("x", 3000), "password", "x"), 422},
		"no ticket":                  {"/sign-in", form("action", "ticket"), 422},
	} {
		got := p.send(t, http.MethodPost, c.path, c.form)
		if got.status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, got.status, c.status, got.body)
		}
		checkPage(t, got)
	}
	p.header = map[string]string{"Content-Type": "application/json"}
	if got := p.send(t, http.MethodPost, "/sign-in", nil); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: %s", got)
	}
	p.header = nil
	for _, path := range []string{"/sign-in?redirect_url=%ff", "/user?x=%00", "/sign-in?step=%zz", "/sign-in?__clerk_ticket=%00"} {
		if got := p.send(t, http.MethodGet, path, nil); got.status >= 500 {
			t.Errorf("GET %s: %s", path, got)
		}
	}
	if got := p.send(t, http.MethodDelete, "/sign-in", nil); got.status != http.StatusNotFound {
		t.Errorf("DELETE: %s", got)
	}
	p.header = map[string]string{"Cookie": "__clerk_db_jwt=x; __client=garbage"}
	p.visit(t, "/sign-in").sees(t, "I forgot my password")
}

// checkPage fails the test unless a page is one that everybody can use: with a language, a title, a heading, a label for
// each input, no two things of one id, and nothing that its policy would forbid.
func checkPage(t testing.TB, got answer) {
	t.Helper()
	h := got.header
	if h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "same-origin" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%s: %v", got.path, h)
	}
	root := parsed(t, string(got.body))
	ids, labels := map[string]bool{}, map[string]bool{}
	for _, n := range elements(root, 0) {
		if id := attr(n, "id"); id != "" && ids[id] {
			t.Errorf("%s: two things are called %q", got.path, id)
		}
		ids[attr(n, "id")] = true
		if n.DataAtom == atom.Label && strings.TrimSpace(textOf(n)) != "" {
			labels[attr(n, "for")] = true
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s: <%s %s> is against the policy", got.path, n.Data, a.Key)
			}
		}
	}
	for _, input := range elements(root, atom.Input) {
		if attr(input, "type") != "hidden" && !labels[attr(input, "id")] {
			t.Errorf("%s: the input %q has no label", got.path, attr(input, "name"))
		}
		if by := attr(input, "aria-describedby"); by != "" && !ids[by] {
			t.Errorf("%s: the input %q is described by nothing", got.path, attr(input, "name"))
		}
	}
	for what, n := range map[string]int{
		"language": len(slices.DeleteFunc(elements(root, atom.Html), func(n *html.Node) bool { return attr(n, "lang") == "" })),
		"title":    len(slices.DeleteFunc(elements(root, atom.Title), func(n *html.Node) bool { return textOf(n) == "" })),
		"heading":  len(elements(root, atom.H1)), "main part": len(elements(root, atom.Main)),
	} {
		if n != 1 {
			t.Errorf("%s: the page has %d of %s, want 1:\n%s", got.path, n, what, got.body)
		}
	}
}

func parsed(t testing.TB, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// elements are the elements below a node of a kind; 0 is every kind.
func elements(root *html.Node, kind atom.Atom) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (kind == 0 || n.DataAtom == kind) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
