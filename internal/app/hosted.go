package app

import (
	"context"
	"net/url"
	"strings"
)

// The pages that the server hosts itself.
const (
	SignInPage = "sign-in"
	SignUpPage = "sign-up"
	UserPage   = "user"
)

// HostedPage is the URL of a page that the server hosts, for the components of apps. With a key for development it is a
// page of the app instead: there components refuse to lead to another origin unless the browser names itself, and where
// it does, nobody reaches the host that the key names.
func (a *App) HostedPage(name string) string {
	if a.TestKey() {
		return a.Settings.Browsers.home() + name
	}
	return strings.TrimSuffix(a.Settings.Issuer, "/") + "/" + name
}

// AllowedPage is a URL to which a visitor may be sent, as this server reads it; "" when it is none.
func (a *App) AllowedPage(ctx context.Context, asked string) (string, error) {
	u := redirectURL(asked)
	if u == nil {
		return "", nil
	}
	allowed, err := a.OriginAllowed(ctx, originOf(u))
	if err != nil || !allowed {
		return "", err
	}
	return u.String(), nil
}

// Destination is where a visitor goes from a hosted page: to a page that AllowedPage answered, or home; "" when there is
// no home. A dev browser tells the page who it is, which has no other way to know.
func (a *App) Destination(v *Visitor, page string) string {
	if page == "" {
		page = a.Settings.Browsers.HomeURL
	}
	u, err := url.Parse(page)
	if err != nil || page == "" || !a.DevBrowsers() || v.DevBrowser == "" {
		return page
	}
	return with(u, "__clerk_db_jwt", v.DevBrowser)
}
