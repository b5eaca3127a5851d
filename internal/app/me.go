package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// GetMe shows a visitor the user of their session.
func (a *App) GetMe(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserUser, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	return a.me(ctx, s.UserID, now)
}

func (a *App) me(ctx context.Context, userID string, now time.Time) (*api.BrowserUser, error) {
	u, ids, err := a.userWithIdentifiers(ctx, userID)
	if err != nil {
		return nil, whenAbsent(err, signedOut())
	}
	return a.browserUserWithCodes(ctx, u, ids, now)
}

// self is the session of a user who changes what only they may change: nobody who impersonates them.
func (a *App) self(ctx context.Context, v *Visitor) (session.Session, time.Time, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err == nil && s.Actor != nil {
		err = fail(403, "authorization_invalid", "Not allowed", "Who impersonates a user cannot do this.")
	}
	return s, now, err
}

// changeMe lets apply change the user of a session, and shows them after it.
func (a *App) changeMe(ctx context.Context, s session.Session, now time.Time, apply func(store.Conn, *store.User) error) (*api.BrowserUser, error) {
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		_, err := a.changeRow(ctx, tx, s.UserID, s.UserID, now, apply)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.me(ctx, s.UserID, now)
}

// UpdateMe changes the profile of a visitor's user.
func (a *App) UpdateMe(ctx context.Context, v *Visitor, req *api.UpdateMe) (*api.BrowserUser, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	p := profile{firstName: req.FirstName, lastName: req.LastName, username: req.Username, unsafe: req.UnsafeMetadata}
	if req.UnsafeMetadata.IsNull() {
		p.unsafe = api.Field[json.RawMessage]{}
	}
	if req.PrimaryEmailAddressID.Or("") != "" {
		if _, _, err := a.self(ctx, v); err != nil {
			return nil, err
		}
	}
	return a.changeMe(ctx, s, now, func(tx store.Conn, u *store.User) error {
		before := *u
		if err := p.apply(u); err != nil {
			return err
		}
		if u.Username == "" && before.Username != "" {
			if err := keepsWayIn(ctx, tx, before, *u); err != nil {
				return err
			}
		}
		if err := setPrimaries(ctx, tx, u, &api.UpdateUser{PrimaryEmailAddressID: req.PrimaryEmailAddressID}); err != nil {
			return err
		}
		return checkUnique(ctx, tx, *u)
	})
}

// MergeMyMetadata merges into the metadata that users keep for themselves.
func (a *App) MergeMyMetadata(ctx context.Context, v *Visitor, req *api.MergeMyMetadata) (*api.BrowserUser, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	patch, ok := req.UnsafeMetadata.Get()
	if !ok {
		return nil, missing("unsafe_metadata")
	}
	return a.changeMe(ctx, s, now, func(_ store.Conn, u *store.User) (err error) {
		u.UnsafeMetadata, err = mergeMetadata("unsafe_metadata", u.UnsafeMetadata, patch)
		return err
	})
}

// DeleteMe deletes the user of a visitor's session, if they may.
func (a *App) DeleteMe(ctx context.Context, v *Visitor, _ *api.None) (*api.Deleted, error) {
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	err = a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) error {
		u, err := tx.UserForUpdate(ctx, s.UserID)
		if err != nil {
			return whenAbsent(err, signedOut())
		}
		if !u.DeleteSelfEnabled {
			return fail(403, "authorization_invalid", "Not allowed", "This user cannot delete themselves.")
		}
		if err := a.deleteUser(ctx, tx, u, u.ID, now); err != nil {
			return err
		}
		return a.leave(ctx, tx, b, now)
	})
	if err != nil {
		return nil, err
	}
	return &api.Deleted{Object: "user", ID: s.UserID, Deleted: true}, nil
}

// ChangePassword gives the visitor's user another password. Who has one must know it; the other sessions can be ended
// by it.
func (a *App) ChangePassword(ctx context.Context, v *Visitor, req *api.ChangePassword) (*api.BrowserUser, error) {
	s, _, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	if req.NewPassword.Or("") == "" {
		return nil, missing("new_password")
	}
	u, err := a.knowsPassword(ctx, s, req.CurrentPassword)
	if err != nil {
		return nil, err
	}
	digest, err := a.newDigest(ctx, newPassword{plain: req.NewPassword})
	if err != nil {
		return nil, placed("new_password", err)
	}
	now := a.now()
	view, err := a.changeMe(ctx, s, now, func(tx store.Conn, latest *store.User) error {
		if err := stillKnown(u, latest, now); err != nil {
			return err
		}
		setPassword(latest, digest, now)
		if !req.SignOutOfOtherSessions.Or(false) {
			return nil
		}
		return a.signOutOfOthers(ctx, tx, latest, s.ID, now)
	})
	if err != nil {
		return nil, err
	}
	a.tellPasswordChanged(ctx, s.UserID)
	return view, nil
}

// RemoveMyPassword takes the visitor's password away, if there is another way in for them.
func (a *App) RemoveMyPassword(ctx context.Context, v *Visitor, req *api.RemoveMyPassword) (*api.BrowserUser, error) {
	s, _, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	if !a.Settings.Browsers.PasswordOptional {
		return nil, fail(403, "authorization_invalid", "Not allowed", "Users of this instance need a password.")
	}
	u, err := a.knowsPassword(ctx, s, req.CurrentPassword)
	if err != nil {
		return nil, err
	}
	if u.PasswordDigest == "" {
		return nil, noPassword()
	}
	now := a.now()
	return a.changeMe(ctx, s, now, func(tx store.Conn, latest *store.User) error {
		if err := stillKnown(u, latest, now); err != nil {
			return err
		}
		before := *latest
		clearPassword(latest)
		return keepsWayIn(ctx, tx, before, *latest)
	})
}

// stillKnown refuses what a current password was shown for, when the user has another one by now or was locked by
// guesses. Otherwise the count of wrong ones ends.
func stillKnown(shown store.User, latest *store.User, now time.Time) error {
	switch {
	case shown.PasswordDigest != latest.PasswordDigest:
		return wrongPassword("current_password")
	case shown.PasswordDigest == "":
		return nil
	case lockedAt(*latest, now):
		return userLocked(*latest, now)
	}
	latest.FailedAttempts, latest.Locked, latest.LockedUntil = 0, false, time.Time{}
	return nil
}

// keepsWayIn refuses a change after which a user could not sign in any more.
func keepsWayIn(ctx context.Context, tx store.Conn, before, after store.User) error {
	ids, err := tx.Identifiers(ctx, after.ID)
	if err == nil && hasWayIn(before, ids) && !hasWayIn(after, ids) {
		return lastWayIn()
	}
	return err
}

// hasWayIn reports whether a user can sign in: by a code to a verified address, or by a password and a name for it.
func hasWayIn(u store.User, ids []store.Identifier) bool {
	emails := emailsAmong(ids)
	return firstProved(emails) != "" || u.PasswordDigest != "" && (u.Username != "" || len(emails) > 0)
}

func lastWayIn() *api.Error {
	return fail(400, "identification_deletion_failed", "deletion failed", "Without it there would be no way to sign in; verify an email address first.")
}

// knowsPassword answers the user of a session when current is their password, or when they have none. A wrong one
// counts as at a sign-in.
func (a *App) knowsPassword(ctx context.Context, s session.Session, current api.Field[string]) (store.User, error) {
	u, err := a.Store.User(ctx, s.UserID)
	if err != nil {
		return u, whenAbsent(err, signedOut())
	}
	if u.PasswordDigest == "" {
		return u, nil
	}
	plain := current.Or("")
	if plain == "" {
		return u, missing("current_password")
	}
	if _, err := a.checkPassword(ctx, signer{user: &u}, plain); err != nil {
		return u, placed("current_password", err)
	}
	return u, nil
}

// signOutOfOthers ends all sessions of a user who has changed their password, but the one to keep.
func (a *App) signOutOfOthers(ctx context.Context, tx store.Conn, u *store.User, keep string, now time.Time) error {
	return a.endSessions(ctx, tx, u, keep, session.Ending{Reason: session.ReasonPasswordChanged, By: u.ID, At: now})
}

// ListMyMemberships lists the organizations of the visitor's user, of which there are none here.
func (a *App) ListMyMemberships(ctx context.Context, v *Visitor, _ *api.None) (*api.Memberships, error) {
	_, _, err := a.onBehalf(ctx, v)
	return &api.Memberships{Data: []json.RawMessage{}}, err
}

// SetMyImage refuses pictures: this server stores none.
func (a *App) SetMyImage(ctx context.Context, v *Visitor, _ *api.None) (*api.None, error) {
	if _, _, err := a.onBehalf(ctx, v); err != nil {
		return nil, err
	}
	return nil, featureOff("file")
}
