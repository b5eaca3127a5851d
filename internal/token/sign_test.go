package token_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/token"
)

// moment is 2023-11-14T22:13:20Z and 999 ms: times in tokens are cut to the second, never rounded up.
var moment = time.UnixMilli(1700000000999)

func sessionClaims() token.SessionClaims {
	return token.SessionClaims{
		Issuer: "https://clerk.example.com", Subject: "user_1", SessionID: "sess_1", AuthorizedParty: "https://app.example.com",
		IssuedAt: moment, Lifetime: time.Minute, Status: "active", FactorAge: [2]int{3, -1}, ID: "0123456789abcdef0123", Version: 2,
	}
}

// parts decodes header and payload as they stand.
func parts(t testing.TB, raw string) (header, payload string) {
	t.Helper()
	split := strings.Split(raw, ".")
	if len(split) != 3 {
		t.Fatalf("%q has %d parts, want 3", raw, len(split))
	}
	return decode(t, split[0]), decode(t, split[1])
}

func decode(t testing.TB, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSessionTokenClaims(t *testing.T) {
	const full = `{"azp":"https://app.example.com","exp":1700000060,"fva":[3,-1],"iat":1700000000,"iss":"https://clerk.example.com",` +
		`"jti":"0123456789abcdef0123","nbf":1699999990,"sid":"sess_1","sts":"active","sub":"user_1","v":2}`
	for name, c := range map[string]struct {
		change func(*token.SessionClaims)
		want   string
	}{
		"version 2": {func(*token.SessionClaims) {}, full},
		"version 1 has neither v nor sts": {
			func(c *token.SessionClaims) { c.Version = 1 },
			`{"azp":"https://app.example.com","exp":1700000060,"fva":[3,-1],"iat":1700000000,"iss":"https://clerk.example.com",` +
				`"jti":"0123456789abcdef0123","nbf":1699999990,"sid":"sess_1","sub":"user_1"}`,
		},
		"no origin, no azp": {
			func(c *token.SessionClaims) { c.AuthorizedParty = "" },
			strings.Replace(full, `"azp":"https://app.example.com",`, "", 1),
		},
		"pending says so": {
			func(c *token.SessionClaims) { c.Status = "pending" },
			strings.Replace(full, `"sts":"active"`, `"sts":"pending"`, 1),
		},
		"a lifetime that the caller chose": {
			func(c *token.SessionClaims) { c.Lifetime = 315360000 * time.Second },
			strings.Replace(full, `"exp":1700000060`, `"exp":2015360000`, 1),
		},
		"an actor": {
			func(c *token.SessionClaims) { c.Actor = json.RawMessage(`{"sub": "user_2", "type": "support"}`) },
			strings.Replace(full, `{"azp"`, `{"act":{"sub":"user_2","type":"support"},"azp"`, 1),
		},
		"an actor that is null is none": {
			func(c *token.SessionClaims) { c.Actor = json.RawMessage(`null`) },
			full,
		},
		"custom claims of every type": {
			func(c *token.SessionClaims) {
				c.Custom = map[string]any{"aud": 5, "b": true, "list": []any{"x", nil}, "org_id": "org_1"}
			},
			`{"aud":5,"azp":"https://app.example.com","b":true,"exp":1700000060,"fva":[3,-1],"iat":1700000000,"iss":"https://clerk.example.com",` +
				`"jti":"0123456789abcdef0123","list":["x",null],"nbf":1699999990,"org_id":"org_1","sid":"sess_1","sts":"active","sub":"user_1","v":2}`,
		},
		"default claims win": {
			func(c *token.SessionClaims) { c.Custom = forged() },
			full,
		},
		"what a default claim leaves out, no custom one fills in": {
			func(c *token.SessionClaims) { c.Custom, c.AuthorizedParty, c.Version = forged(), "", 1 },
			`{"exp":1700000060,"fva":[3,-1],"iat":1700000000,"iss":"https://clerk.example.com",` +
				`"jti":"0123456789abcdef0123","nbf":1699999990,"sid":"sess_1","sub":"user_1"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			claims := sessionClaims()
			c.change(&claims)
			raw, err := newRing(t).SignSession(claims)
			if err != nil {
				t.Fatal(err)
			}
			header, payload := parts(t, raw)
			if want := `{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_a","oiat":1700000000,"typ":"JWT"}`; header != want {
				t.Errorf("header  = %s\nwant      %s", header, want)
			}
			if payload != c.want {
				t.Errorf("payload = %s\nwant      %s", payload, c.want)
			}
		})
	}
}

// forged tries to set every claim that the server writes.
func forged() map[string]any {
	custom := map[string]any{}
	for _, name := range []string{"act", "azp", "exp", "fea", "fva", "iat", "iss", "jti", "nbf", "o", "pla", "sid", "sts", "sub", "v"} {
		custom[name] = "forged"
	}
	return custom
}

func templateClaims() token.TemplateClaims {
	return token.TemplateClaims{
		Issuer: "https://clerk.example.com", Subject: "user_1", AuthorizedParty: "https://app.example.com",
		IssuedAt: moment, Lifetime: 10 * time.Minute, ClockSkew: 5 * time.Second, ID: "0123456789abcdef0123",
	}
}

func TestTemplateTokenClaims(t *testing.T) {
	const full = `{"azp":"https://app.example.com","exp":1700000600,"iat":1700000000,"iss":"https://clerk.example.com",` +
		`"jti":"0123456789abcdef0123","nbf":1699999995,"sub":"user_1"}`
	for name, c := range map[string]struct {
		change func(*token.TemplateClaims)
		want   string
	}{
		"the automatic ones": {func(*token.TemplateClaims) {}, full},
		"no origin, no azp": {
			func(c *token.TemplateClaims) { c.AuthorizedParty = "" },
			strings.Replace(full, `"azp":"https://app.example.com",`, "", 1),
		},
		"no skew": {
			func(c *token.TemplateClaims) { c.ClockSkew = 0 },
			strings.Replace(full, `"nbf":1699999995`, `"nbf":1700000000`, 1),
		},
		"custom ones stay": {
			func(c *token.TemplateClaims) {
				c.Custom = map[string]any{"role": "admin", "https://x.y/z": map[string]any{"a": 1}}
			},
			`{"azp":"https://app.example.com","exp":1700000600,"https://x.y/z":{"a":1},"iat":1700000000,"iss":"https://clerk.example.com",` +
				`"jti":"0123456789abcdef0123","nbf":1699999995,"role":"admin","sub":"user_1"}`,
		},
		"reserved ones do not": {func(c *token.TemplateClaims) { c.Custom = forged() }, full},
	} {
		t.Run(name, func(t *testing.T) {
			claims := templateClaims()
			c.change(&claims)
			raw, err := newRing(t).SignTemplate(claims)
			if err != nil {
				t.Fatal(err)
			}
			header, payload := parts(t, raw)
			if want := `{"alg":"RS256","cat":"cl_B7d4PD222AAA","kid":"ins_a","typ":"JWT"}`; header != want {
				t.Errorf("header  = %s\nwant      %s", header, want)
			}
			if payload != c.want {
				t.Errorf("payload = %s\nwant      %s", payload, c.want)
			}
		})
	}
}

// Other verifiers know neither our categories nor st, so these must not look like a user's token: a typ of their own
// and no sub.
func TestOtherTokensAreNoUsersTokens(t *testing.T) {
	ring := newRing(t)
	ticket, err1 := ring.SignTicket(token.Ticket{
		Issuer: "https://clerk.example.com", ID: "sit_1", Subject: "user_1", Kind: "sign_in_token",
		IssuedAt: moment, ExpireAt: moment.Add(time.Hour),
	})
	client, err2 := ring.SignClient(token.Client{ID: "client_1", RotatingToken: "r", ExpireAt: moment.Add(time.Hour)})
	handshake, err3 := ring.SignHandshake([]string{"a=b; Path=/"})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Verify(handshake, token.CategorySession, moment, 0); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a handshake is taken for a session token: %v", err)
	}
	for raw, want := range map[string][2]string{
		handshake: {
			`{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_a","typ":"JWT"}`,
			`{"handshake":["a=b; Path=/"]}`,
		},
		ticket: {
			`{"alg":"RS256","cat":"sojourn_ticket","kid":"ins_a","typ":"ticket+jwt"}`,
			`{"exp":1700003600,"iat":1700000000,"iss":"https://clerk.example.com","jti":"sit_1","st":"sign_in_token","uid":"user_1"}`,
		},
		client: {
			`{"alg":"RS256","cat":"sojourn_client","kid":"ins_a","typ":"client+jwt"}`,
			`{"exp":1700003600,"id":"client_1","rotating_token":"r"}`,
		},
	} {
		header, payload := parts(t, raw)
		if diff := cmp.Diff(want, [2]string{header, payload}); diff != "" {
			t.Errorf("token (-want +got):\n%s", diff)
		}
	}
}

func TestSigningLeavesCustomClaimsAlone(t *testing.T) {
	claims := sessionClaims()
	claims.Custom = forged()
	if _, err := newRing(t).SignSession(claims); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(forged(), claims.Custom); diff != "" {
		t.Errorf("the caller's map changed (-before +after):\n%s", diff)
	}
}

func TestSigningFails(t *testing.T) {
	ring := newRing(t)
	for name, change := range map[string]func(*token.SessionClaims){
		"a claim that JSON cannot say": func(c *token.SessionClaims) { c.Custom = map[string]any{"f": func() {}} },
		"an actor that is not JSON":    func(c *token.SessionClaims) { c.Actor = json.RawMessage(`{`) },
	} {
		claims := sessionClaims()
		change(&claims)
		if raw, err := ring.SignSession(claims); err == nil {
			t.Errorf("%s: SignSession = %s, want an error", name, raw)
		}
	}
}

func TestSignerIsAProvider(t *testing.T) {
	signer := &brokenSigner{}
	ring, err := token.NewKeyring(token.Key{ID: "ins_a", Public: &privateA().PublicKey, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.SignSession(sessionClaims()); !errors.Is(err, errProvider) {
		t.Errorf("SignSession: %v, want the provider's own error", err)
	}
	raw, err := newRing(t).SignSession(sessionClaims())
	if err != nil {
		t.Fatal(err)
	}
	input := raw[:strings.LastIndexByte(raw, '.')]
	if signer.digest != sha256.Sum256([]byte(input)) {
		t.Error("the provider was given another digest than that of header and payload")
	}
}

func BenchmarkMint(b *testing.B) {
	ring, claims := newRing(b), sessionClaims()
	custom := claims
	custom.Custom = map[string]any{"role": "admin", "metadata": map[string]any{"plan": "pro", "seats": 5}}
	digest := sha256.Sum256([]byte("header.payload"))
	b.Run("raw RSA", func(b *testing.B) {
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, privateA(), crypto.SHA256, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, c := range map[string]token.SessionClaims{"session": claims, "custom claims": custom} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.SignSession(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What minting adds to the signature.
func BenchmarkEncode(b *testing.B) {
	ring, err := token.NewKeyring(token.Key{ID: "ins_a", Public: &privateA().PublicKey, Signer: freeSigner{}})
	if err != nil {
		b.Fatal(err)
	}
	claims := sessionClaims()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.SignSession(claims); err != nil {
			b.Fatal(err)
		}
	}
}

type freeSigner struct{}

func (freeSigner) Sign([sha256.Size]byte) ([]byte, error) { return make([]byte, 256), nil }
