// Package secret keeps secrets out of places where they do not belong: text that never prints itself, keys that are
// stored as hashes, and the master key that seals private keys at rest.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a string that shows as [redacted] through fmt, log/slog and encoding/json. Reveal is the only way out.
// Keep it in exported fields and out of the keys of maps: fmt asks no method of what it finds in unexported fields,
// nor encoding/json of keys. The verbs %p and %w, which are wrong for a string, reach it too; go vet refuses them.
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
