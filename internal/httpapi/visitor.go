package httpapi

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
)

// visited finds out who visits, and over which URL: the Frontend API is often reached through proxies.
func visited(a *app.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trusted, err := trustedProxy(a, r)
		if err != nil {
			fail(a, w, r, err)
			return
		}
		info := infoOf(r)
		info.host, info.secure = r.Host, r.TLS != nil || strings.EqualFold("https://"+r.Host, a.Settings.Issuer)
		address := remote(r)
		if trusted {
			address = forwardedFor(a, r, address)
			if host := last(r.Header.Get("X-Forwarded-Host")); host != "" {
				info.host = host
			}
			if proto := last(r.Header.Get("X-Forwarded-Proto")); proto != "" {
				info.secure = strings.EqualFold(proto, "https")
			}
		}
		query := r.URL.Query()
		info.visitor = &app.Visitor{
			SessionID: storable(query.Get("_clerk_session_id")), DevBrowser: storable(query.Get("__clerk_db_jwt")),
			Origin: pageOrigin(r), Address: address.String(), UserAgent: userAgent(r),
			Host: info.host, Secure: info.secure,
		}
		if named := r.CookiesNamed(clientCookie(a, info.secure)); len(named) == 1 { // of two, one is planted
			info.visitor.Cookie = named[0].Value
		}
		next.ServeHTTP(w, r)
	})
}

// pageOrigin is the origin of the page that sends a request. A page that reads from its own origin sends none, so there
// its URL tells: browsers let no page write the two headers that this needs.
func pageOrigin(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return origin
	}
	u, err := url.Parse(r.Referer())
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return storable(u.Scheme + "://" + u.Host)
}

func visitorOf(r *http.Request) *app.Visitor { return infoOf(r).visitor }

const maxUserAgent = 512 // bytes that are looked at

func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	if len(ua) > maxUserAgent {
		ua = ua[:maxUserAgent]
	}
	return storable(ua)
}

// trustedProxy reports whether the forwarded headers of a request are to be believed: it comes from a proxy that the
// operator trusts, or from an app's server that shows the secret key.
func trustedProxy(a *app.App, r *http.Request) (bool, error) {
	if key := r.Header.Get("Clerk-Secret-Key"); key != "" {
		ok, err := a.Authenticate(r.Context(), key)
		if err == nil && !ok {
			err = plain(http.StatusUnauthorized, "proxy_request_invalid_secret_key", "Invalid secret key", "The secret key of the proxied request is not one of this instance.")
		}
		return ok, err
	}
	if r.Header.Get("Clerk-Proxy-Url") != "" {
		return false, plain(http.StatusBadRequest, "proxy_request_missing_secret_key", "Missing secret key", "A proxied request needs the header Clerk-Secret-Key.")
	}
	return trusts(a, remote(r)), nil
}

func trusts(a *app.App, addr netip.Addr) bool {
	return slices.ContainsFunc(a.Settings.Browsers.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// remote is the address at the other end of the connection.
func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// forwardedFor is the address that a chain of proxies works for: the last one that is not a trusted proxy itself. What
// stands before it, anybody could have written.
func forwardedFor(a *app.App, r *http.Request, otherwise netip.Addr) netip.Addr {
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(chain) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return otherwise
		}
		otherwise = addr.Unmap().WithZone("")
		if !trusts(a, otherwise) {
			return otherwise
		}
	}
	return otherwise
}

// last is the last item of a list in a header: the one that the nearest proxy wrote.
func last(list string) string {
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}
