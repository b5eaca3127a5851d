package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// signatures lets requests that would sign the very same claims in the same second share one signature: two tabs that
// ask at once. Each of them has read the session itself; what is shared is work, never an answer about a status.
type signatures struct {
	mu     sync.Mutex
	second int64
	tokens map[string]func() (string, error)
}

// once answers what sign makes of claims in a second, and lets one caller make it.
func (s *signatures) once(second int64, claims string, sign func() (string, error)) (string, error) {
	s.mu.Lock()
	if s.second != second || s.tokens == nil {
		s.second, s.tokens = second, map[string]func() (string, error){}
	}
	made, ok := s.tokens[claims]
	if !ok {
		made = sync.OnceValues(sign)
		s.tokens[claims] = made
	}
	s.mu.Unlock()
	return made()
}

// CreateBrowserToken mints a token for a page: a session token, or one from a JWT template. It counts as activity. The
// promise of CreateToken holds here too: the session is read after the moment that becomes iat.
func (a *App) CreateBrowserToken(ctx context.Context, v *Visitor, req *api.BrowserToken) (*api.Token, error) {
	if organization := req.OrganizationID.Or(""); organization != "" {
		return nil, fail(404, "resource_not_found", "Organization not found", "The user belongs to no organization with the id "+organization+".")
	}
	s, now, err := a.usedSession(ctx, v, req.SessionID)
	if err != nil {
		return nil, err
	}
	if s, err = a.used(ctx, v, s, now); err != nil {
		return nil, err
	}
	if req.TemplateName != "" {
		return a.templateTokenFor(ctx, v.Origin, req.TemplateName, s, now)
	}
	return a.sessionTokenFor(ctx, v.Origin, s, now)
}

func (a *App) sessionTokenFor(ctx context.Context, origin string, s session.Session, now time.Time) (*api.Token, error) {
	claims, err := a.sessionClaims(ctx, s, now, origin, a.Settings.TokenLifetime)
	claims.IssuedAt = now.Truncate(time.Second) // what a token says of it
	if err != nil {
		return nil, err
	}
	if err := a.noteTokens(ctx, s, now, claims.Lifetime); err != nil {
		return nil, err
	}
	ring, err := a.keyring(ctx)
	if err != nil {
		return nil, err
	}
	jwt, err := a.sharing(claims.IssuedAt, ring.SigningKey().ID, claims, func() (string, error) {
		claims.ID = newJTI()
		return ring.SignSession(claims)
	})
	if err != nil {
		return nil, fmt.Errorf("sign session token: %w", err)
	}
	return tokenView("session_claims", jwt)
}

func (a *App) templateTokenFor(ctx context.Context, origin, name string, s session.Session, now time.Time) (*api.Token, error) {
	t, err := a.Store.TemplateNamed(ctx, name)
	if err != nil {
		return nil, whenAbsent(err, templateNotFound("name", name))
	}
	claims, err := a.templateClaims(ctx, t, s, now, origin, t.Lifetime)
	claims.IssuedAt = now.Truncate(time.Second)
	if err != nil {
		return nil, err
	}
	if err := a.noteTokens(ctx, s, now, claims.Lifetime); err != nil {
		return nil, err
	}
	jwt, err := a.sharing(now, s.ID+t.ID+strconv.FormatInt(t.UpdatedAt.UnixMilli(), 10), claims, func() (string, error) {
		claims.ID = templateJTI(s.ID)
		return a.signTemplate(ctx, t, claims)
	})
	if err != nil {
		return nil, fmt.Errorf("sign template token: %w", err)
	}
	return tokenView("template_name", jwt)
}

// sharing signs claims that have no id yet, or answers what somebody signs at this moment with the same key.
func (a *App) sharing(issued time.Time, key string, claims any, sign func() (string, error)) (string, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return a.signed.once(issued.Unix(), key+string(raw), sign)
}

// TouchSession tells that a page uses a session now, and answers it with a fresh token.
func (a *App) TouchSession(ctx context.Context, v *Visitor, req *api.TouchSession) (*api.BrowserSession, error) {
	if organization := req.ActiveOrganizationID.Or(""); organization != "" {
		return nil, fail(404, "resource_not_found", "Organization not found", "The user belongs to no organization with the id "+organization+".")
	}
	s, now, err := a.usedSession(ctx, v, req.SessionID)
	if err != nil {
		return nil, err
	}
	if s, err = a.used(ctx, v, s, now); err != nil {
		return nil, err
	}
	if v.known.LastActiveSessionID != s.ID {
		if err := a.Store.Update(ctx, func(tx store.Conn) error { return tx.SetLastActive(ctx, s.ClientID, s.ID) }); err != nil {
			return nil, err
		}
	}
	view, err := a.browserSession(ctx, v, s, WithTokens, now)
	if err == nil && view == nil {
		err = signedOut()
	}
	return view, err
}

// activityStep is how long activity may stay unwritten: a page asks about every 43 s for each of its tabs.
const activityStep = 30 * time.Second

// used notes that a session is used. A session that ended meanwhile is refused.
func (a *App) used(ctx context.Context, v *Visitor, s session.Session, now time.Time) (session.Session, error) {
	step := activityStep
	if inactivity := time.Duration(s.InactivityMS) * time.Millisecond; inactivity > 0 {
		step = min(step, inactivity/10)
	}
	if now.Sub(s.LastActiveAt) < step && seenAt(s, v.Address) {
		return s, nil
	}
	s = s.Touched(now)
	s.Activity = a.activity(s.ID, v.UserAgent, v.Address)
	err := a.Store.Update(ctx, func(tx store.Conn) error { return tx.TouchSession(ctx, s, now) })
	return s, whenAbsent(err, signedOut())
}

// seenAt reports whether a session was last used from an address.
func seenAt(s session.Session, address string) bool {
	seen := activityView(s.Activity)
	return seen != nil && seen.IPAddress != nil && *seen.IPAddress == address
}
