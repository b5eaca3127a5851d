package token

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithms are what a JWT template with a signing key of its own can be signed with (RFC 7518, section 3.1).
var Algorithms = []string{"ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"}

// CustomKey signs the tokens of one JWT template. It is never published, and the instance accepts nothing it signs.
type CustomKey struct {
	sign func(kid string, claims jwt.MapClaims) (string, error) // holds the key where nothing can print it
}

// RFC 7518, section 3.3, sets the least; beyond the most, one signature takes tens of milliseconds.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

var errPEM = errors.New("want a private key in PEM, not encrypted: PKCS #8, PKCS #1 or SEC 1")

// ParseCustomKey reads a signing key: PEM for RS and ES algorithms, and for HS the secret itself, byte for byte, which
// must be as long as the hash (RFC 7518, section 3.2). Errors do not repeat the key.
func ParseCustomKey(algorithm, key string) (CustomKey, error) {
	if !slices.Contains(Algorithms, algorithm) {
		return CustomKey{}, fmt.Errorf("unknown algorithm %q", algorithm)
	}
	switch method := jwt.GetSigningMethod(algorithm).(type) {
	case *jwt.SigningMethodHMAC:
		return hmacKey(method, key)
	case *jwt.SigningMethodRSA:
		return rsaKey(method, key)
	case *jwt.SigningMethodECDSA:
		return ecdsaKey(method, key)
	default:
		return CustomKey{}, fmt.Errorf("unknown algorithm %q", algorithm)
	}
}

func hmacKey(method *jwt.SigningMethodHMAC, secret string) (CustomKey, error) {
	if len(secret) < method.Hash.Size() {
		return CustomKey{}, fmt.Errorf("the secret must have %d bytes or more", method.Hash.Size())
	}
	return customKey(method, []byte(secret)), nil
}

func rsaKey(method *jwt.SigningMethodRSA, text string) (CustomKey, error) {
	key, err := parsePEM(text)
	if err != nil {
		return CustomKey{}, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return CustomKey{}, errors.New("want an RSA private key")
	}
	if bits := private.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return CustomKey{}, fmt.Errorf("the RSA key must have %d to %d bits", minRSABits, maxRSABits)
	}
	return customKey(method, private), nil
}

func ecdsaKey(method *jwt.SigningMethodECDSA, text string) (CustomKey, error) {
	key, err := parsePEM(text)
	if err != nil {
		return CustomKey{}, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Params().BitSize != method.CurveBits {
		return CustomKey{}, fmt.Errorf("want a private key on the curve P-%d", method.CurveBits)
	}
	return customKey(method, private), nil
}

// parsePEM reads the first private key. Others may stand before it: openssl ecparam writes the curve's parameters.
func parsePEM(text string) (any, error) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		parse := parsers[block.Type]
		if parse == nil {
			continue
		}
		key, err := parse(block.Bytes)
		if err != nil {
			return nil, errPEM
		}
		return key, nil
	}
	return nil, errPEM
}

var parsers = map[string]func(der []byte) (any, error){
	"PRIVATE KEY":     x509.ParsePKCS8PrivateKey,
	"RSA PRIVATE KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	"EC PRIVATE KEY":  func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
}

func customKey(method jwt.SigningMethod, key any) CustomKey {
	return CustomKey{sign: func(kid string, claims jwt.MapClaims) (string, error) {
		return sign(method, key, map[string]any{"cat": CategoryTemplate, "kid": kid, "typ": typeJWT}, claims)
	}}
}

// SignTemplate signs a token of a JWT template under the given kid.
func (k CustomKey) SignTemplate(kid string, c TemplateClaims) (string, error) {
	return k.sign(kid, c.claims())
}
