package app

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/password"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// signInByPassword begins and completes a sign-in. One that is refused leaves nothing but its count.
func (a *App) signInByPassword(ctx context.Context, v *Visitor, who signer, plain string) (*api.SignIn, error) {
	return a.byPassword(ctx, who, plain, func(who signer) (*api.SignIn, error) {
		return a.newSignIn(ctx, v, func(tx store.Conn, b *browser, s *signin.SignIn, now time.Time) (err error) {
			if *s, err = s.Identified(who.identifier, who.id()); err != nil {
				return err
			}
			return a.provedByPassword(ctx, tx, v, b, s, who, now)
		})
	})
}

func (a *App) attemptPassword(ctx context.Context, v *Visitor, id, plain string) (*api.SignIn, error) {
	if plain == "" {
		return nil, missing("password")
	}
	s, err := a.signIn(ctx, v, id)
	if err != nil {
		return nil, err
	}
	if s.Status != signin.NeedsFirstFactor {
		return nil, whenNotNow(signin.ErrNotNow)
	}
	who, err := a.whoSignsIn(ctx, s)
	if err != nil {
		return nil, err
	}
	return a.byPassword(ctx, who, plain, func(who signer) (*api.SignIn, error) {
		return a.changeSignIn(ctx, v, id, func(tx store.Conn, b *browser, s *signin.SignIn, now time.Time) (*api.Error, error) {
			return nil, a.provedByPassword(ctx, tx, v, b, s, who, now)
		})
	})
}

// byPassword lets complete finish a sign-in whose password is right. When the digest became another one meanwhile, the
// password is checked against that.
func (a *App) byPassword(ctx context.Context, who signer, plain string, complete func(signer) (*api.SignIn, error)) (*api.SignIn, error) {
	for {
		stale, err := a.checkPassword(ctx, who, plain)
		if err != nil {
			return nil, err
		}
		view, err := complete(who)
		if errors.Is(err, errOtherDigest) {
			if who, err = a.whoSignsIn(ctx, signin.SignIn{Identifier: who.identifier, UserID: who.id()}); err != nil {
				return nil, err
			}
			continue
		}
		if err == nil && stale {
			a.renew(ctx, *who.user, plain)
		}
		return view, err
	}
}

// provedByPassword completes a sign-in whose password was right.
func (a *App) provedByPassword(ctx context.Context, tx store.Conn, v *Visitor, b *browser, s *signin.SignIn, who signer, now time.Time) (err error) {
	if *s, err = s.Proved(signin.Password, who.id()); err != nil {
		return err
	}
	return a.complete(ctx, tx, v, b, s, beginning{userID: who.id(), strategy: signin.Password, digest: who.user.PasswordDigest}, now)
}

// checkPassword refuses a password that is not the signer's, and counts it. stale says that the digest should be
// renewed.
func (a *App) checkPassword(ctx context.Context, who signer, plain string) (stale bool, err error) {
	switch locked := who.user != nil && lockedAt(*who.user, a.now()); {
	case who.discreet && (locked || !who.hasPassword()):
		return false, a.refuseNobody(ctx, who, plain)
	case locked:
		return false, userLocked(*who.user, a.now())
	case !who.hasPassword():
		return false, wrongStrategy()
	}
	ok, stale, err := password.Digest{Hasher: who.user.PasswordHasher, Text: who.user.PasswordDigest}.Verify(ctx, plain)
	if err != nil || ok {
		return stale, err
	}
	err = a.Store.Update(ctx, func(tx store.Conn) error { return a.countFailure(ctx, tx, who.user.ID, a.now()) })
	if err != nil {
		return false, err
	}
	return false, wrongPassword("password")
}

func (w signer) hasPassword() bool { return w.user != nil && w.user.PasswordDigest != "" }

// refuseNobody refuses the password of nobody, at the cost of somebody's: one digest, and one write that counts it.
func (a *App) refuseNobody(ctx context.Context, who signer, plain string) error {
	if _, err := password.Hash(ctx, plain); err != nil {
		return err
	}
	if err := a.takeOne(ctx, "nobody:"+who.identifier, time.Hour, math.MaxInt64); err != nil {
		return err
	}
	return wrongPassword("password")
}

func wrongPassword(param string) *api.Error {
	return at(param, fail(422, "form_password_incorrect", "Incorrect password", "This is not the password. Try again, or use another way."))
}

// renew keeps a right password under today's hasher. The answer is right without it, and the next sign-in tries again.
func (a *App) renew(ctx context.Context, u store.User, plain string) {
	if err := a.renewDigest(ctx, u, plain); err != nil {
		a.Log.WarnContext(ctx, "password digest not renewed", slog.String("user_id", u.ID), slog.String("error", err.Error()))
	}
}

// ResetPassword gives a user a new password, after a code has shown that they may choose one, and signs them in.
func (a *App) ResetPassword(ctx context.Context, v *Visitor, req *api.ResetPassword) (*api.SignIn, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.AttemptLimit, "attempt"); err != nil {
		return nil, err
	}
	if req.Password.Or("") == "" {
		return nil, missing("password")
	}
	s, err := a.signIn(ctx, v, req.SignInID)
	if err != nil {
		return nil, err
	}
	if s.Status != signin.NeedsNewPassword {
		return nil, whenNotNow(signin.ErrNotNow)
	}
	digest, err := a.newDigest(ctx, newPassword{plain: req.Password})
	if err != nil {
		return nil, err
	}
	view, err := a.changeSignIn(ctx, v, req.SignInID, func(tx store.Conn, b *browser, s *signin.SignIn, now time.Time) (_ *api.Error, err error) {
		if *s, err = s.WithNewPassword(); err != nil {
			return nil, err
		}
		_, err = a.changeRow(ctx, tx, s.UserID, s.UserID, now, func(tx store.Conn, u *store.User) error {
			setPassword(u, digest, now)
			if !req.SignOutOfOtherSessions.Or(false) {
				return nil
			}
			return a.signOutOfOthers(ctx, tx, u, "", now)
		})
		if err != nil {
			return nil, err
		}
		return nil, a.complete(ctx, tx, v, b, s, beginning{userID: s.UserID, strategy: signin.ResetEmailCode}, now)
	})
	if err != nil {
		return nil, err
	}
	a.tellPasswordChanged(ctx, s.UserID)
	return view, nil
}

// tellPasswordChanged mails a user that their password is another one: if it was not them, they should know. The change
// stands, whatever becomes of the email.
func (a *App) tellPasswordChanged(ctx context.Context, userID string) {
	if err := a.mailPasswordChanged(ctx, userID); err != nil {
		a.Log.ErrorContext(ctx, "user not told of their new password", slog.String("user_id", userID), slog.String("error", err.Error()))
	}
}

func (a *App) mailPasswordChanged(ctx context.Context, userID string) error {
	u, ids, err := a.userWithIdentifiers(ctx, userID)
	if err != nil {
		return orNobody(err)
	}
	primary := identifierWith(ids, u.PrimaryEmailID).Value
	silent, err := a.isTestAddress(ctx, primary)
	if err != nil || silent || primary == "" || a.Mail == nil {
		return err
	}
	return a.send(ctx, mail.Message{Kind: mail.PasswordChanged, To: primary, Application: a.Settings.Browsers.ApplicationName, At: a.now()})
}
