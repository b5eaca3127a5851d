// Package secret keeps secrets out of places where they do not belong: text that never prints itself, keys that are
// stored as hashes, and the master key that seals private keys at rest.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// Text is a string that shows as [redacted] through fmt, log/slog and encoding/json. Reveal is the only way out.
// Keep it in exported fields: fmt asks no method of what it finds in unexported ones. The verbs %p and %w, which are
// wrong for a string, reach it too; go vet refuses them.
type Text string

// Reveal answers the secret itself.
func (t Text) Reveal() string { return string(t) }

// Format redacts the text whatever the verb.
func (Text) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue redacts the text in logs.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the text in JSON and other encodings.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// HashKey is how a secret of high entropy is stored: hex SHA-256. Passwords are not such secrets.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// EqualHash reports whether hash is the HashKey of key, in constant time.
func EqualHash(hash, key string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(HashKey(key))) == 1
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewToken is prefix followed by n random characters of 5.95 bits each, from the system's generator.
func NewToken(prefix string, n int) string {
	token := make([]byte, 0, len(prefix)+n)
	token = append(token, prefix...)
	var random [64]byte
	for {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if len(token) == len(prefix)+n {
				return string(token)
			}
			if b &= 63; int(b) < len(alphabet) { // what is over would favour some characters
				token = append(token, alphabet[b])
			}
		}
	}
}

// NewHex is n random bytes in hex.
func NewHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

const masterKeySize = 32 // bytes

// MasterKey seals private keys at rest with AES-256-GCM. The zero value seals and opens nothing.
// One key seals at most 2^32 times: nonces are random (NIST SP 800-38D, section 8.3).
type MasterKey struct {
	aead cipher.AEAD
	key  *[masterKeySize]byte // a pointer, so that even fmt in an unexported field shows an address
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
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return MasterKey{aead: aead, key: &raw}
}

// Encode is the key in base64, which ParseMasterKey reads; "" for the zero value.
func (m MasterKey) Encode() string {
	if m.key == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(m.key[:])
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
	if m.aead == nil {
		return nil, errNoKey
	}
	sealed := make([]byte, 1+m.aead.NonceSize(), 1+m.aead.NonceSize()+len(plaintext)+m.aead.Overhead())
	sealed[0] = sealVersion
	_, _ = rand.Read(sealed[1:]) // never fails
	return m.aead.Seal(sealed, sealed[1:], plaintext, []byte(purpose)), nil
}

// Open decrypts what Seal made, or answers ErrWrongKey.
func (m MasterKey) Open(sealed []byte, purpose string) ([]byte, error) {
	if m.aead == nil {
		return nil, errNoKey
	}
	head := 1 + m.aead.NonceSize()
	if len(sealed) < head || sealed[0] != sealVersion {
		return nil, ErrWrongKey
	}
	plaintext, err := m.aead.Open(nil, sealed[1:head], sealed[head:], []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey
	}
	return plaintext, nil
}
