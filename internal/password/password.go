// Package password keeps passwords as digests: ours, and every one that can be imported from another system. The
// primitives are libraries'; this package reads the envelopes that systems put around them.
package password

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Digest is a stored password. It prints as its scheme only.
type Digest struct {
	Hasher string // the scheme, by the contract's name
	Text   string // the digest in the form that the scheme is known for
}

// Format keeps the digest out of anything printed.
func (d Digest) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, d.Hasher+":[redacted]") }

// LogValue keeps the digest out of logs.
func (d Digest) LogValue() slog.Value { return slog.StringValue(d.Hasher + ":[redacted]") }

// MarshalText keeps the digest out of JSON.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.Hasher + ":[redacted]"), nil }

// What can be wrong with an import.
var (
	ErrUnknownHasher = errors.New("password: unknown hasher")
	ErrBadDigest     = errors.New("password: the digest does not fit its hasher")
)

// ours is the scheme of new passwords, with the parameters that the OWASP password storage cheat sheet names as its
// minimum for argon2id.
const (
	ours        = "argon2id"
	memoryKiB   = 19456
	iterations  = 2
	parallelism = 1
	saltSize    = 16 // bytes
	keySize     = 32 // bytes
)

// slots bounds how many digests are computed at once: each takes 19 MiB and a core.
var slots = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// slot waits for a place to compute in, or for ctx.
func slot(ctx context.Context) (release func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Hash makes a digest of a new password. It takes tens of milliseconds, and waits while many others do.
func Hash(ctx context.Context, password string) (Digest, error) {
	release, err := slot(ctx)
	if err != nil {
		return Digest{}, err
	}
	defer release()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, iterations, memoryKiB, parallelism, keySize)
	text := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, iterations, parallelism,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
	return Digest{Hasher: ours, Text: text}, nil
}

// matcher compares a password with a digest that has been read.
type matcher func(password string) bool

// maxDigest bounds what is read as a digest, in bytes.
const maxDigest = 1024

// Import reads a digest from another system. Its cost is bounded, so that no import can take the server down later.
func Import(hasher, text string) (Digest, error) {
	d := Digest{Hasher: hasher, Text: text}
	_, err := d.read()
	return d, err
}

func (d Digest) read() (matcher, error) {
	read, ok := schemes[d.Hasher]
	if !ok {
		return nil, ErrUnknownHasher
	}
	if len(d.Text) > maxDigest {
		return nil, ErrBadDigest
	}
	match, ok := read(d.Text)
	if !ok {
		return nil, ErrBadDigest
	}
	return match, nil
}

// Verify reports whether password is the one that was digested. stale says that the digest is weaker than a new one
// would be, and that the caller, who knows the password now, should store a new one.
func (d Digest) Verify(ctx context.Context, password string) (ok, stale bool, err error) {
	match, err := d.read()
	if err != nil {
		return false, false, err
	}
	release, err := slot(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	return match(password), d.Hasher != ours && !slices.Contains(strong, d.Hasher), nil
}

// strong are the importable schemes that need no replacement.
var strong = []string{"argon2i", "argon2id", "bcrypt", "bcrypt_sha256_django", "bcrypt_peppered", "scrypt_firebase", "scrypt_werkzeug"}

// Hashers lists the schemes that can be imported, sorted.
var Hashers = slices.Sorted(maps.Keys(schemes))

// Bounds on new passwords. A limit of 256 characters takes any passphrase, and keeps the work of hashing one bounded.
const (
	maxCharacters = 256
	maxBytes      = 1024
)

// PolicyError says which rule a new password breaks, by the contract's code.
type PolicyError struct {
	Code   string
	Reason string
}

func (e *PolicyError) Error() string { return e.Reason }

// Check applies the rules for new passwords. Length is counted in Unicode code points; there are no rules of
// composition (NIST SP 800-63B-4, section 3.1.1.2), and passwords are compared as they were typed.
func Check(password string, minLength int) error {
	switch n := utf8.RuneCountInString(password); {
	case n < minLength:
		return &PolicyError{"form_password_length_too_short", fmt.Sprintf("A password has %d characters or more.", minLength)}
	case n > maxCharacters:
		return &PolicyError{"form_password_length_too_long", fmt.Sprintf("A password has %d characters or fewer.", maxCharacters)}
	case len(password) > maxBytes:
		return &PolicyError{"form_password_size_in_bytes_exceeded", fmt.Sprintf("A password has %d bytes or fewer.", maxBytes)}
	default:
		return nil
	}
}
