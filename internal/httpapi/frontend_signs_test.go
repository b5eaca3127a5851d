package httpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// form is what a page sends: names and values in turn.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

const (
	testEmail    = "maria+clerk_test@example.com" // its code is known, and no email is sent
	goodPassword = "correct horse battery"
	knownCode    = "424242"
)

// post sends a form and wants it to be answered well.
func post[T any](t testing.TB, b *tab, path string, values url.Values) api.Wrapped[T] {
	t.Helper()
	return ok[api.Wrapped[T]](t, b.send(t, http.MethodPost, path, values))
}

// refused sends a form and wants it to be refused with a status and a code.
func refused(t testing.TB, b *tab, path string, values url.Values, status int, code string) answer {
	t.Helper()
	got := b.send(t, http.MethodPost, path, values)
	if told, _ := errorOf(got); got.status != status || told != code {
		t.Errorf("POST %s: %d %s, want %d %s: %s", path, got.status, told, status, code, got.body)
	}
	return got
}

// signUp makes a user with an address and a password, who is signed in then.
func (b *tab) signUp(t testing.TB, email string) api.Wrapped[api.SignUp] {
	t.Helper()
	begun := post[api.SignUp](t, b, "/v1/client/sign_ups", form("email_address", email, "password", goodPassword, "first_name", "", "locale", "en-US", "timezone", "UTC"))
	path := "/v1/client/sign_ups/" + begun.Response.ID
	post[api.SignUp](t, b, path+"/prepare_verification", form("strategy", "email_code"))
	return post[api.SignUp](t, b, path+"/attempt_verification", form("strategy", "email_code", "code", knownCode))
}

// TestSignUp walks a sign-up as the components do, and looks at what they look at.
func TestSignUp(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	begun := post[api.SignUp](t, b, "/v1/client/sign_ups", form("email_address", testEmail, "password", goodPassword))
	s := begun.Response
	if s.Status != "missing_requirements" || len(s.MissingFields) != 0 || !slices.Equal(s.UnverifiedFields, []string{"email_address"}) || !s.HasPassword {
		t.Errorf("a sign-up begins as %+v", s)
	}
	email := s.Verifications.EmailAddress
	if email.NextAction != "needs_prepare" || email.Status != nil || email.Strategy != nil {
		t.Errorf("before a code is sent, the verification is %+v", email) // else components never ask for one
	}
	if begun.Client.SignUp == nil || begun.Client.SignUp.ID != s.ID {
		t.Error("the client does not have the sign-up that was begun")
	}
	path := "/v1/client/sign_ups/" + s.ID
	refused(t, b, path+"/attempt_verification", form("strategy", "email_code", "code", knownCode), 400, "verification_missing")
	prepared := post[api.SignUp](t, b, path+"/prepare_verification", form("strategy", "email_code"))
	if email := prepared.Response.Verifications.EmailAddress; email.NextAction != "needs_attempt" || email.Status == nil || *email.Status != "unverified" {
		t.Errorf("after a code was sent, the verification is %+v", email)
	}
	refused(t, b, path+"/prepare_verification", form("strategy", "email_code"), 429, "verification_code_too_many_requests")
	wrong := refused(t, b, path+"/attempt_verification", form("strategy", "email_code", "code", "000000"), 422, "form_code_incorrect")
	if _, param := errorOf(wrong); param != "code" {
		t.Errorf("the wrong code is told of %q", param)
	}
	done := post[api.SignUp](t, b, path+"/attempt_verification", form("strategy", "email_code", "code", knownCode))
	if done.Response.Status != "complete" || done.Response.CreatedSessionID == nil || done.Response.CreatedUserID == nil {
		t.Fatalf("a sign-up ends as %+v", done.Response)
	}
	sessions := done.Client.Sessions
	if len(sessions) != 1 || sessions[0].ID != *done.Response.CreatedSessionID || sessions[0].Status != "active" {
		t.Errorf("the new session is not among the client's: %+v", sessions)
	}
	if done.Client.LastActiveSessionID != nil || done.Client.SignUp != nil {
		t.Errorf("last active %v, sign-up %v: want none before the page chooses", done.Client.LastActiveSessionID, done.Client.SignUp)
	}
	if user := sessions[0].User; user == nil || *user.EmailAddresses[0].Verification.Status != "verified" || !user.PasswordEnabled {
		t.Errorf("the new user is %+v", user)
	}
	if uat := b.cookie(t, "__client_uat"); uat == "0" || uat == "" {
		t.Errorf("__client_uat is %q after signing in", uat)
	}
	refused(t, w.newTab(t), "/v1/client/sign_ups", form("email_address", strings.ToUpper(testEmail), "password", goodPassword), 422, "form_identifier_exists")
}

// TestSignUpAsksForWhatIsMissing, and takes it later.
func TestSignUpAsksForWhatIsMissing(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	s := post[api.SignUp](t, b, "/v1/client/sign_ups", form("email_address", testEmail)).Response
	if !slices.Equal(s.MissingFields, []string{"password"}) {
		t.Errorf("missing: %v, want the password", s.MissingFields)
	}
	path := "/v1/client/sign_ups/" + s.ID
	post[api.SignUp](t, b, path+"/prepare_verification", form("strategy", "email_code"))
	if got := post[api.SignUp](t, b, path+"/attempt_verification", form("strategy", "email_code", "code", knownCode)).Response; got.Status != "missing_requirements" {
		t.Errorf("without a password the sign-up is %s", got.Status)
	}
	w.clock.advance(time.Hour)
	if err := w.app.Sweep(t.Context()); err != nil { // the code is gone by now
		t.Fatal(err)
	}
	refused(t, b, path+"?_method=PATCH", form("password", "short"), 422, "form_password_length_too_short")
	if got := post[api.SignUp](t, b, path+"?_method=PATCH", form("password", goodPassword)).Response; got.Status != "complete" {
		t.Errorf("with the password the sign-up is %s", got.Status)
	}
}

// TestSignIn: the ways in, and the ways that lead nowhere.
func TestSignIn(t *testing.T) {
	w := serve(t)
	w.newTab(t).signUp(t, testEmail)
	steps := func(t *testing.T, b *tab, strategy string, pairs ...string) api.Wrapped[api.SignIn] {
		begun := post[api.SignIn](t, b, "/v1/client/sign_ins", form("identifier", testEmail)).Response
		if begun.Status != "needs_first_factor" {
			t.Fatalf("a sign-in with an identifier is %s", begun.Status)
		}
		path := "/v1/client/sign_ins/" + begun.ID
		if strategy != "password" {
			n := slices.IndexFunc(begun.SupportedFirstFactors, func(f api.Factor) bool { return f.Strategy == strategy })
			if n < 0 {
				t.Fatalf("%s is not among %+v", strategy, begun.SupportedFirstFactors)
			}
			w.clock.advance(time.Minute)
			post[api.SignIn](t, b, path+"/prepare_first_factor", form("strategy", strategy, "email_address_id", begun.SupportedFirstFactors[n].EmailAddressID))
		}
		return post[api.SignIn](t, b, path+"/attempt_first_factor", form(append([]string{"strategy", strategy}, pairs...)...))
	}
	for name, way := range map[string]func(*testing.T, *tab) api.Wrapped[api.SignIn]{
		"password at once": func(t *testing.T, b *tab) api.Wrapped[api.SignIn] {
			return post[api.SignIn](t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword))
		},
		"password with its strategy": func(t *testing.T, b *tab) api.Wrapped[api.SignIn] {
			return post[api.SignIn](t, b, "/v1/client/sign_ins", form("strategy", "password", "identifier", strings.ToUpper(testEmail), "password", goodPassword))
		},
		"password in two steps": func(t *testing.T, b *tab) api.Wrapped[api.SignIn] {
			return steps(t, b, "password", "password", goodPassword)
		},
		"code": func(t *testing.T, b *tab) api.Wrapped[api.SignIn] {
			return steps(t, b, "email_code", "code", knownCode)
		},
		"new password": func(t *testing.T, b *tab) api.Wrapped[api.SignIn] {
			s := steps(t, b, "reset_password_email_code", "code", knownCode).Response
			if s.Status != "needs_new_password" {
				t.Fatalf("after the code of a reset the sign-in is %s", s.Status)
			}
			refused(t, b, "/v1/client/sign_ins/"+s.ID+"/reset_password", form("password", "short"), 422, "form_password_length_too_short")
			return post[api.SignIn](t, b, "/v1/client/sign_ins/"+s.ID+"/reset_password", form("password", goodPassword))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.newTab(t)
			planted := b.begin(t)
			before := b.cookie(t, "__client_"+w.app.CookieSuffix())
			got := way(t, b)
			if got.Response.Status != "complete" || got.Response.CreatedSessionID == nil {
				t.Fatalf("the sign-in is %+v", got.Response)
			}
			if len(got.Client.Sessions) != 1 || got.Client.Sessions[0].ID != *got.Response.CreatedSessionID || got.Client.SignIn != nil {
				t.Errorf("the client is %+v", got.Client)
			}
			after := b.cookie(t, "__client_"+w.app.CookieSuffix())
			if got.Client.ID != planted || after == before {
				t.Error("signing in left the browser with the cookie that it had before")
			}
			told := refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword), 400, "identifier_already_signed_in")
			if !strings.Contains(string(told.body), `"session_id":"`+*got.Response.CreatedSessionID+`"`) {
				t.Errorf("it does not say by which session: %s", told.body)
			}
			// Fixation: whoever knew the cookie before has nothing, once the grace for other tabs is over.
			w.clock.advance(time.Minute)
			attacker := w.newTab(t)
			attacker.jar.SetCookies(attacker.url(t), []*http.Cookie{{Name: "__client_" + w.app.CookieSuffix(), Value: before}})
			if id := attacker.clientID(t); id != "" {
				t.Errorf("the cookie from before the sign-in is still the client %s", id)
			}
		})
	}
	b := w.newTab(t)
	refused(t, b, "/v1/client/sign_ins", form("identifier", "nobody@example.com", "password", goodPassword), 422, "form_identifier_not_found")
	refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", "wrong password"), 422, "form_password_incorrect")
	refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "strategy", "oauth_google"), 400, "strategy_for_user_invalid")
	refused(t, b, "/v1/client/sign_ins", form("password", goodPassword), 422, "form_param_missing")
	if got := post[api.SignIn](t, b, "/v1/client/sign_ins", nil).Response; got.Status != "needs_identifier" {
		t.Errorf("an empty sign-in is %s", got.Status)
	}
}

// TestAttemptsAreTheirClients: nobody sees or furthers the sign-in or the sign-up of another browser.
func TestAttemptsAreTheirClients(t *testing.T) {
	w := serve(t)
	w.newTab(t).signUp(t, testEmail)
	b, other, nobody := w.newTab(t), w.newTab(t), w.newTab(t)
	other.begin(t)
	in := "/v1/client/sign_ins/" + post[api.SignIn](t, b, "/v1/client/sign_ins", form("identifier", testEmail)).Response.ID
	up := "/v1/client/sign_ups/" + post[api.SignUp](t, b, "/v1/client/sign_ups", form("email_address", "x+clerk_test@example.com")).Response.ID
	for _, stranger := range []*tab{other, nobody} {
		for _, path := range []string{in, up} {
			if got := stranger.send(t, http.MethodGet, path, nil); got.status != http.StatusNotFound {
				t.Errorf("GET %s: %d", path, got.status)
			}
		}
		refused(t, stranger, in+"/attempt_first_factor", form("strategy", "password", "password", goodPassword), 404, "resource_not_found")
		refused(t, stranger, up+"/prepare_verification", form("strategy", "email_code"), 404, "resource_not_found")
		if set := stranger.send(t, http.MethodPost, in+"/prepare_first_factor", form("strategy", "email_code")).header.Values("Set-Cookie"); stranger == nobody && len(set) > 0 {
			t.Errorf("a stranger's request made them a client: %v", set)
		}
	}
}

// TestLockout: ten wrong passwords or codes lock an account for a time, against the right ones too.
func TestLockout(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.LockoutDuration = time.Hour })
	w.newTab(t).signUp(t, testEmail)
	b := w.newTab(t)
	for range 9 {
		refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", "wrong password"), 422, "form_password_incorrect")
	}
	s := post[api.SignIn](t, b, "/v1/client/sign_ins", form("identifier", testEmail, "strategy", "email_code")).Response
	refused(t, b, "/v1/client/sign_ins/"+s.ID+"/attempt_first_factor", form("strategy", "email_code", "code", "000000"), 422, "form_code_incorrect")
	locked := refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword), 403, "user_locked")
	if !strings.Contains(string(locked.body), `"lockout_expires_in_seconds":3600`) || !strings.Contains(string(locked.body), "60 minutes") {
		t.Errorf("it does not say for how long: %s", locked.body)
	}
	refused(t, b, "/v1/client/sign_ins/"+s.ID+"/attempt_first_factor", form("strategy", "email_code", "code", knownCode), 403, "user_locked")
	w.clock.advance(time.Hour)
	if got := post[api.SignIn](t, w.newTab(t), "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword)).Response; got.Status != "complete" {
		t.Errorf("after the lock the sign-in is %s", got.Status)
	}
	for range 9 { // the count began anew
		refused(t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", "wrong password"), 422, "form_password_incorrect")
	}
}

// TestTicketsSignIn: a ticket signs in once; one for an actor says who is behind the session.
func TestTicketsSignIn(t *testing.T) {
	w := serve(t)
	userID := *w.newTab(t).signUp(t, testEmail).Response.CreatedUserID
	ticket := ok[api.SignInToken](t, w.post(t, "/v1/sign_in_tokens", `{"user_id":"`+userID+`"}`))
	b := w.newTab(t)
	if got := post[api.SignIn](t, b, "/v1/client/sign_ins", form("strategy", "ticket", "ticket", ticket.Token)).Response; got.Status != "complete" {
		t.Errorf("with a ticket the sign-in is %s", got.Status)
	}
	refused(t, w.newTab(t), "/v1/client/sign_ins", form("strategy", "ticket", "ticket", ticket.Token), 400, "ticket_invalid_code")
	refused(t, w.newTab(t), "/v1/client/sign_ins", form("strategy", "ticket", "ticket", "garbage"), 400, "ticket_invalid_code")
	revoked := ok[api.SignInToken](t, w.post(t, "/v1/sign_in_tokens", `{"user_id":"`+userID+`"}`))
	w.post(t, "/v1/sign_in_tokens/"+revoked.ID+"/revoke", "")
	refused(t, w.newTab(t), "/v1/client/sign_ins", form("strategy", "ticket", "ticket", revoked.Token), 400, "ticket_invalid_code")
	old := ok[api.SignInToken](t, w.post(t, "/v1/sign_in_tokens", `{"user_id":"`+userID+`","expires_in_seconds":5}`))
	w.clock.advance(5 * time.Second)
	refused(t, w.newTab(t), "/v1/client/sign_ins", form("strategy", "ticket", "ticket", old.Token), 400, "ticket_expired_code")

	actor := ok[api.ActorToken](t, w.post(t, "/v1/actor_tokens", `{"user_id":"`+userID+`","actor":{"sub":"user_support"},"session_max_duration_in_seconds":600}`))
	impersonated := post[api.SignIn](t, w.newTab(t), "/v1/client/sign_ins", form("strategy", "ticket", "ticket", actor.Token)).Client.Sessions[0]
	if string(impersonated.Actor) != `{"sub":"user_support"}` || impersonated.ExpireAt != w.clock.now().Add(10*time.Minute).UnixMilli() {
		t.Errorf("the actor's session has the actor %s and expires at %d", impersonated.Actor, impersonated.ExpireAt)
	}
}

// ids are what differs between any two answers: ids, trace ids, pictures, which are made of ids.
var ids = regexp.MustCompile(`(sia|idn|client)_[0-9A-Za-z]{27}|"clerk_trace_id":"[0-9a-f]+"|data:image[^"]*`)

// TestNobodyIsTold: where the instance protects its users from being found, a sign-in answers for nobody what it answers
// for somebody.
func TestNobodyIsTold(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.EnumerationProtection = true })
	w.newTab(t).signUp(t, testEmail)
	walk := func(identifier string) (texts []string) {
		b := w.newTab(t)
		add := func(got answer) {
			text := strings.ReplaceAll(string(got.body), identifier, "WHO")
			texts = append(texts, http.StatusText(got.status)+" "+ids.ReplaceAllString(text, "ID"))
		}
		begun := b.send(t, http.MethodPost, "/v1/client/sign_ins", form("identifier", identifier))
		add(begun)
		path := "/v1/client/sign_ins/" + ok[api.Wrapped[api.SignIn]](t, begun).Response.ID
		for _, strategy := range []string{"email_code", "reset_password_email_code"} {
			add(b.send(t, http.MethodPost, path+"/prepare_first_factor", form("strategy", strategy)))
			for range 4 {
				add(b.send(t, http.MethodPost, path+"/attempt_first_factor", form("strategy", strategy, "code", "000000")))
			}
		}
		add(b.send(t, http.MethodPost, path+"/attempt_first_factor", form("strategy", "password", "password", "wrong password")))
		add(b.send(t, http.MethodGet, path, nil))
		add(w.newTab(t).send(t, http.MethodPost, "/v1/client/sign_ins", form("identifier", identifier, "password", "wrong password")))
		return texts
	}
	somebody, nobody := walk(testEmail), walk("niemand+clerk_test@example.com")
	for i := range somebody {
		if somebody[i] != nobody[i] {
			t.Errorf("answer %d differs:\n%s\n%s", i, somebody[i], nobody[i])
		}
	}
}

// TestOneSessionAtATime: where clients hold one session, the second sign-in and the second sign-up are refused.
func TestOneSessionAtATime(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.SingleSession = true })
	b := w.newTab(t)
	b.signUp(t, testEmail)
	w.newTab(t).signUp(t, "other+clerk_test@example.com")
	refused(t, b, "/v1/client/sign_ins", form("identifier", "other+clerk_test@example.com", "password", goodPassword), 400, "session_exists")
	refused(t, b, "/v1/client/sign_ups", form("email_address", "third+clerk_test@example.com", "password", goodPassword), 400, "session_exists")
}

// TestSeveralAccounts: otherwise sessions pile up on a client, one for each user, in the order in which they began.
func TestSeveralAccounts(t *testing.T) {
	w := serve(t)
	b := w.newTab(t)
	first := b.signUp(t, testEmail)
	w.clock.advance(time.Second)
	second := b.signUp(t, "other+clerk_test@example.com")
	got := second.Client.Sessions
	if len(got) != 2 || got[0].ID != *first.Response.CreatedSessionID || got[1].ID != *second.Response.CreatedSessionID {
		t.Errorf("the sessions are %+v", got)
	}
}

// TestRestrictedSignUp: nobody signs up by themselves where the operator says so.
func TestRestrictedSignUp(t *testing.T) {
	w := serve(t, func(w *world) { w.app.Settings.Browsers.SignUpRestricted = true })
	refused(t, w.newTab(t), "/v1/client/sign_ups", form("email_address", testEmail, "password", goodPassword), 403, "sign_up_mode_restricted")
}

// TestAddressLimits: in production an address begins so many sign-ins, and no more; another address is not concerned.
func TestAddressLimits(t *testing.T) {
	w := serve(t, func(w *world) {
		w.app.Settings.Environment = app.Production
		w.app.Settings.Browsers.AllowedOrigins = []string{pageOrigin}
		w.app.Settings.Browsers.CreateLimit, w.app.Settings.Browsers.AttemptLimit = 5, 3
	})
	b := w.newTab(t)
	var s api.SignIn
	for range 5 {
		s = post[api.SignIn](t, b, "/v1/client/sign_ins", nil).Response
	}
	over := refused(t, b, "/v1/client/sign_ins", nil, 429, "too_many_requests")
	if wait := over.header.Get("Retry-After"); wait == "" || wait == "0" {
		t.Errorf("Retry-After is %q", wait)
	}
	for range 3 {
		refused(t, b, "/v1/client/sign_ins/"+s.ID+"/attempt_first_factor", form("strategy", "password", "password", "x"), 400, "client_state_invalid")
	}
	refused(t, b, "/v1/client/sign_ins/"+s.ID+"/attempt_first_factor", form("strategy", "password", "password", "x"), 429, "too_many_requests")
	w.clock.advance(10 * time.Second)
	post[api.SignIn](t, b, "/v1/client/sign_ins", nil)
}
