package app

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
)

// The pages that the server hosts itself.
const (
	SignInPage = "sign-in"
	SignUpPage = "sign-up"
	UserPage   = "user"
)

// HostedPage is the URL of a page that the server hosts. In development it is on localhost, where the pages of apps
// are: browsers take the numbers of this machine for another site, and keep its cookies apart. Where browsers name
// themselves nobody reaches the host of the publishable key, and it is a page of the app.
func (a *App) HostedPage(name string) string {
	if a.DevBrowsers() {
		return a.Settings.Browsers.home() + name
	}
	base := strings.TrimSuffix(a.Settings.Issuer, "/")
	if u, err := url.Parse(base); err == nil && a.Settings.Development() {
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
			u.Host = strings.TrimSuffix("localhost:"+u.Port(), ":")
			base = u.String()
		}
	}
	return base + "/" + name
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
