package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// beginning is how a session of a browser begins.
type beginning struct {
	userID   string
	strategy signin.Strategy // by which its user proved who they are
	actor    json.RawMessage // who is behind it; nil for the user
	most     time.Duration   // that it may live; 0: as the instance says
	digest   string          // of the password that was right, when one was asked for
}

// begin starts a session on a browser, which gets another client token. The page makes it the active one when it is
// ready to. What an older session of the same user was, this one replaces; where a client holds one session only, it
// replaces all.
func (a *App) begin(ctx context.Context, tx store.Conn, v *Visitor, b *browser, w beginning, now time.Time) (session.Session, error) {
	u, err := tx.UserForUpdate(ctx, w.userID)
	if err != nil {
		return session.Session{}, whenAbsent(err, userNotFound(w.userID))
	}
	if err := a.mayProve(u, w, now); err != nil {
		return session.Session{}, err
	}
	if err := a.admit(ctx, tx, u.ID, now); err != nil {
		return session.Session{}, err
	}
	if u.FailedAttempts > 0 && w.actor == nil {
		if err := tx.ForgetFailures(ctx, u.ID); err != nil {
			return session.Session{}, err
		}
	}
	if err := a.makeRoom(ctx, tx, b, u.ID, now); err != nil {
		return session.Session{}, err
	}
	lifetimes := a.Settings.Lifetimes
	if w.most > 0 && (lifetimes.Max == 0 || w.most < lifetimes.Max) {
		lifetimes.Max = w.most
	}
	s := session.New(a.NewID("sess_"), u.ID, b.ID, now, lifetimes)
	s.Actor, s.Activity = w.actor, a.activity(s.ID, v.UserAgent, v.Address)
	b.rotate(now)
	b.changed(now)
	b.LastStrategy = string(w.strategy)
	return s, a.insertSession(ctx, tx, s, u.ID)
}

// mayProve refuses what a user cannot sign in by just now. Their row is taken: what it says stands until they are in.
func (a *App) mayProve(u store.User, w beginning, now time.Time) error {
	switch byPassword := w.strategy == signin.Password; {
	case w.actor != nil: // who impersonates has proved nothing of the user's
		return nil
	case lockedAt(u, now) && byPassword:
		return a.whenLocked(u, now, wrongPassword("password"))
	case lockedAt(u, now):
		return userLocked(u, now)
	case byPassword && w.digest != u.PasswordDigest:
		return errOtherDigest
	case byPassword && u.PasswordCompromised:
		return at("password", fail(422, "form_password_compromised", "Password compromised", "This password may be known to others. Reset it to sign in."))
	default:
		return nil
	}
}

// errOtherDigest says that a password was checked against a digest that its user has no more.
var errOtherDigest = errors.New("the digest is another one by now")

// makeRoom replaces the sessions that cannot stand beside one of a user.
func (a *App) makeRoom(ctx context.Context, tx store.Conn, b *browser, userID string, now time.Time) error {
	live, err := a.liveSessions(ctx, tx, b.ID, now)
	if err != nil {
		return err
	}
	for _, s := range live {
		if s.UserID != userID && !a.Settings.Browsers.SingleSession {
			continue
		}
		end := session.Ending{Reason: session.ReasonReplaced, By: userID, At: now}
		if _, err := a.moveSession(ctx, tx, s.ID, session.Replace, end); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if b.LastActiveSessionID == s.ID {
			b.LastActiveSessionID = ""
		}
	}
	return nil
}

// signedInAlready refuses a sign-in of somebody who is signed in on the client; its page activates that session then.
// userID is "" for somebody new.
func (a *App) signedInAlready(ctx context.Context, c store.Conn, clientID, userID string, now time.Time) error {
	live, err := a.liveSessions(ctx, c, clientID, now)
	if err != nil || len(live) == 0 {
		return err
	}
	if a.Settings.Browsers.SingleSession {
		return sessionExists()
	}
	for _, s := range live {
		if s.UserID == userID {
			told := fail(400, "identifier_already_signed_in", "Already signed in", "This user is signed in here already.")
			told.Errors[0].Meta = &api.ErrorMeta{SessionID: s.ID}
			return told
		}
	}
	return nil
}

func sessionExists() *api.Error {
	return fail(400, "session_exists", "Session already exists", "Somebody is signed in here already; sign out first.")
}

// userLocked says that a user cannot sign in, and for how long.
func userLocked(u store.User, now time.Time) *api.Error {
	told := fail(403, "user_locked", "Account locked", "Your account is locked. Contact support.")
	if left := lockoutSeconds(u, now); left != nil {
		told = fail(403, "user_locked", "Account locked", "Your account is locked. Try again in "+minutes(*left)+".")
		told.Errors[0].Meta = &api.ErrorMeta{LockoutExpiresInSeconds: *left}
	}
	return told
}
