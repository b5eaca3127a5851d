package app

import (
	"context"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// anyAge is a leeway under which a token of any age is read: refreshing is for tokens that have expired.
const anyAge = 100 * 365 * 24 * time.Hour

// RefreshSession trades an expired session token and a refresh token for a new session token. Every refusal is a
// 401, on which official SDKs fall back to the handshake. The order of the checks is that of the contract, section 3.8.
//
// Refresh tokens are given to browsers, by the Frontend API. None has been issued by this server, so after the
// request has been checked no refresh token is known.
func (a *App) RefreshSession(ctx context.Context, req *api.RefreshSession) (*api.Token, error) {
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
	s, err := a.session(ctx, req.SessionID)
	var told *api.Error
	switch {
	case errors.As(err, &told):
		return nil, refused("session_refresh_session_not_found", "Session not found", "There is no session with the id "+req.SessionID+".")
	case err != nil:
		return nil, err
	case !s.Status.Live():
		return nil, refused("session_refresh_inactive_session", "session inactive", "The session has ended.")
	}
	if err := a.checkRefreshUser(ctx, s); err != nil {
		return nil, err
	}
	return nil, refused("refresh_token_not_found", "Refresh token not found", "This server does not know the refresh token.")
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
