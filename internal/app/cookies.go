package app

import (
	"strconv"
	"strings"
	"time"
)

// cookie is one that the server of an app sets for us, or that this server sets for the server of an app.
type cookie struct {
	name, value string
	domain      string        // "" for the host alone
	age         time.Duration // 0 takes it away
	hidden      bool          // from scripts
	secure      bool
}

// String is the cookie as the value of a Set-Cookie header.
func (c cookie) String() string {
	var b strings.Builder
	b.WriteString(c.name + "=" + c.value + "; Path=/")
	if c.domain != "" {
		b.WriteString("; Domain=" + c.domain)
	}
	if c.age == 0 {
		b.WriteString("; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
		return b.String()
	}
	b.WriteString("; Max-Age=" + strconv.FormatInt(int64(c.age/time.Second), 10))
	if c.hidden {
		b.WriteString("; HttpOnly")
	}
	if c.secure {
		b.WriteString("; Secure")
	}
	b.WriteString("; SameSite=Lax")
	return b.String()
}

// The cookies of the contract, frontend section 5, that stand on the hosts of apps.
const (
	sessionCookie    = "__session"
	uatCookie        = "__client_uat"
	devBrowserCookie = "__clerk_db_jwt"
	refreshCookie    = "__refresh"

	appCookieLifetime = 365 * 24 * time.Hour
)

// appCookies are the cookies that the server of an app is to set, in their order.
type appCookies struct {
	suffix string // of this instance
	secure bool   // the app is reached over TLS
	list   []string
}

func (c *appCookies) set(made cookie) {
	made.secure = c.secure
	c.list = append(c.list, made.String())
}

// setTwice sets a cookie under its plain name, for older SDKs, and under that of the instance.
func (c *appCookies) setTwice(made cookie) {
	name := made.name
	c.set(made)
	made.name = name + "_" + c.suffix
	c.set(made)
}

// setRefresh gives the browser a refresh token, out of reach of the app's pages.
func (c *appCookies) setRefresh(value string) {
	c.set(cookie{name: refreshCookie + "_" + c.suffix, value: value, age: refreshLifetime, hidden: true})
}

// signOut takes away what belongs to a session.
func (c *appCookies) signOut() {
	c.set(cookie{name: refreshCookie + "_" + c.suffix})
	c.setTwice(cookie{name: sessionCookie})
}
