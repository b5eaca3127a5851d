package verify_test

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sojourn-auth/sojourn/verify"
)

const (
	feedKey      = "feed_1"
	issuer       = "https://clerk.example.com"
	eventRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	eventRetired = "urn:sojourn:secevent:signing-key-retired"
)

// poll is a request as a transmitter saw it.
type poll struct {
	Stream            string `json:"-"`
	MaxEvents         int
	ReturnImmediately bool
	Ack               []string
	SetErrs           map[string]struct{ Err, Description string }
}

// transmitter is a node that serves the feed as docs/revocation-feed.md says.
type transmitter struct {
	*httptest.Server
	t    testing.TB
	page int           // events in an answer
	hold time.Duration // of a poll with nothing to tell

	mu        sync.Mutex
	changed   chan struct{}     // closed by a change
	order     []string          // jtis
	sets      map[string]string // by jti
	settled   map[string]bool   // by stream and jti
	sent      map[string]int    // how often, by the same
	polls     []poll
	held      int  // polls waiting now
	cancelled int  // polls whose receiver went away
	deaf      bool // acknowledgements are lost
	script    func(w http.ResponseWriter, p poll) (answered bool)
}

func newTransmitter(t testing.TB) *transmitter {
	n := &transmitter{t: t, page: 1000, hold: 5 * time.Second, changed: make(chan struct{}), sets: map[string]string{}, settled: map[string]bool{}, sent: map[string]int{}}
	n.Server = httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(n.Close)
	return n
}

func (n *transmitter) serve(w http.ResponseWriter, r *http.Request) {
	p := poll{Stream: strings.TrimPrefix(r.URL.Path, "/v1/ssf/poll/")}
	if r.Method != http.MethodPost || p.Stream == r.URL.Path || len(p.Stream) < 8 || len(p.Stream) > 64 ||
		r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&p) != nil {
		n.t.Errorf("a bad poll: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	n.polls = append(n.polls, p)
	if !n.deaf {
		for _, jti := range p.Ack {
			n.settled[p.Stream+jti] = true
		}
		for jti := range p.SetErrs {
			n.settled[p.Stream+jti] = true
		}
	}
	script := n.script
	n.mu.Unlock()
	if script != nil && script(w, p) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+feedKey {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	timer := time.NewTimer(n.hold)
	for {
		sets, more, changed := n.outstanding(p)
		if len(sets) == 0 && !p.ReturnImmediately {
			n.set(func() { n.held++ })
			waited := false
			select {
			case <-changed:
				waited = true
			case <-timer.C:
			case <-r.Context().Done():
				n.set(func() { n.cancelled++ })
			}
			n.set(func() { n.held-- })
			if waited {
				continue
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sets": sets, "moreAvailable": more})
		return
	}
}

// outstanding is what is to be sent. As a server does, it tells a poll that is held three times of what is not
// acknowledged, and then lets it wait, also when that is all there is.
func (n *transmitter) outstanding(p poll) (sets map[string]string, more bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sets = map[string]string{}
	for _, jti := range n.order {
		if n.settled[p.Stream+jti] || (n.sent[p.Stream+jti] >= 3 && !p.ReturnImmediately) {
			continue
		}
		if len(sets) == min(n.page, p.MaxEvents) {
			return sets, true, n.changed
		}
		n.sent[p.Stream+jti]++
		sets[jti] = n.sets[jti]
	}
	return sets, false, n.changed
}

func (n *transmitter) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func (n *transmitter) get(read func() int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return read()
}

// tell has SETs delivered that were signed by whoever.
func (n *transmitter) tell(sets map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for jti, set := range sets {
		n.order = append(n.order, jti)
		n.sets[jti] = set
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// revoke tells that sessions ended: the event of sess_1 is evt_sess_1.
func (n *transmitter) revoke(sessionIDs ...string) {
	sets := map[string]string{}
	for _, id := range sessionIDs {
		sets["evt_"+id] = event(n.t, nil, revoked("evt_"+id, id, nil))
	}
	n.tell(sets)
}

// errs is what receivers said of a SET.
func (n *transmitter) errs(jti string) (code string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.polls {
		if e, ok := p.SetErrs[jti]; ok && e.Description != "" {
			code = e.Err
		}
	}
	return code
}

func (n *transmitter) acks(jti string) int {
	return n.get(func() (times int) {
		for _, p := range n.polls {
			if slices.Contains(p.Ack, jti) {
				times++
			}
		}
		return times
	})
}

func (n *transmitter) scripted(script func(w http.ResponseWriter, p poll) bool) {
	n.set(func() { n.script = script })
}

// answering is a script that always answers the same.
func answering(status int, body string) func(http.ResponseWriter, poll) bool {
	return func(w http.ResponseWriter, _ poll) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// event signs a SET with the key of tokens.
func event(t testing.TB, h map[string]any, payload jwt.MapClaims) string {
	t.Helper()
	return eventBy(t, h, payload, private)
}

func eventBy(t testing.TB, h map[string]any, payload jwt.MapClaims, key *rsa.PrivateKey) string {
	t.Helper()
	names := header(map[string]any{"typ": "secevent+jwt", "cat": nil})
	for name, value := range h {
		if names[name] = value; value == nil {
			delete(names, name)
		}
	}
	return sign(t, names, payload, jwt.SigningMethodRS256, key)
}

func envelope(jti string, subject, events any, changes map[string]any) jwt.MapClaims {
	m := jwt.MapClaims{"iss": issuer, "aud": "ins_1", "iat": now.Unix(), "jti": jti, "sub_id": subject, "events": events}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	return m
}

// revoked is the payload of a SET that a session ended now, whose tokens may be accepted for four minutes.
func revoked(jti, sessionID string, changes map[string]any) jwt.MapClaims {
	return revokedUntil(jti, sessionID, now.Add(4*time.Minute).Unix(), changes)
}

// revokedUntil leaves tokens_until away when it is nil.
func revokedUntil(jti, sessionID string, until any, changes map[string]any) jwt.MapClaims {
	what := map[string]any{"event_timestamp": now.Unix(), "initiating_entity": "admin", "reason_admin": map[string]string{"en": "revoked"}}
	if until != nil {
		what["tokens_until"] = until
	}
	subject := map[string]any{
		"format":  "complex",
		"session": map[string]string{"format": "opaque", "id": sessionID},
		"user":    map[string]string{"format": "iss_sub", "iss": issuer, "sub": "user_1"},
	}
	return envelope(jti, subject, map[string]any{eventRevoked: what}, changes)
}

func retired(jti, kid string) jwt.MapClaims {
	what := map[string]any{"event_timestamp": now.Unix(), "tokens_until": now.Add(4 * time.Minute).Unix()}
	return envelope(jti, map[string]string{"format": "opaque", "id": kid}, map[string]any{eventRetired: what}, nil)
}

// fed makes a verifier that reads the feed of nodes.
func fed(t testing.TB, f verify.RevocationFeed, options ...verify.Option) *verify.Verifier {
	t.Helper()
	if f.Key == "" {
		f.Key = feedKey
	}
	v := verifier(t, append(options, verify.WithRevocationFeed(f))...)
	t.Cleanup(v.Close)
	return v
}

// readyFrom waits for the first picture too.
func readyFrom(t testing.TB, n *transmitter, options ...verify.Option) *verify.Verifier {
	t.Helper()
	v := fed(t, verify.RevocationFeed{URLs: []string{n.URL}}, options...)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits for a condition, for as long as a slow machine may take.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	giveUp := time.After(time.Minute)
	for !holds() {
		select {
		case <-look.C:
		case <-giveUp:
			t.Fatalf("never: %s", what)
		}
	}
}
