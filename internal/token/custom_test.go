package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sojourn-auth/sojourn/internal/token"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, private any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func pkcs1(private *rsa.PrivateKey) string {
	return pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
}

func sec1(t testing.TB, private *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("EC PRIVATE KEY", der)
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

var shortRSA = sync.OnceValue(func() *rsa.PrivateKey {
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return private
})

func TestCustomKeysSign(t *testing.T) {
	p256, p384, p521 := newEC(t, elliptic.P256()), newEC(t, elliptic.P384()), newEC(t, elliptic.P521())
	hs := func(n int) string { return strings.Repeat("s", n) }
	ecParameters := pemOf("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	covered := map[string]bool{}
	for name, c := range map[string]struct {
		algorithm, key string
		verify         any
	}{
		"HS256":                           {"HS256", hs(32), []byte(hs(32))},
		"HS384":                           {"HS384", hs(48), []byte(hs(48))},
		"HS512":                           {"HS512", hs(64), []byte(hs(64))},
		"HS256, longer":                   {"HS256", hs(500), []byte(hs(500))},
		"HS256, base64 is taken as it is": {"HS256", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0IQ==", []byte("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0IQ==")},
		"RS256, PKCS #8":                  {"RS256", pkcs8(t, privateC()), &privateC().PublicKey},
		"RS256, PKCS #1":                  {"RS256", pkcs1(privateC()), &privateC().PublicKey},
		"RS384":                           {"RS384", pkcs8(t, privateC()), &privateC().PublicKey},
		"RS512":                           {"RS512", pkcs8(t, privateC()), &privateC().PublicKey},
		"ES256, PKCS #8":                  {"ES256", pkcs8(t, p256), &p256.PublicKey},
		"ES256, SEC 1":                    {"ES256", sec1(t, p256), &p256.PublicKey},
		"ES256 as openssl ecparam writes": {"ES256", ecParameters + sec1(t, p256), &p256.PublicKey},
		"ES384":                           {"ES384", sec1(t, p384), &p384.PublicKey},
		"ES512":                           {"ES512", sec1(t, p521), &p521.PublicKey},
		"white space around":              {"ES256", "\r\n  \n" + strings.ReplaceAll(pkcs8(t, p256), "\n", "\r\n") + "\n\n", &p256.PublicKey},
	} {
		t.Run(name, func(t *testing.T) {
			covered[c.algorithm] = true
			key, err := token.ParseCustomKey(c.algorithm, c.key)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := key.SignTemplate("jtmpl_1", templateClaims())
			if err != nil {
				t.Fatal(err)
			}
			header, payload := parts(t, raw)
			if want := `{"alg":"` + c.algorithm + `","cat":"cl_B7d4PD222AAA","kid":"jtmpl_1","typ":"JWT"}`; header != want {
				t.Errorf("header = %s, want %s", header, want)
			}
			ours := must(t)(newRing(t).SignTemplate(templateClaims()))
			if _, want := parts(t, ours); payload != want {
				t.Errorf("payload = %s, want %s as with the instance's key", payload, want)
			}
			_, err = jwt.Parse(raw, func(*jwt.Token) (any, error) { return c.verify, nil },
				jwt.WithValidMethods([]string{c.algorithm}), jwt.WithTimeFunc(func() time.Time { return moment }))
			if err != nil {
				t.Errorf("the public half does not verify it: %v", err)
			}
		})
	}
	for _, algorithm := range token.Algorithms {
		if !covered[algorithm] {
			t.Errorf("%s is offered and not tested", algorithm)
		}
	}
}

func TestCustomKeysRefused(t *testing.T) {
	p256 := newEC(t, elliptic.P256())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := must(t)(token.PublicPEM(&privateC().PublicKey))
	good := pkcs8(t, privateC())
	encrypted, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(privateC()), []byte("p"), x509.PEMCipherAES256) //nolint:staticcheck // what old tools still write
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ algorithm, key string }{
		"no algorithm":                 {"", strings.Repeat("s", 64)},
		"none":                         {"none", strings.Repeat("s", 64)},
		"lower case":                   {"hs256", strings.Repeat("s", 64)},
		"PS256 is not offered":         {"PS256", good},
		"EdDSA is not offered":         {"EdDSA", pkcs8(t, ed)},
		"HS256 without a secret":       {"HS256", ""},
		"HS256 with 31 bytes":          {"HS256", strings.Repeat("s", 31)},
		"HS384 with 47 bytes":          {"HS384", strings.Repeat("s", 47)},
		"HS512 with 63 bytes":          {"HS512", strings.Repeat("s", 63)},
		"RS256 without a key":          {"RS256", ""},
		"RS256 with a word":            {"RS256", strings.Repeat("s", 64)},
		"RS256 with a public key":      {"RS256", public},
		"RS256 with a short key":       {"RS256", pkcs1(shortRSA())},
		"RS256 with a curve key":       {"RS256", pkcs8(t, p256)},
		"RS256 with an Ed25519 key":    {"RS256", pkcs8(t, ed)},
		"RS256 with half a key":        {"RS256", good[:len(good)/2]},
		"RS256 with a broken key":      {"RS256", pemOf("PRIVATE KEY", []byte("garbage"))},
		"RS256 with PKCS #8 as PKCS 1": {"RS256", strings.ReplaceAll(good, "PRIVATE KEY", "RSA PRIVATE KEY")},
		"RS256 with an encrypted key":  {"RS256", string(pem.EncodeToMemory(encrypted))},
		"RS256 with encrypted PKCS #8": {"RS256", strings.ReplaceAll(good, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")},
		"ES256 without a key":          {"ES256", ""},
		"ES256 with P-384":             {"ES256", sec1(t, newEC(t, elliptic.P384()))},
		"ES256 with P-224":             {"ES256", sec1(t, newEC(t, elliptic.P224()))},
		"ES384 with P-256":             {"ES384", sec1(t, p256)},
		"ES512 with P-256":             {"ES512", pkcs8(t, p256)},
		"ES256 with an RSA key":        {"ES256", good},
	} {
		_, err := token.ParseCustomKey(c.algorithm, c.key)
		if err == nil {
			t.Errorf("%s: ParseCustomKey succeeded, want an error", name)
			continue
		}
		if len(c.key) > 20 && strings.Contains(err.Error(), c.key[:20]) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

// A key of a template that happens to be the instance's own, under its kid, still signs template tokens only.
func TestCustomTokenNeverPassesForASession(t *testing.T) {
	key, err := token.ParseCustomKey("RS256", pkcs8(t, privateA()))
	if err != nil {
		t.Fatal(err)
	}
	raw := must(t)(key.SignTemplate("ins_a", templateClaims()))
	if _, err := newRing(t).Verify(raw, token.CategorySession, moment, 0); err == nil {
		t.Error("Verify took a template token for a session token")
	}
}

func FuzzParseCustomKey(f *testing.F) {
	p256 := newEC(f, elliptic.P256())
	f.Add("RS256", pkcs1(privateC()))
	f.Add("ES256", sec1(f, p256))
	f.Add("ES256", pkcs8(f, p256))
	f.Add("HS256", strings.Repeat("s", 32))
	f.Add("RS256", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, algorithm, text string) {
		key, err := token.ParseCustomKey(algorithm, text)
		if err != nil {
			return
		}
		if _, err := key.SignTemplate("jtmpl_1", templateClaims()); err != nil {
			t.Errorf("%s: the key was accepted and cannot sign: %v", algorithm, err)
		}
	})
}
