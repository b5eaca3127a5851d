package app

import (
	"context"
	"errors"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// CreateDevBrowser lets a browser name itself.
func (a *App) CreateDevBrowser(ctx context.Context, v *Visitor, _ *api.None) (*api.DevBrowser, error) {
	if !a.DevBrowsers() {
		return nil, fail(400, "request_invalid_for_environment", "Invalid request for environment", "This instance knows browsers by their cookies.")
	}
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "dev_browser"); err != nil {
		return nil, err
	}
	id, err := a.newDevBrowser(ctx)
	if err != nil {
		return nil, err
	}
	v.DevBrowser = id
	return &api.DevBrowser{Object: "dev_browser", ID: id, Token: id}, nil
}

func (a *App) newDevBrowser(ctx context.Context) (string, error) {
	id := secret.NewToken("dvb_", rotatingTokenSize)
	b := store.DevBrowser{Hash: secret.HashKey(id), ClientID: a.NewID("client_"), CreatedAt: a.now()}
	return id, a.Store.Update(ctx, func(tx store.Conn) error { return tx.InsertDevBrowser(ctx, b) })
}

func (a *App) clientOfDevBrowser(ctx context.Context, v *Visitor) (*store.Client, error) {
	if v.DevBrowser == "" {
		return nil, unknownDevBrowser()
	}
	b, err := a.Store.DevBrowser(ctx, secret.HashKey(v.DevBrowser))
	if err != nil {
		return nil, whenAbsent(err, unknownDevBrowser())
	}
	c, err := a.Store.Client(ctx, b.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// unknownDevBrowser makes the browser library ask for another dev browser and begin again.
func unknownDevBrowser() *api.Error {
	return fail(401, "dev_browser_unauthenticated", "Unknown dev browser", "This instance does not know the dev browser.")
}
