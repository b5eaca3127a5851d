package app

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// publishAhead is how long a new key is published before it signs: longer than any node caches the key set (a second),
// and longer than verifiers that met an unknown key wait before they ask for the key set again. The Go SDK waits for 10
// seconds, libraries for other languages for 30.
const publishAhead = 35 * time.Second

const signingKeyPrefix = "signing_key:" // binds a sealed key to its row

// keySet is the instance's keys as they were read: the ring that signs and verifies, and the keys that were opened,
// since opening one costs a fifth of a signature.
type keySet struct {
	ring   *token.Keyring
	opened map[string]token.Key
}

// keyring answers the keys of the instance, at most a second old.
func (a *App) keyring(ctx context.Context) (*token.Keyring, error) {
	now := a.now()
	set, err := a.keys.get(ctx, now, func(ctx context.Context) (keySet, error) { return a.loadKeys(ctx, now) })
	return set.ring, err
}

func (a *App) loadKeys(ctx context.Context, now time.Time) (keySet, error) {
	stored, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return keySet{}, err
	}
	before := a.keys.last().opened
	set := keySet{opened: map[string]token.Key{}}
	var published []token.Key
	signing := -1
	for _, k := range stored {
		if !k.RetiredAt.IsZero() {
			continue
		}
		opened, ok := before[k.ID]
		if !ok {
			if opened, err = a.openKey(k); err != nil {
				return keySet{}, err
			}
		}
		set.opened[k.ID] = opened
		if signing < 0 && !k.SignsFrom.After(now) {
			signing = len(published)
		}
		published = append(published, opened)
	}
	if signing < 0 {
		return keySet{}, errors.New("the instance has no signing key: run `sojourn keys rotate`")
	}
	published[0], published[signing] = published[signing], published[0]
	set.ring, err = token.NewKeyring(published[0], published[1:]...)
	return set, err
}

func (a *App) openKey(k store.SigningKey) (token.Key, error) {
	der, err := a.Master.Open(k.Sealed, signingKeyPrefix+k.ID)
	if err != nil {
		return token.Key{}, fmt.Errorf("open signing key %s: %w", k.ID, ErrMasterKey)
	}
	private, err := token.ParsePrivate(der)
	if err != nil {
		return token.Key{}, fmt.Errorf("read signing key %s: %w", k.ID, err)
	}
	return token.NewKey(k.ID, private), nil
}

// newSigningKey makes a key that signs after delay.
func (a *App) newSigningKey(delay time.Duration) (store.SigningKey, error) {
	private, err := token.GenerateRSA()
	if err != nil {
		return store.SigningKey{}, err
	}
	kid := a.NewID("ins_")
	der, err := token.MarshalPrivate(private)
	if err != nil {
		return store.SigningKey{}, err
	}
	sealed, err := a.Master.Seal(der, signingKeyPrefix+kid)
	if err != nil {
		return store.SigningKey{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	now := a.now()
	return store.SigningKey{ID: kid, Public: public, Sealed: sealed, CreatedAt: now, SignsFrom: now.Add(delay)}, err
}

// RotateKey makes a new signing key and answers its kid. The keys before it stay published until they are retired,
// so no token that was minted turns invalid.
func (a *App) RotateKey(ctx context.Context) (string, error) {
	defer a.keys.forget()
	existing, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return "", err
	}
	delay := publishAhead
	if len(existing) == 0 {
		delay = 0
	}
	key, err := a.newSigningKey(delay)
	if err != nil {
		return "", err
	}
	return key.ID, a.Store.Update(ctx, func(tx store.Conn) error { return a.insertSigningKey(ctx, tx, key) })
}

// RetireKey stops publishing a key: tokens that it signed are refused as soon as verifiers look again.
// The key that signs cannot be retired; rotate first.
func (a *App) RetireKey(ctx context.Context, kid string) error {
	defer a.keys.forget()
	now := a.now()
	return a.Store.Update(ctx, func(tx store.Conn) error {
		keys, err := tx.SigningKeys(ctx)
		if err != nil {
			return err
		}
		if signingKeyAt(keys, now) == kid {
			for _, k := range keys {
				if k.RetiredAt.IsZero() && k.SignsFrom.After(now) {
					return fmt.Errorf("%s signs until %s takes over, at %s: retire it then", kid, k.ID, k.SignsFrom.Format(time.RFC3339))
				}
			}
			return fmt.Errorf("%s is the key that signs now: run `sojourn keys rotate` first", kid)
		}
		err = tx.RetireSigningKey(ctx, kid, now)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no published key %s", kid)
		}
		if err != nil {
			return err
		}
		noted, err := tx.LatestTokens(ctx)
		if err != nil {
			return err
		}
		until := event.TokensUntil(now.Add(keySetAge), noted)
		return a.recordKey(ctx, tx, event.KeyRetired, signingKeyObject, kid, session.ByOperator, keyRetired, now, until)
	})
}

// keySetAge is for how long verifiers may keep a key set that they cannot fetch again.
const keySetAge = 24 * time.Hour

const (
	signingKeyObject = "signing_key"
	// The two things that happen to a signing key, in their order.
	keyCreated = 1
	keyRetired = 2
)

func (a *App) insertSigningKey(ctx context.Context, tx store.Conn, key store.SigningKey) error {
	if err := tx.InsertSigningKey(ctx, key); err != nil {
		return err
	}
	return a.recordKey(ctx, tx, event.KeyCreated, signingKeyObject, key.ID, session.ByOperator, keyCreated, key.CreatedAt, time.Time{})
}

// signingKeyAt is the kid of the key that signs at a moment, "" when there is none; keys are newest first.
func signingKeyAt(keys []store.SigningKey, now time.Time) string {
	for _, k := range keys {
		if k.RetiredAt.IsZero() && !k.SignsFrom.After(now) {
			return k.ID
		}
	}
	return ""
}

// KeyInfo describes a signing key to an operator.
type KeyInfo struct {
	ID        string    `json:"kid"`
	State     string    `json:"state"` // signing, published or retired
	CreatedAt time.Time `json:"created_at"`
	SignsFrom time.Time `json:"signs_from"`
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// Keys lists the signing keys, newest first.
func (a *App) Keys(ctx context.Context) ([]KeyInfo, error) {
	keys, err := a.Store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	signing := signingKeyAt(keys, a.now())
	list := make([]KeyInfo, len(keys))
	for i, k := range keys {
		list[i] = KeyInfo{ID: k.ID, State: "published", CreatedAt: k.CreatedAt, SignsFrom: k.SignsFrom, RetiredAt: k.RetiredAt}
		switch {
		case !k.RetiredAt.IsZero():
			list[i].State = "retired"
		case k.ID == signing:
			list[i].State = "signing"
		}
	}
	return list, nil
}

// PublicKey is the public half of the key that signs now, for verification without the network.
func (a *App) PublicKey(ctx context.Context) (*rsa.PublicKey, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return nil, err
	}
	return ring.SigningKey().Public, nil
}

// JWKS publishes the public halves of the signing keys (RFC 7517).
func (a *App) JWKS(ctx context.Context, _ *api.None) (*KeySetJSON, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return nil, err
	}
	set := KeySetJSON(ring.JWKS())
	return &set, nil
}

// KeySetJSON is a key set in its JSON, encoded once for each ring.
type KeySetJSON []byte

// AppendJSON appends the key set.
func (k *KeySetJSON) AppendJSON(b []byte) []byte { return append(b, *k...) }
