package app

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/sojourn-auth/sojourn/api"
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
	u := redirectURL(target)
	if u == nil {
		return false, nil
	}
	return a.OriginAllowed(ctx, originOf(u))
}

// redirectURL reads a URL to which a browser can be sent; nil when it is none. Only such are taken in which this server
// and every browser see the same host: what browsers forgive (backslashes, white space, missing slashes, hosts in other
// scripts) is refused. Send the browser to what this answers, not to what it was given.
func redirectURL(target string) *url.URL {
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return nil
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(u.Host, foreignToHosts) {
		return nil
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	u.RawQuery = escapeNonASCII(u.RawQuery)
	return u
}

func foreignToHosts(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]", r)
}

// escapeNonASCII keeps a query readable in a header.
func escapeNonASCII(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// originOf is the origin of a URL, as browsers write it.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// allowedRedirect reads a URL to which a visitor may be sent, or says what is wrong with it.
func (a *App) allowedRedirect(ctx context.Context, target string) (*url.URL, error) {
	if target == "" {
		return nil, missing("redirect_url")
	}
	u := redirectURL(target)
	if u == nil {
		return nil, badFormat("redirect_url", "a URL such as https://app.example.com/page")
	}
	allowed, err := a.OriginAllowed(ctx, originOf(u))
	if err == nil && !allowed {
		err = wrongRedirect("Nobody is sent to " + originOf(u) + ": it is no origin of this instance.")
	}
	return u, err
}

func wrongRedirect(long string) *api.Error {
	return at("redirect_url", fail(422, "redirect_url_domain_mismatch", "Wrong domain", long))
}

// with sets a parameter of a URL's query, and leaves the others as they are written.
func with(u *url.URL, name, value string) string {
	changed := *u
	changed.RawQuery = strings.TrimPrefix(without(u.RawQuery, name)+"&"+name+"="+url.QueryEscape(value), "&")
	return changed.String()
}

// without takes parameters out of a query, and leaves the others as they are written.
func without(query string, names ...string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); pair != "" && (err != nil || !slices.Contains(names, plain)) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
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
