// Package signup says what a sign-up is and when it is complete: when nothing that the instance asks for is missing and
// nothing that it wants proved is unproved. It knows no SQL, no HTTP and no clock.
package signup

import (
	"encoding/json"
	"time"
)

// Status is what a sign-up waits for.
type Status string

// The statuses of the contract, frontend section 8.
const (
	MissingRequirements Status = "missing_requirements"
	Complete            Status = "complete"
	Abandoned           Status = "abandoned"
)

// The fields that an instance can ask for, by their names on the wire.
const (
	EmailAddress = "email_address"
	Password     = "password"
	FirstName    = "first_name"
	LastName     = "last_name"
	Username     = "username"
)

// Lifetime is how long a sign-up may take.
const Lifetime = 24 * time.Hour

// Rules are what an instance asks of people who sign up.
type Rules struct {
	Required []string // fields
	Optional []string
}

// SignUp is one attempt of a client to become a user.
type SignUp struct {
	ID             string          `json:"id"`
	ClientID       string          `json:"client_id"`
	Email          string          `json:"email,omitzero"`
	EmailPrepared  bool            `json:"email_prepared,omitzero"` // a code was mailed to it
	EmailVerified  bool            `json:"email_verified,omitzero"`
	Username       string          `json:"username,omitzero"`
	FirstName      string          `json:"first_name,omitzero"`
	LastName       string          `json:"last_name,omitzero"`
	PasswordHasher string          `json:"password_hasher,omitzero"`
	PasswordDigest string          `json:"password_digest,omitzero"`
	UnsafeMetadata json.RawMessage `json:"unsafe_metadata,omitzero"` // an object, or nil
	Locale         string          `json:"locale,omitzero"`
	Timezone       string          `json:"timezone,omitzero"`
	LegalAccepted  time.Time       `json:"legal_accepted,omitzero"`
	UserID         string          `json:"user_id,omitzero"` // of the user it became
	SessionID      string          `json:"session_id,omitzero"`
	CreatedAt      time.Time       `json:"created_at"`
	AbandonAt      time.Time       `json:"abandon_at"`
}

// New is a sign-up of which nothing is known yet.
func New(id, clientID string, now time.Time) SignUp {
	return SignUp{ID: id, ClientID: clientID, CreatedAt: now, AbandonAt: now.Add(Lifetime)}
}

// StatusAt is the status at a moment: time abandons what was not completed.
func (s SignUp) StatusAt(now time.Time) Status {
	switch {
	case s.UserID != "":
		return Complete
	case !now.Before(s.AbandonAt):
		return Abandoned
	default:
		return MissingRequirements
	}
}

// Missing lists the required fields that were not given, in the order of the rules; never nil.
func (s SignUp) Missing(r Rules) []string {
	missing := []string{}
	for _, field := range r.Required {
		if !s.has(field) {
			missing = append(missing, field)
		}
	}
	return missing
}

func (s SignUp) has(field string) bool {
	switch field {
	case EmailAddress:
		return s.Email != ""
	case Password:
		return s.PasswordDigest != ""
	case FirstName:
		return s.FirstName != ""
	case LastName:
		return s.LastName != ""
	case Username:
		return s.Username != ""
	default:
		return false
	}
}

// Unverified lists the given fields that must be proved and are not; never nil.
func (s SignUp) Unverified() []string {
	if s.Email == "" || s.EmailVerified {
		return []string{}
	}
	return []string{EmailAddress}
}

// Ready reports whether nothing is missing and nothing unproved, so that the sign-up can become a user.
func (s SignUp) Ready(r Rules) bool {
	return s.UserID == "" && len(s.Missing(r)) == 0 && len(s.Unverified()) == 0
}

// WithEmail is the sign-up with an address. What was proved of another one is forgotten.
func (s SignUp) WithEmail(address string) SignUp {
	if s.Email != address {
		s.Email, s.EmailPrepared, s.EmailVerified = address, false, false
	}
	return s
}
