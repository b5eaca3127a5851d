package app

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// devSuffixes are the ends of hosts by which the browser library tells that an instance keeps no cookies.
var devSuffixes = []string{
	".lcl.dev", ".stg.dev", ".lclstage.dev", ".stgstage.dev", ".dev.lclclerk.com", ".stg.lclclerk.com",
	".accounts.lclclerk.com", "accountsstage.dev", "accounts.dev",
}

// DevBrowsers reports whether browsers name themselves in each request instead of by a cookie. The publishable key
// alone decides it, as it does in the browser library.
func (a *App) DevBrowsers() bool {
	key, ok := strings.CutPrefix(a.Settings.Browsers.PublishableKey, "pk_test_")
	if !ok {
		return false
	}
	host, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil {
		return false
	}
	for _, suffix := range devSuffixes {
		if strings.HasSuffix(strings.TrimSuffix(string(host), "$"), suffix) {
			return true
		}
	}
	return false
}

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
