package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/claims"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// CreateToken mints a session token.
//
// The promise: the status is read from the database by this very request, after the moment that becomes iat. A revoke
// that was acknowledged before the request was sent is seen by that read, so the token is refused. Nothing on this
// path caches a status.
func (a *App) CreateToken(ctx context.Context, req *api.CreateToken) (*api.Token, error) {
	lifetime, err := tokenLifetime(req, a.Settings.TokenLifetime)
	if err != nil {
		return nil, err
	}
	now := a.now()
	s, err := a.session(ctx, req.SessionID)
	if err != nil {
		return nil, err
	}
	if !s.Status.Live() {
		return nil, notActive()
	}
	claims, err := a.sessionClaims(ctx, s, now, req.Origin, lifetime)
	if err != nil {
		return nil, err
	}
	ring, err := a.keyring(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.noteTokens(ctx, s, now, lifetime); err != nil {
		return nil, err
	}
	claims.ID = newJTI()
	jwt, err := ring.SignSession(claims)
	if err != nil {
		return nil, fmt.Errorf("sign session token: %w", err)
	}
	return tokenView("session_claims", jwt)
}

// sessionClaims are what a session token says, but for its id.
func (a *App) sessionClaims(ctx context.Context, s session.Session, now time.Time, origin string, lifetime time.Duration) (token.SessionClaims, error) {
	custom, err := a.customClaims(ctx, s)
	return token.SessionClaims{
		Issuer: a.Settings.Issuer, Subject: s.UserID, SessionID: s.ID, AuthorizedParty: authorizedParty(origin),
		IssuedAt: now, Lifetime: lifetime, Status: string(s.Status), FactorAge: factorAge(s, now), Actor: s.Actor,
		Version: a.Settings.ClaimsVersion, Custom: custom,
	}, err
}

// CreateTokenFromTemplate mints a token from the JWT template that the request names.
func (a *App) CreateTokenFromTemplate(ctx context.Context, req *api.CreateToken) (*api.Token, error) {
	now := a.now()
	s, err := a.session(ctx, req.SessionID)
	if err != nil {
		return nil, err
	}
	t, err := a.Store.TemplateNamed(ctx, req.TemplateName)
	if err != nil {
		return nil, whenAbsent(err, templateNotFound("name", req.TemplateName))
	}
	lifetime, err := tokenLifetime(req, t.Lifetime)
	if err != nil {
		return nil, err
	}
	if s.Status != session.Active {
		return nil, notActive()
	}
	claims, err := a.templateClaims(ctx, t, s, now, req.Origin, lifetime)
	if err != nil {
		return nil, err
	}
	if err := a.noteTokens(ctx, s, now, lifetime); err != nil {
		return nil, err
	}
	claims.ID = templateJTI(s.ID)
	jwt, err := a.signTemplate(ctx, t, claims)
	if err != nil {
		return nil, fmt.Errorf("sign template token: %w", err)
	}
	return tokenView("template_name", jwt)
}

// templateClaims are what a token from a template says, but for its id.
func (a *App) templateClaims(ctx context.Context, t store.Template, s session.Session, now time.Time, origin string, lifetime time.Duration) (token.TemplateClaims, error) {
	custom, err := a.evaluate(ctx, []byte(t.Claims), s)
	return token.TemplateClaims{
		Issuer: a.Settings.Issuer, Subject: s.UserID, AuthorizedParty: authorizedParty(origin),
		IssuedAt: now, Lifetime: lifetime, ClockSkew: t.ClockSkew, Custom: custom,
	}, err
}

// maxTokenSize bounds tokens, in bytes: they travel in headers, which servers cut off at 8 to 16 KiB, and this
// server's own verification reads no longer ones.
const maxTokenSize = 16 << 10

// tokenView answers a token that verifiers can take. What makes one too long is the claims that param names.
func tokenView(param, jwt string) (*api.Token, error) {
	if len(jwt) > maxTokenSize {
		return nil, at(param, fail(422, "form_param_value_too_large", "value too large", fmt.Sprintf("The token would have %d bytes; the limit is %d.", len(jwt), maxTokenSize)))
	}
	return &api.Token{Object: "token", JWT: jwt}, nil
}

func (a *App) signTemplate(ctx context.Context, t store.Template, c token.TemplateClaims) (string, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return "", err
	}
	if t.SealedKey == nil {
		return ring.SignTemplate(c)
	}
	raw, err := a.Master.Open(t.SealedKey, templateKeyPrefix+t.ID)
	if err != nil {
		return "", err
	}
	key, err := token.ParseCustomKey(t.Algorithm, string(raw))
	if err != nil {
		return "", err
	}
	return key.SignTemplate(t.ID, c)
}

// tokenLifetime is what the request asks for, or the default.
func tokenLifetime(req *api.CreateToken, otherwise time.Duration) (time.Duration, error) {
	seconds, ok := req.ExpiresInSeconds.Get()
	if !ok {
		return otherwise, nil
	}
	if err := within("expires_in_seconds", seconds, minTokenLifetime, maxTokenLifetime); err != nil {
		return 0, err
	}
	return time.Duration(seconds) * time.Second, nil
}

// authorizedParty is the azp claim: the origin that asks for the token, if it is one.
func authorizedParty(origin string) string {
	if !isOrigin(origin) {
		return ""
	}
	return origin
}

// factorAge is the fva claim: whole minutes since the first factor was verified, which began the session, and -1
// for a second factor that never was.
func factorAge(s session.Session, now time.Time) [2]int {
	return [2]int{max(0, int(now.Sub(s.CreatedAt)/time.Minute)), -1}
}

const jtiSize = 10 // bytes

func newJTI() string { return secret.NewHex(jtiSize) }

// customClaims are the operator's own claims in session tokens.
func (a *App) customClaims(ctx context.Context, s session.Session) (map[string]any, error) {
	if a.Settings.SessionClaims == "" {
		return nil, nil
	}
	return a.evaluate(ctx, []byte(a.Settings.SessionClaims), s)
}

// evaluate fills a template with the user and the session. It reads the user only once something is looked up there.
func (a *App) evaluate(ctx context.Context, template []byte, s session.Session) (map[string]any, error) {
	parsed, err := claims.Parse(template)
	if err != nil {
		return nil, fmt.Errorf("read claims template: %w", err)
	}
	user, err := a.userClaims(ctx, s.UserID)
	if err != nil {
		return nil, whenAbsent(err, userNotFound(s.UserID))
	}
	return parsed.Eval(func(path []string) any {
		switch path[0] {
		case "user":
			return user(path)
		case "session":
			return sessionClaim(s, path[1:])
		default: // organizations do not exist here
			return nil
		}
	}), nil
}

func (a *App) userClaims(ctx context.Context, userID string) (claims.Lookup, error) {
	u, err := a.Store.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	identifiers, err := a.Store.Identifiers(ctx, userID)
	if err != nil {
		return nil, err
	}
	return userLookup(u, identifiers), nil
}

func sessionClaim(s session.Session, path []string) any {
	if len(path) == 0 {
		return nil
	}
	switch path[0] {
	case "id":
		return s.ID
	case "actor":
		var actor any
		if s.Actor == nil || json.Unmarshal(s.Actor, &actor) != nil {
			return nil
		}
		return claims.Dig(actor, path[1:])
	default:
		return nil
	}
}

// sessionTokenClaims are what the operations that take a session token read of it.
type sessionTokenClaims struct {
	SessionID       string `json:"sid"`
	UserID          string `json:"sub"`
	AuthorizedParty string `json:"azp"`
	IssuedAt        int64  `json:"iat"` // seconds
}

// sessionToken verifies a session token of this instance; nil when it is none, or out of its time by more than leeway.
func (a *App) sessionToken(ctx context.Context, raw string, leeway time.Duration) (*sessionTokenClaims, error) {
	return verified[sessionTokenClaims](ctx, a, raw, token.CategorySession, leeway)
}

// clientTokenClaims are what a client token holds.
type clientTokenClaims struct {
	ClientID      string `json:"id"`
	RotatingToken string `json:"rotating_token"`
}

// clientToken verifies a client token of this instance; nil when it is none.
func (a *App) clientToken(ctx context.Context, raw string) (*clientTokenClaims, error) {
	return verified[clientTokenClaims](ctx, a, raw, token.CategoryClient, verifyLeeway)
}

func verified[Claims any](ctx context.Context, a *App, raw, category string, leeway time.Duration) (*Claims, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := ring.Verify(raw, category, a.now(), leeway)
	if errors.Is(err, token.ErrInvalid) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	claims := new(Claims)
	if err := json.Unmarshal(payload, claims); err != nil {
		return nil, nil //nolint:nilerr // a token with other claims is not one of ours
	}
	return claims, nil
}
