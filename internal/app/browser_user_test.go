package app

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// storedUser makes a user and reads back what was stored.
func storedUser(t *testing.T, a *App, request string) (store.User, []store.Identifier) {
	t.Helper()
	id := createUser(t, a, request).ID
	u, err := a.Store.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := a.Store.Identifiers(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u, ids
}

func members(t *testing.T, v any) map[string]json.RawMessage {
	t.Helper()
	return *parse[map[string]json.RawMessage](t, jsonOf(t, v))
}

// What both APIs show of a user is the same, but for what a browser sees in its own way.
func TestABrowserSeesTheSameUserWithoutSecrets(t *testing.T) {
	a := usersApp(t)
	for _, request := range []string{
		`{}`,
		`{"first_name":"Maria","last_name":"Doe","username":"maria","external_id":"ext","password":"correct horse","email_address":["a@b.test","c@d.test"],
			"phone_number":["+12025550123"],"web3_wallet":["0x0000000000000000000000000000000000000001"],"create_organizations_limit":3,
			"public_metadata":{"p":1},"private_metadata":{"hidden":"do not tell"},"unsafe_metadata":{"u":2},"legal_accepted_at":"2026-01-01T00:00:00Z"}`,
	} {
		u, ids := storedUser(t, a, request)
		u.FailedAttempts, u.Locked, u.LockedUntil, u.LastSignInAt = 4, true, usersStart.Add(time.Minute), usersStart
		browser := a.browserUser(u, ids, a.now())
		if text := jsonOf(t, browser); strings.Contains(text, "private") || strings.Contains(text, "hidden") || strings.Contains(text, "digest") {
			t.Errorf("secrets in %s", text)
		}
		own := []string{"image_url", "email_addresses", "create_organizations_limit", "timezone", "organization_memberships"}
		backend := members(t, a.userView(u, ids))
		for name, got := range members(t, browser) {
			if !slices.Contains(own, name) && string(got) != string(backend[name]) {
				t.Errorf("%s is %s for a browser and %s for the backend", name, got, backend[name])
			}
		}
		if len(browser.EmailAddresses) != strings.Count(request, "@") || browser.ImageURL == "" || browser.HasImage {
			t.Errorf("%s", jsonOf(t, browser))
		}
		if *browser.LockoutExpiresInSeconds != 60 || *browser.VerificationAttemptsRemaining != 6 {
			t.Errorf("%s", jsonOf(t, browser))
		}
	}
}

func TestAUserIsKnownBy(t *testing.T) {
	a := usersApp(t)
	for _, c := range []struct{ request, identifier, pictured string }{
		{`{}`, "", ""},
		{`{"phone_number":["+12025550123"]}`, "+12025550123", "+12025550123"},
		{`{"username":"maria","phone_number":["+12025550124"]}`, "maria", "maria"},
		{`{"username":"mario","email_address":["a@b.test"]}`, "a@b.test", "a@b.test"},
		{`{"first_name":"Zoe","last_name":"Young","email_address":["z@b.test"]}`, "z@b.test", "Zoe Young"},
	} {
		u, ids := storedUser(t, a, c.request)
		u.Banned = true
		got := publicUserData(u, ids)
		want := &api.PublicUserData{
			FirstName: pointer(u.FirstName), LastName: pointer(u.LastName), Username: pointer(u.Username),
			UserID: u.ID, Identifier: c.identifier, ImageURL: avatar(u.ID, c.pictured), Banned: true,
		}
		if jsonOf(t, got) != jsonOf(t, want) {
			t.Errorf("%s: %s, want %s", c.request, jsonOf(t, got), jsonOf(t, want))
		}
		if browser := a.browserUser(u, ids, a.now()); browser.ImageURL != got.ImageURL {
			t.Errorf("%s: two pictures", c.request)
		}
	}
}

func TestTheVerificationOfAnAddress(t *testing.T) {
	otp := func(status string) *api.BrowserVerification {
		attempts, expire := int64(1), usersStart.UnixMilli()
		return &api.BrowserVerification{Object: "verification_otp", Status: &status, Strategy: pointer("email_code"), Attempts: &attempts, ExpireAt: &expire}
	}
	sent := `{"object":"verification_otp","status":"STATUS","strategy":"email_code","attempts":1,"expire_at":1767323045678}`
	admin := `{"object":"verification_admin","status":"verified","strategy":"admin","attempts":null,"expire_at":null}`
	for name, c := range map[string]struct {
		stored   json.RawMessage
		onItsWay *api.BrowserVerification
		after    time.Duration
		want     string
	}{
		"nobody began":          {want: `null`},
		"proved":                {stored: provedByAdmin, want: admin},
		"a code was sent":       {onItsWay: otp(statusUnverified), after: -time.Millisecond, want: strings.Replace(sent, "STATUS", "unverified", 1)},
		"the code is too old":   {onItsWay: otp(statusUnverified), want: strings.Replace(sent, "STATUS", "expired", 1)},
		"it failed, and is old": {onItsWay: otp("failed"), want: strings.Replace(sent, "STATUS", "failed", 1)},
		"sent again":            {stored: provedByAdmin, onItsWay: otp(statusUnverified), after: -time.Second, want: strings.Replace(sent, "STATUS", "unverified", 1)},
	} {
		i := store.Identifier{ID: "idn_1", Value: "a@b.test", Verification: c.stored, CreatedAt: usersStart, UpdatedAt: usersStart}
		got := jsonOf(t, browserEmail(i, c.onItsWay, usersStart.Add(c.after)))
		want := `{"id":"idn_1","object":"email_address","email_address":"a@b.test","reserved":false,"verification":` + c.want +
			`,"linked_to":[],"matches_sso_connection":false,"created_at":1767323045678,"updated_at":1767323045678}`
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if c.onItsWay != nil && *c.onItsWay.Status == statusExpired {
			t.Errorf("%s: changed what was given", name)
		}
	}
}
