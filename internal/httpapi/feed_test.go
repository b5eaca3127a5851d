package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/webhook"
	"github.com/sojourn-auth/sojourn/verify"
)

// TestEventTypesAreDescribed compares the types of events with those of openapi.yaml.
func TestEventTypesAreDescribed(t *testing.T) {
	t.Parallel()
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	var described []event.Type
	for _, name := range d.document.Components.Schemas["EventType"].Value.Enum {
		described = append(described, event.Type(fmt.Sprint(name)))
	}
	if !slices.Equal(described, event.Types) {
		t.Errorf("described: %v\nhave:      %v", described, event.Types)
	}
}

// node is one of several servers on the database of a world, whose clock differs from the real one.
func (w *world) node(t *testing.T, clockIsOff time.Duration) *world {
	t.Helper()
	n, err := newWorld(w.database)
	if err != nil {
		t.Fatal(err)
	}
	n.app.Now = func() time.Time { return time.Now().Add(clockIsOff) }
	if err := n.app.Load(bg); err != nil {
		t.Fatal(err)
	}
	n.working = append(n.working, n.app.Feed.Run)
	n.serve(t)
	return n
}

// TestRevocationsAcrossClocks: two nodes whose clocks are four seconds apart, and verifiers that hear one each. Users lose
// all sessions and begin new ones in the same second. No token of an ended session is accepted once the verifiers have
// heard, and none of another is refused.
func TestRevocationsAcrossClocks(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.app.Now = time.Now
	nodes := []*world{w.node(t, 2*time.Second), w.node(t, -2*time.Second)}
	ok[api.JWTTemplate](t, nodes[0].post(t, "/v1/jwt_templates", `{"name":"plain","claims":{}}`))

	var mu sync.Mutex
	heard := []map[string]bool{{}, {}}
	verifiers := make([]*verify.Verifier, len(nodes))
	for i, n := range nodes {
		v, err := verify.New(verify.WithJWKS(n.frontend.URL+"/.well-known/jwks.json"), verify.WithTemplateTokens(),
			verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.frontend.URL}, Key: secretKey, WhenStale: verify.FailClosed, OnRevoked: func(id string) {
				mu.Lock()
				defer mu.Unlock()
				heard[i][id] = true
			}}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		verifiers[i] = v
	}

	user := ok[api.User](t, nodes[0].post(t, "/v1/users", `{}`)).ID
	begin := func(i int) (id string, tokens []string) {
		n := nodes[i%2]
		id = ok[api.Session](t, n.post(t, "/v1/sessions", `{"user_id":"`+user+`"}`)).ID
		for _, kind := range []string{"", "/plain"} {
			tokens = append(tokens, ok[api.Token](t, nodes[(i/2)%2].post(t, "/v1/sessions/"+id+"/tokens"+kind, ``)).JWT)
		}
		return id, tokens
	}
	var ended, going []string
	var lost, kept []string // tokens of these
	for i := range 24 {
		id, tokens := begin(i)
		switch i % 3 {
		case 0:
			nodes[(i/3)%2].post(t, "/v1/sessions/"+id+"/revoke", "")
		case 1:
			nodes[(i/3)%2].post(t, "/v1/users/"+user+"/ban", "")
			nodes[(i/3+1)%2].post(t, "/v1/users/"+user+"/unban", "")
			ended, going = append(ended, going...), nil // whatever the user had
			lost, kept = append(lost, kept...), nil
		default:
			going, kept = append(going, id), append(kept, tokens...)
			continue
		}
		ended, lost = append(ended, id), append(lost, tokens...)
	}
	for i, v := range verifiers {
		eventually(t, "all is heard", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return !slices.ContainsFunc(ended, func(id string) bool { return !heard[i][id] })
		})
		for _, token := range lost {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRevoked) {
				t.Errorf("missed: %v", err)
			}
		}
		for _, token := range kept {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Errorf("wrongly refused: %v", err)
			}
		}
	}
	if len(lost) == 0 || len(kept) == 0 {
		t.Error("nothing was tried")
	}
}

// TestPushedStream: security events are pushed (RFC 8935) to a receiver that is down at first.
func TestPushedStream(t *testing.T) {
	t.Parallel()
	w := serve(t, func(w *world) {
		w.app.Now = time.Now
		w.app.Settings.Egress.Development = true
		limits := webhook.DefaultLimits()
		limits.Schedule = []time.Duration{0, 10 * time.Millisecond, 10 * time.Millisecond}
		d := &webhook.Deliverer{
			Store: w.app.Store, Post: egress.New(egress.Policy{Development: true}).Post, Secrets: w.app.EndpointSecrets, Token: w.app.EventToken,
			Now: time.Now, NewID: app.NewID, Jitter: func() float64 { return 0 }, Log: w.app.Log, Limits: limits,
		}
		w.working = append(w.working, func(ctx context.Context) { d.Run(ctx) })
	})
	type pushed struct{ set, kind, authorization string }
	got := make(chan pushed, 10)
	var failed atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if failed.CompareAndSwap(false, true) { // the first push, whichever of the two it is
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusAccepted)
		got <- pushed{string(body), r.Header.Get("Content-Type"), r.Header.Get("Authorization")}
	}))
	t.Cleanup(receiver.Close)
	created := w.keyedRequest(t, secretKey, "POST", "/v1/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"`+receiver.URL+`","authorization_header":"Bearer canary"}}`)
	s := read[api.Stream](t, created)
	user := ok[api.User](t, w.post(t, "/v1/users", `{}`)).ID
	session := ok[api.Session](t, w.post(t, "/v1/sessions", `{"user_id":"`+user+`"}`)).ID
	w.post(t, "/v1/sessions/"+session+"/revoke", "")
	if a := w.keyedRequest(t, secretKey, "POST", "/v1/ssf/verify", `{"stream_id":"`+s.StreamID+`","state":"hello"}`); a.status != 204 {
		t.Fatal(a)
	}
	key, err := w.app.PublicKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{} // what each event is about, by its type
	for len(seen) < 2 {
		p := <-got
		if p.kind != "application/secevent+jwt" || p.authorization != "Bearer canary" {
			t.Errorf("pushed as %q with %q", p.kind, p.authorization)
		}
		parsed, err := jwt.Parse(p.set, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"RS256"}))
		if err != nil || parsed.Header["typ"] != "secevent+jwt" {
			t.Fatal(err, parsed.Header)
		}
		claims := parsed.Claims.(jwt.MapClaims)
		subject, err := json.Marshal(claims["sub_id"])
		if err != nil {
			t.Fatal(err)
		}
		for kind := range claims["events"].(map[string]any) {
			seen[kind] = string(subject)
		}
	}
	if want := fmt.Sprintf(`{"format":"opaque","id":%q}`, s.StreamID); seen[event.SETVerification] != want {
		t.Errorf("the verification is about %s, want %s", seen[event.SETVerification], want)
	}
	if seen[event.SETSessionRevoked] == "" {
		t.Errorf("got %v", seen)
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Error("the log holds the authorization of a receiver")
	}
}
