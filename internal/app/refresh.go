package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// anyAge is a leeway under which a token of any age is read: refreshing is for tokens that have expired.
const anyAge = 100 * 365 * 24 * time.Hour

const (
	// refreshLifetime is how long a refresh token is good for. Whether the session lives, it is asked each time.
	refreshLifetime = 7 * 24 * time.Hour
	// refreshGrace is how long a refresh token is good for after its first use: a browser sends several requests at once,
	// and an answer that holds the next token may never arrive.
	refreshGrace = 30 * time.Second
)

func newRefreshToken() string { return secret.NewToken("rt_", rotatingTokenSize) }

// RefreshSession trades an expired session token and a refresh token for a new session token. Every refusal is a
// 401, on which official SDKs fall back to the handshake. The order of the checks is that of the contract, section 3.8.
//
// Handshakes bring refresh tokens to the servers of apps, in cookies that pages cannot read. In the format cookie the
// answer has the next one, and the old one soon goes out of use. Using an old one again ends nothing: without the
// secret key nobody can use one at all, so what comes again is an answer that was lost.
func (a *App) RefreshSession(ctx context.Context, req *api.RefreshSession) (*api.Refreshed, error) {
	if err := checkRefresh(req); err != nil {
		return nil, err
	}
	origin := req.RequestOrigin.Or("")
	if !isOrigin(origin) {
		return nil, refused("refresh_request_origin_invalid", "Request origin is invalid", "request_origin is not an origin.")
	}
	claims, err := a.sessionToken(ctx, req.ExpiredToken.Or(""), anyAge)
	if err != nil {
		return nil, err
	}
	if err := checkExpiredToken(claims, req.SessionID, origin); err != nil {
		return nil, err
	}
	now := a.now() // before the session is read: it becomes the token's iat
	s, err := a.refreshable(ctx, req)
	if err != nil {
		return nil, err
	}
	hash := secret.HashKey(req.RefreshToken.Or(""))
	t, err := a.Store.RefreshToken(ctx, hash)
	if err != nil {
		return nil, whenAbsent(err, refreshTokenNotFound())
	}
	if t.SessionID != s.ID || !now.Before(t.ExpireAt) {
		return nil, refreshTokenNotFound()
	}
	if s, err = a.used(ctx, visitorBehind(req), s, now); err != nil {
		if _, ended := errors.AsType[*api.Error](err); ended {
			err = inactiveSession()
		}
		return nil, err
	}
	minted, err := a.sessionTokenFor(ctx, origin, s, now)
	if err != nil {
		return nil, err
	}
	if req.Format.Or("token") == "token" {
		return &api.Refreshed{Object: minted.Object, JWT: minted.JWT}, nil
	}
	next, err := a.nextRefreshToken(ctx, t, now)
	if err != nil {
		return nil, err
	}
	c := &appCookies{suffix: a.CookieSuffix(), secure: strings.HasPrefix(origin, "https:")}
	c.setRefresh(next)
	c.setTwice(cookie{name: sessionCookie, value: minted.JWT, age: appCookieLifetime})
	return &api.Refreshed{Object: "cookies", Cookies: c.list}, nil
}

// refreshable is the session of a request, if a new token can be made for it.
func (a *App) refreshable(ctx context.Context, req *api.RefreshSession) (session.Session, error) {
	s, err := a.session(ctx, req.SessionID)
	var told *api.Error
	switch {
	case errors.As(err, &told):
		return s, refused("session_refresh_session_not_found", "Session not found", "There is no session with the id "+req.SessionID+".")
	case err != nil:
		return s, err
	case !s.Status.Live():
		return s, inactiveSession()
	}
	return s, a.checkRefreshUser(ctx, s)
}

func inactiveSession() *api.Error {
	return refused("session_refresh_inactive_session", "session inactive", "The session has ended.")
}

func refreshTokenNotFound() *api.Error {
	return refused("refresh_token_not_found", "Refresh token not found", "This server does not know the refresh token of the session, or it has been replaced.")
}

// nextRefreshToken replaces a refresh token. Of two requests with the same one, both get another: the first use alone
// decides how long the old one is still good for.
func (a *App) nextRefreshToken(ctx context.Context, used store.RefreshToken, now time.Time) (string, error) {
	next := newRefreshToken()
	return next, a.Store.Update(ctx, func(tx store.Conn) error {
		if err := tx.RetireRefreshToken(ctx, used.Hash, now.Add(refreshGrace)); err != nil {
			return err
		}
		return tx.InsertRefreshToken(ctx, store.RefreshToken{Hash: secret.HashKey(next), SessionID: used.SessionID, ExpireAt: now.Add(refreshLifetime)})
	})
}

// visitorBehind is the browser that the server of an app asks for, as far as it says.
func visitorBehind(req *api.RefreshSession) *Visitor {
	v := &Visitor{Address: req.RequestOriginatingIP.Or("")}
	for name, values := range req.RequestHeaders.Or(nil) {
		if strings.EqualFold(name, "User-Agent") && len(values) > 0 {
			v.UserAgent = values[0]
		}
	}
	return v
}

func (a *App) checkRefreshUser(ctx context.Context, s session.Session) error {
	_, err := a.Store.User(ctx, s.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return refused("session_refresh_user_not_found", "user not found", "The user of the session does not exist.")
	}
	return err
}

func checkRefresh(req *api.RefreshSession) error {
	for _, required := range []struct {
		param string
		value api.Field[string]
	}{
		{"expired_token", req.ExpiredToken},
		{"refresh_token", req.RefreshToken},
		{"request_origin", req.RequestOrigin},
	} {
		if v, ok := required.value.Get(); !ok || v == "" {
			return at(required.param, fail(400, "form_param_missing", "is missing", required.param+" is required."))
		}
	}
	if format := req.Format.Or("token"); format != "token" && format != "cookie" {
		return at("format", fail(400, "form_param_value_invalid", "is invalid", "format takes: token, cookie."))
	}
	return nil
}

func checkExpiredToken(claims *sessionTokenClaims, sessionID, origin string) error {
	switch {
	case claims == nil:
		return refused("expired_session_token_invalid", "Invalid expired_token param", "expired_token is not a session token of this instance.")
	case claims.AuthorizedParty == "":
		return refused("expired_session_token_missing_azp", "missing 'azp' claim", "expired_token has no azp claim.")
	case claims.AuthorizedParty != origin:
		return refused("refresh_request_origin_azp_mismatch", "Request origin does not match azp claim", "expired_token was made for another origin than request_origin.")
	case claims.SessionID == "":
		return refused("expired_session_token_missing_sid", "missing 'sid' claim", "expired_token has no sid claim.")
	case claims.SessionID != sessionID:
		return refused("refresh_sid_mismatch", "Session ID does not match the 'sid' claim", "expired_token belongs to another session.")
	default:
		return nil
	}
}

func refused(code, message, long string) *api.Error { return fail(401, code, message, long) }
