package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

func newUser(id string) store.User {
	return store.User{
		ID: id, PublicMetadata: []byte(`{}`), PrivateMetadata: []byte(`{}`), UnsafeMetadata: []byte(`{}`),
		CreatedAt: start, UpdatedAt: start,
	}
}

// fullUser sets every column to a value of its own, so that no two can be swapped unnoticed.
func fullUser(id string) store.User {
	limit := int64(7)
	after := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	return store.User{
		ID: id, ExternalID: "external " + id, Username: "User_" + id, FirstName: "first", LastName: "last", Locale: "en-GB",
		PrimaryEmailID: "idn_e", PrimaryPhoneID: "idn_p", PrimaryWeb3ID: "idn_w",
		PasswordHasher: "bcrypt", PasswordDigest: "$2", PasswordUpdatedAt: after(1), PasswordCompromised: true,
		PublicMetadata: []byte(`{"a":1}`), PrivateMetadata: []byte(`{"b":2}`), UnsafeMetadata: []byte(`{"c":3}`),
		Banned: false, Locked: true, LockedUntil: after(2), FailedAttempts: 3,
		DeleteSelfEnabled: true, CreateOrgEnabled: false, CreateOrgLimit: &limit, LegalAcceptedAt: after(4),
		BypassClientTrust: true, LastSignInAt: after(5), LastActiveAt: after(6), CreatedAt: after(7), UpdatedAt: after(8),
	}
}

func insertUsers(t *testing.T, db *store.DB, users ...store.User) {
	t.Helper()
	err := db.Update(t.Context(), func(tx store.Conn) error {
		for _, u := range users {
			if err := tx.InsertUser(t.Context(), u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func shown(u store.User) string {
	limit := "none"
	if u.CreateOrgLimit != nil {
		limit = fmt.Sprint(*u.CreateOrgLimit)
	}
	u.CreateOrgLimit = nil
	return fmt.Sprintf("%+v limit %s", u, limit)
}

func TestUserComesBackAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		for _, want := range []store.User{newUser("user_bare"), fullUser("user_full")} {
			insertUsers(t, db, want)
			if got, err := db.User(t.Context(), want.ID); err != nil || shown(got) != shown(want) {
				t.Errorf("inserted (%v)\ngot  %s\nwant %s", err, shown(got), shown(want))
			}
		}
		want := fullUser("user_bare")
		if err := db.Update(t.Context(), func(tx store.Conn) error { return tx.UpdateUser(t.Context(), want) }); err != nil {
			t.Fatal(err)
		}
		if got, err := db.UserWithUsername(t.Context(), "USER_user_BARE"); err != nil || shown(got) != shown(want) {
			t.Errorf("updated (%v)\ngot  %s\nwant %s", err, shown(got), shown(want))
		}
		if got, err := db.UserWithExternalID(t.Context(), "external user_full"); err != nil || got.ID != "user_full" {
			t.Errorf("by external id: %s, %v", got.ID, err)
		}
		for name, err := range map[string]error{
			"update": db.UpdateUser(t.Context(), newUser("user_none")),
			"delete": db.DeleteUser(t.Context(), "user_none"),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of an unknown user: %v", name, err)
			}
		}
	})
}

func TestReadingForUpdateChangesNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		want := fullUser("user_1")
		insertUsers(t, db, want)
		err := db.Update(t.Context(), func(tx store.Conn) error {
			got, err := tx.UserForUpdate(t.Context(), "user_1")
			if shown(got) != shown(want) {
				t.Errorf("got  %s\nwant %s", shown(got), shown(want))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := db.User(t.Context(), "user_1"); shown(got) != shown(want) {
			t.Errorf("afterwards %s", shown(got))
		}
	})
}

func TestOnlyUsersWhoAreNotBannedSignIn(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		banned := newUser("user_banned")
		banned.Banned = true
		insertUsers(t, db, newUser("user_1"), banned)
		signIn := func(id string) (u store.User, err error) {
			err = db.Update(t.Context(), func(tx store.Conn) (err error) {
				u, err = tx.UserSignedIn(t.Context(), id, start)
				return err
			})
			return u, err
		}
		u, err := signIn("user_1")
		midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		if err != nil || !u.LastSignInAt.Equal(start) || !u.LastActiveAt.Equal(midnight) {
			t.Errorf("last_sign_in_at %v, last_active_at %v, %v", u.LastSignInAt, u.LastActiveAt, err)
		}
		for _, id := range []string{"user_banned", "user_none"} {
			if _, err := signIn(id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s signs in: %v", id, err)
			}
		}
	})
}

func TestADigestIsReplacedOnlyWhileItIsTheUsers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		insertUsers(t, db, fullUser("user_1"))
		if err := db.ReplaceDigest(t.Context(), "user_1", "$other", "argon2id", "$new"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another digest: %v", err)
		}
		if err := db.ReplaceDigest(t.Context(), "user_1", "$2", "argon2id", "$new"); err != nil {
			t.Fatal(err)
		}
		if u, _ := db.User(t.Context(), "user_1"); u.PasswordHasher != "argon2id" || u.PasswordDigest != "$new" {
			t.Errorf("%s %s", u.PasswordHasher, u.PasswordDigest)
		}
	})
}

func TestIdentifiersComeBackInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		want := []store.Identifier{
			{ID: "idn_2", UserID: "user_1", Kind: store.EmailAddress, Value: "A@x.test", Lookup: "a@x.test", Reserved: true, CreatedAt: start, UpdatedAt: start.Add(time.Second), Position: 0},
			{ID: "idn_1", UserID: "user_1", Kind: store.PhoneNumber, Value: "+1", Lookup: "+1", Verification: []byte(`{"status":"verified"}`), CreatedAt: start, UpdatedAt: start, Position: 1},
			{ID: "idn_3", UserID: "user_2", Kind: store.EmailAddress, Value: "b@x.test", Lookup: "b@x.test", CreatedAt: start, UpdatedAt: start},
		}
		for _, i := range slices.Backward(want) {
			if err := db.InsertIdentifier(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		got, err := db.Identifiers(t.Context(), "user_2", "user_1")
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v\ngot  %v\nwant %v", err, got, want)
		}
		if none, err := db.Identifiers(t.Context()); err != nil || none != nil {
			t.Errorf("of nobody: %v, %v", none, err)
		}
		again := want[2]
		again.ID = "idn_4"
		if err := db.InsertIdentifier(t.Context(), again); !errors.Is(err, store.ErrExists) {
			t.Errorf("an address twice: %v", err)
		}
		if _, err := db.Identifier(t.Context(), store.EmailAddress, "idn_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a number as an address: %v", err)
		}
	})
}

func TestUnknownOrdersAreRefused(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		if _, err := db.Users(t.Context(), store.UserFilter{}, store.UserOrder{By: "1; --"}, nil, 1, 0); err == nil {
			t.Error("an order that is not in the list was taken")
		}
	})
}
