package app

import (
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// A digest of "password" by a hasher that nobody should use any more: quick to verify, and stale.
const md5User = `{"password_digest":"5f4dcc3b5aa765d61d8327deb882cf99","password_hasher":"md5"}`

func verifyPassword(t *testing.T, a *App, userID, plain string) error {
	t.Helper()
	v, err := a.VerifyPassword(t.Context(), &api.VerifyPassword{UserRef: api.UserRef{UserID: userID}, Password: api.Set(plain)})
	if err == nil && !v.Verified {
		t.Error("an answer without an error says that the password is not verified")
	}
	return err
}

func TestPasswordsAreVerified(t *testing.T) {
	a := usersApp(t)
	ours := createUser(t, a, `{"password":"correct horse"}`)
	imported := createUser(t, a, md5User)
	none := createUser(t, a, `{}`)
	for _, c := range []struct{ name, user, plain, want string }{
		{"ours", ours.ID, "correct horse", ""},
		{"ours, wrong", ours.ID, "Correct horse", "422 incorrect_password password"},
		{"imported, wrong", imported.ID, "passwore", "422 incorrect_password password"},
		{"imported", imported.ID, "password", ""},
		{"imported, again", imported.ID, "password", ""},
		{"imported, wrong again", imported.ID, "passwore", "422 incorrect_password password"},
		{"without a password", none.ID, "password", "400 no_password_set"},
		{"nobody", "user_none", "password", "404 resource_not_found"},
		{"nothing", ours.ID, "", "422 form_param_missing password"},
	} {
		expect(t, c.name, verifyPassword(t, a, c.user, c.plain), c.want)
	}
	u, err := a.Store.User(t.Context(), imported.ID)
	if err != nil || u.PasswordHasher == "md5" || u.FailedAttempts != 0 || !u.PasswordUpdatedAt.Equal(usersStart) {
		t.Errorf("after a success: hasher %s, %d failed attempts, updated %v (%v)", u.PasswordHasher, u.FailedAttempts, u.PasswordUpdatedAt, err)
	}
}

func TestRenewingADigestDoesNotUndoANewPassword(t *testing.T) {
	a := usersApp(t)
	id := createUser(t, a, md5User).ID
	before, err := a.Store.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.UpdateUser(t.Context(), &api.UpdateUser{UserRef: api.UserRef{UserID: id}, Password: api.Set("a new password")}); err != nil {
		t.Fatal(err)
	}
	if err := a.renewDigest(t.Context(), before, "password"); err != nil {
		t.Fatal(err)
	}
	expect(t, "the new password", verifyPassword(t, a, id, "a new password"), "")
	expect(t, "the old password", verifyPassword(t, a, id, "password"), "422 incorrect_password password")
}

func TestPasswordChangesEndSessionsWhenAsked(t *testing.T) {
	const md5 = "0cc175b9c0f1b6a831c399e269772661" // of "a"
	type change func(a *App, ref api.UserRef, end api.Field[bool]) (*api.User, error)
	for name, c := range map[string]struct {
		change  change
		enabled bool
	}{
		"a new password": {func(a *App, ref api.UserRef, end api.Field[bool]) (*api.User, error) {
			return a.UpdateUser(t.Context(), &api.UpdateUser{UserRef: ref, PasswordDigest: api.Set(md5), PasswordHasher: api.Set("md5"), SignOutOfOtherSessions: end})
		}, true},
		"no password any more": {func(a *App, ref api.UserRef, end api.Field[bool]) (*api.User, error) {
			return a.RemovePassword(t.Context(), &api.RemovePassword{UserRef: ref, SignOutOfOtherSessions: end})
		}, false},
		"a compromised password": {func(a *App, ref api.UserRef, end api.Field[bool]) (*api.User, error) {
			return a.SetPasswordCompromised(t.Context(), &api.SetPasswordCompromised{UserRef: ref, RevokeAllSessions: end})
		}, true},
	} {
		for _, end := range []api.Field[bool]{{}, api.Null[bool](), api.Set(false), api.Set(true)} {
			a := usersApp(t)
			id := createUser(t, a, md5User).ID
			activeSessions(t, a, id, 2)
			u, err := c.change(a, api.UserRef{UserID: id}, end)
			if err != nil || u.PasswordEnabled != c.enabled {
				t.Fatalf("%s: %v, enabled %v", name, err, u.PasswordEnabled)
			}
			want := int64(2)
			if end.Or(false) {
				want = 0
			}
			if n := countActive(t, a, id); n != want {
				t.Errorf("%s, end %v: %d sessions live, want %d", name, end.Or(false), n, want)
			}
		}
	}
}

func TestSigningOutNeedsANewPassword(t *testing.T) {
	a := usersApp(t)
	id := createUser(t, a, md5User).ID
	activeSessions(t, a, id, 1)
	if _, err := a.UpdateUser(t.Context(), &api.UpdateUser{UserRef: api.UserRef{UserID: id}, SignOutOfOtherSessions: api.Set(true)}); err != nil {
		t.Fatal(err)
	}
	if n := countActive(t, a, id); n != 1 {
		t.Errorf("%d sessions live, want 1", n)
	}
}

func TestUsersWithoutAPasswordStayAsTheyAre(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	activeSessions(t, a, u.ID, 1)
	a.Now = func() time.Time { return usersStart.Add(time.Hour) }
	got, err := a.RemovePassword(t.Context(), &api.RemovePassword{UserRef: api.UserRef{UserID: u.ID}, SignOutOfOtherSessions: api.Set(true)})
	if err != nil || got.UpdatedAt != u.UpdatedAt || countActive(t, a, u.ID) != 1 {
		t.Errorf("%s (%v)", jsonOf(t, got), err)
	}
	_, err = a.SetPasswordCompromised(t.Context(), &api.SetPasswordCompromised{UserRef: api.UserRef{UserID: u.ID}})
	expect(t, "compromised", err, "400 no_password_set")
	got, err = a.UnsetPasswordCompromised(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || got.UpdatedAt != u.UpdatedAt {
		t.Errorf("%s (%v)", jsonOf(t, got), err)
	}
}

func TestTheCompromisedMarkGoesWithThePassword(t *testing.T) {
	a := usersApp(t)
	id := createUser(t, a, md5User).ID
	ref := api.UserRef{UserID: id}
	for name, clear := range map[string]func() (*api.User, error){
		"unset": func() (*api.User, error) { return a.UnsetPasswordCompromised(t.Context(), &ref) },
		"a new password": func() (*api.User, error) {
			return a.UpdateUser(t.Context(), &api.UpdateUser{UserRef: ref, Password: api.Set("a new password")})
		},
	} {
		if _, err := a.SetPasswordCompromised(t.Context(), &api.SetPasswordCompromised{UserRef: ref}); err != nil {
			t.Fatal(err)
		}
		if u := stored(t, a, id); !u.PasswordCompromised {
			t.Error("not marked")
		}
		if _, err := clear(); err != nil {
			t.Fatal(err)
		}
		if u := stored(t, a, id); u.PasswordCompromised {
			t.Errorf("%s leaves the mark", name)
		}
	}
}

func stored(t *testing.T, a *App, id string) store.User {
	t.Helper()
	u, err := a.Store.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
