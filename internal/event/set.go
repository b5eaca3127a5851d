package event

import (
	"cmp"

	"github.com/sojourn-auth/sojourn/internal/session"
)

// The event types of security event tokens.
const (
	// SETSessionRevoked is that of CAEP 1.0, section 3.1.
	SETSessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	// SETKeyRetired is ours: the standards have none for it.
	SETKeyRetired = "urn:sojourn:secevent:signing-key-retired"
	// SETVerification is that of SSF 1.0, section 8.1.4.1: it shows that a stream works.
	SETVerification = "https://schemas.openid.net/secevent/ssf/event-type/verification"
)

// SETTypes lists the event types that streams deliver.
var SETTypes = []string{SETSessionRevoked, SETKeyRetired}

// SETType is the event type of the security event token that tells of t; "" when none does.
func (t Type) SETType() string {
	switch {
	case t == StreamVerification:
		return SETVerification
	case t == KeyRetired:
		return SETKeyRetired
	case t.Revokes():
		return SETSessionRevoked
	default:
		return ""
	}
}

// SET are the claims of a security event token (RFC 8417). There is no sub and no exp, as SSF 1.0 demands (section
// 4.1.3): nobody can take it for the token of a user.
type SET struct {
	Issuer   string         `json:"iss"`
	Audience string         `json:"aud"`
	IssuedAt int64          `json:"iat"` // seconds
	ID       string         `json:"jti"`
	Trace    string         `json:"txn,omitempty"`
	Subject  SETSubject     `json:"sub_id"`
	Events   map[string]any `json:"events"` // one, by its type
}

// SETSubject is a subject identifier (RFC 9493), of the format opaque, iss_sub or complex.
type SETSubject struct {
	Format  string      `json:"format"`
	ID      string      `json:"id,omitempty"`
	Issuer  string      `json:"iss,omitempty"`
	Sub     string      `json:"sub,omitempty"`
	Session *SETSubject `json:"session,omitempty"`
	User    *SETSubject `json:"user,omitempty"`
}

// SETEvent is what CAEP says of every event (section 2), and until when it matters, which is ours.
type SETEvent struct {
	Timestamp        int64             `json:"event_timestamp"` // seconds
	InitiatingEntity string            `json:"initiating_entity"`
	ReasonAdmin      map[string]string `json:"reason_admin"` // by language
	TokensUntil      int64             `json:"tokens_until"` // seconds, rounded up
}

// SETVerificationEvent says what the receiver asked to hear.
type SETVerificationEvent struct {
	State string `json:"state,omitempty"`
}

// SET tells of an event that revokes tokens. The same event has the same claims whoever makes them.
func (e Event) SET(issuer, instanceID string) SET {
	s := SET{
		Issuer: issuer, Audience: instanceID, IssuedAt: e.At.Unix(), ID: e.ID, Trace: e.Origin.Trace,
		Subject: SETSubject{Format: "opaque", ID: e.Subject},
		Events:  map[string]any{e.Type.SETType(): e.said()},
	}
	if e.SessionID != "" {
		s.Subject = SETSubject{
			Format: "complex", Session: &SETSubject{Format: "opaque", ID: e.SessionID},
			User: &SETSubject{Format: "iss_sub", Issuer: issuer, Sub: e.UserID},
		}
	}
	return s
}

func (e Event) said() any {
	if e.Type == StreamVerification {
		return SETVerificationEvent{State: e.Reason}
	}
	return SETEvent{
		Timestamp: e.At.Unix(), InitiatingEntity: e.initiator(), TokensUntil: e.TokensUntil.Unix() + 1,
		ReasonAdmin: map[string]string{"en": cmp.Or(e.Reason, string(e.Type))},
	}
}

// initiator is who caused an event, in the words of CAEP.
func (e Event) initiator() string {
	switch e.By {
	case session.ByBackend, session.ByOperator:
		return "admin"
	case session.BySystem:
		return "system"
	default:
		return "user"
	}
}
