package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const (
	// handshakeLifetime is how long the server of an app may fetch the cookies of a handshake. It does so more than once:
	// with every request that the browser sends along the nonce.
	handshakeLifetime = time.Minute
	// handshakeLimit is how many handshakes an address may have in a window without being signed in. Those who are signed
	// in have none: behind the address of an office are many of them.
	handshakeLimit = 100
	handshakeSeal  = "handshake:" // and the hash of the nonce
)

// carriers are what brings a handshake to the server of an app, by its format: a nonce to fetch the cookies with, or a
// token that holds them.
var carriers = map[string]string{"nonce": "__clerk_handshake_nonce", "token": "__clerk_handshake"} //nolint:gosec // names of cookies

// Handshake gives the server of an app cookies that fit together, by a detour of its visitor's browser: the contract,
// frontend section 14. Under a live key the carrier is a cookie that both hosts share; under a test key, where there
// may be none, it travels in the URL.
func (a *App) Handshake(ctx context.Context, v *Visitor, req *api.Handshake) (*api.Redirect, error) {
	format := cmp.Or(req.Format, "token")
	carrier := cookie{name: carriers[format], age: handshakeLifetime, hidden: true}
	if carrier.name == "" {
		return nil, notAllowed("format", req.Format, "nonce", "token")
	}
	page, err := a.handshakePage(ctx, v, req.RedirectURL)
	if err != nil {
		return nil, err
	}
	h, err := a.shake(ctx, v, page, req.SessionToken)
	if err != nil {
		return nil, err
	}
	if format == "nonce" {
		carrier.value, err = a.keepHandshake(ctx, h)
	} else {
		carrier.value, err = a.signHandshake(ctx, h, req.SuffixedCookies)
	}
	if err != nil {
		return nil, err
	}
	// What is left of a handshake before would be read in the place of this one.
	page.RawQuery = without(page.RawQuery, carriers["nonce"], carriers["token"], devBrowserCookie)
	if a.TestKey() {
		return &api.Redirect{Location: with(page, carrier.name, carrier.value)}, nil
	}
	carrier.domain, carrier.secure = Site(page.Hostname()), page.Scheme == "https" && v.Secure
	return &api.Redirect{Location: page.String(), Cookie: carrier.String()}, nil
}

// handshakePage reads the URL of the page that a handshake is for.
func (a *App) handshakePage(ctx context.Context, v *Visitor, target string) (*url.URL, error) {
	page := redirectURL(target)
	if page == nil {
		return nil, at("redirect_url", fail(400, "invalid_handshake", "Invalid handshake", "redirect_url must be the whole URL of the page that the browser came from."))
	}
	if page, err := a.allowedRedirect(ctx, target); err != nil {
		return page, err
	}
	if own := hostname(v.Host); !a.TestKey() && own != page.Hostname() && (Site(own) == "" || Site(own) != Site(page.Hostname())) {
		return nil, wrongRedirect("No cookie reaches both " + own + " and " + page.Hostname() + ". Let browsers reach the Frontend API on the host or the site of the app, for example through its proxy.")
	}
	return page, nil
}

func hostname(host string) string {
	return strings.ToLower((&url.URL{Host: host}).Hostname())
}

// handshake is what the server of an app is to learn.
type handshake struct {
	page       *url.URL
	devBrowser string // "" under a live key
	sessionID  string // "" when nobody is signed in
	jwt        string // of the session
	uat        int64  // seconds; 0 when nobody is signed in
}

// shake finds out who visits. It counts as activity.
func (a *App) shake(ctx context.Context, v *Visitor, page *url.URL, shown string) (handshake, error) {
	h := handshake{page: page}
	c, err := a.handshakeClient(ctx, v)
	if err != nil {
		return h, err
	}
	h.devBrowser = a.devBrowserFor(v)
	now := a.now() // before the session is read: it becomes the token's iat
	s, err := a.handshakeSession(ctx, v, c, shown, now)
	if err != nil {
		return h, err
	}
	if s == nil {
		return h, a.admitVisitor(ctx, v, handshakeLimit, "handshake")
	}
	minted, err := a.sessionTokenFor(ctx, originOf(page), *s, now)
	if err != nil {
		return h, err
	}
	// A token that is older than the client's last change sends the browser back here, so on a node whose clock is late
	// the change must not seem the later one.
	h.sessionID, h.jwt, h.uat = s.ID, minted.JWT, min(c.UpdatedAt.Unix(), now.Unix())
	return h, nil
}

// handshakeClient is the client of a visitor, who cannot be refused here: a browser whose name nobody knows gets
// another one.
func (a *App) handshakeClient(ctx context.Context, v *Visitor) (*store.Client, error) {
	c, err := a.client(ctx, v)
	if told, ok := errors.AsType[*api.Error](err); ok && a.DevBrowsers() && told.Status == unknownDevBrowser().Status {
		_, err = a.CreateDevBrowser(ctx, v, &api.None{})
		return nil, err
	}
	return c, err
}

// devBrowserFor is the name of a dev browser, which SDKs want under every test key. Where browsers have cookies it
// names nobody.
func (a *App) devBrowserFor(v *Visitor) string {
	switch {
	case !a.TestKey():
		return ""
	case a.DevBrowsers(), isName(v.DevBrowser):
		return v.DevBrowser
	default:
		return secret.NewToken("dvb_", rotatingTokenSize)
	}
}

// isName reports whether a stranger's text can stand in a cookie.
func isName(s string) bool {
	const most = 256
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-' && r != '.'
	})
}

// handshakeSession is the session that a visitor's page is about: that of the token it showed, else the one that its
// client used last, else the first; nil when the client has none that is live.
func (a *App) handshakeSession(ctx context.Context, v *Visitor, c *store.Client, shown string, now time.Time) (*session.Session, error) {
	if c == nil {
		return nil, nil
	}
	live, err := a.liveSessions(ctx, a.Store.Conn, c.ID, now)
	if err != nil {
		return nil, err
	}
	var claims *sessionTokenClaims
	if shown != "" {
		if claims, err = a.sessionToken(ctx, shown, anyAge); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(live, func(x, y session.Session) int {
		rank := func(s session.Session) int {
			switch {
			case claims != nil && claims.SessionID == s.ID:
				return 0
			case c.LastActiveSessionID == s.ID:
				return 1
			default:
				return 2
			}
		}
		return cmp.Compare(rank(x), rank(y))
	})
	for _, s := range live {
		s, err := a.used(ctx, v, s, now)
		if _, ended := errors.AsType[*api.Error](err); ended {
			continue
		}
		return &s, err
	}
	return nil, nil
}

// cookies begins what the server of the page is to set, up to what belongs to the session.
func (a *App) cookies(h handshake) *appCookies {
	c := &appCookies{suffix: a.CookieSuffix(), secure: h.page.Scheme == "https"}
	domain := Site(h.page.Hostname())
	if !a.TestKey() { // whoever resolves a handshake lays its carrier down
		c.set(cookie{name: carriers["nonce"], domain: domain})
		c.set(cookie{name: carriers["token"], domain: domain})
	}
	if domain != "" { // where the host has a cookie of its own, it would be read instead of the site's
		c.setTwice(cookie{name: uatCookie})
	}
	if h.devBrowser != "" {
		c.setTwice(cookie{name: devBrowserCookie, value: h.devBrowser, age: appCookieLifetime})
	}
	c.setTwice(cookie{name: uatCookie, value: strconv.FormatInt(h.uat, 10), domain: domain, age: cookieLifetime})
	return c
}

// maxCookie is how long a cookie may be, in bytes: longer ones browsers do not keep.
const maxCookie = 4096

// signHandshake makes a token that holds the cookies. It may travel in a URL, so it has no refresh token. Where it
// travels in a cookie and is too long for one, it has the session token once, under the name that the app reads.
func (a *App) signHandshake(ctx context.Context, h handshake, suffixed bool) (string, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return "", err
	}
	c := a.cookies(h)
	if h.sessionID == "" {
		c.signOut()
		return ring.SignHandshake(c.list)
	}
	c.setTwice(cookie{name: sessionCookie, value: h.jwt, age: appCookieLifetime})
	signed, err := ring.SignHandshake(c.list)
	if err != nil || a.TestKey() || len(carriers["token"])+len(signed) <= maxCookie {
		return signed, err
	}
	unread := len(c.list) - 1
	if suffixed {
		unread--
	}
	return ring.SignHandshake(slices.Delete(c.list, unread, unread+1))
}

// keptHandshake is a handshake as it is stored.
type keptHandshake struct {
	SessionID string   `json:"session_id,omitempty"`
	Cookies   []string `json:"cookies"`
	Ended     []string `json:"ended,omitempty"` // what the cookies are once the session has ended
}

// keepHandshake stores the cookies and answers the nonce that finds them. Only a hash of it is stored, and the cookies
// are sealed: whoever reads the database learns neither.
func (a *App) keepHandshake(ctx context.Context, h handshake) (string, error) {
	c := a.cookies(h)
	kept := keptHandshake{SessionID: h.sessionID}
	var refresh string
	if h.sessionID == "" {
		c.signOut()
	} else {
		refresh = newRefreshToken()
		c.setRefresh(refresh)
		c.setTwice(cookie{name: sessionCookie, value: h.jwt, age: appCookieLifetime})
		nobody := a.cookies(handshake{page: h.page, devBrowser: h.devBrowser})
		nobody.signOut()
		kept.Ended = nobody.list
	}
	kept.Cookies = c.list
	raw, err := json.Marshal(kept)
	if err != nil {
		return "", err
	}
	nonce := secret.NewToken("", rotatingTokenSize)
	hash, now := secret.HashKey(nonce), a.now()
	sealed, err := a.Master.Seal(raw, handshakeSeal+hash)
	if err != nil {
		return "", err
	}
	return nonce, a.Store.Update(ctx, func(tx store.Conn) error {
		if refresh != "" {
			t := store.RefreshToken{Hash: secret.HashKey(refresh), SessionID: h.sessionID, ExpireAt: now.Add(refreshLifetime)}
			if err := tx.InsertRefreshToken(ctx, t); err != nil {
				return err
			}
		}
		return tx.InsertHandshake(ctx, store.Handshake{Hash: hash, Sealed: sealed, ExpireAt: now.Add(handshakeLifetime)})
	})
}

// GetHandshakePayload finds the cookies of a handshake. The session token among them was minted before this request, so
// the promise of CreateToken asks for another look at the session: when it has ended, the cookies sign the browser out.
func (a *App) GetHandshakePayload(ctx context.Context, req *api.GetHandshakePayload) (*api.HandshakePayload, error) {
	if req.Nonce == "" {
		return nil, missing("nonce")
	}
	unknown := notFound("Handshake", "There is no handshake with this nonce, or its minute is over.")
	kept, err := a.Store.Handshake(ctx, secret.HashKey(req.Nonce))
	if err != nil {
		return nil, whenAbsent(err, unknown)
	}
	if !a.now().Before(kept.ExpireAt) {
		return nil, unknown
	}
	raw, err := a.Master.Open(kept.Sealed, handshakeSeal+kept.Hash)
	if err != nil {
		return nil, err
	}
	var h keptHandshake
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, err
	}
	answer := &api.HandshakePayload{Object: "handshake_payload", Nonce: req.Nonce, Directives: h.Cookies}
	if h.SessionID == "" {
		return answer, nil
	}
	s, err := a.session(ctx, h.SessionID)
	if _, gone := errors.AsType[*api.Error](err); gone || err == nil && !s.Status.Live() {
		answer.Directives = h.Ended
		return answer, nil
	}
	return answer, err
}
