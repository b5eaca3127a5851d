package e2e

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// verified checks a token of this server and returns its claims.
func verified(t *testing.T, s *server, token string) jwt.MapClaims {
	t.Helper()
	return verifiedOf(t, s, s.FrontendURL, token)
}

// verifiedOf checks a token of the given issuer against the key set that the server publishes now, with
// a library that neither we nor Clerk wrote, and returns the claims.
func verifiedOf(t *testing.T, s *server, issuer, token string) jwt.MapClaims {
	t.Helper()
	status, body := get(t, s.JWKSURL)
	if status != http.StatusOK {
		t.Fatalf("key set: status %d", status)
	}
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(parsed *jwt.Token) (any, error) {
		for _, key := range set.Keys {
			if key.Kid == parsed.Header["kid"] {
				return &rsa.PublicKey{N: number(t, key.N), E: int(number(t, key.E).Int64())}, nil
			}
		}
		return nil, fmt.Errorf("no key %v in the key set", parsed.Header["kid"])
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatalf("verify token: %v", err)
	}
	return claims
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(bytes)
}
