// Package token makes and checks JSON Web Tokens: signing keys and their public set, the claims that the server
// writes itself, and the keys of JWT templates. It knows no storage and no clock.
package token

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// Signer signs the SHA-256 digest of a token with RSASSA-PKCS1-v1_5, which is RS256 (RFC 7518, section 3.3).
// It is nearly all of what minting costs, so a faster provider can take the place of crypto/rsa.
// It is called by many goroutines at once.
type Signer interface {
	Sign(digest [sha256.Size]byte) ([]byte, error)
}

// signerFunc holds a private key in a closure, where no printing of a Key finds it: fmt follows pointers.
type signerFunc func(digest [sha256.Size]byte) ([]byte, error)

func (f signerFunc) Sign(digest [sha256.Size]byte) ([]byte, error) { return f(digest) }

// Key is a signing key of the instance. One without a Signer is published and verifies, but cannot sign.
type Key struct {
	ID     string // kid
	Public *rsa.PublicKey
	Signer Signer
}

// NewKey makes a key that crypto/rsa signs with.
func NewKey(kid string, private *rsa.PrivateKey) Key {
	return Key{ID: kid, Public: &private.PublicKey, Signer: signerFunc(func(digest [sha256.Size]byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	})}
}

// What the PEM path of official SDKs can read: they cut the modulus out of the text by its fixed surroundings.
const (
	rsaBits     = 2048
	rsaExponent = 65537
)

// GenerateRSA makes an RSA-2048 key with the exponent 65537.
func GenerateRSA() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// MarshalPrivate encodes a private key as PKCS #8 DER.
func MarshalPrivate(private *rsa.PrivateKey) ([]byte, error) {
	return x509.MarshalPKCS8PrivateKey(private)
}

// ParsePrivate reads what MarshalPrivate wrote.
func ParsePrivate(der []byte) (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("token: not a PKCS #8 private key")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("token: not an RSA key")
	}
	return private, nil
}

// PublicPEM is the public key as SubjectPublicKeyInfo in PEM, the jwtKey of official SDKs.
func PublicPEM(public *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// jwk is a public RSA key as RFC 7517 has it: these six members and no others, which some SDKs would refuse.
type jwk struct {
	Use string `json:"use"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// Keyring is an immutable set of published keys, one of which signs.
type Keyring struct {
	signing Key
	public  map[string]*rsa.PublicKey
	jwks    []byte
}

// check refuses keys that official SDKs could not verify with.
func (k Key) check() error {
	switch {
	case k.ID == "":
		return errors.New("token: a key without a kid")
	case k.Public == nil || k.Public.N == nil:
		return fmt.Errorf("token: key %s has no public half", k.ID)
	case k.Public.N.BitLen() != rsaBits || k.Public.E != rsaExponent:
		return fmt.Errorf("token: key %s is not RSA-%d with the exponent %d", k.ID, rsaBits, rsaExponent)
	default:
		return nil
	}
}

// NewKeyring makes a ring of the key that signs and others that are published with it. It refuses keys that are not
// RSA-2048 with the exponent 65537, two of one kid, and a first one that cannot sign.
func NewKeyring(signing Key, others ...Key) (*Keyring, error) {
	if signing.Signer == nil {
		return nil, fmt.Errorf("token: key %s cannot sign", signing.ID)
	}
	ring := &Keyring{signing: signing, public: map[string]*rsa.PublicKey{}}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	for _, k := range append([]Key{signing}, others...) {
		if err := k.check(); err != nil {
			return nil, err
		}
		if _, twice := ring.public[k.ID]; twice {
			return nil, fmt.Errorf("token: two keys are called %s", k.ID)
		}
		ring.public[k.ID] = k.Public
		set.Keys = append(set.Keys, jwk{
			Use: "sig", Kty: "RSA", Kid: k.ID, Alg: "RS256",
			N: base64.RawURLEncoding.EncodeToString(k.Public.N.Bytes()),
			E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.Public.E)).Bytes()),
		})
	}
	var err error
	ring.jwks, err = json.Marshal(set)
	return ring, err
}

// SigningKey is the key that signs.
func (k *Keyring) SigningKey() Key { return k.signing }

// JWKS is the JSON Web Key Set of all published keys. Callers do not change it.
func (k *Keyring) JWKS() []byte { return k.jwks }
