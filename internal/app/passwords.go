package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/password"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// Passwords are hashed and verified outside of transactions: it takes a while, on purpose, and with SQLite one
// transaction keeps all other writers waiting.

// newPassword is what a request says of a user's new password: itself, or its digest from elsewhere.
type newPassword struct {
	plain, digest, hasher api.Field[string]
	skipChecks            bool
}

// newDigest answers the digest of a new password; nil when the request has none.
func (a *App) newDigest(ctx context.Context, p newPassword) (*password.Digest, error) {
	plain, hasPlain := p.plain.Get()
	text, hasDigest := p.digest.Get()
	hasher, hasHasher := p.hasher.Get()
	switch {
	case hasPlain && (hasDigest || hasHasher):
		return nil, notTogether("password", "password_digest")
	case hasDigest && !hasHasher:
		return nil, needsAlso("password_hasher", "password_digest")
	case hasHasher && !hasDigest:
		return nil, needsAlso("password_digest", "password_hasher")
	case hasDigest:
		return importDigest(hasher, text)
	case !hasPlain:
		return nil, nil
	}
	least := a.Settings.PasswordMin
	if p.skipChecks {
		least = 1
	}
	if err := password.Check(plain, least); err != nil {
		return nil, weakPassword(err)
	}
	d, err := password.Hash(ctx, plain)
	return &d, err
}

func weakPassword(err error) error {
	var weak *password.PolicyError
	if !errors.As(err, &weak) {
		return err
	}
	return at("password", fail(422, weak.Code, "is not accepted", weak.Reason))
}

func importDigest(hasher, text string) (*password.Digest, error) {
	d, err := password.Import(hasher, text)
	switch {
	case errors.Is(err, password.ErrUnknownHasher):
		return nil, at("password_hasher", fail(422, "form_param_value_invalid", "is invalid", "password_hasher names no hasher that this server knows."))
	case errors.Is(err, password.ErrBadDigest):
		return nil, at("password_digest", fail(422, "form_password_digest_invalid_code", "is invalid", "password_digest is not a digest of the given hasher."))
	default:
		return &d, err
	}
}

// setPassword gives u a new password; nil changes nothing.
func setPassword(u *store.User, d *password.Digest, now time.Time) {
	if d == nil {
		return
	}
	u.PasswordHasher, u.PasswordDigest, u.PasswordUpdatedAt, u.PasswordCompromised = d.Hasher, d.Text, now, false
}

func clearPassword(u *store.User) {
	u.PasswordHasher, u.PasswordDigest, u.PasswordUpdatedAt, u.PasswordCompromised = "", "", time.Time{}, false
}

// VerifyPassword tells whether a password is the user's. The backend asks, not a person who guesses: a wrong one does
// not count towards a lockout.
func (a *App) VerifyPassword(ctx context.Context, req *api.VerifyPassword) (*api.Verified, error) {
	plain, ok := req.Password.Get()
	if !ok || plain == "" {
		return nil, missing("password")
	}
	u, err := a.Store.User(ctx, req.UserID)
	if err != nil {
		return nil, whenAbsent(err, userNotFound(req.UserID))
	}
	if u.PasswordDigest == "" {
		return nil, noPassword()
	}
	ok, stale, err := password.Digest{Hasher: u.PasswordHasher, Text: u.PasswordDigest}.Verify(ctx, plain)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, at("password", fail(422, "incorrect_password", "incorrect password", "This is not the user's password."))
	}
	if stale {
		if err := a.renewDigest(ctx, u, plain); err != nil { // the answer is right without it, and the next one tries again
			a.Log.WarnContext(ctx, "password digest not renewed", slog.String("user_id", u.ID), slog.String("error", err.Error()))
		}
	}
	return &api.Verified{Verified: true}, nil
}

// renewDigest keeps a password under today's hasher, unless the user has another password by now.
func (a *App) renewDigest(ctx context.Context, u store.User, plain string) error {
	d, err := password.Hash(ctx, plain)
	if err != nil {
		return err
	}
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		return tx.ReplaceDigest(ctx, u.ID, u.PasswordDigest, d.Hasher, d.Text)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// RemovePassword takes a user's password away. A user without one stays as they are.
func (a *App) RemovePassword(ctx context.Context, req *api.RemovePassword) (*api.User, error) {
	now := a.now()
	return a.changeUser(ctx, req.UserID, now, func(tx store.Conn, u *store.User) error {
		if u.PasswordDigest == "" {
			return errUnchanged
		}
		clearPassword(u)
		if !req.SignOutOfOtherSessions.Or(false) {
			return nil
		}
		return a.signOut(ctx, tx, u, session.ReasonPasswordRemoved, now)
	})
}

// SetPasswordCompromised marks a user's password so that it must be changed at the next sign-in.
func (a *App) SetPasswordCompromised(ctx context.Context, req *api.SetPasswordCompromised) (*api.User, error) {
	now := a.now()
	return a.changeUser(ctx, req.UserID, now, func(tx store.Conn, u *store.User) error {
		if u.PasswordDigest == "" {
			return noPassword()
		}
		u.PasswordCompromised = true
		if !req.RevokeAllSessions.Or(false) {
			return nil
		}
		return a.signOut(ctx, tx, u, session.ReasonPasswordCompromised, now)
	})
}

// UnsetPasswordCompromised takes the mark away.
func (a *App) UnsetPasswordCompromised(ctx context.Context, req *api.UserRef) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), func(_ store.Conn, u *store.User) error {
		if !u.PasswordCompromised {
			return errUnchanged
		}
		u.PasswordCompromised = false
		return nil
	})
}

func noPassword() *api.Error {
	return fail(400, "no_password_set", "no password set", "This user has no password.")
}
