package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

// TestEveryAnswerBringsTokens: a page takes the client beside an answer for its own, and the hooks of React fail on a
// session that had a token and has none.
func TestEveryAnswerBringsTokens(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	mine := "?_clerk_session_id=" + id
	for name, client := range map[string]*api.BrowserClient{
		"a change of the user": post[api.BrowserUser](t, b, "/v1/me"+mine+"&_method=PATCH", form("first_name", "Anna")).Client,
		"another sign-up":      post[api.SignUp](t, b, "/v1/client/sign_ups", form("email_address", secondEmail)).Client,
		"a new client":         post[api.BrowserClient](t, b, "/v1/client", nil).Client,
	} {
		if client == nil || len(client.Sessions) != 1 || client.Sessions[0].LastActiveToken == nil {
			t.Errorf("%s brings %+v", name, client)
		}
	}
}

// TestPartyOfTokens: tokens name the origin of the page that got them, also where the page's own server stands before
// the Frontend API and the browser sends no Origin.
func TestPartyOfTokens(t *testing.T) {
	w := serve(t)
	b, _ := w.signedIn(t, testEmail)
	b.origin = ""
	for name, c := range map[string]struct{ site, referer, party string }{
		"a page of the same origin":    {"same-origin", "http://localhost:3000/profile?tab=1", "http://localhost:3000"},
		"one that hides its URL":       {"same-origin", "", ""},
		"a link of a page":             {"none", "http://localhost:3000/", ""},
		"a page of another origin":     {"cross-site", "https://evil.example/", ""},
		"a browser that does not tell": {"", "http://localhost:3000/", ""},
		"something that is no page":    {"same-origin", "file:///etc/passwd", ""},
		"nothing that can be read":     {"same-origin", "http://[::1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.header = map[string]string{"Sec-Fetch-Site": c.site, "Referer": c.referer}
			if got := partyOf(t, b.client(t).Sessions[0].LastActiveToken); got != c.party {
				t.Errorf("azp is %q, want %q", got, c.party)
			}
		})
	}
	b.origin, b.header = pageOrigin, map[string]string{"Sec-Fetch-Site": "same-site", "Referer": "http://localhost:9/"}
	if got := partyOf(t, b.client(t).Sessions[0].LastActiveToken); got != pageOrigin {
		t.Errorf("with an Origin azp is %q, want %q", got, pageOrigin)
	}
}

// partyOf is the azp claim of a token.
func partyOf(t *testing.T, token *api.Token) string {
	t.Helper()
	if token == nil {
		t.Fatal("there is no token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token.JWT, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Party string `json:"azp"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Party
}
