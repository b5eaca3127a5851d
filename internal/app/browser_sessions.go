package app

import (
	"context"
	"errors"
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
		if s, err = tx.MoveSession(ctx, id, verb, session.Ending{Reason: session.ReasonSignedOut, By: s.UserID, At: now}); err != nil {
			return whenAbsent(err, signedOut())
		}
		return a.leave(ctx, tx, b, now)
	})
	if err != nil {
		return nil, err
	}
	return a.shownSession(ctx, v, s, now)
}

// leave puts a client right of which sessions have ended: another live one becomes the last active, if there is one.
func (a *App) leave(ctx context.Context, tx store.Conn, b *browser, now time.Time) error {
	live, err := a.liveSessions(ctx, tx, b.ID, now)
	if err != nil {
		return err
	}
	if lastActive(b.Client, live, now) == "" {
		b.LastActiveSessionID = ""
		if len(live) > 0 {
			b.LastActiveSessionID = live[len(live)-1].ID
		}
	}
	b.rotate(now)
	b.changed(now)
	return nil
}

// EndAllSessions signs everybody out of the visitor's client.
func (a *App) EndAllSessions(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	if err := a.endAll(ctx, v); err != nil {
		return nil, err
	}
	return a.BrowserClient(ctx, v, WithoutTokens)
}

// DeleteBrowserClient signs everybody out of the visitor's client, and lets the browser forget it.
func (a *App) DeleteBrowserClient(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	if err := a.endAll(ctx, v); err != nil {
		return nil, err
	}
	view, err := a.BrowserClient(ctx, v, WithoutTokens)
	v.NewCookie, v.Forget = "", true
	return view, err
}

func (a *App) endAll(ctx context.Context, v *Visitor) error {
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
			if _, err := tx.MoveSession(ctx, s.ID, session.Remove, end); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return a.leave(ctx, tx, b, now)
	})
}

// ListActiveSessions lists the live sessions of the visitor's user on all devices, newest first.
func (a *App) ListActiveSessions(ctx context.Context, v *Visitor, _ *api.None) ([]api.SessionWithActivity, error) {
	s, now, err := a.actor(ctx, v)
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

// RevokeOwnSession ends a session of the visitor's user on any device.
func (a *App) RevokeOwnSession(ctx context.Context, v *Visitor, req *api.SessionRef) (*api.BrowserSession, error) {
	own, _, err := a.actor(ctx, v)
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
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		moved, err := tx.MoveSession(ctx, s.ID, session.Revoke, end)
		if err != nil {
			return err
		}
		s = moved
		return tx.ForgetSession(ctx, s)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) { // it has ended already: nothing is to be done
		return nil, err
	}
	view, err := a.browserSession(ctx, v, s, WithoutTokens, end.At)
	if err == nil && view == nil {
		return nil, signedOut()
	}
	if err == nil {
		view.LatestActivity = activityView(s.Activity)
	}
	return view, err
}

func activeSession(s session.Session) *api.SessionWithActivity {
	return &api.SessionWithActivity{
		Object: "session", ID: s.ID, Status: string(s.Status), Actor: s.Actor, LatestActivity: activityView(s.Activity),
		LastActiveAt: s.LastActiveAt.UnixMilli(), ExpireAt: s.ExpireAt.UnixMilli(), AbandonAt: s.AbandonAt.UnixMilli(),
		CreatedAt: s.CreatedAt.UnixMilli(), UpdatedAt: s.UpdatedAt.UnixMilli(),
	}
}

// shownSession is browserSession for a session whose user cannot be gone unnoticed.
func (a *App) shownSession(ctx context.Context, v *Visitor, s session.Session, now time.Time) (*api.BrowserSession, error) {
	view, err := a.browserSession(ctx, v, s, WithTokens, now)
	if err == nil && view == nil {
		err = signedOut()
	}
	return view, err
}
