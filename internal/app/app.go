// Package app is what the server can do: one method per operation of the API. It holds the rules and draws the
// transactions; it knows neither SQL nor HTTP. An operation takes a request of package api and answers one, or
// fails with *api.Error when the caller can do something about it.
package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/feed"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// App is one instance: the application whose users sign in here.
type App struct {
	Store    *store.DB
	Settings Settings
	Master   secret.MasterKey
	Now      func() time.Time
	NewID    func(prefix string) string // prefix includes the underscore
	Log      *slog.Logger
	Places   Places // where addresses are; nil when nobody knows
	Mail     Mailer // nil: no email leaves
	Feed     *feed.Feed

	instance   Instance
	keys       snapshot[keySet]
	secretKeys snapshot[map[string]bool]
	settings   snapshot[instanceSettings]
	feedKeys   snapshot[map[string]bool]
	requests   lease
	signed     signatures
}

// Settings are the rules of the instance that its operator chooses.
type Settings struct {
	Environment string // development or production
	Issuer      string // the public Frontend URL, without a trailing slash
	Lifetimes   session.Lifetimes
	Retention   time.Duration // how long ended sessions are kept
	// EventRetention is how long events are kept; those that revoke tokens at least as long as the tokens live.
	EventRetention time.Duration
	// WebhookRetention is how long what was said in webhooks is kept, and the log of their delivery.
	WebhookRetention time.Duration
	TokenLifetime    time.Duration // of session tokens when the caller does not say
	ClaimsVersion    int           // 1 or 2
	SessionClaims    string        // custom claims of session tokens, a JSON template; "" for none
	PasswordMin      int           // characters
	MaxAttempts      int64         // failed verifications before an account locks; 0: it never does
	AllowCreate      bool          // sessions may be created through the Backend API in production too
	StrictVerify     bool          // the deprecated verify operation answers 410 for the API versions without it
	RateLimit        int64         // requests to the Backend API in 10 seconds, on all nodes together; 0: no limit
	StrictList       bool          // listing sessions needs client_id or user_id
	BackendHost      string        // under which the Backend API listens; "" for no particular one
	Browsers         Browsers
	Egress           egress.Policy // where webhooks and pushes of security events may go
}

// Browsers are the rules of the Frontend API.
type Browsers struct {
	PublishableKey        string
	ApplicationName       string         // as people read it
	HomeURL               string         // where people are sent when nobody says where; "" for nowhere
	AllowedOrigins        []string       // of applications, besides those that the Backend API names
	SingleSession         bool           // a client holds one session at a time
	SignUpRestricted      bool           // nobody signs up by themselves
	PasswordOptional      bool           // a sign-up needs no password
	EnumerationProtection bool           // a sign-in does not tell whether an identifier is known
	LockoutDuration       time.Duration  // how long too many failed attempts lock a user; 0: until unlocked
	CreateLimit           int64          // sign-ins and sign-ups that an address may begin in 10 seconds; 0: no limit
	AttemptLimit          int64          // attempts that an address may make in 10 seconds; 0: no limit
	TrustedProxies        []netip.Prefix // whose forwarded headers are believed
	Assets                string         // the directory of the browser libraries; "" for none
}

// Development reports whether the instance is for development.
func (s Settings) Development() bool { return s.Environment == Development }

// Check refuses settings that cannot be.
func (s Settings) Check() error {
	if err := s.Lifetimes.Check(); err != nil {
		return fmt.Errorf("SOJOURN_SESSION_MAX_LIFETIME, SOJOURN_SESSION_INACTIVITY_TIMEOUT: %w", err)
	}
	if s.SessionClaims == "" {
		return nil
	}
	if err := checkClaims("SOJOURN_SESSION_CLAIMS", json.RawMessage(s.SessionClaims)); err != nil {
		return fmt.Errorf("SOJOURN_SESSION_CLAIMS: %w", err)
	}
	return nil
}

// The environments.
const (
	Development = "development"
	Production  = "production"
)

// Instance is what a database says of the instance it belongs to.
type Instance struct {
	ID string
}

// NewID makes an identifier of the contract's form: prefix and a KSUID (k-sortable, 128 random bits).
func NewID(prefix string) string { return prefix + ksuid.New().String() }

// now is the present in the precision that is stored: milliseconds.
func (a *App) now() time.Time { return a.Now().UTC().Truncate(time.Millisecond) }
