package app

import (
	"context"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// GetBrowserClient shows a visitor its client; nil when it is none. It never refuses anybody: pages that are refused
// here do not load.
func (a *App) GetBrowserClient(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	return a.BrowserClient(ctx, v, WithTokens)
}

// CreateBrowserClient makes a visitor a client, if it is none.
func (a *App) CreateBrowserClient(ctx context.Context, v *Visitor, _ *api.None) (*api.BrowserClient, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "client"); err != nil {
		return nil, err
	}
	if err := a.changeClient(ctx, v, a.now(), func(store.Conn, *browser) error { return nil }); err != nil {
		return nil, err
	}
	return a.BrowserClient(ctx, v, WithoutTokens)
}

// Tokens says whether the sessions of a client are shown with fresh tokens, each of which costs a signature.
type Tokens bool

// With or without them.
const (
	WithTokens    Tokens = true
	WithoutTokens Tokens = false
)

// BrowserClient shows a visitor's client as it stands now; nil when the visitor is none.
func (a *App) BrowserClient(ctx context.Context, v *Visitor, tokens Tokens) (*api.BrowserClient, error) {
	c, err := a.client(ctx, v)
	if c == nil || err != nil {
		return nil, err
	}
	now := a.now()
	current, err := a.Store.Client(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sessions, err := a.liveSessions(ctx, a.Store.Conn, current.ID, now)
	if err != nil {
		return nil, err
	}
	view := &api.BrowserClient{
		Object: "client", ID: current.ID, Sessions: []api.BrowserSession{},
		LastActiveSessionID:        pointer(lastActive(current, sessions, now)),
		LastAuthenticationStrategy: pointer(current.LastStrategy),
		CreatedAt:                  current.CreatedAt.UnixMilli(), UpdatedAt: current.UpdatedAt.UnixMilli(),
	}
	for _, s := range sessions {
		shown, err := a.browserSession(ctx, v, s, tokens, now)
		if err != nil {
			return nil, err
		}
		if shown != nil {
			view.Sessions = append(view.Sessions, *shown)
		}
	}
	if view.SignIn, err = a.openSignIn(ctx, current, now); err != nil {
		return nil, err
	}
	view.SignUp, err = a.openSignUp(ctx, current, now)
	return view, err
}

// liveSessions are a client's sessions that are live at now, oldest first.
func (a *App) liveSessions(ctx context.Context, c store.Conn, clientID string, now time.Time) ([]session.Session, error) {
	all, err := c.ClientSessions(ctx, clientID)
	var live []session.Session
	for _, s := range all {
		if s = s.At(now); s.Status.Live() {
			live = append(live, s)
		}
	}
	return live, err
}

// browserSession shows a session with its user; nil when the user is gone by now.
func (a *App) browserSession(ctx context.Context, v *Visitor, s session.Session, tokens Tokens, now time.Time) (*api.BrowserSession, error) {
	u, ids, err := a.userWithIdentifiers(ctx, s.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view := &api.BrowserSession{
		Object: "session", ID: s.ID, Status: string(s.Status), Actor: s.Actor, FactorVerificationAge: factorAge(s, now),
		PublicUserData: publicUserData(u, ids),
		LastActiveAt:   s.LastActiveAt.UnixMilli(), ExpireAt: s.ExpireAt.UnixMilli(), AbandonAt: s.AbandonAt.UnixMilli(),
		CreatedAt: s.CreatedAt.UnixMilli(), UpdatedAt: s.UpdatedAt.UnixMilli(),
	}
	if view.User, err = a.browserUserWithCodes(ctx, u, ids, now); err != nil {
		return nil, err
	}
	if tokens == WithTokens && s.Status.Live() {
		view.LastActiveToken, err = a.sessionTokenFor(ctx, v.Origin, s, now)
	}
	return view, err
}

func (a *App) userWithIdentifiers(ctx context.Context, id string) (store.User, []store.Identifier, error) {
	u, err := a.Store.User(ctx, id)
	if err != nil {
		return u, nil, err
	}
	ids, err := a.Store.Identifiers(ctx, id)
	return u, ids, err
}

// browserUserWithCodes is browserUser with what is on its way: addresses to which a code was mailed say so.
func (a *App) browserUserWithCodes(ctx context.Context, u store.User, ids []store.Identifier, now time.Time) (*api.BrowserUser, error) {
	view := a.browserUser(u, ids, now)
	for n, email := range view.EmailAddresses {
		if email.Verification != nil {
			continue
		}
		verification, err := a.codeView(ctx, a.Store.Conn, email.ID, now)
		if err != nil {
			return nil, err
		}
		view.EmailAddresses[n].Verification = verification
	}
	return view, nil
}
