// Package session says what a session is, what it may become, and when time ends it.
// It knows no SQL, no HTTP and no clock: the moment always comes in as an argument.
package session

import (
	"encoding/json"
	"slices"
	"time"
)

// Status is where a session stands in its life.
type Status string

// The statuses of the contract, section 2.3.
const (
	Active    Status = "active"    // fully usable
	Pending   Status = "pending"   // signed in, with tasks left to do
	Ended     Status = "ended"     // the user signed out; the client keeps it
	Removed   Status = "removed"   // the user signed out and the client dropped it
	Replaced  Status = "replaced"  // a newer session of the client took its place
	Revoked   Status = "revoked"   // the application ended it
	Expired   Status = "expired"   // its allowed time passed
	Abandoned Status = "abandoned" // long past its time and given up
)

// Statuses lists every status, in the order of a session's life.
var Statuses = []Status{Active, Pending, Ended, Removed, Replaced, Revoked, Expired, Abandoned}

// Known reports whether s is one of Statuses.
func (s Status) Known() bool { return slices.Contains(Statuses, s) }

// Live reports whether a session in this status can still be used, or become usable.
func (s Status) Live() bool { return s == Active || s == Pending }

// Verb is something that happens to a session.
type Verb string

// What can happen to a session.
const (
	Activate Verb = "activate" // the last task is done
	End      Verb = "end"
	Remove   Verb = "remove"
	Replace  Verb = "replace"
	Revoke   Verb = "revoke"
	Expire   Verb = "expire"
	Abandon  Verb = "abandon"
)

// life is the whole state machine. What is not listed cannot happen.
var life = []struct {
	verb Verb
	from []Status
	to   Status
}{
	{Activate, []Status{Pending}, Active},
	{End, []Status{Active, Pending}, Ended},
	{Remove, []Status{Active, Pending}, Removed},
	{Replace, []Status{Active, Pending}, Replaced},
	{Revoke, []Status{Active, Pending}, Revoked},
	{Expire, []Status{Active, Pending}, Expired},
	{Abandon, []Status{Active, Pending, Expired}, Abandoned},
}

// Can reports whether verb may happen to a session in this status.
func (s Status) Can(verb Verb) bool { return slices.Contains(verb.From(), s) }

// From lists the statuses that verb may start from.
func (v Verb) From() []Status {
	for _, arrow := range life {
		if arrow.verb == v {
			return arrow.from
		}
	}
	return nil
}

// To is the status that verb leads to, or "" for a verb that does not exist.
func (v Verb) To() Status {
	for _, arrow := range life {
		if arrow.verb == v {
			return arrow.to
		}
	}
	return ""
}

// Session is one period of information exchange between a user and the server.
type Session struct {
	ID       string
	UserID   string
	ClientID string
	Status   Status          // as last written; StatusAt says what it is now
	Actor    json.RawMessage // who impersonates the user, or nil

	LastActiveOrganizationID string // "" when none
	LastActiveAt             time.Time
	Activity                 json.RawMessage // the device last seen, or nil

	CreatedAt    time.Time
	UpdatedAt    time.Time
	ExpireAt     time.Time // when it expires unless activity moves it
	MaxExpireAt  time.Time // what activity can never move it past; zero when only inactivity ends it
	AbandonAt    time.Time
	InactivityMS int64 // milliseconds without activity that end it; 0 when they do not

	End *Ending // nil while it is live

	Events      int64     // how many have been written of it
	TokensUntil time.Time // when its longest token runs out, of those that are noted; zero when none is
}

// Ending keeps why, by whom and when a session ended.
type Ending struct {
	Reason Reason
	By     string // e.g. "backend_api", "system", or a user id
	At     time.Time
}

// Reason is why a session ended.
type Reason string

// The reasons for an end.
const (
	ReasonRevoked             Reason = "revoked"
	ReasonSignedOut           Reason = "signed_out"
	ReasonReplaced            Reason = "replaced"
	ReasonUserBanned          Reason = "user_banned"
	ReasonUserDeleted         Reason = "user_deleted"
	ReasonPasswordChanged     Reason = "password_changed"
	ReasonPasswordRemoved     Reason = "password_removed"
	ReasonPasswordCompromised Reason = "password_compromised"
	ReasonMaxLifetime         Reason = "max_lifetime"
	ReasonInactivity          Reason = "inactivity_timeout"
	ReasonAbandoned           Reason = "abandoned"
)

// The parties that change things besides users.
const (
	ByBackend  = "backend_api" // whoever holds the secret key
	ByOperator = "operator"    // whoever runs commands beside the server
	BySystem   = "system"      // the clock
)

// StatusAt is the status at a moment: time ends a session whether or not anybody wrote it down.
func (s Session) StatusAt(now time.Time) Status {
	if s.Status.Can(Abandon) && !now.Before(s.AbandonAt) {
		return Abandoned
	}
	if s.Status.Can(Expire) && !now.Before(s.ExpireAt) {
		return Expired
	}
	return s.Status
}

// At is the session as it stands at a moment: the same whether a sweeper has come by or not.
func (s Session) At(now time.Time) Session {
	switch s.StatusAt(now) {
	case s.Status:
		return s
	case Expired:
		return s.expired()
	case Abandoned:
		if s.Status.Can(Expire) {
			s = s.expired()
		}
		s.Status, s.UpdatedAt = Abandoned, s.AbandonAt
		return s
	default:
		return s
	}
}

func (s Session) expired() Session {
	s.Status, s.UpdatedAt = Expired, s.ExpireAt
	s.End = &Ending{Reason: s.expiryReason(), By: BySystem, At: s.ExpireAt}
	return s
}

func (s Session) expiryReason() Reason {
	if !s.MaxExpireAt.IsZero() && !s.ExpireAt.Before(s.MaxExpireAt) {
		return ReasonMaxLifetime
	}
	return ReasonInactivity
}

// Touched is the session after activity at now: the inactivity deadline moves, the maximum never does.
func (s Session) Touched(now time.Time) Session {
	s.LastActiveAt = now
	s.ExpireAt = deadline(s.MaxExpireAt, time.Duration(s.InactivityMS)*time.Millisecond, now, s.ExpireAt)
	if s.AbandonAt.Before(s.ExpireAt) {
		s.AbandonAt = s.ExpireAt
	}
	return s
}

func deadline(limit time.Time, inactivity time.Duration, active, otherwise time.Time) time.Time {
	if inactivity <= 0 {
		return otherwise
	}
	idle := active.Add(inactivity)
	if limit.IsZero() || idle.Before(limit) {
		return idle
	}
	return limit
}
