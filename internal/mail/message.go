// Package mail writes the emails that people get, and delivers them.
package mail

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Kind is what an email is about.
type Kind string

// The kinds.
const (
	VerificationCode  Kind = "verification_code"   // proves that somebody reads the address
	ResetPasswordCode Kind = "reset_password_code" // lets somebody choose a new password
	PasswordChanged   Kind = "password_changed"    // tells the user that it happened
)

// Kinds are all of them.
var Kinds = []Kind{VerificationCode, ResetPasswordCode, PasswordChanged}

// Known reports whether k is one of Kinds.
func (k Kind) Known() bool { return slices.Contains(Kinds, k) }

// HasCode reports whether emails of this kind carry a code.
func (k Kind) HasCode() bool { return k == VerificationCode || k == ResetPasswordCode }

// Message is one email before it is written: the facts, not the words.
type Message struct {
	Kind        Kind
	To          string    // one email address, bare
	Application string    // the application's name, as people read it
	Code        string    // of the kinds that have one
	Minutes     int       // for which the code is good
	At          time.Time // when somebody asked for this
	Origin      string    // where they asked, such as https://app.example.com; "" when nobody knows
	Device      string    // what they asked with, such as "Firefox on Linux"; "" when nobody knows
	Place       string    // from where, such as "Utrecht, Netherlands"; "" when nobody knows
}

// Format keeps the code and the address out of whatever prints a message.
func (m Message) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%s to %s", m.Kind, Masked(m.To)) }

// LogValue keeps the code and the address out of logs.
func (m Message) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }
