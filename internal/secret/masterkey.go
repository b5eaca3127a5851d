package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

const masterKeySize = 32 // bytes

// MasterKey seals private keys at rest with AES-256-GCM. The zero value seals and opens nothing.
// One key seals at most 2^32 times: nonces are random (NIST SP 800-38D, section 8.3).
type MasterKey struct {
	material func() material // a function, since fmt follows pointers in unexported fields
}

type material struct {
	aead cipher.AEAD
	raw  [masterKeySize]byte
}

// ErrWrongKey says that what was sealed does not open: another master key sealed it, or it belongs elsewhere.
var ErrWrongKey = errors.New("secret: sealed with another key or for another purpose")

var errNoKey = errors.New("secret: no master key")

// NewMasterKey makes a random master key.
func NewMasterKey() MasterKey {
	var raw [masterKeySize]byte
	_, _ = rand.Read(raw[:]) // never fails
	return masterKey(raw)
}

// ParseMasterKey reads 32 bytes in base64 (standard or URL alphabet, padded or not) or in hex.
func ParseMasterKey(s string) (MasterKey, error) {
	if raw, err := hex.DecodeString(s); err == nil && len(raw) == masterKeySize {
		return masterKey([masterKeySize]byte(raw)), nil
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	raw, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || len(raw) != masterKeySize {
		return MasterKey{}, fmt.Errorf("the master key must be %d bytes in base64 or hex", masterKeySize)
	}
	return masterKey([masterKeySize]byte(raw)), nil
}

func masterKey(raw [masterKeySize]byte) MasterKey {
	block, err := aes.NewCipher(raw[:])
	if err != nil {
		panic(err) // the size is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	made := material{aead: aead, raw: raw}
	return MasterKey{material: func() material { return made }}
}

// Encode is the key in base64, which ParseMasterKey reads; "" for the zero value.
func (m MasterKey) Encode() string {
	if m.material == nil {
		return ""
	}
	raw := m.material().raw
	return base64.StdEncoding.EncodeToString(raw[:])
}

// Format redacts the key whatever the verb.
func (MasterKey) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue redacts the key in logs.
func (MasterKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the key in JSON and other encodings.
func (MasterKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const sealVersion = 1 // first byte of everything sealed

// Seal encrypts plaintext. purpose (such as "signing_key:" and its kid) is authenticated with it and binds the result
// to its place: it opens only with the same purpose. The form is version byte, nonce, ciphertext and tag.
func (m MasterKey) Seal(plaintext []byte, purpose string) ([]byte, error) {
	if m.material == nil {
		return nil, errNoKey
	}
	aead := m.material().aead
	return aead.Seal([]byte{sealVersion}, nil, plaintext, []byte(purpose)), nil //nolint:gosec // the nonce is not fixed: this AEAD makes a random one itself
}

// Open decrypts what Seal made, or answers ErrWrongKey.
func (m MasterKey) Open(sealed []byte, purpose string) ([]byte, error) {
	if m.material == nil {
		return nil, errNoKey
	}
	aead := m.material().aead
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, ErrWrongKey
	}
	plaintext, err := aead.Open(nil, nil, sealed[1:], []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey
	}
	return plaintext, nil
}

// MAC is a hash of message that only holders of the key can make, in hex. purpose keeps its uses apart; it holds no
// NUL.
func (m MasterKey) MAC(message, purpose string) (string, error) {
	if m.material == nil {
		return "", errNoKey
	}
	raw := m.material().raw
	h := hmac.New(sha256.New, raw[:])
	h.Write([]byte("mac\x00" + purpose + "\x00" + message))
	return hex.EncodeToString(h.Sum(nil)), nil
}
