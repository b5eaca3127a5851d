package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// GetBrowserSession shows a session of the visitor's client.
func (a *App) GetBrowserSession(ctx context.Context, v *Visitor, req *api.SessionRef) (*api.BrowserSession, error) {
	s, now, err := a.liveSession(ctx, v, req.SessionID)
	if err != nil {
		return nil, err
	}
	return a.shownSession(ctx, v, s, now)
}

// EndBrowserSession signs a user out of the visitor's client, which remembers the session.
func (a *App) EndBrowserSession(ctx context.Context, v *Visitor, req *api.SessionRef) (*api.BrowserSession, error) {
	return a.signOutOf(ctx, v, req.SessionID, session.End)
}

// RemoveBrowserSession signs a user out of the visitor's client, which forgets the session.
func (a *App) RemoveBrowserSession(ctx context.Context, v *Visitor, req *api.SessionRef) (*api.BrowserSession, error) {
	return a.signOutOf(ctx, v, req.SessionID, session.Remove)
}

// signOutOf ends one live session of the visitor's client. The browser gets another client token.
func (a *App) signOutOf(ctx context.Context, v *Visitor, id string, verb session.Verb) (*api.BrowserSession, error) {
	if _, _, err := a.liveSession(ctx, v, id); err != nil {
		return nil, err
	}
	now := a.now()
	var s session.Session
	err := a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) (err error) {
		s, err = tx.Session(ctx, id)
		if err != nil {
			return whenAbsent(err, sessionNotFound(id))
		}
		if s, err = a.moveSession(ctx, tx, id, verb, session.Ending{Reason: session.ReasonSignedOut, By: s.UserID, At: now}); err != nil {
			return whenAbsent(err, signedOut())
		}
		return a.leave(ctx, tx, b, now)
	})
	if err != nil {
		return nil, err
	}
	return a.shownSession(ctx, v, s, now)
}

// leave puts a client right of which sessions have ended: the last active place goes to the live one that was used last,
// if there is one.
func (a *App) leave(ctx context.Context, tx store.Conn, b *browser, now time.Time) error {
	live, err := a.liveSessions(ctx, tx, b.ID, now)
	if err != nil {
		return err
	}
	if lastActive(b.Client, live, now) == "" {
		b.LastActiveSessionID = ""
		if len(live) > 0 {
			used := slices.MaxFunc(live, func(x, y session.Session) int { return x.LastActiveAt.Compare(y.LastActiveAt) })
			b.LastActiveSessionID = used.ID
		}
	}
	b.rotate(now)
	b.changed(now)
	return nil
}

// EndAllSessions signs everybody out of the visitor's client.
func (a *App) EndAllSessions(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	if err := a.endAll(ctx, v, func(*browser) {}); err != nil {
		return nil, err
	}
	return a.BrowserClient(ctx, v, WithoutTokens)
}

// DeleteBrowserClient signs everybody out of the visitor's client, and lets the browser forget it.
func (a *App) DeleteBrowserClient(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	if err := a.endAll(ctx, v, (*browser).forget); err != nil {
		return nil, err
	}
	v.Forget = true
	return a.BrowserClient(ctx, v, WithoutTokens)
}

// forget makes every client token that the browser ever had worthless, and gives it no other.
func (b *browser) forget() {
	b.RotatingTokenHash, b.PreviousTokenHash, b.PreviousTokenUntil, b.rotated = "", "", time.Time{}, ""
	b.SignInID, b.SignUpID = "", ""
}

func (a *App) endAll(ctx context.Context, v *Visitor, then func(*browser)) error {
	c, err := a.client(ctx, v)
	if c == nil || err != nil {
		return err // nobody is signed in
	}
	now := a.now()
	return a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) error {
		live, err := a.liveSessions(ctx, tx, b.ID, now)
		if err != nil {
			return err
		}
		for _, s := range live {
			end := session.Ending{Reason: session.ReasonSignedOut, By: s.UserID, At: now}
			if _, err := a.moveSession(ctx, tx, s.ID, session.Remove, end); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		err = a.leave(ctx, tx, b, now)
		then(b)
		return err
	})
}

// ListActiveSessions lists the live sessions of the visitor's user on all devices, newest first.
func (a *App) ListActiveSessions(ctx context.Context, v *Visitor, _ *api.None) ([]api.SessionWithActivity, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	list := []api.SessionWithActivity{}
	for _, status := range []session.Status{session.Active, session.Pending} {
		found, err := a.Store.Sessions(ctx, store.SessionFilter{UserID: s.UserID, Status: status}, now, maxActiveSessions, 0)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			list = append(list, *activeSession(s.At(now)))
		}
	}
	return list, nil
}

// maxActiveSessions bounds the list of a user's devices.
const maxActiveSessions = 500

// RevokeOwnSession ends a session of the visitor's user on any device. One that has ended already stays as it is.
func (a *App) RevokeOwnSession(ctx context.Context, v *Visitor, req *api.SessionRef) (*api.BrowserSession, error) {
	own, _, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	s, err := a.session(ctx, req.SessionID)
	if err != nil {
		return nil, err
	}
	if s.UserID != own.UserID {
		return nil, sessionNotFound(req.SessionID)
	}
	end := session.Ending{Reason: session.ReasonRevoked, By: own.UserID, At: a.now()}
	if s.ClientID == own.ClientID {
		err = a.changeClient(ctx, v, end.At, func(tx store.Conn, b *browser) error {
			if _, err := a.moveSession(ctx, tx, s.ID, session.Revoke, end); err != nil {
				return err
			}
			return a.leave(ctx, tx, b, end.At)
		})
	} else {
		err = a.revokeElsewhere(ctx, s, end)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if s, err = a.session(ctx, s.ID); err != nil {
		return nil, err
	}
	view, err := a.shownSession(ctx, v, s, end.At)
	if err == nil {
		view.LatestActivity = deviceOf(s)
	}
	return view, err
}

// revokeElsewhere ends a session of a client that is not the visitor's.
func (a *App) revokeElsewhere(ctx context.Context, s session.Session, end session.Ending) error {
	return a.Store.Update(ctx, func(tx store.Conn) error {
		if _, err := tx.ClientForUpdate(ctx, s.ClientID); err != nil { // before its session, as everybody does
			return err
		}
		moved, err := a.moveSession(ctx, tx, s.ID, session.Revoke, end)
		if err != nil {
			return err
		}
		return tx.ForgetSession(ctx, moved)
	})
}

func activeSession(s session.Session) *api.SessionWithActivity {
	return &api.SessionWithActivity{
		Object: "session", ID: s.ID, Status: string(s.Status), Actor: s.Actor, LatestActivity: deviceOf(s),
		LastActiveAt: s.LastActiveAt.UnixMilli(), ExpireAt: s.ExpireAt.UnixMilli(), AbandonAt: s.AbandonAt.UnixMilli(),
		CreatedAt: s.CreatedAt.UnixMilli(), UpdatedAt: s.UpdatedAt.UnixMilli(),
	}
}

// deviceOf is the device in which a session was last seen. Components read it of every session, so one that nobody has
// seen, as the backend makes them, has an unknown one.
func deviceOf(s session.Session) *api.Activity {
	if seen := activityView(s.Activity); seen != nil {
		return seen
	}
	return &api.Activity{Object: "session_activity", ID: s.ID}
}

// shownSession is browserSession for a session whose user cannot be gone unnoticed.
func (a *App) shownSession(ctx context.Context, v *Visitor, s session.Session, now time.Time) (*api.BrowserSession, error) {
	view, err := a.browserSession(ctx, v, s, WithTokens, now)
	if err == nil && view == nil {
		err = signedOut()
	}
	return view, err
}
