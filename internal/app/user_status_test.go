package app

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

func TestABanEndsAllSessionsAndKeepsNewOnesAway(t *testing.T) {
	a := usersApp(t)
	u, other := createUser(t, a, `{}`), createUser(t, a, `{}`)
	ids := activeSessions(t, a, u.ID, 2)
	activeSessions(t, a, other.ID, 1)
	a.Now = func() time.Time { return usersStart.Add(time.Minute) }
	banned, err := a.BanUser(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || !banned.Banned || banned.UpdatedAt != a.now().UnixMilli() {
		t.Fatalf("%+v %v", banned, err)
	}
	s, err := a.Store.Session(t.Context(), ids[0])
	if err != nil || s.Status != session.Revoked || s.End == nil || *s.End != (session.Ending{Reason: session.ReasonUserBanned, By: session.ByBackend, At: a.now()}) {
		t.Errorf("%+v %v", s, err)
	}
	c, err := a.Store.Client(t.Context(), s.ClientID)
	if err != nil || c.LastActiveSessionID != "" {
		t.Errorf("%+v %v", c, err)
	}
	if n := countActive(t, a, other.ID); n != 1 {
		t.Errorf("another user has %d sessions", n)
	}
	_, err = a.CreateSession(t.Context(), &api.CreateSession{UserID: api.Set(u.ID)})
	expect(t, "a session of a banned user", err, "403 user_banned")
	if _, err := a.UnbanUser(t.Context(), &api.UserRef{UserID: u.ID}); err != nil {
		t.Fatal(err)
	}
	if n := countActive(t, a, u.ID); n != 0 {
		t.Errorf("unbanning brought %d sessions back", n)
	}
	activeSessions(t, a, u.ID, 1)
}

func TestNoSessionSlipsPastABan(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	const n = 50
	errs := racing(n, func(i int) error {
		if i == n/2 {
			_, err := a.BanUser(context.Background(), &api.UserRef{UserID: u.ID})
			return err
		}
		_, err := a.CreateSession(context.Background(), &api.CreateSession{UserID: api.Set(u.ID)})
		if told(err) == "403 user_banned" {
			return nil
		}
		return err
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := countActive(t, a, u.ID); n != 0 {
		t.Errorf("%d sessions live after the ban", n)
	}
}

func TestBulkBansAreAllOrNothing(t *testing.T) {
	a := usersApp(t)
	one, two := createUser(t, a, `{}`).ID, createUser(t, a, `{"email_address":["a@b.test"]}`).ID
	activeSessions(t, a, one, 1)
	for name, c := range map[string]struct {
		ids  []string
		want string
	}{
		"one unknown": {[]string{one, "user_none"}, "404 resource_not_found"},
		"nobody":      {nil, "422 form_param_missing user_ids"},
		"too many":    {slices.Repeat([]string{one}, 51), "422 form_param_array_size_exceeded user_ids"},
	} {
		_, err := a.BanUsers(t.Context(), &api.UserIDs{UserIDs: c.ids})
		expect(t, name, err, c.want)
	}
	if n := countActive(t, a, one); n != 1 {
		t.Errorf("a refused ban ended sessions: %d left", n)
	}
	banned, err := a.BanUsers(t.Context(), &api.UserIDs{UserIDs: []string{two, one, two}})
	if err != nil || len(banned) != 2 || banned[0].ID != two || banned[1].ID != one || !banned[0].Banned || len(banned[0].EmailAddresses) != 1 {
		t.Errorf("%s %v", jsonOf(t, banned), err)
	}
	if n := countActive(t, a, one); n != 0 {
		t.Errorf("%d sessions live", n)
	}
	free, err := a.UnbanUsers(t.Context(), &api.UserIDs{UserIDs: []string{one, two}})
	if err != nil || len(free) != 2 || free[0].Banned || free[1].Banned {
		t.Errorf("%s %v", jsonOf(t, free), err)
	}
}

func TestALockLeavesSessionsAlone(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	activeSessions(t, a, u.ID, 1)
	locked, err := a.LockUser(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || !locked.Locked || locked.LockoutExpiresInSeconds != nil || countActive(t, a, u.ID) != 1 {
		t.Errorf("%s %v", jsonOf(t, locked), err)
	}
	free, err := a.UnlockUser(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || free.Locked {
		t.Errorf("%s %v", jsonOf(t, free), err)
	}
	for name, call := range map[string]func(context.Context, *api.UserRef) (*api.User, error){"lock": a.LockUser, "unlock": a.UnlockUser, "ban": a.BanUser, "unban": a.UnbanUser} {
		_, err := call(t.Context(), &api.UserRef{UserID: "user_none"})
		expect(t, name, err, "404 resource_not_found")
	}
}

func TestALockWithAnEndIsOverByItself(t *testing.T) {
	a := usersApp(t)
	u := store.User{Locked: true, LockedUntil: usersStart.Add(90*time.Second + time.Millisecond), FailedAttempts: 12}
	view := a.userView(u, nil)
	if !view.Locked || *view.LockoutExpiresInSeconds != 91 || *view.VerificationAttemptsRemaining != 0 {
		t.Errorf("%s", jsonOf(t, view))
	}
	a.Now = func() time.Time { return u.LockedUntil }
	a.Settings.MaxAttempts = 0
	view = a.userView(u, nil)
	if view.Locked || view.LockoutExpiresInSeconds != nil || view.VerificationAttemptsRemaining != nil {
		t.Errorf("%s", jsonOf(t, view))
	}
}

// The table of the contract, section 5.4.
func TestClaimsOfAUser(t *testing.T) {
	u := store.User{
		ID: "user_1", FirstName: "Maria", LastName: "Doe", Username: "maria", PrimaryEmailID: "idn_1", PrimaryPhoneID: "idn_2",
		PublicMetadata: []byte(`{"profile":{"interests":["reading"],"age":30.0}}`), PrivateMetadata: []byte(`{"secret":1}`), UnsafeMetadata: []byte(`{}`),
		CreatedAt: usersStart, UpdatedAt: usersStart,
	}
	ids := []store.Identifier{
		{ID: "idn_1", Kind: store.EmailAddress, Value: "maria@example.com", Verification: provedByAdmin},
		{ID: "idn_2", Kind: store.PhoneNumber, Value: "+12025550123"},
	}
	look := userLookup(u, ids)
	for path, want := range map[string]string{
		"user":                                      `null`,
		"user.id":                                   `"user_1"`,
		"user.id.more":                              `null`,
		"user.full_name":                            `"Maria Doe"`,
		"user.username":                             `"maria"`,
		"user.external_id":                          `null`,
		"user.primary_email_address":                `"maria@example.com"`,
		"user.primary_phone_number":                 `"+12025550123"`,
		"user.email_verified":                       `true`,
		"user.phone_number_verified":                `false`,
		"user.image_url":                            `""`,
		"user.has_image":                            `false`,
		"user.two_factor_enabled":                   `false`,
		"user.created_at":                           `1767323045`,
		"user.last_sign_in_at":                      `null`,
		"user.public_metadata":                      `{"profile":{"age":30.0,"interests":["reading"]}}`,
		"user.public_metadata.profile.interests":    `["reading"]`,
		"user.public_metadata.profile.age":          `30.0`,
		"user.public_metadata.profile.nope.further": `null`,
		"user.unsafe_metadata":                      `{}`,
		"user.private_metadata":                     `null`,
		"user.private_metadata.secret":              `null`,
		"user.organizations":                        `{}`,
		"user.i_dont_exist":                         `null`,
	} {
		if got := jsonOf(t, look(strings.Split(path, "."))); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	for first, want := range map[string]string{"": `null`, "Ana": `"Ana"`} {
		if got := jsonOf(t, userLookup(store.User{FirstName: first}, nil)([]string{"user", "full_name"})); got != want {
			t.Errorf("full name of %q: got %s, want %s", first, got, want)
		}
	}
}
