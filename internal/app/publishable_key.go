package app

import (
	"crypto/sha1" //nolint:gosec // the contract's way to name cookies; it protects nothing
	"encoding/base64"
	"strings"
)

// CookieSuffix is what the names of this instance's cookies end in: eight characters of the SHA-1 of the publishable
// key, in base64 for URLs. Everybody who knows the key finds it.
func (a *App) CookieSuffix() string {
	sum := sha1.Sum([]byte(a.Settings.Browsers.PublishableKey)) //nolint:gosec // see above
	return base64.RawURLEncoding.EncodeToString(sum[:])[:8]
}

// TestKey reports whether the publishable key is one for development.
func (a *App) TestKey() bool {
	return strings.HasPrefix(a.Settings.Browsers.PublishableKey, "pk_test_")
}

// devSuffixes are the ends of hosts by which the browser library tells that an instance keeps no cookies.
var devSuffixes = []string{
	".lcl.dev", ".stg.dev", ".lclstage.dev", ".stgstage.dev", ".dev.lclclerk.com", ".stg.lclclerk.com",
	".accounts.lclclerk.com", "accountsstage.dev", "accounts.dev",
}

// DevBrowsers reports whether browsers name themselves in each request instead of by a cookie. The publishable key
// alone decides it, as it does in the browser library.
func (a *App) DevBrowsers() bool {
	host := a.keyHost()
	if !a.TestKey() || host == "" {
		return false
	}
	for _, suffix := range devSuffixes {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// keyHost is the host in the publishable key; "" when there is none.
func (a *App) keyHost() string {
	parts := strings.SplitN(a.Settings.Browsers.PublishableKey, "_", 3)
	host, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[len(parts)-1], "="))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(host), "$")
}
