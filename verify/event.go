package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	typeEvent         = "secevent+jwt" // the typ of a SET, which no other token has
	eventRevoked      = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	eventRetired      = "urn:sojourn:secevent:signing-key-retired"
	untilWhenNotTold  = time.Hour // how long after its event a session is refused that has no tokens_until
	formatOpaque      = "opaque"
	formatComplex     = "complex"
	codeInvalid       = "invalid_request"
	codeInvalidKey    = "invalid_key"
	codeInvalidIssuer = "invalid_issuer"
)

// securityEvent is the payload of a SET (RFC 8417). What belongs to event types that are not known here stays raw.
type securityEvent struct {
	jwt.RegisteredClaims
	SubjectID json.RawMessage            `json:"sub_id"`
	Events    map[string]json.RawMessage `json:"events"`
}

// subject is an identifier of RFC 9493: an opaque id, or members that each name a part.
type subject struct {
	Format  string   `json:"format"`
	ID      string   `json:"id"`
	Session *subject `json:"session"`
}

func (s *subject) opaque() string {
	if s == nil || s.Format != formatOpaque {
		return ""
	}
	return s.ID
}

// takeOne verifies a SET and does what it says. It answers errUndecided as long as the SET's key may yet be found: a
// SET that is refused is not sent again.
func (f *feed) takeOne(ctx context.Context, jti, raw string) error {
	since, seen := f.undecided[jti]
	if now := f.now(); !seen || since.After(now) { // the clock may have been set back
		since = now
	}
	e, err := f.read(ctx, jti, raw)
	if err == nil {
		return f.heed(e)
	}
	if undecided(err) || (errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrRevoked) && !f.keys.askedSince(since)) {
		f.undecided[jti] = since
		return fmt.Errorf("%w: %w", errUndecided, err)
	}
	return err
}

func undecided(err error) bool {
	return errors.Is(err, ErrKeysUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// read verifies a SET with the keys that tokens are verified with, and answers what it says, or one of the errors that
// Verify has for tokens.
func (f *feed) read(ctx context.Context, jti, raw string) (*securityEvent, error) {
	if len(raw) > maxToken {
		return nil, ErrMalformed
	}
	e := &securityEvent{}
	_, err := newParser().ParseWithClaims(raw, e, func(t *jwt.Token) (any, error) { return f.keyFor(ctx, t) })
	switch {
	case err != nil:
		return nil, why(err)
	case e.ID != jti || len(e.Events) == 0:
		return nil, ErrMalformed
	case len(f.issuers) > 0 && !slices.Contains(f.issuers, e.Issuer):
		return nil, ErrIssuer
	default:
		return e, nil
	}
}

// keyFor finds the key of a SET by its header, as Verifier.keyFor does for tokens. A retired key signs nothing any more.
func (f *feed) keyFor(ctx context.Context, t *jwt.Token) (any, error) {
	if t.Header["typ"] != any(typeEvent) {
		return nil, ErrCategory
	}
	if _, ok := t.Header["crit"]; ok {
		return nil, ErrMalformed
	}
	kid, _ := t.Header["kid"].(string)
	if f.denied.retired(kid) {
		return nil, errRetired
	}
	return f.keys.key(ctx, kid, eventInterval)
}

// heed puts what an event says into the denylist. Events of other types say nothing that matters here.
func (f *feed) heed(e *securityEvent) error {
	revoked, isRevoked := e.Events[eventRevoked]
	_, isRetired := e.Events[eventRetired]
	if !isRevoked && !isRetired {
		return nil
	}
	var about subject
	if err := json.Unmarshal(e.SubjectID, &about); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if isRetired {
		return f.heedRetired(e.ID, about)
	}
	return f.heedRevoked(e.ID, about, revoked)
}

func (f *feed) heedRetired(jti string, about subject) error {
	kid := about.opaque()
	if kid == "" {
		return ErrMalformed
	}
	f.denied.retire(jti, kid)
	return nil
}

func (f *feed) heedRevoked(jti string, about subject, raw json.RawMessage) error {
	var event struct {
		Timestamp   *seconds `json:"event_timestamp"`
		TokensUntil *seconds `json:"tokens_until"`
	}
	if err := json.Unmarshal(raw, &event); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	sessionID := about.Session.opaque()
	if about.Format != formatComplex || sessionID == "" {
		return ErrMalformed
	}
	until := event.TokensUntil.time()
	if event.TokensUntil == nil {
		happened := f.now()
		if event.Timestamp != nil {
			happened = event.Timestamp.time()
		}
		until = happened.Add(untilWhenNotTold)
	}
	if first := f.denied.end(jti, sessionID, until.Add(f.leeway)); first && f.config.OnRevoked != nil {
		f.config.OnRevoked(sessionID)
	}
	return nil
}

// refusals are the codes of RFC 8935, section 2.4, for what may be wrong with a SET.
var refusals = []struct {
	reason error
	setError
}{
	{ErrUnknownKey, setError{codeInvalidKey, "It is signed with a key that is unknown, or was retired."}},
	{ErrSignature, setError{codeInvalidKey, "The signature is wrong."}},
	{ErrIssuer, setError{codeInvalidIssuer, "It has another issuer."}},
	{ErrCategory, setError{codeInvalid, "Its typ is not " + typeEvent + "."}},
}

func refusal(reason error) setError {
	for _, r := range refusals {
		if errors.Is(reason, r.reason) {
			return r.setError
		}
	}
	return setError{codeInvalid, "It is not a SET that is understood."}
}
