package httpapi

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// The cookies of the contract, frontend section 5. Each instance has a suffix of its own, so that several can share a
// host.
const (
	clientCookieName = "__client"
	uatCookieName    = "__client_uat"
	cookieMaxAge     = 315360000 // seconds; browsers keep a cookie for 400 days at most
)

// clientCookie is the name under which browsers keep their client. Over TLS it has a prefix that keeps it to this very
// host (RFC 6265bis, section 4.1.3.2): whoever serves another host of the site cannot plant a client here.
func clientCookie(a *app.App, secure bool) string {
	name := clientCookieName + "_" + a.CookieSuffix()
	if secure {
		return "__Host-" + name
	}
	return name
}

// keep gives a browser what an operation left in its visitor.
func keep(a *app.App, w http.ResponseWriter, r *http.Request, v *app.Visitor) {
	info := infoOf(r)
	switch {
	case v.NewCookie != "":
		http.SetCookie(w, clientCookieOf(a, v.NewCookie, cookieMaxAge, info.secure))
	case v.Forget:
		http.SetCookie(w, clientCookieOf(a, "", -1, info.secure))
	}
	if a.DevBrowsers() && v.DevBrowser != "" {
		w.Header().Set("Clerk-Db-Jwt", v.DevBrowser)
	}
}

func clientCookieOf(a *app.App, value string, maxAge int, secure bool) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; in development there is none
		Name: clientCookie(a, secure), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// uat is what tells servers since when a browser's sessions are what they are: seconds, or 0 when it has none.
func uat(client *api.BrowserClient) string {
	if client == nil || len(client.Sessions) == 0 {
		return "0"
	}
	return strconv.FormatInt(client.UpdatedAt/int64(time.Second/time.Millisecond), 10)
}

// putRight corrects what a browser's cookies say of its client. Browsers of development instances without cookies of
// ours keep them by themselves.
func putRight(a *app.App, w http.ResponseWriter, r *http.Request, client *api.BrowserClient) {
	if a.DevBrowsers() {
		return
	}
	info, value := infoOf(r), uat(client)
	for _, name := range []string{uatCookieName, uatCookieName + "_" + a.CookieSuffix()} {
		if c, err := r.Cookie(name); err == nil && c.Value == value || err != nil && client == nil {
			continue
		}
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // pages read it, and it is no secret
			Name: name, Value: value, Path: "/", Domain: sharedDomain(info.host), MaxAge: cookieMaxAge,
			Secure: info.secure, SameSite: http.SameSiteLaxMode,
		})
	}
}

// sharedDomain is the domain that a host shares with the apps of its site; "" when it has none.
func sharedDomain(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return app.Site(host)
}
