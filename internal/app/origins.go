package app

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// OriginAllowed reports whether pages of an origin may act for their visitors. It is what stands between a visitor's
// cookies and the pages of strangers. Allowed are the origins that the operator and the Backend API name and those of
// the site that the Frontend API is part of; in development also everything on this machine.
func (a *App) OriginAllowed(ctx context.Context, origin string) (bool, error) {
	if !isOrigin(origin) {
		return false, nil
	}
	settings, err := a.changeable(ctx)
	if err != nil {
		return false, err
	}
	if slices.Contains(a.Settings.Browsers.AllowedOrigins, origin) || slices.Contains(settings.AllowedOrigins, origin) {
		return true, nil
	}
	if settings.DevelopmentOrigin != nil && *settings.DevelopmentOrigin == origin && a.Settings.Development() {
		return true, nil
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false, nil //nolint:nilerr // not an origin
	}
	return a.sameSite(u) || a.Settings.Development() && isLoopback(u.Hostname()), nil
}

// RedirectAllowed reports whether a visitor may be sent to a URL: one of an allowed origin, over http or https.
func (a *App) RedirectAllowed(ctx context.Context, target string) (bool, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(target, "\\\r\n\t") {
		return false, nil //nolint:nilerr // nobody can be sent there
	}
	return a.OriginAllowed(ctx, strings.ToLower(u.Scheme+"://"+u.Host))
}

// sameSite reports whether a URL belongs to the site of the Frontend API (the same scheme and registrable domain).
func (a *App) sameSite(u *url.URL) bool {
	own, err := url.Parse(a.Settings.Issuer)
	if err != nil || own.Scheme != u.Scheme {
		return false
	}
	site := Site(own.Hostname())
	return own.Host == u.Host || site != "" && site == Site(u.Hostname())
}

// Site is the registrable domain of a host, such as example.com of app.example.com; "" when it has none.
func Site(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	site, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	if err != nil {
		return ""
	}
	return site
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
