// Package client is the Go SDK of the Backend API: sessions, users and what belongs to them, for backends that hold
// the secret key. It works against Sojourn and against Clerk.
//
//	c, err := client.New(secretKey, client.WithURL("http://127.0.0.1:4000"))
//	s, err := c.Sessions.Create(ctx, client.CreateSession{UserID: client.Set(userID)})
//	token, err := c.Sessions.CreateToken(ctx, s.ID, client.CreateToken{})
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of a Client.
const (
	DefaultURL        = "https://api.clerk.com"
	DefaultAPIVersion = "2026-05-12"
	defaultTimeout    = 30 * time.Second
	defaultRetries    = 2
	userAgent         = "sojourn-go"
)

// Client talks to one instance. It may be used by many goroutines at once. It does not print its key.
type Client struct {
	Sessions         Sessions
	Users            Users
	EmailAddresses   EmailAddresses
	Clients          Clients
	JWTTemplates     JWTTemplates
	SignInTokens     SignInTokens
	ActorTokens      ActorTokens
	TestingTokens    TestingTokens
	Events           Events
	WebhookEndpoints WebhookEndpoints
	Instance         InstanceSettings
	JWKS             JWKS
}

// connection is what all resources share.
type connection struct {
	base       string // without a trailing slash, with /v1
	key        string
	apiVersion string
	userAgent  string
	retries    int
	http       *http.Client
	sleep      func(context.Context, time.Duration) error
	jitter     func() float64
}

// Option configures a Client.
type Option func(*connection)

// WithURL is the URL of the Backend API, with or without /v1; DefaultURL without it.
func WithURL(base string) Option {
	return func(c *connection) { c.base = strings.TrimSuffix(strings.TrimRight(base, "/"), "/v1") + "/v1" }
}

// WithAPIVersion asks for another API version than DefaultAPIVersion.
func WithAPIVersion(date string) Option { return func(c *connection) { c.apiVersion = date } }

// WithHTTPClient makes requests through a client of one's own. Redirects are never followed: they would carry the key.
func WithHTTPClient(h *http.Client) Option { return func(c *connection) { c.http = h } }

// WithMaxRetries says how often a request that may safely be repeated is; 2 times without it.
func WithMaxRetries(n int) Option { return func(c *connection) { c.retries = max(0, n) } }

// WithUserAgent names the caller in the User-Agent header.
func WithUserAgent(name string) Option { return func(c *connection) { c.userAgent = name } }

// New makes a Client.
func New(secretKey string, options ...Option) (*Client, error) {
	c := &connection{
		base: DefaultURL + "/v1", key: secretKey, apiVersion: DefaultAPIVersion, userAgent: userAgent, retries: defaultRetries,
		http: &http.Client{Timeout: defaultTimeout}, sleep: sleep, jitter: rand.Float64,
	}
	for _, option := range options {
		option(c)
	}
	if secretKey == "" || strings.ContainsAny(secretKey, " \r\n\t") {
		return nil, errors.New("client: the secret key is missing or has white space in it")
	}
	if u, err := url.Parse(c.base); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("client: %q is not the URL of a Backend API", c.base)
	}
	own := *c.http
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &own
	return &Client{
		Sessions: Sessions{c}, Users: Users{c}, EmailAddresses: EmailAddresses{c}, Clients: Clients{c}, JWTTemplates: JWTTemplates{c},
		SignInTokens: SignInTokens{c}, ActorTokens: ActorTokens{c}, TestingTokens: TestingTokens{c},
		Events: Events{c}, WebhookEndpoints: WebhookEndpoints{c}, Instance: InstanceSettings{c}, JWKS: JWKS{c},
	}, nil
}

// Format keeps the key out of anything printed.
func (c *connection) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, c.base) }

// Format keeps the key out of anything printed.
func (c *Client) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "client of %v", c.Sessions.c) }

// LogValue keeps the key out of logs.
func (c *Client) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
