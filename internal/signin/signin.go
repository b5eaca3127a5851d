// Package signin says what a sign-in is and how it comes to a session: somebody names themselves, proves it, and is in.
// It knows no SQL, no HTTP, no clock and no passwords: what was proved, and when, comes in as an argument.
package signin

import (
	"errors"
	"slices"
	"time"
)

// Status is what a sign-in waits for.
type Status string

// The statuses of the contract, frontend section 8.
const (
	NeedsIdentifier  Status = "needs_identifier"
	NeedsFirstFactor Status = "needs_first_factor"
	NeedsNewPassword Status = "needs_new_password"
	Complete         Status = "complete"
	Abandoned        Status = "abandoned"
)

// Strategy is a way to prove who one is.
type Strategy string

// The strategies of first factors.
const (
	Password       Strategy = "password"
	EmailCode      Strategy = "email_code"
	ResetEmailCode Strategy = "reset_password_email_code"
	Ticket         Strategy = "ticket"
)

// ByCode reports whether a strategy proves that one reads the mail of an address.
func (s Strategy) ByCode() bool { return s == EmailCode || s == ResetEmailCode }

// Lifetime is how long a sign-in may take.
const Lifetime = 24 * time.Hour

// Verb is something that happens to a sign-in.
type Verb string

// What can happen to a sign-in.
const (
	Identify    Verb = "identify"     // somebody says who they are
	Prepare     Verb = "prepare"      // a code is mailed to them
	Prove       Verb = "prove"        // the first factor was right
	ProveReset  Verb = "prove_reset"  // so was a code that lets them choose a new password
	SetPassword Verb = "set_password" // they chose one
)

// life is the whole state machine. What is not listed cannot happen.
var life = []struct {
	verb Verb
	from []Status
	to   Status
}{
	{Identify, []Status{NeedsIdentifier, NeedsFirstFactor}, NeedsFirstFactor},
	{Prepare, []Status{NeedsFirstFactor}, NeedsFirstFactor},
	{Prove, []Status{NeedsIdentifier, NeedsFirstFactor}, Complete}, // a ticket says who one is and proves it
	{ProveReset, []Status{NeedsFirstFactor}, NeedsNewPassword},
	{SetPassword, []Status{NeedsNewPassword}, Complete},
}

// ErrNotNow says that a verb cannot happen to a sign-in as it stands.
var ErrNotNow = errors.New("signin: not now")

// SignIn is one attempt of a client to begin a session.
type SignIn struct {
	ID         string    `json:"id"`
	ClientID   string    `json:"client_id"`
	Status     Status    `json:"status"` // as last written; At says what it is now
	Identifier string    `json:"identifier,omitzero"`
	UserID     string    `json:"user_id,omitzero"`  // "" while nobody is named, or nobody has the identifier and the instance does not tell
	Strategy   Strategy  `json:"strategy,omitzero"` // that is being verified, or was
	EmailID    string    `json:"email_id,omitzero"` // the address that the code went to
	SessionID  string    `json:"session_id,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	AbandonAt  time.Time `json:"abandon_at"`
}

// New is a sign-in of which nothing is known yet.
func New(id, clientID string, now time.Time) SignIn {
	return SignIn{ID: id, ClientID: clientID, Status: NeedsIdentifier, CreatedAt: now, AbandonAt: now.Add(Lifetime)}
}

// At is the sign-in as it stands at a moment: time abandons what was not completed.
func (s SignIn) At(now time.Time) SignIn {
	if s.Status != Complete && !now.Before(s.AbandonAt) {
		s.Status = Abandoned
	}
	return s
}

// Can reports whether verb may happen to the sign-in.
func (s SignIn) Can(verb Verb) bool {
	for _, arrow := range life {
		if arrow.verb == verb {
			return slices.Contains(arrow.from, s.Status)
		}
	}
	return false
}

func (s SignIn) after(verb Verb) (SignIn, error) {
	for _, arrow := range life {
		if arrow.verb == verb && slices.Contains(arrow.from, s.Status) {
			s.Status = arrow.to
			return s, nil
		}
	}
	return s, ErrNotNow
}

// Identified is the sign-in of whoever has identifier; userID is "" when nobody has. What was begun for another
// identifier is over.
func (s SignIn) Identified(identifier, userID string) (SignIn, error) {
	s, err := s.after(Identify)
	if err == nil {
		s.Identifier, s.UserID, s.Strategy, s.EmailID = identifier, userID, "", ""
	}
	return s, err
}

// Prepared is the sign-in after a code went to an address.
func (s SignIn) Prepared(strategy Strategy, emailID string) (SignIn, error) {
	s, err := s.after(Prepare)
	if err == nil {
		s.Strategy, s.EmailID = strategy, emailID
	}
	return s, err
}

// Proved is the sign-in after a first factor was right. It is complete then, but for a reset: that needs a password
// first.
func (s SignIn) Proved(strategy Strategy, userID string) (SignIn, error) {
	verb := Prove
	if strategy == ResetEmailCode {
		verb = ProveReset
	}
	s, err := s.after(verb)
	if err == nil {
		s.Strategy, s.UserID = strategy, userID
	}
	return s, err
}

// WithNewPassword is the sign-in after its user chose a new password.
func (s SignIn) WithNewPassword() (SignIn, error) { return s.after(SetPassword) }
