package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/token"
)

// Keys cost a tenth of a second each, so the tests share three.
var (
	privateA = sync.OnceValue(generate)
	privateB = sync.OnceValue(generate)
	privateC = sync.OnceValue(generate)
)

func generate() *rsa.PrivateKey {
	private, err := token.GenerateRSA()
	if err != nil {
		panic(err)
	}
	return private
}

// newRing signs with ins_a and publishes ins_b too.
func newRing(t testing.TB) *token.Keyring {
	t.Helper()
	ring, err := token.NewKeyring(token.NewKey("ins_a", privateA()), token.NewKey("ins_b", privateB()))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestGeneratedKeysAreWhatClientsRead(t *testing.T) {
	if bits, e := privateA().N.BitLen(), privateA().E; bits != 2048 || e != 65537 {
		t.Errorf("GenerateRSA: %d bits, e = %d; want 2048 and 65537", bits, e)
	}
}

func TestPrivateKeyRoundTrip(t *testing.T) {
	der, err := token.MarshalPrivate(privateA())
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.ParsePrivate(der)
	if err != nil || !got.Equal(privateA()) {
		t.Errorf("ParsePrivate(MarshalPrivate(key)) = another key, %v", err)
	}
}

func TestParsePrivateRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"nothing":               nil,
		"garbage":               []byte("garbage"),
		"an elliptic curve key": ecDER,
		"PKCS #1":               x509.MarshalPKCS1PrivateKey(privateA()),
	} {
		if _, err := token.ParsePrivate(der); err == nil {
			t.Errorf("%s: ParsePrivate succeeded, want an error", name)
		}
	}
}

// Official JavaScript SDKs cut the modulus out of the text by these literals, so nothing else will do.
func TestPublicPEMHasTheLiteralsThatClientsCut(t *testing.T) {
	pem, err := token.PublicPEM(&privateA().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutPrefix(pem, "-----BEGIN PUBLIC KEY-----\n")
	if !ok {
		t.Fatalf("PEM begins otherwise: %s", pem)
	}
	if body, ok = strings.CutSuffix(body, "\n-----END PUBLIC KEY-----\n"); !ok {
		t.Fatalf("PEM ends otherwise: %s", pem)
	}
	body = strings.ReplaceAll(body, "\n", "")
	if body, ok = strings.CutPrefix(body, "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"); !ok {
		t.Fatalf("DER begins otherwise: %s", pem)
	}
	if body, ok = strings.CutSuffix(body, "IDAQAB"); !ok {
		t.Fatalf("DER ends otherwise: %s", pem)
	}
	n := strings.NewReplacer("+", "-", "/", "_").Replace(body)
	if want := base64.RawURLEncoding.EncodeToString(privateA().N.Bytes()); n != want {
		t.Errorf("modulus = %s, want %s", n, want)
	}
}

func TestJWKS(t *testing.T) {
	var set map[string][]map[string]string
	if err := json.Unmarshal(newRing(t).JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	entry := func(kid string, public rsa.PublicKey) map[string]string {
		return map[string]string{
			"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "e": "AQAB",
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		}
	}
	want := map[string][]map[string]string{"keys": {entry("ins_a", privateA().PublicKey), entry("ins_b", privateB().PublicKey)}}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Errorf("JWKS (-want +got):\n%s", diff)
	}
	for _, k := range set["keys"] {
		if got := slices.Sorted(maps.Keys(k)); !slices.Equal(got, []string{"alg", "e", "kid", "kty", "n", "use"}) {
			t.Errorf("members = %v, want the six public ones alone", got)
		}
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	good := token.NewKey("ins_a", privateA())
	public := func(change func(*rsa.PublicKey)) token.Key {
		p := privateB().PublicKey
		change(&p)
		return token.Key{ID: "ins_b", Public: &p, Signer: good.Signer}
	}
	for name, keys := range map[string][]token.Key{
		"a first key that cannot sign": {{ID: "ins_a", Public: good.Public}},
		"a key without a kid":          {{Public: good.Public, Signer: good.Signer}},
		"another without a kid":        {good, {Public: good.Public}},
		"two keys of one kid":          {good, token.NewKey("ins_a", privateB())},
		"no public half":               {good, {ID: "ins_b"}},
		"no modulus":                   {good, {ID: "ins_b", Public: &rsa.PublicKey{E: 65537}}},
		"a short modulus":              {good, public(func(p *rsa.PublicKey) { p.N = new(big.Int).Rsh(p.N, 1024) })},
		"a long modulus":               {good, public(func(p *rsa.PublicKey) { p.N = new(big.Int).Lsh(p.N, 1024) })},
		"another exponent":             {good, public(func(p *rsa.PublicKey) { p.E = 3 })},
	} {
		if _, err := token.NewKeyring(keys[0], keys[1:]...); err == nil {
			t.Errorf("%s: NewKeyring succeeded, want an error", name)
		}
	}
}

func TestPublishedKeyNeedsNoSigner(t *testing.T) {
	signing := token.NewKey("ins_a", privateA())
	ring, err := token.NewKeyring(signing, token.Key{ID: "ins_b", Public: &privateB().PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	if got := ring.SigningKey().ID; got != "ins_a" {
		t.Errorf("SigningKey = %s, want ins_a", got)
	}
}

func TestKeysDoNotPrintTheirPrivateHalf(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	custom, err := token.ParseCustomKey("HS256", secret)
	if err != nil {
		t.Fatal(err)
	}
	key, ring := token.NewKey("ins_a", privateA()), newRing(t)
	leaks := []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret)), privateA().D.String(), privateA().D.Text(16),
		privateA().Primes[0].String(), fmt.Sprint(privateA().Primes[0].Bits()), fmt.Sprint(privateA().D.Bits()),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{key, &key, *ring, ring, custom, &custom, struct{ k any }{key}, struct{ k any }{custom}} {
			got := strings.ToLower(fmt.Sprintf(verb, value))
			for _, leak := range leaks {
				if strings.Contains(got, leak) {
					t.Errorf("%s of %T shows a private key", verb, value)
				}
			}
		}
	}
}

// brokenSigner stands for a provider that fails, and remembers what it was asked to sign.
type brokenSigner struct{ digest [sha256.Size]byte }

func (s *brokenSigner) Sign(digest [sha256.Size]byte) ([]byte, error) {
	s.digest = digest
	return nil, errProvider
}

var errProvider = errors.New("provider: out of order")
