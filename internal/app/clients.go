package app

import (
	"context"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// ListClients lists clients, newest first.
func (a *App) ListClients(ctx context.Context, req *api.ListClients) (*api.List[api.Client], error) {
	found, err := a.Store.Clients(ctx, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.Client]{Data: make([]api.Client, len(found)), Enveloped: req.Paginated}
	for i, c := range found {
		view, err := a.clientView(ctx, c)
		if err != nil {
			return nil, err
		}
		list.Data[i] = *view
	}
	if req.Paginated {
		list.TotalCount, err = a.Store.CountClients(ctx)
	}
	return list, err
}

// GetClient finds a client.
func (a *App) GetClient(ctx context.Context, req *api.ClientRef) (*api.Client, error) {
	c, err := a.Store.Client(ctx, req.ClientID)
	if err != nil {
		return nil, whenAbsent(err, clientNotFound(req.ClientID))
	}
	return a.clientView(ctx, c)
}

// VerifyClient finds the client that a client token belongs to.
func (a *App) VerifyClient(ctx context.Context, req *api.VerifyClient) (*api.Client, error) {
	raw, ok := req.Token.Get()
	if !ok || raw == "" {
		return nil, missing("token")
	}
	claims, err := a.clientToken(ctx, raw)
	if err != nil {
		return nil, err
	}
	if claims == nil {
		return nil, fail(400, "cookie_invalid", "Invalid cookie", "The token is not a valid client token.")
	}
	c, err := a.Store.Client(ctx, claims.ClientID)
	if err != nil {
		return nil, whenAbsent(err, fail(400, "client_not_found", "No client found", "The client of this token does not exist."))
	}
	if !secret.EqualHash(c.RotatingTokenHash, claims.RotatingToken) {
		return nil, fail(400, "cookie_invalid", "Invalid cookie", "The client has a newer token than this one.")
	}
	return a.clientView(ctx, c)
}

func (a *App) clientView(ctx context.Context, c store.Client) (*api.Client, error) {
	now := a.now()
	sessions, err := a.Store.ClientSessions(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	view := &api.Client{
		Object: "client", ID: c.ID, SessionIDs: make([]string, len(sessions)), Sessions: sessionViews(sessions, now),
		LastActiveSessionID:        pointer(lastActive(c, sessions, now)),
		LastAuthenticationStrategy: pointer(c.LastStrategy),
		CreatedAt:                  c.CreatedAt.UnixMilli(),
		UpdatedAt:                  c.UpdatedAt.UnixMilli(),
	}
	for i, s := range sessions {
		view.SessionIDs[i] = s.ID
	}
	return view, nil
}

// lastActive is the client's last active session while it lives.
func lastActive(c store.Client, sessions []session.Session, now time.Time) string {
	for _, s := range sessions {
		if s.ID == c.LastActiveSessionID && s.StatusAt(now).Live() {
			return s.ID
		}
	}
	return ""
}
