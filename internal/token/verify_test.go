package token_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/token"
)

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed is a token of any header and payload, by a private key.
func signed(t testing.TB, private *rsa.PrivateKey, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

func hmacSigned(key []byte, header, payload string) string {
	input := encode(header) + "." + encode(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + encode(string(mac.Sum(nil)))
}

const (
	goodHeader  = `{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_a","typ":"JWT"}`
	goodPayload = `{"exp":1700000060,"iat":1700000000,"nbf":1699999990,"sid":"sess_1","sub":"user_1"}`
)

func must(t testing.TB) func(string, error) string {
	return func(raw string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}

func TestVerifyAnswersThePayload(t *testing.T) {
	ring := newRing(t)
	before, err := token.NewKeyring(token.NewKey("ins_b", privateB()))
	if err != nil {
		t.Fatal(err)
	}
	sign := must(t)
	aud := sessionClaims()
	aud.Custom = map[string]any{"aud": 5} // not what RFC 7519 wants of aud, but a custom claim may be anything
	for name, c := range map[string]struct{ raw, category string }{
		"session":                           {sign(ring.SignSession(sessionClaims())), token.CategorySession},
		"session with odd custom claims":    {sign(ring.SignSession(aud)), token.CategorySession},
		"session from before a rotation":    {sign(before.SignSession(sessionClaims())), token.CategorySession},
		"template":                          {sign(ring.SignTemplate(templateClaims())), token.CategoryTemplate},
		"ticket":                            {sign(ring.SignTicket(token.Ticket{ID: "sit_1", IssuedAt: moment, ExpireAt: moment.Add(time.Hour)})), token.CategoryTicket},
		"client":                            {sign(ring.SignClient(token.Client{ID: "client_1", ExpireAt: moment.Add(time.Hour)})), token.CategoryClient},
		"one that another program put down": {signed(t, privateA(), goodHeader, goodPayload), token.CategorySession},
	} {
		got, err := ring.Verify(c.raw, c.category, moment, 0)
		if _, want := parts(t, c.raw); err != nil || string(got) != want {
			t.Errorf("%s: Verify = %s, %v; want %s", name, got, err, want)
		}
	}
}

func TestVerifyTakesEachKindOnlyInItsPlace(t *testing.T) {
	ring, sign := newRing(t), must(t)
	tokens := map[string]string{
		token.CategorySession:  sign(ring.SignSession(sessionClaims())),
		token.CategoryTemplate: sign(ring.SignTemplate(templateClaims())),
		token.CategoryTicket:   sign(ring.SignTicket(token.Ticket{ID: "sit_1", IssuedAt: moment, ExpireAt: moment.Add(time.Hour)})),
		token.CategoryClient:   sign(ring.SignClient(token.Client{ID: "client_1", ExpireAt: moment.Add(time.Hour)})),
	}
	for is, raw := range tokens {
		for wanted := range tokens {
			_, err := ring.Verify(raw, wanted, moment, 0)
			if is == wanted && err != nil {
				t.Errorf("%s: %v", is, err)
			}
			if is != wanted && !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s where %s belongs: %v, want ErrInvalid", is, wanted, err)
			}
		}
	}
}

func TestVerifyRefusesAttacks(t *testing.T) {
	ring, sign := newRing(t), must(t)
	good := sign(ring.SignSession(sessionClaims()))
	split := strings.Split(good, ".")
	head, payload, signature := split[0], split[1], split[2]
	publicPEM := must(t)(token.PublicPEM(&privateA().PublicKey))
	custom, err := token.ParseCustomKey("HS256", strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := token.NewKeyring(token.NewKey("ins_a", privateC()))
	if err != nil {
		t.Fatal(err)
	}
	header := func(old, replacement string) string { return strings.Replace(goodHeader, old, replacement, 1) }

	for name, raw := range map[string]string{
		"nothing":                       "",
		"dots":                          "..",
		"not a token":                   "hello",
		"one part":                      head,
		"no signature":                  head + "." + payload,
		"an empty signature":            head + "." + payload + ".",
		"four parts":                    good + "." + signature,
		"five parts":                    good + "." + head + "." + payload,
		"an empty part more":            good + ".",
		"alg none":                      encode(header("RS256", "none")) + "." + payload + ".",
		"alg None":                      encode(header("RS256", "None")) + "." + payload + ".",
		"alg none with a signature":     encode(header("RS256", "none")) + "." + payload + "." + signature,
		"no alg":                        signed(t, privateA(), header(`"alg":"RS256",`, ""), goodPayload),
		"alg is a number":               signed(t, privateA(), header(`"RS256"`, "256"), goodPayload),
		"alg in lower case":             signed(t, privateA(), header("RS256", "rs256"), goodPayload),
		"alg RS512":                     signed(t, privateA(), header("RS256", "RS512"), goodPayload),
		"alg PS256":                     signed(t, privateA(), header("RS256", "PS256"), goodPayload),
		"HS256 with the public PEM":     hmacSigned([]byte(publicPEM), header("RS256", "HS256"), goodPayload),
		"HS256 with the modulus":        hmacSigned(privateA().N.Bytes(), header("RS256", "HS256"), goodPayload),
		"HS256 called RS256":            hmacSigned([]byte(publicPEM), goodHeader, goodPayload),
		"a kid nobody published":        signed(t, privateA(), header("ins_a", "ins_z"), goodPayload),
		"the kid of another key":        signed(t, privateA(), header("ins_a", "ins_b"), goodPayload),
		"no kid":                        signed(t, privateA(), header(`"kid":"ins_a",`, ""), goodPayload),
		"kid is a list":                 signed(t, privateA(), header(`"ins_a"`, `["ins_a"]`), goodPayload),
		"a stranger's key, our kid":     sign(strangers.SignSession(sessionClaims())),
		"a stranger's key in the token": signed(t, privateC(), header(`"kid"`, `"jwk":{"kty":"RSA","n":"`+encode(string(privateC().N.Bytes()))+`","e":"AQAB"},"kid"`), goodPayload),
		"a template's own key":          sign(custom.SignTemplate("jtmpl_1", templateClaims())),
		"a template's own key, our kid": sign(custom.SignTemplate("ins_a", templateClaims())),
		"no category":                   signed(t, privateA(), header(`"cat":"cl_B7d4PD111AAA",`, ""), goodPayload),
		"category is a list":            signed(t, privateA(), header(`"cl_B7d4PD111AAA"`, `["cl_B7d4PD111AAA"]`), goodPayload),
		"a critical extension":          signed(t, privateA(), header(`"kid"`, `"crit":["b64"],"b64":false,"kid"`), goodPayload),
		"no exp":                        signed(t, privateA(), goodHeader, `{"iat":1700000000}`),
		"exp is text":                   signed(t, privateA(), goodHeader, `{"exp":"1700000060"}`),
		"exp is null":                   signed(t, privateA(), goodHeader, `{"exp":null}`),
		"a payload that is null":        signed(t, privateA(), goodHeader, `null`),
		"a payload that is a list":      signed(t, privateA(), goodHeader, `[1700000060]`),
		"a payload that is no JSON":     signed(t, privateA(), goodHeader, `{"exp":1700000060`),
		"a header that is null":         signed(t, privateA(), `null`, goodPayload),
		"another payload":               head + "." + encode(goodPayload) + "." + signature,
		"another header":                encode(goodHeader+" ") + "." + payload + "." + signature,
		"the signature of another":      head + "." + payload + "." + strings.Split(sign(ring.SignTemplate(templateClaims())), ".")[2],
		"a line break at the end":       good + "\n",
		"a line break in the signature": good[:len(good)-9] + "\r\n" + good[len(good)-9:],
		"a space before":                " " + good,
		"padding":                       good + "==",
		"a bit that base64 drops":       good[:len(good)-1] + string(sibling(good[len(good)-1])),
		"huge":                          good + strings.Repeat("A", 1<<20),
		"huge, and signed":              signed(t, privateA(), goodHeader, goodPayload+strings.Repeat(" ", 16<<10)),
		"a million dots":                strings.Repeat(".", 1<<20),
		"deeply nested":                 encode(goodHeader) + "." + encode(strings.Repeat("[", 9000)) + "." + signature,
	} {
		if got, err := ring.Verify(raw, token.CategorySession, moment, 0); !errors.Is(err, token.ErrInvalid) || got != nil {
			t.Errorf("%s: Verify = %s, %v; want ErrInvalid", name, got, err)
		}
	}
}

// sibling is another character that stands for the same signature: only two bits of the last one count.
func sibling(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	ring := newRing(t)
	good := must(t)(ring.SignSession(sessionClaims()))
	for i := range len(good) {
		changed := []byte(good)
		changed[i] ^= 1
		if _, err := ring.Verify(string(changed), token.CategorySession, moment, 0); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("byte %d changed: %v, want ErrInvalid", i, err)
		}
	}
}

// The token says iat 1700000000, nbf ten seconds before, exp sixty after.
func TestVerifyJudgesTime(t *testing.T) {
	const anyAge = 100 * 365 * 24 * time.Hour
	ring := newRing(t)
	raw := must(t)(ring.SignSession(sessionClaims()))
	notYet := signed(t, privateA(), goodHeader, strings.Replace(goodPayload, `"nbf":1699999990`, `"nbf":1700000010`, 1))
	iat := time.Unix(1700000000, 0)
	for name, c := range map[string]struct {
		raw    string
		now    time.Time
		leeway time.Duration
		ok     bool
	}{
		"as it is minted":                 {raw, iat, 0, true},
		"a moment before iat":             {raw, iat.Add(-time.Nanosecond), 0, false},
		"before iat, within leeway":       {raw, iat.Add(-5 * time.Second), 5 * time.Second, true},
		"before iat, beyond leeway":       {raw, iat.Add(-5*time.Second - 1), 5 * time.Second, false},
		"before nbf":                      {notYet, iat.Add(9 * time.Second), 0, false},
		"at nbf":                          {notYet, iat.Add(10 * time.Second), 0, true},
		"a moment before exp":             {raw, iat.Add(time.Minute - 1), 0, true},
		"at exp":                          {raw, iat.Add(time.Minute), 0, false},
		"after exp, within leeway":        {raw, iat.Add(65*time.Second - 1), 5 * time.Second, true},
		"after exp, beyond leeway":        {raw, iat.Add(65 * time.Second), 5 * time.Second, false},
		"years after, when age is no bar": {raw, iat.AddDate(50, 0, 0), anyAge, true},
	} {
		if _, err := ring.Verify(c.raw, token.CategorySession, c.now, c.leeway); (err == nil) != c.ok || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: Verify: %v, want success: %t", name, err, c.ok)
		}
	}
}

func TestVerifyErrorsDoNotRepeatTheToken(t *testing.T) {
	ring := newRing(t)
	raw := must(t)(ring.SignSession(sessionClaims()))
	for _, bad := range []string{raw + "x", raw[:len(raw)-40], "x" + raw, raw + ".x"} {
		_, err := ring.Verify(bad, token.CategorySession, moment, 0)
		if err == nil || strings.Contains(err.Error(), raw[:20]) || strings.Contains(err.Error(), "sess_1") {
			t.Errorf("err = %v, want one without any of the token", err)
		}
	}
}

// Whatever is accepted was signed: its bytes are those of the one token that exists.
func FuzzVerify(f *testing.F) {
	ring := newRing(f)
	good := must(f)(ring.SignSession(sessionClaims()))
	f.Add(good)
	f.Add(good + ".")
	f.Add(encode(`{"alg":"none"}`) + "." + encode(goodPayload) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		payload, err := ring.Verify(raw, token.CategorySession, moment, 0)
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("err = %v, want ErrInvalid", err)
		}
		if err == nil && (raw != good || !json.Valid(payload)) {
			t.Errorf("accepted %q", raw)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ring := newRing(b)
	raw := must(b)(ring.SignSession(sessionClaims()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Verify(raw, token.CategorySession, moment, 0); err != nil {
			b.Fatal(err)
		}
	}
}
