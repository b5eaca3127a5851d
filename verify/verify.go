// Package verify checks session tokens without the network, for services that Sojourn's or Clerk's sessions sign in to.
//
// A Verifier knows the instance's public keys, from a key set that it fetches now and then or from a PEM that it is
// given. It takes RS256 only. A token that was minted before its session ended stays valid until its exp: verification
// without the network cannot know better, unless it is told. WithRevocationFeed keeps one request open to Sojourn, which
// tells of every session that ended and every key that was retired, so that their tokens are refused within
// milliseconds. Verifying still asks nobody.
package verify

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Why a token is refused. Match with errors.Is.
var (
	ErrMalformed       = errors.New("verify: not a JSON Web Token that is understood")
	ErrUnknownKey      = errors.New("verify: signed with an unknown key")
	ErrSignature       = errors.New("verify: the signature is wrong")
	ErrExpired         = errors.New("verify: the token has expired")
	ErrNotYetValid     = errors.New("verify: the token is not valid yet")
	ErrIssuer          = errors.New("verify: another issuer")
	ErrAudience        = errors.New("verify: another audience")
	ErrAuthorizedParty = errors.New("verify: issued to a party that is not authorized")
	ErrCategory        = errors.New("verify: another kind of token")
	ErrPending         = errors.New("verify: the session is pending")
	// ErrRevoked says that the session of the token has ended, or, together with ErrUnknownKey, that its key was retired.
	// The revocation feed told so. It is said of tokens only that are valid in all else.
	ErrRevoked = errors.New("verify: the session has ended")
	// ErrStale says nothing about the token, which is valid in all else: whether its session goes on is unknown, as the
	// revocation feed has not been heard of lately. Only FailClosed leads to it.
	ErrStale = errors.New("verify: the revocation feed is not heard")
	// ErrKeysUnavailable says nothing about the token: the key set could not be fetched, at all, for a day, or since the
	// key came up that signed the token.
	ErrKeysUnavailable = errors.New("verify: the key set cannot be fetched")
)

// The header member cat tells kinds of tokens apart.
const (
	categorySession  = "cl_B7d4PD111AAA"
	categoryTemplate = "cl_B7d4PD222AAA"
	categoryIgnored  = "cl_I7d4PD111III"
)

// maxToken bounds the tokens that are looked at, in bytes, before anything is allocated for them.
const maxToken = 16 << 10

// Verifier verifies tokens. It may be used by many goroutines at once.
type Verifier struct {
	keys           keySource
	feed           *feed // nil without one
	issuers        []string
	audiences      []string
	parties        []string
	leeway         time.Duration
	now            func() time.Time
	pending        bool
	templates      bool
	cookieNames    []string
	publishableKey string
}

// Option configures a Verifier.
type Option func(*settings)

type settings struct {
	Verifier
	jwksURL   string
	secretKey string
	keys      map[string]*rsa.PublicKey
	client    *http.Client // nil if the caller gave none
	feedFrom  *RevocationFeed
	err       error
}

// WithJWKS fetches the key set from a URL, such as https://…/.well-known/jwks.json.
func WithJWKS(url string) Option { return func(s *settings) { s.jwksURL = url } }

// WithBackend fetches the key set from the Backend API at apiURL (without /v1), with its secret key.
func WithBackend(apiURL, secretKey string) Option {
	return func(s *settings) {
		s.jwksURL = strings.TrimSuffix(strings.TrimRight(apiURL, "/"), "/v1") + "/v1/jwks"
		s.secretKey = secretKey
	}
}

// WithPEM trusts one public key, SubjectPublicKeyInfo in PEM, whatever kid a token names. No network is used. When that
// key is retired, a revocation feed refuses the tokens that name its kid, but who stole the key can name another.
func WithPEM(pem string) Option {
	return func(s *settings) {
		key, err := parsePEM(pem)
		s.keys, s.err = map[string]*rsa.PublicKey{anyKey: key}, errors.Join(s.err, err)
	}
}

// WithKeys trusts the given keys by kid. No network is used.
func WithKeys(keys map[string]*rsa.PublicKey) Option {
	return func(s *settings) {
		s.keys = make(map[string]*rsa.PublicKey, len(keys))
		for kid, key := range keys {
			if kid == anyKey || key == nil || key.N.BitLen() < minBits {
				s.err = errors.Join(s.err, fmt.Errorf("verify: key %q is not an RSA key of %d bits or more", kid, minBits))
			}
			s.keys[kid] = key
		}
	}
}

// WithIssuer accepts these issuers only. Without it the issuer is not checked, as the keys belong to one instance.
func WithIssuer(issuers ...string) Option { return func(s *settings) { s.issuers = issuers } }

// WithAudience accepts only tokens whose aud claim names one of these.
func WithAudience(audiences ...string) Option { return func(s *settings) { s.audiences = audiences } }

// WithAuthorizedParties accepts only tokens whose azp claim is one of these origins; a token without azp is refused.
// Use it where tokens come in cookies: it stops tokens that were issued to other apps of the domain.
func WithAuthorizedParties(origins ...string) Option {
	return func(s *settings) { s.parties = origins }
}

// WithLeeway says how far clocks may differ; 5 seconds without it.
func WithLeeway(d time.Duration) Option { return func(s *settings) { s.leeway = d } }

// WithHTTPClient fetches the key set and the revocation feed with a client of one's own. For the feed its Timeout and
// CheckRedirect do not count, and its transport must let a response take 5 seconds.
func WithHTTPClient(c *http.Client) Option { return func(s *settings) { s.client = c } }

// WithClock takes the time from a function of one's own.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithPendingSessions accepts tokens of sessions whose tasks are not done.
func WithPendingSessions() Option { return func(s *settings) { s.pending = true } }

// WithTemplateTokens accepts tokens of JWT templates too; those have no session id.
func WithTemplateTokens() Option { return func(s *settings) { s.templates = true } }

// WithPublishableKey lets the middleware read the session cookie whose name is suffixed for this key.
func WithPublishableKey(key string) Option { return func(s *settings) { s.publishableKey = key } }

const defaultLeeway = 5 * time.Second

// New makes a Verifier. It needs to be told where the keys are: WithJWKS, WithBackend, WithPEM or WithKeys.
func New(options ...Option) (*Verifier, error) {
	s := &settings{}
	s.leeway, s.now = defaultLeeway, time.Now //nolint:forbidigo // the default of a public option
	for _, option := range options {
		option(s)
	}
	if s.err != nil {
		return nil, s.err
	}
	v := s.Verifier
	v.cookieNames = cookieNames(s.publishableKey)
	switch {
	case s.keys != nil && s.jwksURL != "":
		return nil, errors.New("verify: give keys or a key set, not both")
	case s.keys != nil:
		v.keys = fixedKeys(s.keys)
	case s.jwksURL != "":
		v.keys = newKeySet(s.jwksURL, s.secretKey, cmp.Or(s.client, &http.Client{Timeout: fetchTimeout}), s.now)
	default:
		return nil, errors.New("verify: give WithJWKS, WithBackend, WithPEM or WithKeys")
	}
	if s.feedFrom != nil {
		f, err := newFeed(s, v.keys)
		if err != nil {
			return nil, err
		}
		v.feed = f
		f.start()
	}
	return &v, nil
}

// Verify checks a token and answers its claims, or one of the errors of this package. ctx bounds the wait for keys, and
// for the first picture of a revocation feed.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, ErrMalformed
	}
	c := &Claims{}
	parsed, err := newParser().ParseWithClaims(token, c, func(t *jwt.Token) (any, error) { return v.keyFor(ctx, t) })
	if err != nil {
		return nil, why(err)
	}
	if err := v.check(c); err != nil {
		return nil, err
	}
	c.category, _ = parsed.Header["cat"].(string)
	if v.feed == nil {
		return c, nil
	}
	kid, _ := parsed.Header["kid"].(string)
	if err := v.feed.admit(ctx, kid, c); err != nil {
		return nil, err
	}
	return c, nil
}

// newParser takes RS256 only. What the claims must say is for its caller to check.
func newParser() *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
}

// why names golang-jwt's errors; ours come through.
func why(err error) error {
	for _, ours := range []error{ErrUnknownKey, ErrCategory, ErrKeysUnavailable, ErrMalformed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// keyFor finds the key by the header, of which nothing is believed before the signature has been checked with it.
func (v *Verifier) keyFor(ctx context.Context, t *jwt.Token) (any, error) {
	if typ, ok := t.Header["typ"]; ok && typ != any("JWT") {
		return nil, ErrCategory
	}
	if _, ok := t.Header["crit"]; ok { // RFC 7515, section 4.1.11: no extension is understood here
		return nil, ErrMalformed
	}
	switch category, present := t.Header["cat"]; {
	case !present, category == any(categorySession), category == any(categoryIgnored):
	case category == any(categoryTemplate) && v.templates:
	default:
		return nil, ErrCategory
	}
	kid, _ := t.Header["kid"].(string)
	return v.keys.key(ctx, kid, tokenInterval)
}

func (v *Verifier) check(c *Claims) error {
	now := v.now()
	switch {
	case c.Subject == "" || c.ExpiresAt.IsZero() || (c.SessionID == "" && !v.templates):
		return ErrMalformed
	case !now.Before(c.ExpiresAt.Add(v.leeway)):
		return ErrExpired
	case c.NotBefore.After(now.Add(v.leeway)), c.IssuedAt.After(now.Add(v.leeway)):
		return ErrNotYetValid
	case len(v.issuers) > 0 && !slices.Contains(v.issuers, c.Issuer):
		return ErrIssuer
	case len(v.audiences) > 0 && !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(v.audiences, a) }):
		return ErrAudience
	case len(v.parties) > 0 && !slices.Contains(v.parties, c.AuthorizedParty):
		return ErrAuthorizedParty
	case c.Status == "pending" && !v.pending:
		return ErrPending
	default:
		return nil
	}
}
