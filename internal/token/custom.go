package token

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithms are what a JWT template with a signing key of its own can be signed with (RFC 7518).
var Algorithms = []string{"ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"}

// CustomKey signs the tokens of one JWT template. It is never published, and the instance accepts nothing it signs.
type CustomKey struct {
	method jwt.SigningMethod
	key    any
}

// minRSABits is the least that RFC 7518, section 3.3, allows.
const minRSABits = 2048

// ParseCustomKey reads a signing key: PEM for RS and ES algorithms, and for HS the secret itself, byte for byte, which
// must be as long as the hash (RFC 7518, section 3.2). Errors do not repeat the key.
func ParseCustomKey(algorithm, key string) (CustomKey, error) {
	if !slices.Contains(Algorithms, algorithm) {
		return CustomKey{}, fmt.Errorf("unknown algorithm %q", algorithm)
	}
	switch method := jwt.GetSigningMethod(algorithm).(type) {
	case *jwt.SigningMethodHMAC:
		if len(key) < method.Hash.Size() {
			return CustomKey{}, fmt.Errorf("the secret must have %d bytes or more", method.Hash.Size())
		}
		return CustomKey{method: method, key: []byte(key)}, nil
	case *jwt.SigningMethodRSA:
		private, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(key))
		if err != nil {
			return CustomKey{}, errors.New("want an RSA private key in PEM")
		}
		if private.N.BitLen() < minRSABits {
			return CustomKey{}, fmt.Errorf("the RSA key must have %d bits or more", minRSABits)
		}
		return CustomKey{method: method, key: private}, nil
	case *jwt.SigningMethodECDSA:
		private, err := jwt.ParseECPrivateKeyFromPEM([]byte(key))
		if err != nil {
			return CustomKey{}, errors.New("want an elliptic curve private key in PEM")
		}
		return ecKey(method, private)
	default:
		return CustomKey{}, fmt.Errorf("unknown algorithm %q", algorithm)
	}
}

func ecKey(method *jwt.SigningMethodECDSA, private *ecdsa.PrivateKey) (CustomKey, error) {
	if private.Curve.Params().BitSize != method.CurveBits {
		return CustomKey{}, fmt.Errorf("%s needs a key on the curve P-%d", method.Name, method.CurveBits)
	}
	return CustomKey{method: method, key: private}, nil
}

// SignTemplate signs a token of a JWT template under the given kid.
func (k CustomKey) SignTemplate(kid string, c TemplateClaims) (string, error) {
	return sign(k.method, k.key, kid, CategoryTemplate, c.claims())
}
