package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

const secondEmail = "other+clerk_test@example.com"

// signedIn is a browser with a session that its page has chosen.
func (w *world) signedIn(t testing.TB, email string) (b *tab, sessionID string) {
	t.Helper()
	b = w.newTab(t)
	sessionID = *b.signUp(t, email).Response.CreatedSessionID
	b.touch(t, sessionID)
	return b, sessionID
}

func (b *tab) touch(t testing.TB, sessionID string) api.Wrapped[api.BrowserSession] {
	t.Helper()
	return post[api.BrowserSession](t, b, "/v1/client/sessions/"+sessionID+"/touch", form("active_organization_id", "", "intent", "select_session"))
}

func (b *tab) client(t testing.TB) *api.BrowserClient {
	t.Helper()
	return ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodGet, "/v1/client", nil)).Response
}

// TestTouch: it makes the session the last active one and brings a token; what servers compare tokens with stays as it is.
func TestTouch(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	before, uat := b.client(t), b.cookie(t, "__client_uat")
	if before.LastActiveSessionID == nil || *before.LastActiveSessionID != id {
		t.Errorf("last active is %v", before.LastActiveSessionID)
	}
	w.clock.advance(time.Minute)
	got := b.touch(t, id)
	if got.Response.LastActiveToken == nil || got.Client == nil || got.Client.Sessions[0].LastActiveToken == nil {
		t.Error("a touch brings no token")
	}
	if got.Response.LastActiveAt != w.clock.now().UnixMilli() {
		t.Errorf("last active at %d, now is %d", got.Response.LastActiveAt, w.clock.now().UnixMilli())
	}
	if after := b.client(t); after.UpdatedAt != before.UpdatedAt || b.cookie(t, "__client_uat") != uat {
		t.Error("a touch moves the client's updated_at or __client_uat: servers would send every page through a handshake")
	}
}

// TestTokensOfTabs: tabs that ask in the same second get the same token, for one signature; later ones get another.
func TestTokensOfTabs(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	token := func() string {
		t.Helper()
		return ok[api.Token](t, b.send(t, http.MethodPost, "/v1/client/sessions/"+id+"/tokens", form("organization_id", "", "tab_state", "focused"))).JWT
	}
	first, second := token(), token()
	if first != second {
		t.Error("two tabs cost two signatures")
	}
	w.clock.advance(time.Second)
	if token() == first {
		t.Error("a second later the token is the same")
	}
	if got := b.send(t, http.MethodPost, "/v1/client/sessions/"+id+"/tokens/nowhere", nil); got.status != http.StatusNotFound {
		t.Errorf("an unknown template: %d", got.status)
	}
	w.post(t, "/v1/jwt_templates", `{"name":"probe","claims":{"who":"{{user.primary_email_address}}"}}`)
	if got := ok[api.Token](t, b.send(t, http.MethodPost, "/v1/client/sessions/"+id+"/tokens/probe", nil)); strings.Count(got.JWT, ".") != 2 {
		t.Errorf("a template token is %q", got.JWT)
	}
}

// TestASessionThatEndedElsewhere is refused with the status that makes pages look again, and gone when they do.
func TestASessionThatEndedElsewhere(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world, sessionID, userID string){
		"revoked by the backend": func(t *testing.T, w *world, sessionID, _ string) { w.post(t, "/v1/sessions/"+sessionID+"/revoke", "") },
		"user banned":            func(t *testing.T, w *world, _, userID string) { w.post(t, "/v1/users/"+userID+"/ban", "") },
		"user deleted": func(t *testing.T, w *world, _, userID string) {
			w.send(t, request{method: http.MethodDelete, path: "/v1/users/" + userID})
		},
		"expired": func(_ *testing.T, w *world, _, _ string) { w.clock.advance(8 * 24 * time.Hour) },
		"revoked on another device": func(t *testing.T, w *world, sessionID, _ string) {
			other := w.newTab(t)
			in := post[api.SignIn](t, other, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword))
			revoked := post[api.BrowserSession](t, other, "/v1/me/sessions/"+sessionID+"/revoke?_clerk_session_id="+*in.Response.CreatedSessionID, nil)
			if revoked.Response.Status != "revoked" {
				t.Errorf("the revoked session is %s", revoked.Response.Status)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t)
			b, id := w.signedIn(t, testEmail)
			token := b.send(t, http.MethodPost, "/v1/client/sessions/"+id+"/tokens", nil)
			end(t, w, id, b.client(t).Sessions[0].User.ID)
			for _, path := range []string{"/touch", "/tokens"} {
				got := b.send(t, http.MethodPost, "/v1/client/sessions/"+id+path, nil)
				code, _ := errorOf(got)
				if got.status != http.StatusUnauthorized || code != "authentication_invalid" {
					t.Errorf("%s: %d %s, want 401 authentication_invalid", path, got.status, code)
				}
				if string(got.body) == string(token.body) {
					t.Error("the token of before was handed out again")
				}
			}
			if c := b.client(t); c == nil || len(c.Sessions) != 0 || c.LastActiveSessionID != nil {
				t.Errorf("the client is %+v", c)
			}
			if uat := b.cookie(t, "__client_uat"); uat != "0" {
				t.Errorf("__client_uat is %s", uat)
			}
		})
	}
}

// TestSigningOut of one account leaves the others; of all, none, and the browser stays the client that it is.
func TestSigningOut(t *testing.T) {
	w := serve(t)
	b, first := w.signedIn(t, testEmail)
	second := *b.signUp(t, secondEmail).Response.CreatedSessionID
	b.touch(t, second)
	before, cookie := b.client(t), b.cookie(t, "__client_"+w.app.CookieSuffix())
	w.clock.advance(2 * time.Second)
	removed := post[api.BrowserSession](t, b, "/v1/client/sessions/"+second+"/remove", nil)
	if removed.Response.Status != "removed" || len(removed.Client.Sessions) != 1 || *removed.Client.LastActiveSessionID != first {
		t.Errorf("after removing one: %s, and %+v", removed.Response.Status, removed.Client)
	}
	if removed.Client.UpdatedAt <= before.UpdatedAt || b.cookie(t, "__client_"+w.app.CookieSuffix()) == cookie {
		t.Error("signing out moves neither updated_at nor the client token")
	}
	refused(t, b, "/v1/client/sessions/"+second+"/remove", nil, 401, "authentication_invalid")
	all := ok[api.Wrapped[*api.BrowserClient]](t, b.send(t, http.MethodPost, "/v1/client/sessions?_method=DELETE", nil))
	if all.Client != nil || all.Response.ID != before.ID || len(all.Response.Sessions) != 0 {
		t.Errorf("after signing out of all: %+v", all.Response)
	}
	if uat := b.cookie(t, "__client_uat"); uat != "0" {
		t.Errorf("__client_uat is %s", uat)
	}
	if got := ok[api.Session](t, w.get(t, "/v1/sessions/"+first)); got.Status != "removed" {
		t.Errorf("the Backend API says that the session is %s", got.Status)
	}
	third := post[api.SignIn](t, b, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword)).Response.CreatedSessionID
	ended := post[api.BrowserSession](t, b, "/v1/client/sessions/"+*third+"/end", nil)
	if ended.Response.Status != "ended" || len(ended.Client.Sessions) != 0 {
		t.Errorf("after ending: %s, %d sessions", ended.Response.Status, len(ended.Client.Sessions))
	}
	b.send(t, http.MethodPost, "/v1/client?_method=DELETE", nil)
	if id := b.clientID(t); id != "" {
		t.Errorf("the browser was to forget its client, and is %s", id)
	}
}

// TestOtherPeoplesSessions do not exist for a visitor, whatever it names.
func TestOtherPeoplesSessions(t *testing.T) {
	w := serve(t)
	_, theirs := w.signedIn(t, testEmail)
	b, own := w.signedIn(t, secondEmail)
	for path, status := range map[string]int{"/touch": 401, "/tokens": 401, "/end": 404, "/remove": 404} {
		if got := b.send(t, http.MethodPost, "/v1/client/sessions/"+theirs+path, nil); got.status != status {
			t.Errorf("%s: %d, want %d", path, got.status, status)
		}
		refused(t, w.newTab(t), "/v1/client/sessions/"+theirs+path, nil, 401, "authentication_invalid")
	}
	refused(t, b, "/v1/me/sessions/"+theirs+"/revoke?_clerk_session_id="+own, nil, 404, "resource_not_found")
	refused(t, b, "/v1/me/sessions/"+own+"/revoke?_clerk_session_id="+theirs, nil, 401, "authentication_invalid")
	if got := ok[api.Session](t, w.get(t, "/v1/sessions/"+theirs)); got.Status != "active" {
		t.Errorf("their session is %s", got.Status)
	}
}

// TestDevices: a user sees their sessions on all devices, and what these are.
func TestDevices(t *testing.T) {
	w := serve(t)
	b, own := w.signedIn(t, testEmail)
	other := w.newTab(t)
	other.header = map[string]string{"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"}
	post[api.SignIn](t, other, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword))
	w.signedIn(t, secondEmail)
	list := ok[[]api.SessionWithActivity](t, b.send(t, http.MethodGet, "/v1/me/sessions/active?_clerk_session_id="+own, nil))
	if len(list) != 2 {
		t.Fatalf("%d sessions, want the user's two: %+v", len(list), list)
	}
	for _, s := range list {
		activity := s.LatestActivity
		if activity == nil || activity.IPAddress == nil || *activity.IPAddress != "127.0.0.1" || activity.IsMobile != (s.ID != own) {
			t.Errorf("session %s was last seen as %+v", s.ID, activity)
		}
	}
	if got := w.newTab(t).send(t, http.MethodGet, "/v1/me/sessions/active", nil); got.status != http.StatusUnauthorized {
		t.Errorf("nobody's sessions: %d", got.status)
	}
}
