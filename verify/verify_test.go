package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sojourn-auth/sojourn/verify"
)

var (
	now     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	private = mustKey()
)

func mustKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func publicPEM(t testing.TB, key *rsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func claims(changes map[string]any) jwt.MapClaims {
	m := jwt.MapClaims{
		"iss": "https://clerk.example.com", "sub": "user_1", "sid": "sess_1", "jti": "1", "sts": "active", "v": 2,
		"iat": now.Unix(), "nbf": now.Unix() - 10, "exp": now.Unix() + 60, "fva": []int{3, -1},
	}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	return m
}

func header(changes map[string]any) map[string]any {
	h := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "ins_1", "cat": "cl_B7d4PD111AAA"}
	for name, value := range changes {
		if h[name] = value; value == nil {
			delete(h, name)
		}
	}
	return h
}

func sign(t testing.TB, h map[string]any, c jwt.MapClaims, method jwt.SigningMethod, key any) string {
	t.Helper()
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := encode(h) + "." + encode(c)
	signature, err := method.Sign(input, key)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func good(t testing.TB, changes map[string]any) string {
	t.Helper()
	return sign(t, header(nil), claims(changes), jwt.SigningMethodRS256, private)
}

func verifier(t testing.TB, options ...verify.Option) *verify.Verifier {
	t.Helper()
	v, err := verify.New(append([]verify.Option{
		verify.WithKeys(map[string]*rsa.PublicKey{"ins_1": &private.PublicKey}),
		verify.WithClock(func() time.Time { return now }),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClaims(t *testing.T) {
	c, err := verifier(t).Verify(t.Context(), good(t, map[string]any{"azp": "https://app.example.com", "act": map[string]any{"sub": "user_2"}, "role": "admin"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "user_1" || c.SessionID != "sess_1" || c.AuthorizedParty != "https://app.example.com" || c.Version != 2 ||
		c.Status != "active" || *c.FactorAge != [2]int{3, -1} || string(c.Actor) != `{"sub":"user_2"}` || c.Organization != nil ||
		c.ExpiresAt.Unix() != now.Unix()+60 {
		t.Errorf("%+v", c)
	}
	var custom struct{ Role string }
	if err := c.Decode(&custom); err != nil || custom.Role != "admin" {
		t.Errorf("custom claim: %+v, %v", custom, err)
	}
}

func TestRules(t *testing.T) {
	at := func(seconds int64) map[string]any { return map[string]any{"exp": now.Unix() + seconds} }
	for _, c := range []struct {
		name    string
		claims  map[string]any
		options []verify.Option
		want    error
	}{
		{"a good token", nil, nil, nil},
		{"expired within the leeway", at(-4), nil, nil},
		{"expired at the leeway", at(-5), nil, verify.ErrExpired},
		{"no leeway: just in time", at(1), []verify.Option{verify.WithLeeway(0)}, nil},
		{"no leeway: expired at exp", at(0), []verify.Option{verify.WithLeeway(0)}, verify.ErrExpired},
		{"nbf within the leeway", map[string]any{"nbf": now.Unix() + 5}, nil, nil},
		{"nbf beyond the leeway", map[string]any{"nbf": now.Unix() + 6}, nil, verify.ErrNotYetValid},
		{"iat within the leeway", map[string]any{"iat": now.Unix() + 5}, nil, nil},
		{"iat beyond the leeway", map[string]any{"iat": now.Unix() + 6}, nil, verify.ErrNotYetValid},
		{"no exp", map[string]any{"exp": nil}, nil, verify.ErrMalformed},
		{"exp that is text", map[string]any{"exp": "soon"}, nil, verify.ErrMalformed},
		{"no sub", map[string]any{"sub": nil}, nil, verify.ErrMalformed},
		{"sub that is a number", map[string]any{"sub": 1}, nil, verify.ErrMalformed},
		{"no sid", map[string]any{"sid": nil}, nil, verify.ErrMalformed},
		{"the issuer", nil, []verify.Option{verify.WithIssuer("https://clerk.example.com")}, nil},
		{"another issuer", nil, []verify.Option{verify.WithIssuer("https://clerk.other.com")}, verify.ErrIssuer},
		{"an authorized party", map[string]any{"azp": "https://a.com"}, []verify.Option{verify.WithAuthorizedParties("https://b.com", "https://a.com")}, nil},
		{"another party", map[string]any{"azp": "https://evil.com"}, []verify.Option{verify.WithAuthorizedParties("https://a.com")}, verify.ErrAuthorizedParty},
		{"no party where one is asked for", nil, []verify.Option{verify.WithAuthorizedParties("https://a.com")}, verify.ErrAuthorizedParty},
		{"an audience", map[string]any{"aud": "x"}, []verify.Option{verify.WithAudience("x")}, nil},
		{"one of the audiences", map[string]any{"aud": []string{"y", "x"}}, []verify.Option{verify.WithAudience("x")}, nil},
		{"another audience", map[string]any{"aud": "y"}, []verify.Option{verify.WithAudience("x")}, verify.ErrAudience},
		{"no audience", map[string]any{"aud": []string{}}, []verify.Option{verify.WithAudience("x")}, verify.ErrAudience},
		{"an audience that is a number", map[string]any{"aud": 1}, []verify.Option{verify.WithAudience("x")}, verify.ErrMalformed},
		{"a pending session", map[string]any{"sts": "pending"}, nil, verify.ErrPending},
		{"a pending session where allowed", map[string]any{"sts": "pending"}, []verify.Option{verify.WithPendingSessions()}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := verifier(t, c.options...).Verify(t.Context(), good(t, c.claims))
			if !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAttacks(t *testing.T) {
	other := mustKey()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token := good(t, nil)
	parts := strings.Split(token, ".")
	public := publicPEM(t, &private.PublicKey)
	der, _ := x509.MarshalPKIXPublicKey(&private.PublicKey)
	rs := func(h map[string]any) string { return sign(t, header(h), claims(nil), jwt.SigningMethodRS256, private) }
	hs := func(key []byte) string {
		return sign(t, header(map[string]any{"alg": "HS256"}), claims(nil), jwt.SigningMethodHS256, key)
	}
	for name, attack := range map[string]struct {
		token string
		want  error
	}{
		"nothing":                       {"", verify.ErrMalformed},
		"dots":                          {"..", verify.ErrMalformed},
		"a megabyte of dots":            {strings.Repeat(".", 1<<20), verify.ErrMalformed},
		"five parts":                    {token + ".a.b", verify.ErrMalformed},
		"too long":                      {parts[0] + "." + strings.Repeat("A", 20<<10) + "." + parts[2], verify.ErrMalformed},
		"no signature":                  {parts[0] + "." + parts[1] + ".", verify.ErrSignature},
		"another key":                   {sign(t, header(nil), claims(nil), jwt.SigningMethodRS256, other), verify.ErrSignature},
		"alg none":                      {sign(t, header(map[string]any{"alg": "none"}), claims(nil), jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), verify.ErrSignature},
		"alg None":                      {rs(map[string]any{"alg": "None"}), verify.ErrMalformed},
		"alg RS256 with a space":        {rs(map[string]any{"alg": " RS256"}), verify.ErrMalformed},
		"alg is a list":                 {rs(map[string]any{"alg": []string{"RS256"}}), verify.ErrMalformed},
		"HS256 with the PEM":            {hs([]byte(public)), verify.ErrSignature},
		"HS256 with the trimmed PEM":    {hs([]byte(strings.TrimSpace(public))), verify.ErrSignature},
		"HS256 with a space before PEM": {hs([]byte(" " + public)), verify.ErrSignature},
		"HS256 with the DER":            {hs(der), verify.ErrSignature},
		"HS256 with nothing":            {hs([]byte{}), verify.ErrSignature},
		"RS384":                         {sign(t, header(map[string]any{"alg": "RS384"}), claims(nil), jwt.SigningMethodRS384, private), verify.ErrSignature},
		"PS256":                         {sign(t, header(map[string]any{"alg": "PS256"}), claims(nil), jwt.SigningMethodPS256, private), verify.ErrSignature},
		"ES256":                         {sign(t, header(map[string]any{"alg": "ES256"}), claims(nil), jwt.SigningMethodES256, ec), verify.ErrSignature},
		"an unknown kid":                {rs(map[string]any{"kid": "ins_2"}), verify.ErrUnknownKey},
		"no kid":                        {rs(map[string]any{"kid": nil}), verify.ErrUnknownKey},
		"a kid that is a path":          {rs(map[string]any{"kid": "../../etc/passwd"}), verify.ErrUnknownKey},
		"a kid of 10 kB":                {rs(map[string]any{"kid": strings.Repeat("k", 10<<10)}), verify.ErrUnknownKey},
		"a kid that is a number":        {rs(map[string]any{"kid": 1}), verify.ErrUnknownKey},
		"critical extensions":           {rs(map[string]any{"crit": []string{"exp"}}), verify.ErrMalformed},
		"unencoded payload":             {rs(map[string]any{"b64": false, "crit": []string{"b64"}}), verify.ErrMalformed},
		"another typ":                   {rs(map[string]any{"typ": "secevent+jwt"}), verify.ErrCategory},
		"a template token":              {rs(map[string]any{"cat": "cl_B7d4PD222AAA"}), verify.ErrCategory},
		"a ticket":                      {rs(map[string]any{"cat": "sojourn_ticket"}), verify.ErrCategory},
		"a client token":                {rs(map[string]any{"cat": "sojourn_client"}), verify.ErrCategory},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := verifier(t).Verify(t.Context(), attack.token)
			if !errors.Is(err, attack.want) || c != nil {
				t.Errorf("got %v, want %v", err, attack.want)
			}
		})
	}
	for _, h := range []map[string]any{{"typ": nil}, {"cat": nil}, {"cat": "cl_I7d4PD111III"}, {"jku": "http://127.0.0.1:1/evil"}, {"x5u": "http://127.0.0.1:1/evil"}, {"jwk": map[string]any{"kty": "RSA"}}} {
		if _, err := verifier(t).Verify(t.Context(), rs(h)); err != nil {
			t.Errorf("a header with %v: %v", h, err)
		}
	}
}

func TestEveryBitCounts(t *testing.T) {
	token, v := good(t, nil), verifier(t)
	for i := range len(token) {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32} {
			changed := []byte(token)
			changed[i] ^= bit
			if _, err := v.Verify(t.Context(), string(changed)); err == nil {
				t.Fatalf("byte %d, bit %d: accepted", i, bit)
			}
		}
	}
}

func TestTemplateTokensWhereAllowed(t *testing.T) {
	token := sign(t, header(map[string]any{"cat": "cl_B7d4PD222AAA"}), claims(map[string]any{"sid": nil, "sts": nil, "v": nil}), jwt.SigningMethodRS256, private)
	c, err := verifier(t, verify.WithTemplateTokens()).Verify(t.Context(), token)
	if err != nil || !c.IsTemplate() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestOrganizations(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims map[string]any
		want   *verify.Organization
	}{
		{
			"version 2",
			map[string]any{"fea": "o:dashboard,o:teams", "o": map[string]any{"id": "org_1", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "3,2"}},
			&verify.Organization{ID: "org_1", Slug: "acme", Role: "org:admin", Permissions: []string{"org:dashboard:manage", "org:dashboard:read", "org:teams:read"}},
		},
		{
			"features of the user are passed over",
			map[string]any{"fea": "u:beta,ou:teams", "o": map[string]any{"id": "org_1", "rol": "member", "per": "read", "fpm": "1"}},
			&verify.Organization{ID: "org_1", Role: "org:member", Permissions: []string{"org:teams:read"}},
		},
		{"nothing granted", map[string]any{"o": map[string]any{"id": "org_1", "rol": "admin"}}, &verify.Organization{ID: "org_1", Role: "org:admin"}},
		{"more numbers than features", map[string]any{"fea": "o:a", "o": map[string]any{"id": "org_1", "rol": "x", "per": "p", "fpm": "1,1,z"}}, &verify.Organization{ID: "org_1", Role: "org:x", Permissions: []string{"org:a:p"}}},
		{
			"version 1",
			map[string]any{"v": nil, "org_id": "org_1", "org_slug": "acme", "org_role": "org:admin", "org_permissions": []string{"org:teams:read"}},
			&verify.Organization{ID: "org_1", Slug: "acme", Role: "org:admin", Permissions: []string{"org:teams:read"}},
		},
	} {
		got, err := verifier(t).Verify(t.Context(), good(t, c.claims))
		if err != nil || !reflect.DeepEqual(got.Organization, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestPEM(t *testing.T) {
	v, err := verify.New(verify.WithPEM(publicPEM(t, &private.PublicKey)), verify.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good(t, nil)); err != nil {
		t.Error(err)
	}
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	for name, text := range map[string]string{"nothing": "", "small": publicPEM(t, &small.PublicKey), "another block": strings.ReplaceAll(publicPEM(t, &private.PublicKey), "PUBLIC", "PRIVATE")} {
		if _, err := verify.New(verify.WithPEM(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// keyServer is an instance whose published keys change.
type keyServer struct {
	*httptest.Server
	fetches atomic.Int64
	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	down    bool
}

func newKeyServer(t *testing.T) *keyServer {
	s := &keyServer{keys: map[string]*rsa.PublicKey{"ins_1": &private.PublicKey}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down || (strings.HasPrefix(r.URL.Path, "/v1") && r.Header.Get("Authorization") != "Bearer sk_test_1") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		keys := []map[string]string{{"kty": "EC", "kid": "ec", "crv": "P-256"}, {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"}}
		for kid, key := range s.keys {
			keys = append(keys, map[string]string{
				"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
				"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
			})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// clock is moved by hand.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(now.UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.ns.Load()) }
func (c *clock) move(by time.Duration) { c.ns.Add(int64(by)) }
func (c *clock) claims() map[string]any {
	return map[string]any{"iat": c.now().Unix(), "nbf": c.now().Unix(), "exp": c.now().Unix() + 60}
}

func TestAFloodOfUnknownKeysCostsOneFetch(t *testing.T) {
	server, c := newKeyServer(t), newClock()
	v, err := verify.New(verify.WithJWKS(server.URL), verify.WithClock(c.now))
	if err != nil {
		t.Fatal(err)
	}
	unknown := sign(t, header(map[string]any{"kid": "made up"}), claims(nil), jwt.SigningMethodRS256, private)
	known := good(t, nil)
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			token, want := unknown, verify.ErrUnknownKey
			if i%2 == 0 {
				token, want = known, nil
			}
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) || (want == nil && err != nil) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	wg.Wait()
	if n := server.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestRotation(t *testing.T) {
	server, c := newKeyServer(t), newClock()
	v, err := verify.New(verify.WithBackend(server.URL+"/v1/", "sk_test_1"), verify.WithClock(c.now))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good(t, nil)); err != nil {
		t.Fatal(err)
	}
	next := mustKey()
	server.set(func() { server.keys["ins_2"] = &next.PublicKey })
	c.move(11 * time.Second)
	token := sign(t, header(map[string]any{"kid": "ins_2"}), claims(c.claims()), jwt.SigningMethodRS256, next)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a new key is not picked up: %v", err)
	}
	server.set(func() { delete(server.keys, "ins_1") })
	c.move(2 * time.Hour)
	old := func() error {
		_, err := v.Verify(t.Context(), good(t, c.claims()))
		return err
	}
	for i := 0; old() == nil; i++ { // the fetch runs beside the verification that found the set to be old
		if i > 1_000_000 {
			t.Fatal("a retired key is accepted for ever")
		}
	}
	if err := old(); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("a retired key: %v", err)
	}
}

func TestAnUnreachableKeySet(t *testing.T) {
	server, c := newKeyServer(t), newClock()
	server.set(func() { server.down = true })
	v, err := verify.New(verify.WithJWKS(server.URL), verify.WithClock(c.now))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good(t, nil)); !errors.Is(err, verify.ErrKeysUnavailable) {
		t.Errorf("never fetched: %v", err)
	}
	server.set(func() { server.down = false })
	c.move(11 * time.Second)
	if _, err := v.Verify(t.Context(), good(t, c.claims())); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
	server.set(func() { server.down = true })
	c.move(11 * time.Second)
	unknown := sign(t, header(map[string]any{"kid": "ins_2"}), claims(c.claims()), jwt.SigningMethodRS256, mustKey())
	for _, when := range []string{"while it cannot be fetched", "before it is fetched again"} {
		if _, err := v.Verify(t.Context(), unknown); !errors.Is(err, verify.ErrKeysUnavailable) || errors.Is(err, verify.ErrUnknownKey) {
			t.Errorf("a key that the set may have by now, %s: %v", when, err)
		}
	}
	c.move(3 * time.Hour)
	if _, err := v.Verify(t.Context(), good(t, c.claims())); err != nil {
		t.Errorf("old keys do not serve: %v", err)
	}
	c.move(25 * time.Hour)
	if _, err := v.Verify(t.Context(), good(t, c.claims())); !errors.Is(err, verify.ErrKeysUnavailable) {
		t.Errorf("keys that are too old: %v", err)
	}
}

func TestACallerWhoGivesUpDoesNotStopTheFetch(t *testing.T) {
	server, c := newKeyServer(t), newClock()
	v, err := verify.New(verify.WithJWKS(server.URL), verify.WithClock(c.now))
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	token := good(t, nil)
	_, _ = v.Verify(cancelled, token)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	if n := server.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, options := range map[string][]verify.Option{
		"no keys":        nil,
		"two sources":    {verify.WithJWKS("http://127.0.0.1"), verify.WithKeys(map[string]*rsa.PublicKey{"a": &private.PublicKey})},
		"a nameless key": {verify.WithKeys(map[string]*rsa.PublicKey{"": &private.PublicKey})},
		"a nil key":      {verify.WithKeys(map[string]*rsa.PublicKey{"a": nil})},
	} {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("%s: %v", name, r)
				}
			}()
			if _, err := verify.New(options...); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}()
	}
}

func TestMiddleware(t *testing.T) {
	const key = "pk_test_Y2xlcmsuc29qb3Vybi50ZXN0JA=="
	v := verifier(t, verify.WithPublishableKey(key))
	handler := v.Middleware(v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprint(w, c.Subject)
	})))
	sum := suffix(key)
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good(t, nil)) }, 200},
		{"bearer in another case", func(r *http.Request) { r.Header.Set("Authorization", "bearer "+good(t, nil)) }, 200},
		{"cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__session", Value: good(t, nil)}) }, 200},
		{"suffixed cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__session_" + sum, Value: good(t, nil)}) }, 200},
		{"another app's cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__session_other", Value: good(t, nil)}) }, 401},
		{"the suffixed cookie comes first", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "__session", Value: good(t, nil)})
			r.AddCookie(&http.Cookie{Name: "__session_" + sum, Value: "x"})
		}, 401},
		{"nothing", func(*http.Request) {}, 401},
		{"basic", func(r *http.Request) { r.SetBasicAuth("a", "b") }, 401},
		{"expired", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+good(t, map[string]any{"exp": now.Unix() - 60}))
		}, 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		c.change(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.status || (c.status == 200 && w.Body.String() != "user_1") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.status == 401 && (w.Header().Get("WWW-Authenticate") != "Bearer" || !json.Valid(w.Body.Bytes())) {
			t.Errorf("%s: %v %s", c.name, w.Header(), w.Body)
		}
	}
}

func TestRequireTellsWhatItCannotKnow(t *testing.T) {
	down := newKeyServer(t)
	down.set(func() { down.down = true })
	silent := newTransmitter(t)
	silent.scripted(answering(http.StatusServiceUnavailable, ""))
	keyless, err := verify.New(verify.WithJWKS(down.URL), verify.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	n := newTransmitter(t)
	n.revoke("sess_ended")
	for _, c := range []struct {
		name   string
		v      *verify.Verifier
		token  string
		status int
	}{
		{"no keys", keyless, good(t, nil), 503},
		{"no keys and no token", keyless, "", 401},
		{"a stale feed", fed(t, verify.RevocationFeed{URLs: []string{silent.URL}, WhenStale: verify.FailClosed}), good(t, nil), 503},
		{"a stale feed and an expired token", fed(t, verify.RevocationFeed{URLs: []string{silent.URL}, WhenStale: verify.FailClosed}), good(t, map[string]any{"exp": now.Unix() - 60}), 401},
		{"a stale feed that fails open", fed(t, verify.RevocationFeed{URLs: []string{silent.URL}}), good(t, nil), 204},
		{"an ended session", readyFrom(t, n), tokenOf(t, "sess_ended"), 401},
		{"a session", readyFrom(t, n), good(t, nil), 204},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		c.v.Middleware(c.v.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))).ServeHTTP(w, r)
		if w.Code != c.status || (w.Header().Get("Retry-After") != "") != (c.status == 503) || (w.Header().Get("WWW-Authenticate") != "") != (c.status == 401) {
			t.Errorf("%s: %d %v %s", c.name, w.Code, w.Header(), w.Body)
		}
		if c.status == 503 && !strings.Contains(w.Body.String(), `"code":"service_unavailable"`) {
			t.Errorf("%s: %s", c.name, w.Body)
		}
	}
}

func FuzzVerify(f *testing.F) {
	token := good(f, nil)
	v := verifier(f)
	f.Add(token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, candidate string) {
		if _, err := v.Verify(t.Context(), candidate); err == nil && candidate != token {
			t.Errorf("accepted %q", candidate)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	token, v := good(b, nil), verifier(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRawRSA is the limit that BenchmarkVerify can be compared with.
func BenchmarkRawRSA(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	signature, err := rsa.SignPKCS1v15(nil, private, 5, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&private.PublicKey, 5, digest[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}
