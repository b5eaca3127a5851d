package verify

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"
)

// keySource answers public keys.
type keySource interface {
	// key answers the key of a kid. For one that it lacks it asks again, unless it has asked within the interval.
	key(ctx context.Context, kid string, interval time.Duration) (*rsa.PublicKey, error)
	// askedSince reports whether the keys are as they were at t or later, so that a kid which they lack is unknown for good.
	askedSince(t time.Time) bool
}

const (
	anyKey  = "" // the kid of a key that is trusted whatever kid a token names
	minBits = 2048
)

// fixedKeys never change.
type fixedKeys map[string]*rsa.PublicKey

func (k fixedKeys) key(_ context.Context, kid string, _ time.Duration) (*rsa.PublicKey, error) {
	if key, ok := k[kid]; ok {
		return key, nil
	}
	if key, ok := k[anyKey]; ok {
		return key, nil
	}
	return nil, ErrUnknownKey
}

func (k fixedKeys) askedSince(time.Time) bool { return true }

func parsePEM(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("verify: want a PEM block PUBLIC KEY")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minBits {
		return nil, fmt.Errorf("verify: want an RSA key of %d bits or more", minBits)
	}
	return key, nil
}

// How a key set is kept.
const (
	fresh         = time.Hour        // a key set is fetched again when it is older; the old one serves meanwhile
	staleLimit    = 24 * time.Hour   // a key set that could not be fetched again for so long is not trusted any more
	tokenInterval = 10 * time.Second // between fetches, whatever tokens claim: anybody can make one up
	eventInterval = time.Second      // between fetches for SETs, which come from the server alone
	fetchTimeout  = 10 * time.Second
	maxKeySet     = 1 << 20 // bytes
)

// keySet is a key set behind a URL. It is fetched once, kept, and fetched again when it is old or a token names a kid
// that it lacks: at most once in an interval and by one goroutine, so a flood of made-up kids costs nothing.
type keySet struct {
	url       string
	secretKey string
	client    *http.Client
	now       func() time.Time

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	fetched time.Time     // when keys were fetched
	tried   time.Time     // when a fetch began last
	err     error         // of the last fetch
	running chan struct{} // closed when the running fetch ends; nil when none runs
}

// newKeySet makes one that was not fetched yet. Its times are those of the wall clock: the monotonic one may stand still
// while a machine sleeps, and a key that was retired meanwhile would seem to have been published a moment ago.
func newKeySet(url, secretKey string, client *http.Client, now func() time.Time) *keySet {
	return &keySet{url: url, secretKey: secretKey, client: client, now: func() time.Time { return now().Round(0) }}
}

func (s *keySet) key(ctx context.Context, kid string, interval time.Duration) (*rsa.PublicKey, error) {
	key, wait := s.look(kid, interval)
	if key != nil {
		return key, nil
	}
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch key := s.keys[kid]; {
	case s.age(s.now()) > staleLimit:
		return nil, fmt.Errorf("%w: %w", ErrKeysUnavailable, s.err)
	case key != nil:
		return key, nil
	case s.err != nil: // it may be in the set by now
		return nil, fmt.Errorf("%w: %w", ErrKeysUnavailable, s.err)
	default:
		return nil, ErrUnknownKey
	}
}

func (s *keySet) askedSince(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running == nil && s.err == nil && !s.tried.Before(t)
}

// age is how old the keys are. Those from the future were fetched before the clock was set back, and may be that old.
func (s *keySet) age(now time.Time) time.Duration { return now.Sub(s.fetched).Abs() }

// look answers a key that is known, or what to wait for. It begins a fetch where one is due.
func (s *keySet) look(kid string, interval time.Duration) (*rsa.PublicKey, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	key := s.keys[kid]
	due := key == nil || s.age(now) > fresh
	if since := now.Sub(s.tried); due && s.running == nil && (s.tried.IsZero() || since < 0 || since >= interval) {
		s.tried, s.running = now, make(chan struct{})
		go s.fetch(s.running)
	}
	if s.age(now) > staleLimit {
		return nil, s.running
	}
	return key, s.running
}

// fetch belongs to nobody's request: a caller who gives up does not take the keys from the others.
func (s *keySet) fetch(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, err := s.download(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err == nil {
		s.keys, s.fetched = keys, s.now()
	}
	s.running = nil
	close(done)
}

func (s *keySet) download(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil) //nolint:gosec // the caller's own key set
	if err != nil {
		return nil, err
	}
	if s.secretKey != "" {
		req.Header.Set("Authorization", "Bearer "+s.secretKey)
	}
	res, err := s.client.Do(req) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set answered %d", res.StatusCode)
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxKeySet)).Decode(&set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		if key := k.rsa(); key != nil {
			keys[k.Kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no RS256 key")
	}
	return keys, nil
}

// jwk is a key of RFC 7517; of keys that are not for RS256 only the kind is read.
type jwk struct {
	Kty, Use, Alg, Kid, N, E string
}

func (k jwk) rsa() *rsa.PublicKey {
	if k.Kty != "RSA" || (k.Use != "" && k.Use != "sig") || (k.Alg != "" && k.Alg != "RS256") || k.Kid == anyKey {
		return nil
	}
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	if errN != nil || errE != nil || len(e) == 0 || len(e) > 4 {
		return nil
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if key.N.BitLen() < minBits || key.E < 3 {
		return nil
	}
	return key
}
