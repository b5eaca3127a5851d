package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
	sdk "github.com/sojourn-auth/sojourn/verify"
)

// listener is a verifier that remembers what it was told.
type listener struct {
	*sdk.Verifier
	mu      sync.Mutex
	ended   map[string]bool
	changed chan struct{}
}

// listen is a verifier of a server's tokens, which hears of revocations from the given nodes.
func listen(t *testing.T, jwks, key string, urls ...string) *listener {
	t.Helper()
	l := &listener{ended: map[string]bool{}, changed: make(chan struct{})}
	v, err := sdk.New(sdk.WithJWKS(jwks), sdk.WithTemplateTokens(), sdk.WithRevocationFeed(sdk.RevocationFeed{
		URLs: urls, Key: key, WhenStale: sdk.FailClosed, StaleAfter: 20 * time.Second,
		OnRevoked: func(id string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ended[id] = true
			close(l.changed)
			l.changed = make(chan struct{})
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	l.Verifier = v
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := v.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return l
}

// hears waits until the listener has heard of the end of sessions.
func (l *listener) hears(t *testing.T, sessions ...string) {
	t.Helper()
	deadline := time.After(patience)
	for _, id := range sessions {
		for {
			l.mu.Lock()
			heard, changed := l.ended[id], l.changed
			l.mu.Unlock()
			if heard {
				break
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("not told of %s: %+v", id, l.FeedStats())
			}
		}
	}
}

// refuses fails the test unless each token is refused, and why.
func (l *listener) refuses(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if _, err := l.Verify(t.Context(), token); !errors.Is(err, sdk.ErrRevoked) {
			t.Errorf("%v, want %v", err, sdk.ErrRevoked)
		}
	}
}

func (l *listener) accepts(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if _, err := l.Verify(t.Context(), token); err != nil {
			t.Errorf("a good token is refused: %v", err)
		}
	}
}

// TestRevocationReachesVerifiers goes through all that ends sessions, with a verifier that asks nobody.
func TestRevocationReachesVerifiers(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := raw{server: s, key: s.SecretKey}
	early := listen(t, s.JWKSURL, s.FeedKey, s.FrontendURL)
	api.object(t, "POST", "/jwt_templates", `{"name":"plain","claims":{"role":"guest"}}`)
	token := func(session, body string) string {
		return api.object(t, "POST", "/sessions/"+session+"/tokens", body)["jwt"].(string)
	}
	begin := func(user string) string {
		return api.object(t, "POST", "/sessions", `{"user_id":"`+user+`"}`)["id"].(string)
	}
	user := func() string {
		return api.object(t, "POST", "/users", `{"password":"a long enough secret"}`)["id"].(string)
	}

	for name, end := range map[string]func(user, session string){
		"revoke": func(_, session string) { api.object(t, "POST", "/sessions/"+session+"/revoke", "") },
		"ban":    func(user, _ string) { api.object(t, "POST", "/users/"+user+"/ban", "") },
		"delete": func(user, _ string) { api.object(t, "DELETE", "/users/"+user, "") },
		"password": func(user, _ string) {
			api.object(t, "PATCH", "/users/"+user, `{"password":"another long secret","sign_out_of_other_sessions":true}`)
		},
	} {
		u, other := user(), user()
		session, kept := begin(u), begin(other)
		plain, long := token(session, ""), token(session, `{"expires_in_seconds":3600}`)
		template := api.object(t, "POST", "/sessions/"+session+"/tokens/plain", "")["jwt"].(string)
		good := token(kept, "")
		early.accepts(t, plain, long, template, good)
		end(u, session)
		early.hears(t, session)
		early.refuses(t, plain, long, template)
		early.accepts(t, good)
		// One that starts now knows it before it is ready.
		late := listen(t, s.JWKSURL, s.FeedKey, s.FrontendURL)
		late.refuses(t, plain, long, template)
		late.accepts(t, good)
		t.Logf("%s is heard", name)
	}

	// A user who loses all sessions and begins another one in the same second loses nothing of that.
	u := user()
	for range 20 {
		old := begin(u)
		jwt := token(old, "")
		api.object(t, "POST", "/users/"+u+"/ban", "")
		api.object(t, "POST", "/users/"+u+"/unban", "")
		fresh := begin(u)
		template := api.object(t, "POST", "/sessions/"+fresh+"/tokens/plain", "")["jwt"].(string)
		early.hears(t, old)
		early.refuses(t, jwt)
		early.accepts(t, token(fresh, ""), template)
	}
}

// TestRetiredKeyReachesVerifiers: a key set is kept for an hour, the feed says at once that a key is out.
func TestRetiredKeyReachesVerifiers(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := raw{server: s, key: s.SecretKey}
	l := listen(t, s.JWKSURL, s.FeedKey, s.FrontendURL)
	session, _ := api.newSession(t)
	old := api.object(t, "POST", "/sessions/"+session+"/tokens", `{"expires_in_seconds":600}`)["jwt"].(string)
	l.accepts(t, old)
	first := kid(t, old)
	s.tool(t, "keys", "rotate")
	var fresh string
	eventually(t, "the new key signs", func() bool {
		fresh = api.object(t, "POST", "/sessions/"+session+"/tokens", "")["jwt"].(string)
		return kid(t, fresh) != first
	})
	s.tool(t, "keys", "retire", first)
	eventually(t, "the verifier hears of it", func() bool { return l.FeedStats().Entries == 1 })
	eventually(t, "the old key's token is refused", func() bool {
		_, err := l.Verify(t.Context(), old)
		return errors.Is(err, sdk.ErrUnknownKey)
	})
	eventually(t, "the new key's token is accepted", func() bool { // once the key set has been fetched again
		_, err := l.Verify(t.Context(), fresh)
		return err == nil
	})
}

// TestRevocationsOfAFleet: two nodes, one of which is killed in the middle of polls, and verifiers that poll either.
// Whatever was acknowledged is enforced everywhere, and nothing else is.
func TestRevocationsOfAFleet(t *testing.T) {
	if storetest.Engine() != storetest.EnginePostgres {
		t.Skip("a fleet needs PostgreSQL: set TEST_ENGINE=postgres")
	}
	p := newProduction(t, storetest.EmptyPostgres(t), "SOJOURN_MIGRATE=true", "SOJOURN_ALLOW_CREATE_SESSION=true")
	nodes := []*node{p.serve(t), p.serve(t)}
	for _, n := range nodes {
		n.awaitReady(t)
	}
	key := p.run(t, "feed", "key")
	const verifiers = 20
	var listeners []*listener
	for i := range verifiers {
		at, other := nodes[i%2], nodes[1-i%2]
		listeners = append(listeners, listen(t, nodes[0].frontend+"/.well-known/jwks.json", key, at.frontend, other.frontend))
	}
	api := nodes[0].api()
	user := api.object(t, "POST", "/users", "{}")["id"].(string)

	var mu sync.Mutex
	var ended, endedTokens, kept []string
	var unanswered atomic.Int64
	rounds := func(n int, from func() *node) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range n {
					session, token, ok := beginOn(from(), user)
					if !ok {
						unanswered.Add(1)
						continue
					}
					if i%4 == 0 {
						mu.Lock()
						kept = append(kept, token)
						mu.Unlock()
						continue
					}
					status, _, err := send(from(), "/sessions/"+session+"/revoke", "")
					if err != nil || status != http.StatusOK {
						unanswered.Add(1) // it may have taken place or not: nothing is promised
						continue
					}
					mu.Lock()
					ended, endedTokens = append(ended, session), append(endedTokens, token)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	var turn atomic.Int64
	either := func() *node { return nodes[turn.Add(1)%2] }
	rounds(20, either)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		nodes[1].stop(t, syscall.SIGKILL)
	}()
	rounds(20, func() *node { return nodes[0] })
	<-killed
	nodes[1].start(t)
	nodes[1].awaitReady(t)
	rounds(20, either)

	for i, l := range listeners {
		l.hears(t, ended...)
		l.refuses(t, endedTokens...)
		l.accepts(t, kept...)
		if t.Failed() {
			t.Fatalf("verifier %d: %+v", i, l.FeedStats())
		}
	}
	t.Logf("%d revokes heard by %d verifiers each, %d sessions kept, %d operations unanswered", len(ended), verifiers, len(kept), unanswered.Load())
	if len(ended) == 0 || len(kept) == 0 {
		t.Error("nothing was tried")
	}
}

// beginOn begins a session on a node, and mints a token there.
func beginOn(n *node, user string) (session, token string, ok bool) {
	status, body, err := send(n, "/sessions", fmt.Sprintf(`{"user_id":%q}`, user))
	if err != nil || status != http.StatusOK {
		return "", "", false
	}
	session = body["id"].(string)
	status, body, err = send(n, "/sessions/"+session+"/tokens", `{"expires_in_seconds":600}`)
	if err != nil || status != http.StatusOK {
		return "", "", false
	}
	return session, body["jwt"].(string), true
}

// send posts to a node that may be down.
func send(n *node, path, body string) (status int, answer map[string]any, err error) {
	req, err := http.NewRequest(http.MethodPost, n.backend+"/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+n.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	err = json.NewDecoder(res.Body).Decode(&answer)
	return res.StatusCode, answer, err
}
