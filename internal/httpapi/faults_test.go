package httpapi_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/faultproxy"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// faulty starts a server behind a proxy. Its tests are about PostgreSQL: SQLite has no network.
func faulty(t *testing.T) (*world, *faultproxy.Proxy) {
	t.Helper()
	if storetest.Engine() != storetest.EnginePostgres {
		t.Skip("about PostgreSQL: set TEST_ENGINE=postgres")
	}
	var proxy *faultproxy.Proxy
	w := servePeopled(t, func(w *world) { proxy = w.behindProxy(t) })
	return w, proxy
}

// outcome is what a caller knows of a change it asked for.
type outcome int

const (
	uncertain    outcome = iota // 503, or no answer
	acknowledged                // 2xx
)

// changes is what callers know, by the name of what was to be changed.
type changes struct {
	mu    sync.Mutex
	known map[string]outcome
}

func (c *changes) set(name string, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[name] = o
}

// outcomeOf reads an answer that may be one of trouble. Trouble is only ever 503, with a time to wait.
func outcomeOf(t *testing.T, a answer) outcome {
	switch {
	case a.status == http.StatusOK:
		return acknowledged
	case a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "":
		t.Errorf("an answer that is neither the right one nor 503 with Retry-After: %v", a)
	}
	return uncertain
}

// TestFaultsNeverMakeAWrongAnswer changes data while the connections to the database are cut, reset and held up, in
// the middle of commits and anywhere else. What was acknowledged must be there, once; what was not may be there, once.
func TestFaultsNeverMakeAWrongAnswer(t *testing.T) {
	w, proxy := faulty(t)
	const (
		callers = 8
		rounds  = 40
	)
	ok[any](t, w.post(t, "/v1/sessions", `{"user_id":"{bob}"}`))
	before := len(ok[[]api.Session](t, w.get(t, "/v1/sessions?user_id={bob}&limit=500")))
	baseline := runtime.NumGoroutine()

	var faults [5]atomic.Int64
	proxy.Set(func(s faultproxy.Statement) faultproxy.Fault {
		f := randomFault(s)
		faults[f.Kind].Add(1)
		return f
	})
	users := &changes{known: map[string]outcome{}}    // created, by external id
	revokes := &changes{known: map[string]outcome{}}  // revoked, by session id
	keys := &changes{known: map[string]outcome{}}     // merged into bob's metadata
	sessions := &changes{known: map[string]outcome{}} // created, by attempt
	var wrong atomic.Int64                            // tokens after an acknowledged revoke
	w.crowd(t, callers, func(i int, send func(request) answer) {
		for n := range rounds {
			name := fmt.Sprintf("c%dn%d", i, n)
			a := send(request{method: "POST", path: "/v1/users", body: `{"external_id":"` + name + `"}`})
			users.set(name, outcomeOf(t, a))

			a = send(request{method: "PATCH", path: "/v1/users/{bob}/metadata", body: `{"public_metadata":{"` + name + `":1}}`})
			keys.set(name, outcomeOf(t, a))

			a = send(request{method: "POST", path: "/v1/sessions", body: `{"user_id":"{bob}"}`})
			created := outcomeOf(t, a)
			sessions.set(name, created)
			if created == uncertain {
				continue
			}
			id := read[api.Session](t, a).ID
			if outcomeOf(t, send(request{method: "POST", path: "/v1/sessions/" + id + "/revoke"})) == uncertain {
				continue
			}
			revokes.set(id, acknowledged)
			if a := send(request{method: "POST", path: "/v1/sessions/" + id + "/tokens"}); a.status != 401 && a.status != 503 {
				wrong.Add(1)
			}
		}
	})
	proxy.Set(nil)
	t.Logf("faults: %d cut before, %d cut after, %d reset, %d lost races; %d statements unharmed or late",
		faults[faultproxy.CutBefore].Load(), faults[faultproxy.CutAfter].Load(), faults[faultproxy.Reset].Load(), faults[faultproxy.LostRace].Load(), faults[faultproxy.None].Load())
	for kind := range faults {
		if faults[kind].Load() == 0 {
			t.Errorf("no fault of kind %d was made", kind)
		}
	}
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d answers other than 401 to a mint after an acknowledged revoke", n)
	}

	eventually(t, "the server answers again, without a restart", func() bool { return w.get(t, "/v1/users/count").status == 200 })
	w.checkUsers(t, users)
	w.checkKeys(t, keys)
	w.checkSessions(t, sessions, before)
	for id := range revokes.known {
		w.expect(t, w.get(t, "/v1/sessions/"+id), "status=revoked")
	}
	w.backend.Client().CloseIdleConnections()
	eventually(t, "no goroutine is left of the faults", func() bool { return runtime.NumGoroutine() <= baseline+callers })
}

// randomFault leaves most statements alone: every operation has several.
func randomFault(s faultproxy.Statement) faultproxy.Fault {
	likely := 0.02
	if s.Commits() {
		likely = 0.3
	}
	if rand.Float64() > likely {
		return faultproxy.Fault{Delay: time.Duration(rand.Int64N(int64(time.Millisecond)))}
	}
	kinds := []faultproxy.Kind{faultproxy.CutBefore, faultproxy.CutAfter, faultproxy.Reset, faultproxy.LostRace}
	return faultproxy.Fault{Kind: kinds[rand.IntN(len(kinds))], Delay: time.Duration(rand.Int64N(int64(5 * time.Millisecond)))}
}

// checkUsers compares users by their external ids, which the database keeps unique: a creation that was repeated would
// have been refused, and outcomeOf would have seen it.
func (w *world) checkUsers(t *testing.T, c *changes) {
	t.Helper()
	for name, known := range c.known {
		found := ok[[]api.User](t, w.get(t, "/v1/users?external_id="+name))
		if len(found) > 1 || known == acknowledged && len(found) == 0 {
			t.Errorf("user %s: %d of them, and creating it was acknowledged: %v", name, len(found), known == acknowledged)
		}
	}
}

func (w *world) checkKeys(t *testing.T, c *changes) {
	t.Helper()
	bob := ok[struct {
		PublicMetadata map[string]any `json:"public_metadata"`
	}](t, w.get(t, "/v1/users/{bob}"))
	for name, known := range c.known {
		if _, there := bob.PublicMetadata[name]; known == acknowledged && !there {
			t.Errorf("the key %s was acknowledged and is lost", name)
		}
	}
}

// checkSessions counts: sessions have no name that a caller chose, so one made twice would be one too many.
func (w *world) checkSessions(t *testing.T, c *changes, before int) {
	t.Helper()
	sure := 0
	for known := range maps.Values(c.known) {
		if known == acknowledged {
			sure++
		}
	}
	now := len(ok[[]api.Session](t, w.get(t, "/v1/sessions?user_id={bob}&limit=500"))) - before
	if now < sure || now > len(c.known) {
		t.Errorf("%d sessions, of %d acknowledged and %d asked for", now, sure, len(c.known))
	}
	if t.Failed() {
		t.Logf("log of the server:\n%.20000s", w.log.String())
	}
	t.Logf("sessions: %d asked for, %d acknowledged, %d made", len(c.known), sure, now)
}

// TestDatabaseGoneAndBack is an outage: 503 with Retry-After for as long as it lasts, and service after it without a
// restart.
func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	w, proxy := faulty(t)
	for range 3 {
		ok[any](t, w.get(t, "/v1/sessions/{active}"))
		proxy.Down()
		w.clock.advance(2 * time.Second) // no cache may hide it
		w.crowd(t, 20, func(_ int, send func(request) answer) {
			for _, r := range []request{
				{method: "GET", path: "/v1/sessions/{active}"},
				{method: "POST", path: "/v1/sessions/{active}/tokens"},
				{method: "POST", path: "/v1/sessions/{active}/revoke"},
			} {
				if a := send(r); a.status != 503 || a.header.Get("Retry-After") == "" {
					t.Errorf("while the database is gone: %v", a)
				}
			}
		})
		if a := w.get(t, "/readyz"); a.status != 503 {
			t.Errorf("ready without a database: %v", a)
		}
		proxy.Up()
		eventually(t, "the server is ready again", func() bool { return w.get(t, "/readyz").status == 200 })
		w.expect(t, w.get(t, "/v1/sessions/{active}"), "status=active")
	}
}

// TestHangingDatabase is a database that takes requests and never answers: callers are told so, all at the same time,
// and nobody waits for those before.
func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	w, proxy := faulty(t)
	ok[any](t, w.get(t, "/v1/sessions/{active}"))
	release := make(chan struct{})
	proxy.Set(func(faultproxy.Statement) faultproxy.Fault {
		<-release
		return faultproxy.Fault{Kind: faultproxy.CutBefore}
	})
	w.clock.advance(2 * time.Second)
	var answered atomic.Int64
	w.crowd(t, 40, func(i int, send func(request) answer) {
		r := []request{{method: "GET", path: "/v1/sessions/{active}"}, {method: "POST", path: "/v1/sessions/{active}/revoke"}}[i%2]
		if a := send(r); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("while the database hangs: %v", a)
		}
		answered.Add(1)
	})
	close(release)
	proxy.Set(nil)
	eventually(t, "the server is ready again", func() bool { return w.get(t, "/readyz").status == 200 })
	w.expect(t, w.get(t, "/v1/sessions/{active}"), "status=active")
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("still not: %s", what)
		}
	}
}
