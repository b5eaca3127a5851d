package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/verify"
)

// crowdSizes are how many verifiers listen at once, and how many sessions are revoked then.
var crowdSizes = []struct{ verifiers, revokes int }{{10, 300}, {100, 300}, {500, 200}}

// heardWithin bounds how long verifiers may take to hear of a revoke before it counts as missed.
const heardWithin = 30 * time.Second

// runRevocations measures how long it takes from an acknowledged revoke until verifiers that ask nobody refuse its tokens:
// with the feed, on one node over SQLite and on two over PostgreSQL, and beside it with an unmodified official SDK.
func runRevocations(ctx context.Context, quick bool) (err error) {
	bin, err := build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin.dir)) }()
	fleets := []fleet{{engine: &sqlite{dir: bin.dir}, nodes: 1}}
	if server := os.Getenv("TEST_POSTGRES"); server != "" {
		fleets = append(fleets, fleet{engine: &postgres{server: server}, nodes: 2})
	} else {
		fmt.Println("SQLite only: TEST_POSTGRES names no PostgreSQL server; see scripts/with-postgres")
	}
	fmt.Println("From an acknowledged revoke to its refusal by verifiers that ask nobody; everything is on this machine.")
	fmt.Println("\n| | verifiers | revokes | heard | p50 | p99 | longest | revoke acknowledged, p50 |\n|---|---|---|---|---|---|---|---|")
	unmodified := func() string { return "" }
	for i := range fleets {
		f := &fleets[i]
		if err := f.start(ctx, bin); err != nil {
			return err
		}
		if i == 0 {
			unmodified = f.unmodifiedSDK(ctx)
		}
		for _, size := range crowdSizes {
			if quick {
				size.revokes = 30
			}
			if err := f.measure(ctx, size.verifiers, size.revokes); err != nil {
				return err
			}
		}
		if i > 0 {
			f.stop(ctx)
		}
	}
	fmt.Println(unmodified())
	fleets[0].stop(ctx)
	return nil
}

// fleet is some nodes over one database.
type fleet struct {
	engine
	nodes     int
	processes []*process
	user      string
}

func (f *fleet) start(ctx context.Context, bin binary) error {
	databaseURL, err := f.database(ctx, "revocations")
	if err != nil {
		return err
	}
	for range f.nodes {
		p, err := startSojourn(ctx, bin, filepath.Join(bin.dir, "revocations-"+f.name()), databaseURL, 0)
		if err != nil {
			return err
		}
		f.processes = append(f.processes, p)
	}
	var user struct{ ID string }
	if err := f.post(ctx, 0, "/v1/users", "{}", &user); err != nil {
		return err
	}
	f.user = user.ID
	return nil
}

func (f *fleet) stop(ctx context.Context) {
	for _, p := range f.processes {
		p.stop()
	}
	_ = f.close(ctx)
}

func (f *fleet) post(ctx context.Context, node int, path, body string, answer any) error {
	p := f.processes[node%len(f.processes)]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s: %w", path, res.StatusCode, raw, err)
	}
	return json.Unmarshal(raw, answer)
}

// session begins a session and mints a token of it.
func (f *fleet) session(ctx context.Context, node int, lifetime string) (id, token string, err error) {
	var session struct{ ID string }
	if err := f.post(ctx, node, "/v1/sessions", fmt.Sprintf(`{"user_id":%q}`, f.user), &session); err != nil {
		return "", "", err
	}
	var minted struct{ JWT string }
	err = f.post(ctx, node, "/v1/sessions/"+session.ID+"/tokens", lifetime, &minted)
	return session.ID, minted.JWT, err
}

// crowd is verifiers that note when they hear of the end of a session.
type crowd struct {
	verifiers []*verify.Verifier

	mu    sync.Mutex
	heard map[string][]time.Time
	all   chan struct{} // holds one: all have heard of a session
}

func (f *fleet) gather(ctx context.Context, n int) (*crowd, error) {
	c := &crowd{heard: map[string][]time.Time{}, all: make(chan struct{}, 1)}
	for i := range n {
		at := f.processes[i%len(f.processes)]
		v, err := verify.New(verify.WithJWKS(at.frontend+"/.well-known/jwks.json"), verify.WithRevocationFeed(verify.RevocationFeed{
			URLs: []string{at.frontend}, Key: at.feedKey, OnRevoked: func(id string) { c.hear(id, n) },
		}))
		if err != nil {
			return c, err
		}
		c.verifiers = append(c.verifiers, v)
	}
	for _, v := range c.verifiers {
		if err := v.Ready(ctx); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *crowd) hear(id string, n int) {
	at := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[id] = append(c.heard[id], at)
	if len(c.heard[id]) == n {
		select {
		case c.all <- struct{}{}:
		default:
		}
	}
}

func (c *crowd) disperse() {
	var wg sync.WaitGroup
	for _, v := range c.verifiers {
		wg.Go(v.Close)
	}
	wg.Wait()
}

// measure revokes sessions one after the other, on one node after the other, and prints how long it took until every
// verifier had heard. At the end each of them must refuse every token.
func (f *fleet) measure(ctx context.Context, verifiers, revokes int) error {
	c, err := f.gather(ctx, verifiers)
	defer c.disperse()
	if err != nil {
		return err
	}
	var latencies, acks []time.Duration
	var tokens []string
	for i := range revokes {
		id, token, err := f.session(ctx, i, `{"expires_in_seconds":3600}`)
		if err != nil {
			return err
		}
		for len(c.all) > 0 { // of what was heard late
			<-c.all
		}
		asked := time.Now()
		if err := f.post(ctx, i, "/v1/sessions/"+id+"/revoke", "", &struct{}{}); err != nil {
			return err
		}
		acked := time.Now()
		tokens, acks = append(tokens, token), append(acks, acked.Sub(asked))
		select {
		case <-c.all:
		case <-time.After(heardWithin):
		}
		c.mu.Lock()
		for _, at := range c.heard[id] {
			latencies = append(latencies, max(at.Sub(acked), 0)) // some hear before the caller does
		}
		c.mu.Unlock()
	}
	for _, v := range c.verifiers {
		for _, token := range tokens {
			if _, err := v.Verify(ctx, token); !errors.Is(err, verify.ErrRevoked) {
				return fmt.Errorf("a revoked token is not refused: %w", err)
			}
		}
	}
	slices.Sort(latencies)
	slices.Sort(acks)
	at := func(all []time.Duration, percent int) time.Duration {
		return all[min(len(all)*percent/100, len(all)-1)].Round(100 * time.Microsecond)
	}
	fmt.Printf("| %s, %d node%s | %d | %d | %d of %d | %v | %v | %v | %v |\n", f.name(), f.nodes, map[bool]string{true: "s"}[f.nodes > 1],
		verifiers, revokes, len(latencies), verifiers*revokes, at(latencies, 50), at(latencies, 99), at(latencies, 100), at(acks, 50))
	return nil
}

// unmodifiedSDK revokes a session whose token @clerk/backend then verifies over and over without the network, and
// answers a function that waits for it to refuse the token.
func (f *fleet) unmodifiedSDK(ctx context.Context) func() string {
	const dir = "e2e/js"
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@clerk", "backend")); err != nil {
		return func() string { return "\nNo official SDK to compare with: run scripts/test-deps." }
	}
	id, token, err := f.session(ctx, 0, "{}")
	if err == nil {
		err = f.post(ctx, 0, "/v1/sessions/"+id+"/revoke", "", &struct{}{})
	}
	if err != nil {
		return func() string { return "\nNo official SDK to compare with: " + err.Error() }
	}
	acked := time.Now()
	cmd := exec.CommandContext(ctx, "node", "until-refused.mjs")
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, os.Stderr
	cmd.Env = append(os.Environ(), "TOKEN="+token, "JWT_KEY="+f.processes[0].jwtKey)
	err = cmd.Start()
	return func() string {
		if err == nil {
			err = cmd.Wait()
		}
		if err != nil {
			return "\nThe official SDK: " + err.Error()
		}
		var refused struct {
			At     int64
			Reason string
		}
		if err := json.Unmarshal(out.Bytes(), &refused); err != nil {
			return "\nThe official SDK: " + err.Error()
		}
		return fmt.Sprintf("\n@clerk/backend, unmodified, refused the token of a revoked session after %v: %s.",
			time.UnixMilli(refused.At).Sub(acked).Round(100*time.Millisecond), refused.Reason)
	}
}
