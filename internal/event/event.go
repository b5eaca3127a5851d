// Package event says what happened, and how it looks to those who are told: as a webhook and as a security event token.
// It knows no SQL, no HTTP and no clock.
package event

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
)

// Type is what kind of thing happened.
type Type string

// What happens. The types above the line are those of the contract, section 7; the others are ours.
const (
	SessionCreated Type = "session.created"
	SessionPending Type = "session.pending"
	SessionEnded   Type = "session.ended"
	SessionRemoved Type = "session.removed"
	SessionRevoked Type = "session.revoked"
	UserCreated    Type = "user.created"
	UserUpdated    Type = "user.updated"
	UserDeleted    Type = "user.deleted"

	SessionActivated Type = "session.activated" // its last task is done
	SessionReplaced  Type = "session.replaced"
	SessionExpired   Type = "session.expired" // written down by the sweeper, some time after it is so
	SessionAbandoned Type = "session.abandoned"
	// TokensRevoked says that the tokens of a session that had expired are refused too: its user lost all sessions.
	TokensRevoked    Type = "session.tokens_revoked"
	KeyCreated       Type = "signing_key.created"
	KeyRetired       Type = "signing_key.retired"
	SecretKeyChanged Type = "secret_key.changed"
	// StreamVerification is what the receiver of a stream of security events asked for, to see that the stream works.
	StreamVerification Type = "stream.verification"
	// WebhookTest is what somebody has sent to a webhook endpoint to see that it works.
	WebhookTest Type = "webhook_endpoint.test"
)

// Contract lists the types of the contract: what webhook endpoints get that name none.
var Contract = []Type{
	SessionCreated, SessionPending, SessionEnded, SessionRemoved, SessionRevoked, UserCreated, UserUpdated, UserDeleted,
}

// WebhookTypes lists the types that webhook endpoints can ask for.
var WebhookTypes = append(slices.Clone(Contract), SessionActivated, SessionReplaced, SessionExpired, SessionAbandoned,
	TokensRevoked, KeyCreated, KeyRetired, SecretKeyChanged)

// Types lists all types. A verification and a test are for the one stream or endpoint that they try.
var Types = append(slices.Clone(WebhookTypes), StreamVerification, WebhookTest)

// Known reports whether t is one of Types.
func (t Type) Known() bool { return slices.Contains(Types, t) }

// OfSession reports whether events of a type happen to sessions, as most do.
func (t Type) OfSession() bool { return strings.HasPrefix(string(t), "session.") }

// Of is what a verb makes happen to a session.
func Of(verb session.Verb) Type {
	switch verb {
	case session.Activate:
		return SessionActivated
	case session.End:
		return SessionEnded
	case session.Remove:
		return SessionRemoved
	case session.Replace:
		return SessionReplaced
	case session.Revoke:
		return SessionRevoked
	case session.Expire:
		return SessionExpired
	case session.Abandon:
		return SessionAbandoned
	default:
		return ""
	}
}

// Revokes reports whether tokens that are still in their time are worth nothing after an event of this type. What
// merely expires leaves its tokens to their own exp.
func (t Type) Revokes() bool {
	switch t {
	case SessionEnded, SessionRemoved, SessionReplaced, SessionRevoked, TokensRevoked, KeyRetired:
		return true
	default:
		return false
	}
}

// Event is one thing that happened to a session, a user or a key.
type Event struct {
	ID       string
	Type     Type
	At       time.Time // when it was written; an expiry has happened before
	Subject  string    // the id of the session, user or key it happened to
	Position int64     // 1, 2, 3, …: the order in which things happened to the subject

	SessionID string   // "" when it is about no session
	UserID    string   // "" when it is about no user
	Reason    string   // why a session ended; "" for anything else
	By        string   // who did it: a user's id, or one of session.ByBackend, ByOperator and BySystem
	Changes   []string // the fields of a user that are others now; never their values
	Origin    Origin

	// TokensUntil is until when a token that this revokes may be accepted somewhere; zero for what revokes none.
	TokensUntil time.Time
	Body        json.RawMessage // of its webhook; nil when no endpoint wants it, and when it has been forgotten
}

// Origin is where a change came from. All of it is "" for what no request caused.
type Origin struct {
	Operation string // as the route table has it: POST /v1/sessions/{session_id}/revoke
	Trace     string // the trace id of the request
	Address   string // IP address of whoever sent the request: a browser, or the server of an application
	UserAgent string
}

// The margins of TokensUntil.
const (
	// PlainLifetime is how long tokens live of which nothing is written down. A longer one is noted in its session.
	PlainLifetime = time.Minute
	// Leeway is what verifiers may add to exp, together with what clocks of nodes and verifiers may differ.
	Leeway = 2 * time.Minute
)

// TokensUntil is until when tokens of a session may be accepted somewhere that is over at now. noted is when the
// longest of those runs out that live longer than PlainLifetime; zero when there are none.
func TokensUntil(now, noted time.Time) time.Time {
	until := now.Add(PlainLifetime)
	if noted.After(until) {
		until = noted
	}
	return until.Add(Leeway)
}
