package token

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrInvalid says that a token is not one of the instance's, or not of the kind that is asked for, or out of its time.
var ErrInvalid = errors.New("token: invalid")

// maxSize bounds the tokens that are looked at, in bytes, before anything is allocated for them.
const maxSize = 16 << 10

// Verify checks a token that one of the instance's published keys signed, and answers its payload, a JSON object. It
// takes RS256 and the given category only, and wants exp; now may differ from exp, nbf and iat by leeway. Every
// failure is ErrInvalid.
func (k *Keyring) Verify(raw, category string, now time.Time, leeway time.Duration) ([]byte, error) {
	if len(raw) > maxSize || strings.ContainsAny(raw, "\r\n") { // base64 decoders pass over line breaks
		return nil, ErrInvalid
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithLeeway(leeway), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithStrictDecoding())
	if _, err := parser.Parse(raw, func(t *jwt.Token) (any, error) { return k.keyFor(t, category) }); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return parser.DecodeSegment(strings.Split(raw, ".")[1])
}

func (k *Keyring) keyFor(t *jwt.Token, category string) (any, error) {
	if t.Header["cat"] != any(category) {
		return nil, errors.New("another category")
	}
	if _, critical := t.Header["crit"]; critical {
		return nil, errors.New("critical extensions are not understood (RFC 7515, section 4.1.11)")
	}
	kid, _ := t.Header["kid"].(string)
	public, ok := k.public[kid]
	if !ok {
		return nil, errors.New("unknown kid")
	}
	return public, nil
}
