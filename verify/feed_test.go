package verify_test

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sojourn-auth/sojourn/verify"
)

func tokenOf(t testing.TB, sessionID string) string {
	t.Helper()
	return good(t, map[string]any{"sid": sessionID})
}

func refused(t testing.TB, v *verify.Verifier, token string) bool {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if err != nil && !errors.Is(err, verify.ErrRevoked) {
		t.Fatal(err)
	}
	return err != nil
}

func TestTheFirstPictureIsCompleteBeforeAnythingIsAccepted(t *testing.T) {
	n := newTransmitter(t)
	n.page = 3
	var ids []string
	for i := range 10 {
		ids = append(ids, fmt.Sprint("sess_", i))
	}
	n.revoke(ids...)
	gate := make(chan struct{})
	n.scripted(func(http.ResponseWriter, poll) bool { <-gate; return false })
	v := fed(t, verify.RevocationFeed{URLs: []string{n.URL + "/"}})
	impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := v.Verify(impatient, tokenOf(t, "sess_9")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the first answer: %v", err)
	}
	if err := v.Ready(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready before the first answer: %v", err)
	}
	close(gate)
	for _, id := range ids { // the first of them waits for the picture
		if !refused(t, v, tokenOf(t, id)) {
			t.Errorf("%s is accepted", id)
		}
	}
	if refused(t, v, tokenOf(t, "sess_other")) {
		t.Error("a session that goes on is refused")
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if s := v.FeedStats(); !s.Ready || s.Stale || s.Entries != 10 || s.Events != 10 || s.RefusedTokens != 10 || !s.LastAnswer.Equal(now) {
		t.Errorf("%+v", s)
	}
	eventually(t, "the next poll is held", func() bool { return n.get(func() int { return n.held }) == 1 })
	n.set(func() {
		for i, p := range n.polls[:5] {
			if p.ReturnImmediately != (i < 4) || p.Stream != n.polls[0].Stream {
				t.Errorf("poll %d: %+v", i, p)
			}
		}
	})
}

func TestARevokeDuringAPollIsEnforced(t *testing.T) {
	n := newTransmitter(t)
	v := readyFrom(t, n)
	eventually(t, "a poll is held", func() bool { return n.get(func() int { return n.held }) == 1 })
	token, other := tokenOf(t, "sess_1"), tokenOf(t, "sess_2") // the same user's, of the same second
	if refused(t, v, token) {
		t.Fatal("refused before")
	}
	n.revoke("sess_1")
	eventually(t, "the token is refused", func() bool { return refused(t, v, token) })
	if refused(t, v, other) {
		t.Error("another session's token is refused")
	}
	for name, token := range map[string]string{
		"expired":    good(t, map[string]any{"exp": now.Unix() - 60}),
		"other key":  sign(t, header(nil), claims(nil), jwt.SigningMethodRS256, mustKey()),
		"no session": good(t, map[string]any{"sid": nil}),
	} {
		if _, err := v.Verify(t.Context(), token); errors.Is(err, verify.ErrRevoked) {
			t.Errorf("%s: it is told that the session ended", name)
		}
	}
}

func TestOnRevokedIsToldWhenTokensAreRefused(t *testing.T) {
	n := newTransmitter(t)
	told := make(chan string, 10)
	var v *verify.Verifier
	v = fed(t, verify.RevocationFeed{URLs: []string{n.URL}, OnRevoked: func(id string) {
		if !refused(t, v, tokenOf(t, id)) {
			t.Errorf("told of %s before its tokens are refused", id)
		}
		told <- id
	}})
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.revoke("sess_1")
	if got := <-told; got != "sess_1" {
		t.Errorf("told of %s", got)
	}
	n.tell(map[string]string{"evt_again": event(t, nil, revoked("evt_again", "sess_1", nil))})
	eventually(t, "another event about it is taken", func() bool { return n.acks("evt_again") == 1 })
	n.revoke("sess_2")
	if got := <-told; got != "sess_2" {
		t.Errorf("told of %s again", got)
	}
}

func TestWhatIsDeliveredAgainIsAcknowledgedAgain(t *testing.T) {
	n := newTransmitter(t)
	n.deaf = true
	n.revoke("sess_1")
	v := readyFrom(t, n)
	eventually(t, "three acknowledgements", func() bool { return n.acks("evt_sess_1") >= 3 })
	n.set(func() { n.deaf = false })
	eventually(t, "a poll is held", func() bool { return n.get(func() int { return n.held }) == 1 })
	if s := v.FeedStats(); s.Events != 1 || s.Duplicates < 2 || s.Entries != 1 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAcknowledgementsOutliveAFailure(t *testing.T) {
	n := newTransmitter(t)
	n.revoke("sess_1")
	n.scripted(func(w http.ResponseWriter, p poll) bool {
		if len(p.Ack) == 0 {
			return false
		}
		n.scripted(nil)
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	readyFrom(t, n)
	eventually(t, "it is acknowledged twice", func() bool { return n.acks("evt_sess_1") == 2 })
}

func TestWhenANodeDiesTheNextIsAsked(t *testing.T) {
	a, b := newTransmitter(t), newTransmitter(t)
	v := fed(t, verify.RevocationFeed{URLs: []string{a.URL, b.URL}, WhenStale: verify.FailClosed})
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a poll is held", func() bool { return a.get(func() int { return a.held }) == 1 })
	b.revoke("sess_1")
	a.CloseClientConnections()
	a.Close()
	eventually(t, "the token is refused", func() bool { return refused(t, v, tokenOf(t, "sess_1")) })
	if s := v.FeedStats(); s.Stale || s.Failures != 1 {
		t.Errorf("%+v", s)
	}
	b.set(func() {
		if p := b.polls[0]; p.Stream != a.polls[0].Stream || !p.ReturnImmediately {
			t.Errorf("the first poll of the other node: %+v", p)
		}
	})
}

func TestSETsThatAreRefused(t *testing.T) {
	old := mustKey()
	keys := verify.WithKeys(map[string]*rsa.PublicKey{"ins_1": &private.PublicKey, "ins_old": &old.PublicKey})
	n := newTransmitter(t)
	n.tell(map[string]string{"evt_retired": event(t, nil, retired("evt_retired", "ins_old"))})
	v := readyFrom(t, n, keys, verify.WithIssuer(issuer))
	parts := func(session any) map[string]any { return map[string]any{"format": "complex", "session": session} }
	about := func(subject any) string {
		return event(t, nil, envelope("evt_x", subject, map[string]any{eventRevoked: map[string]any{}}, nil))
	}
	for name, c := range map[string]struct{ set, code string }{
		"nothing":                    {"", "invalid_request"},
		"not a JWT":                  {"a.b.c", "invalid_request"},
		"too long":                   {strings.Repeat("a", 17<<10), "invalid_request"},
		"signed with another key":    {eventBy(t, nil, revoked("evt_x", "sess_1", nil), old), "invalid_key"},
		"an unknown kid":             {event(t, map[string]any{"kid": "ins_2"}, revoked("evt_x", "sess_1", nil)), "invalid_key"},
		"a retired kid":              {eventBy(t, map[string]any{"kid": "ins_old"}, revoked("evt_x", "sess_1", nil), old), "invalid_key"},
		"unsigned":                   {sign(t, header(map[string]any{"alg": "none", "typ": "secevent+jwt"}), revoked("evt_x", "sess_1", nil), jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), "invalid_key"},
		"HS256":                      {sign(t, header(map[string]any{"alg": "HS256", "typ": "secevent+jwt"}), revoked("evt_x", "sess_1", nil), jwt.SigningMethodHS256, []byte(publicPEM(t, &private.PublicKey))), "invalid_key"},
		"another typ":                {event(t, map[string]any{"typ": "JWT"}, revoked("evt_x", "sess_1", nil)), "invalid_request"},
		"no typ":                     {event(t, map[string]any{"typ": nil}, revoked("evt_x", "sess_1", nil)), "invalid_request"},
		"critical extensions":        {event(t, map[string]any{"crit": []string{"exp"}}, revoked("evt_x", "sess_1", nil)), "invalid_request"},
		"a session token":            {good(t, map[string]any{"jti": "evt_x"}), "invalid_request"},
		"another issuer":             {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"iss": "https://clerk.other.com"})), "invalid_issuer"},
		"no issuer":                  {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"iss": nil})), "invalid_issuer"},
		"another jti":                {event(t, nil, revoked("evt_y", "sess_1", nil)), "invalid_request"},
		"no events":                  {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"events": nil})), "invalid_request"},
		"events that are a list":     {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"events": []string{eventRevoked}})), "invalid_request"},
		"an event that is text":      {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"events": map[string]any{eventRevoked: "x"}})), "invalid_request"},
		"tokens_until that is text":  {event(t, nil, revokedUntil("evt_x", "sess_1", "soon", nil)), "invalid_request"},
		"no subject":                 {event(t, nil, revoked("evt_x", "sess_1", map[string]any{"sub_id": nil})), "invalid_request"},
		"a subject without session":  {about(parts(nil)), "invalid_request"},
		"a session without id":       {about(parts(map[string]string{"format": "opaque"})), "invalid_request"},
		"a session of other format":  {about(parts(map[string]string{"format": "uri", "id": "sess_1"})), "invalid_request"},
		"a subject of other format":  {about(map[string]string{"format": "opaque", "id": "sess_1"}), "invalid_request"},
		"a retired key without name": {event(t, nil, retired("evt_x", "")), "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			jti := "evt_x"
			n.set(func() { n.polls, n.order, n.settled, n.sent = nil, nil, map[string]bool{}, map[string]int{} })
			before := v.FeedStats()
			n.tell(map[string]string{jti: c.set})
			eventually(t, "it is reported", func() bool { return n.errs(jti) != "" })
			if code := n.errs(jti); code != c.code || n.acks(jti) != 0 {
				t.Errorf("reported as %s, want %s; acknowledged %d times", code, c.code, n.acks(jti))
			}
			if s := v.FeedStats(); s.Rejected != before.Rejected+1 || s.Entries != before.Entries || s.Failures != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
	if refused(t, v, tokenOf(t, "sess_1")) {
		t.Error("one of them was believed")
	}
	n.revoke("sess_1")
	eventually(t, "a good one is believed afterwards", func() bool { return refused(t, v, tokenOf(t, "sess_1")) })
}

func TestOtherEventsAreAcknowledged(t *testing.T) {
	n := newTransmitter(t)
	sets := map[string]string{}
	for jti, name := range map[string]string{"evt_1": "https://schemas.openid.net/secevent/ssf/event-type/verification", "evt_2": "urn:example:new"} {
		sets[jti] = event(t, nil, envelope(jti, []string{"a subject of its own kind"}, map[string]any{name: map[string]any{"event_timestamp": "soon"}}, nil))
	}
	n.tell(sets)
	v := readyFrom(t, n)
	eventually(t, "they are acknowledged", func() bool { return n.acks("evt_1") == 1 && n.acks("evt_2") == 1 })
	if s := v.FeedStats(); s.Entries != 0 || s.Rejected != 0 || s.Events != 2 {
		t.Errorf("%+v", s)
	}
}

// Whoever sends tokens with kids that are made up keeps the key set from being fetched for the SET's new key.
func TestASETWithANewKeyIsNotLost(t *testing.T) {
	keys, c, n := newKeyServer(t), newClock(), newTransmitter(t)
	v, err := verify.New(verify.WithJWKS(keys.URL), verify.WithClock(c.now), verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.URL}, Key: feedKey}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	if _, err := v.Verify(t.Context(), sign(t, header(map[string]any{"kid": "made up"}), claims(nil), jwt.SigningMethodRS256, private)); !errors.Is(err, verify.ErrUnknownKey) {
		t.Fatal(err)
	}
	next := mustKey()
	keys.set(func() { keys.keys["ins_2"] = &next.PublicKey })
	c.move(999 * time.Millisecond)
	n.tell(map[string]string{"evt_1": eventBy(t, map[string]any{"kid": "ins_2"}, revoked("evt_1", "sess_1", nil), next)})
	eventually(t, "it is put off", func() bool { return v.FeedStats().Failures > 2 })
	if n.acks("evt_1") != 0 || n.errs("evt_1") != "" {
		t.Fatal("it is settled before the key set was fetched")
	}
	c.move(time.Millisecond)
	eventually(t, "it is heeded", func() bool { return refused(t, v, tokenOf(t, "sess_1")) })
	n.tell(map[string]string{"evt_2": eventBy(t, map[string]any{"kid": "never"}, revoked("evt_2", "sess_1", nil), next)})
	c.move(time.Second)
	eventually(t, "an unknown key is told once the key set was asked", func() bool { return n.errs("evt_2") == "invalid_key" })
}

func TestSETsWaitForAKeySetThatCannotBeFetched(t *testing.T) {
	keys, c, n := newKeyServer(t), newClock(), newTransmitter(t)
	keys.set(func() { keys.down = true })
	n.revoke("sess_1")
	v, err := verify.New(verify.WithJWKS(keys.URL), verify.WithClock(c.now), verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.URL}, Key: feedKey}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	eventually(t, "polls fail", func() bool { return v.FeedStats().Failures > 2 })
	if s := v.FeedStats(); s.Ready || !s.Stale || n.acks("evt_sess_1") != 0 {
		t.Errorf("%+v", s)
	}
	keys.set(func() { keys.down = false })
	c.move(11 * time.Second)
	if err := v.Ready(t.Context()); err != nil || !refused(t, v, tokenOf(t, "sess_1")) {
		t.Errorf("it does not recover: %v", err)
	}
}

// TestNothingIsCompleteWhileASETWaits lets the key of a SET be out of reach, for more polls than a server sends it to
// again by itself: a verifier that has not read it does not pass for one that knows everything.
func TestNothingIsCompleteWhileASETWaits(t *testing.T) {
	keys, c, n := newKeyServer(t), newClock(), newTransmitter(t)
	n.hold = 5 * time.Millisecond
	v, err := verify.New(verify.WithJWKS(keys.URL), verify.WithClock(c.now),
		verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.URL}, Key: feedKey, WhenStale: verify.FailClosed}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	if _, err := v.Verify(t.Context(), tokenOf(t, "sess_1")); err != nil {
		t.Fatal(err)
	}
	next := mustKey()
	keys.set(func() { keys.down, keys.keys["ins_2"] = true, &next.PublicKey })
	c.move(time.Second) // so that the key set is asked for the key
	n.tell(map[string]string{"evt_1": eventBy(t, map[string]any{"kid": "ins_2"}, revoked("evt_1", "sess_1", nil), next)})
	polls := func(more int64) {
		t.Helper()
		failures := v.FeedStats().Failures
		eventually(t, "polls fail", func() bool { return v.FeedStats().Failures >= failures+more })
	}
	polls(5)
	heard := v.FeedStats().LastAnswer
	c.move(10*time.Second + 1)
	polls(2)
	if _, err := v.Verify(t.Context(), good(t, c.claims())); !errors.Is(err, verify.ErrStale) {
		t.Errorf("a SET was not read for longer than StaleAfter: %v", err)
	}
	if s := v.FeedStats(); !s.Stale || !s.LastAnswer.Equal(heard) || !errors.Is(s.LastError, verify.ErrKeysUnavailable) {
		t.Errorf("%+v", s)
	}
	keys.set(func() { keys.down = false })
	c.move(time.Second)
	eventually(t, "it is heeded", func() bool { return v.FeedStats().Entries == 1 && !v.FeedStats().Stale })
	if err := v.FeedStats().LastError; err != nil || !refused(t, v, tokenOf(t, "sess_1")) {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAKeySetThatHangsDelaysPollsOnce: many SETs whose keys are out of reach wait as long as one.
func TestAKeySetThatHangsDelaysPollsOnce(t *testing.T) {
	t.Parallel()
	n := newTransmitter(t)
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(over) })
	sets := map[string]string{}
	for i := range 50 {
		jti := fmt.Sprint("evt_", i)
		sets[jti] = event(t, map[string]any{"kid": fmt.Sprint("ins_", i)}, revoked(jti, "sess_1", nil))
	}
	n.tell(sets)
	v, err := verify.New(verify.WithJWKS(hanging.URL), verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.URL}, Key: feedKey}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	eventually(t, "the next poll", func() bool { return n.get(func() int { return len(n.polls) }) >= 2 })
}

func TestForgetting(t *testing.T) {
	c, n := newClock(), newTransmitter(t)
	n.hold = 5 * time.Millisecond
	n.tell(map[string]string{
		"evt_1": event(t, nil, revokedUntil("evt_1", "sess_1", now.Unix()+60, nil)),
		"evt_2": event(t, nil, revokedUntil("evt_2", "sess_2", now.Unix()+120, nil)),
		"evt_3": event(t, nil, revokedUntil("evt_3", "sess_2", now.Unix()+90, nil)),
		"evt_4": event(t, nil, revokedUntil("evt_4", "sess_4", nil, nil)),
		"evt_5": event(t, nil, retired("evt_5", "ins_old")),
	})
	v := readyFrom(t, n, verify.WithClock(c.now), verify.WithLeeway(10*time.Second))
	swept := func() {
		t.Helper()
		polls := v.FeedStats().Polls
		eventually(t, "another poll", func() bool { return v.FeedStats().Polls > polls+1 })
	}
	after := time.Duration(0)
	for _, step := range []struct {
		name    string
		after   time.Duration
		entries int
	}{
		{"all are there", 0, 4},
		{"tokens_until has passed, the leeway has not", 70*time.Second - 1, 4},
		{"one goes", 70 * time.Second, 3},
		{"of two events of a session the later counts", 100 * time.Second, 3},
		{"the next goes", 130 * time.Second, 2},
		{"without tokens_until it stays for an hour", time.Hour + 10*time.Second - 1, 2},
		{"a retired key stays", time.Hour + 10*time.Second, 1},
	} {
		c.move(step.after - after)
		after = step.after
		swept()
		if s := v.FeedStats(); s.Entries != step.entries {
			t.Errorf("%s: %d entries, want %d", step.name, s.Entries, step.entries)
		}
	}
}

func TestTemplateTokensOfAnEndedSession(t *testing.T) {
	template := func(sessionID string) string {
		sum := sha256.Sum256([]byte(sessionID))
		jti := "0123456789abcdef0123" + hex.EncodeToString(sum[:10])
		return sign(t, header(map[string]any{"cat": "cl_B7d4PD222AAA"}), claims(map[string]any{"sid": nil, "sts": nil, "v": nil, "jti": jti}), jwt.SigningMethodRS256, private)
	}
	n := newTransmitter(t)
	n.revoke("sess_1")
	v := readyFrom(t, n, verify.WithTemplateTokens())
	if !refused(t, v, template("sess_1")) {
		t.Error("a template's token of an ended session is accepted")
	}
	if refused(t, v, template("sess_2")) {
		t.Error("a template's token of another session is refused")
	}
	if !refused(t, v, tokenOf(t, "sess_1")) {
		t.Error("a session token of an ended session is accepted")
	}
}

func TestARetiredKey(t *testing.T) {
	keys := newKeyServer(t) // goes on publishing the key
	next := mustKey()
	keys.set(func() { keys.keys["ins_2"] = &next.PublicKey })
	for name, options := range map[string][]verify.Option{
		"a key set": {verify.WithJWKS(keys.URL)},
		"keys":      {verify.WithKeys(map[string]*rsa.PublicKey{"ins_1": &private.PublicKey, "ins_2": &next.PublicKey})},
		"a PEM":     {verify.WithPEM(publicPEM(t, &private.PublicKey))},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTransmitter(t)
			v, err := verify.New(append(options, verify.WithClock(func() time.Time { return now }), verify.WithRevocationFeed(verify.RevocationFeed{URLs: []string{n.URL}, Key: feedKey}))...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			if refused(t, v, good(t, nil)) {
				t.Error("refused before")
			}
			set := eventBy(t, map[string]any{"kid": "ins_2"}, retired("evt_1", "ins_1"), next)
			if name == "a PEM" { // which has one key for every kid
				set = event(t, map[string]any{"kid": "ins_2"}, retired("evt_1", "ins_1"))
			}
			n.tell(map[string]string{"evt_1": set})
			eventually(t, "its tokens are refused", func() bool { return refused(t, v, good(t, nil)) })
			if _, err := v.Verify(t.Context(), good(t, nil)); !errors.Is(err, verify.ErrRevoked) || !errors.Is(err, verify.ErrUnknownKey) {
				t.Errorf("refused with %v", err)
			}
			if name != "a PEM" && refused(t, v, sign(t, header(map[string]any{"kid": "ins_2"}), claims(nil), jwt.SigningMethodRS256, next)) {
				t.Error("tokens of the next key are refused")
			}
		})
	}
}

func TestStaleness(t *testing.T) {
	for _, c := range []struct {
		name  string
		feed  verify.RevocationFeed
		after time.Duration
		want  error
	}{
		{"open", verify.RevocationFeed{}, time.Hour, nil},
		{"closed, in time", verify.RevocationFeed{WhenStale: verify.FailClosed}, 10 * time.Second, nil},
		{"closed, too late", verify.RevocationFeed{WhenStale: verify.FailClosed}, 10*time.Second + 1, verify.ErrStale},
		{"closed, a longer time", verify.RevocationFeed{WhenStale: verify.FailClosed, StaleAfter: time.Minute}, time.Minute, nil},
		{"closed, after a longer time", verify.RevocationFeed{WhenStale: verify.FailClosed, StaleAfter: time.Minute}, time.Minute + 1, verify.ErrStale},
		{"closed, the clock was set back", verify.RevocationFeed{WhenStale: verify.FailClosed}, -time.Hour, verify.ErrStale},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, clock := newTransmitter(t), newClock()
			n.hold = 5 * time.Millisecond
			n.revoke("sess_ended")
			c.feed.URLs = []string{n.URL}
			v := fed(t, c.feed, verify.WithClock(clock.now))
			if err := v.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.scripted(answering(http.StatusServiceUnavailable, ""))
			eventually(t, "a poll fails", func() bool { return v.FeedStats().Failures > 0 })
			clock.move(c.after)
			token := good(t, clock.claims())
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			ended := clock.claims()
			ended["sid"] = "sess_ended"
			if c.after < 4*time.Minute && !refused(t, v, good(t, ended)) {
				t.Error("a session that is known to have ended is accepted")
			}
			if _, err := v.Verify(t.Context(), "a.b.c"); !errors.Is(err, verify.ErrMalformed) {
				t.Errorf("a token that is none: %v", err)
			}
			if s := v.FeedStats(); s.Stale != (c.after.Abs() > max(c.feed.StaleAfter, 10*time.Second)) {
				t.Errorf("%+v", s)
			}
			n.scripted(nil)
			eventually(t, "it recovers", func() bool {
				_, err := v.Verify(t.Context(), token)
				return err == nil && !v.FeedStats().Stale
			})
		})
	}
}

func TestWithoutAFirstPicture(t *testing.T) {
	for _, c := range []struct {
		name      string
		staleness verify.Staleness
		want      error
	}{{"open", verify.FailOpen, nil}, {"closed", verify.FailClosed, verify.ErrStale}} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newTransmitter(t), newTransmitter(t)
			a.scripted(answering(http.StatusServiceUnavailable, ""))
			b.Close()
			v := fed(t, verify.RevocationFeed{URLs: []string{a.URL, b.URL}, WhenStale: c.staleness})
			if _, err := v.Verify(t.Context(), good(t, nil)); !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			eventually(t, "both were asked", func() bool { return v.FeedStats().Failures >= 2 })
			if err := v.Ready(expired(t)); !errors.Is(err, context.Canceled) {
				t.Errorf("ready: %v", err)
			}
			a.scripted(nil)
			if err := v.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// While a process sleeps its timers stand still, and an answer may lie in its socket: when it wakes up, that answer is old.
func TestASuspendedProcess(t *testing.T) {
	n, c := newTransmitter(t), newClock()
	turns := make(chan struct{})
	n.scripted(func(w http.ResponseWriter, _ poll) bool {
		select {
		case <-turns:
			return answering(http.StatusOK, `{"sets": {}}`)(w, poll{})
		case <-t.Context().Done():
			return true
		}
	})
	v := fed(t, verify.RevocationFeed{URLs: []string{n.URL}, WhenStale: verify.FailClosed}, verify.WithClock(c.now))
	polls := func() int { return n.get(func() int { return len(n.polls) }) }
	turns <- struct{}{}
	eventually(t, "a poll is held", func() bool { return polls() == 2 })
	if _, err := v.Verify(t.Context(), good(t, nil)); err != nil {
		t.Fatal(err)
	}
	c.move(time.Hour)
	token := good(t, c.claims())
	check := func(when string) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrStale) {
			t.Errorf("%s: %v", when, err)
		}
	}
	check("awake")
	turns <- struct{}{}
	eventually(t, "the next poll", func() bool { return polls() == 3 })
	check("with the answer to a question of before")
	n.set(func() {
		if !n.polls[2].ReturnImmediately {
			t.Error("the poll after it is held")
		}
	})
	turns <- struct{}{}
	eventually(t, "it recovers", func() bool { _, err := v.Verify(t.Context(), token); return err == nil })
}

func TestWithoutAFeed(t *testing.T) {
	v := verifier(t)
	v.Close()
	if err := v.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if s := v.FeedStats(); s != (verify.FeedStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestClose(t *testing.T) {
	n := newTransmitter(t)
	n.revoke("sess_1")
	before := runtime.NumGoroutine()
	v := readyFrom(t, n)
	eventually(t, "a poll is held", func() bool { return n.get(func() int { return n.held }) == 1 })
	v.Close()
	v.Close()
	eventually(t, "the poll is cancelled", func() bool { return n.get(func() int { return n.cancelled }) == 1 })
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	if !refused(t, v, tokenOf(t, "sess_1")) {
		t.Error("what was heard is forgotten")
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("it was ready: %v", err)
	}
}

func TestCloseBeforeTheFirstAnswer(t *testing.T) {
	n := newTransmitter(t)
	n.scripted(func(http.ResponseWriter, poll) bool { <-t.Context().Done(); return true })
	v := fed(t, verify.RevocationFeed{URLs: []string{n.URL}})
	eventually(t, "a poll is open", func() bool { return n.get(func() int { return len(n.polls) }) == 1 })
	verified := make(chan error)
	go func() {
		_, err := v.Verify(t.Context(), tokenOf(t, "sess_1"))
		verified <- err
	}()
	v.Close()
	if err := <-verified; err != nil {
		t.Errorf("whoever waits for the picture: %v", err)
	}
	if err := v.Ready(t.Context()); err == nil {
		t.Error("ready without a picture")
	}
	if s := v.FeedStats(); s.Failures != 0 || s.Ready {
		t.Errorf("%+v", s)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, script := range map[string]func(http.ResponseWriter, poll) bool{
		"a wrong key":       answering(http.StatusUnauthorized, `{"errors":[]}`),
		"no such stream":    answering(http.StatusNotFound, `{"errors":[]}`),
		"an internal error": answering(http.StatusInternalServerError, strings.Repeat("x", 1<<20)),
		"accepted":          answering(http.StatusAccepted, `{"sets": {}}`),
		"no body":           answering(http.StatusOK, ""),
		"null":              answering(http.StatusOK, "null"),
		"another object":    answering(http.StatusOK, `{"status": "ok"}`),
		"a list":            answering(http.StatusOK, `[]`),
		"a page":            answering(http.StatusOK, `<html>Sign in to the network</html>`),
		"half of it":        answering(http.StatusOK, `{"sets": {"a": "b"`),
		"SETs as objects":   answering(http.StatusOK, `{"sets": {"a": {}}}`),
		"20 MiB":            answering(http.StatusOK, `{"sets": {"a": "`+strings.Repeat("a", 20<<20)+`"}}`),
		"a redirect": func(w http.ResponseWriter, _ poll) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTransmitter(t)
			n.revoke("sess_1")
			n.scripted(script)
			v := fed(t, verify.RevocationFeed{URLs: []string{n.URL}})
			eventually(t, "polls fail", func() bool { return v.FeedStats().Failures >= 2 })
			if s := v.FeedStats(); s.Ready || s.Events+s.Rejected != 0 {
				t.Errorf("%+v", s)
			}
			if err := v.Ready(expired(t)); name == "a wrong key" && !strings.Contains(err.Error(), "401") {
				t.Errorf("it is not told why: %v", err)
			}
			n.scripted(nil)
			eventually(t, "it recovers", func() bool { return refused(t, v, tokenOf(t, "sess_1")) })
		})
	}
}

func TestAServerThatWantsToBeLeftAloneIs(t *testing.T) {
	busy, other := newTransmitter(t), newTransmitter(t)
	busy.scripted(func(w http.ResponseWriter, _ poll) bool {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	other.scripted(answering(http.StatusInternalServerError, ""))
	v := fed(t, verify.RevocationFeed{URLs: []string{busy.URL, other.URL}})
	eventually(t, "the other is asked", func() bool { return v.FeedStats().Failures >= 4 })
	if asked := busy.get(func() int { return len(busy.polls) }); asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
}

func TestTheOnlyServerIsLeftAloneToo(t *testing.T) {
	n := newTransmitter(t)
	n.scripted(func(w http.ResponseWriter, _ poll) bool {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	began := time.Now()
	fed(t, verify.RevocationFeed{URLs: []string{n.URL}})
	eventually(t, "it is asked again", func() bool { return n.get(func() int { return len(n.polls) }) == 2 })
	if took := time.Since(began); took < time.Second {
		t.Errorf("after %v", took)
	}
}

func TestAServerThatDoesNotHoldPollsIsNotFlooded(t *testing.T) {
	n := newTransmitter(t)
	n.scripted(answering(http.StatusOK, `{"sets": {}, "moreAvailable": true}`))
	began := time.Now()
	v := fed(t, verify.RevocationFeed{URLs: []string{n.URL}})
	eventually(t, "eight polls", func() bool { return v.FeedStats().Polls >= 8 })
	if took := time.Since(began); took < 7*50*time.Millisecond {
		t.Errorf("8 polls in %v", took)
	}
	if v.FeedStats().Ready {
		t.Error("ready while there is more")
	}
}

func TestTheFeedUsesTheClientOfItsCaller(t *testing.T) {
	n := newTransmitter(t)
	n.hold = 100 * time.Millisecond
	trips := make(chan string, 100)
	client := &http.Client{Timeout: time.Millisecond, Transport: transport(func(r *http.Request) (*http.Response, error) {
		select {
		case trips <- r.URL.Path:
		default:
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	v := readyFrom(t, n, verify.WithHTTPClient(client))
	eventually(t, "polls are held longer than the client's timeout", func() bool { return v.FeedStats().Polls >= 4 })
	if s := v.FeedStats(); s.Failures != 0 || len(trips) == 0 || client.Timeout != time.Millisecond {
		t.Errorf("%+v", s)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNoSETIsASessionToken(t *testing.T) {
	payload := claims(map[string]any{"jti": "evt_1", "events": map[string]any{eventRevoked: map[string]any{}}})
	for name, token := range map[string]string{
		"a SET":                           event(t, nil, revoked("evt_1", "sess_1", nil)),
		"a SET with a token's claims":     event(t, nil, payload),
		"a SET with a token's everything": event(t, map[string]any{"cat": "cl_B7d4PD111AAA"}, payload),
	} {
		for kind, v := range map[string]*verify.Verifier{"plain": verifier(t), "templates": verifier(t, verify.WithTemplateTokens())} {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrCategory) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}

func TestNewRefusesAFeed(t *testing.T) {
	good := verify.RevocationFeed{URLs: []string{"http://127.0.0.1:1"}, Key: feedKey}
	change := func(change func(*verify.RevocationFeed)) verify.Option {
		f := good
		change(&f)
		return verify.WithRevocationFeed(f)
	}
	for name, options := range map[string][]verify.Option{
		"without a URL":      {change(func(f *verify.RevocationFeed) { f.URLs = nil })},
		"without a key":      {change(func(f *verify.RevocationFeed) { f.Key = "" })},
		"at a path":          {change(func(f *verify.RevocationFeed) { f.URLs = []string{"/v1"} })},
		"by FTP":             {change(func(f *verify.RevocationFeed) { f.URLs = []string{"ftp://example.com"} })},
		"stale within hold":  {change(func(f *verify.RevocationFeed) { f.StaleAfter = 5 * time.Second })},
		"stale before":       {change(func(f *verify.RevocationFeed) { f.StaleAfter = -1 })},
		"with a long leeway": {verify.WithLeeway(time.Minute + 1), verify.WithRevocationFeed(good)},
	} {
		if _, err := verify.New(append(options, verify.WithKeys(map[string]*rsa.PublicKey{"ins_1": &private.PublicKey}))...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	v := fed(t, good, verify.WithLeeway(time.Minute))
	if err := v.Ready(expired(t)); err == nil {
		t.Error("ready without a server")
	}
}

func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
