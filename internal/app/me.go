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
	s, now, err := a.actor(ctx, v)
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
	s, now, err := a.actor(ctx, v)
	if err == nil && s.Actor != nil {
		err = fail(403, "authorization_invalid", "Not allowed", "Who impersonates a user cannot do this.")
	}
	return s, now, err
}

// changeMe lets apply change the user of a session, and shows them after it.
func (a *App) changeMe(ctx context.Context, s session.Session, now time.Time, apply func(store.Conn, *store.User) error) (*api.BrowserUser, error) {
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		_, err := changeRow(ctx, tx, s.UserID, now, apply)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.me(ctx, s.UserID, now)
}

// UpdateMe changes the profile of a visitor's user.
func (a *App) UpdateMe(ctx context.Context, v *Visitor, req *api.UpdateMe) (*api.BrowserUser, error) {
	s, now, err := a.actor(ctx, v)
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
		if err := p.apply(u); err != nil {
			return err
		}
		if err := setPrimaries(ctx, tx, u, &api.UpdateUser{PrimaryEmailAddressID: req.PrimaryEmailAddressID}); err != nil {
			return err
		}
		return checkUnique(ctx, tx, *u)
	})
}

// MergeMyMetadata merges into the metadata that users keep for themselves.
func (a *App) MergeMyMetadata(ctx context.Context, v *Visitor, req *api.MergeMyMetadata) (*api.BrowserUser, error) {
	s, now, err := a.actor(ctx, v)
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
	s, _, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	u, err := a.Store.User(ctx, s.UserID)
	if err != nil {
		return nil, whenAbsent(err, signedOut())
	}
	if !u.DeleteSelfEnabled {
		return nil, fail(403, "authorization_invalid", "Not allowed", "This user cannot delete themselves.")
	}
	deleted, err := a.DeleteUser(ctx, &api.UserRef{UserID: s.UserID})
	if err != nil {
		return nil, err
	}
	deleted.ExternalID = nil
	return deleted, nil
}

// ChangePassword gives the visitor's user another password. Who has one must know it; the other sessions can be ended
// by it.
func (a *App) ChangePassword(ctx context.Context, v *Visitor, req *api.ChangePassword) (*api.BrowserUser, error) {
	s, now, err := a.self(ctx, v)
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
	view, err := a.changeMe(ctx, s, now, func(tx store.Conn, latest *store.User) error {
		if latest.PasswordDigest != u.PasswordDigest { // somebody else was faster
			return wrongPassword("current_password")
		}
		setPassword(latest, digest, now)
		if !req.SignOutOfOtherSessions.Or(false) {
			return nil
		}
		return signOutOfOthers(ctx, tx, latest.ID, s.ID, now)
	})
	if err != nil {
		return nil, err
	}
	a.tellPasswordChanged(ctx, s.UserID)
	return view, nil
}

// RemoveMyPassword takes the visitor's password away, if there is another way in for them.
func (a *App) RemoveMyPassword(ctx context.Context, v *Visitor, req *api.RemoveMyPassword) (*api.BrowserUser, error) {
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	if !a.Settings.Browsers.PasswordOptional {
		return nil, fail(403, "authorization_invalid", "Not allowed", "Users of this instance need a password.")
	}
	before, err := a.Store.User(ctx, s.UserID)
	if err != nil {
		return nil, whenAbsent(err, signedOut())
	}
	if before.PasswordDigest == "" {
		return nil, noPassword()
	}
	u, err := a.knowsPassword(ctx, s, req.CurrentPassword)
	if err != nil {
		return nil, err
	}
	return a.changeMe(ctx, s, now, func(tx store.Conn, latest *store.User) error {
		if latest.PasswordDigest != u.PasswordDigest {
			return wrongPassword("current_password")
		}
		ids, err := tx.Identifiers(ctx, u.ID)
		if err != nil {
			return err
		}
		if firstProved(emailsAmong(ids)) == "" {
			return fail(400, "client_state_invalid", "Not possible now", "Without a password there would be no way to sign in: verify an email address first.")
		}
		latest.PasswordHasher, latest.PasswordDigest, latest.PasswordUpdatedAt, latest.PasswordCompromised = "", "", time.Time{}, false
		return nil
	})
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
	u.PasswordCompromised = false // changing it is what such a password is still good for
	if _, err := a.checkPassword(ctx, signer{user: &u}, plain); err != nil {
		return u, placed("current_password", err)
	}
	return u, nil
}

// signOutOfOthers ends all sessions of a user but one.
func signOutOfOthers(ctx context.Context, tx store.Conn, userID, keep string, now time.Time) error {
	end := session.Ending{Reason: session.ReasonPasswordChanged, By: userID, At: now}
	if _, err := tx.EndSessions(ctx, userID, keep, session.Revoke, end); err != nil {
		return err
	}
	return tx.ForgetUserSessions(ctx, userID, now)
}

// ListMyMemberships lists the organizations of the visitor's user, of which there are none here.
func (a *App) ListMyMemberships(ctx context.Context, v *Visitor, _ *api.None) (*api.Memberships, error) {
	_, _, err := a.actor(ctx, v)
	return &api.Memberships{Data: []json.RawMessage{}}, err
}

// SetMyImage refuses pictures: this server stores none.
func (a *App) SetMyImage(ctx context.Context, v *Visitor, _ *api.None) (*api.None, error) {
	if _, _, err := a.actor(ctx, v); err != nil {
		return nil, err
	}
	return nil, featureOff("file")
}
