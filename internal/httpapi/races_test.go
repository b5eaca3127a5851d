package httpapi_test

import (
	"sync"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/faultproxy"
)

// fewerThanAttempts is how many statements lose a race in one run: the store gives up at its tenth attempt.
const fewerThanAttempts = 8

// runLosingRaces runs a row while each statement of it, one after the other, is told once that its transaction lost a
// race (SQLSTATE 40001). Neither the answer nor what is stored may show it.
func (r row) runLosingRaces(t *testing.T, version string) {
	t.Helper()
	for from := 0; ; from += fewerThanAttempts {
		races := &races{seen: map[statement]bool{}, place: map[int64]map[string]int{}, from: from}
		proxy := new(faultproxy.Proxy)
		w := r.world(t, func(w *world) { proxy = w.behindProxy(t) })
		proxy.Set(races.fault)
		r.run(t, w, version)
		proxy.Set(nil)
		statements, lost := races.counts()
		if want := max(0, min(statements-from, fewerThanAttempts)); lost != want {
			t.Errorf("%d statements lost a race, want %d of the %d", lost, want, statements)
		}
		t.Logf("%d statements lost a race", lost)
		if statements <= from+fewerThanAttempts || t.Failed() {
			return
		}
	}
}

// statement is a statement of a row: its text, and how often the text had been sent in its transaction before.
type statement struct {
	sql   string
	place int
}

// races lets statements lose a race when they are first seen, beginning with the one at from.
type races struct {
	mu    sync.Mutex
	seen  map[statement]bool
	place map[int64]map[string]int // by connection, since its transaction began
	from  int
	lost  int
}

func (r *races) fault(s faultproxy.Statement) faultproxy.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	places := r.place[s.Conn]
	if places == nil || !s.InTransaction {
		places = map[string]int{}
		r.place[s.Conn] = places
	}
	this := statement{s.SQL, places[s.SQL]}
	places[s.SQL]++
	if s.Commits() {
		delete(r.place, s.Conn)
	}
	if r.seen[this] {
		return faultproxy.Fault{}
	}
	r.seen[this] = true
	if n := len(r.seen) - 1; n < r.from || n >= r.from+fewerThanAttempts {
		return faultproxy.Fault{}
	}
	r.lost++
	delete(r.place, s.Conn) // it is rolled back, and begins anew
	return faultproxy.Fault{Kind: faultproxy.LostRace}
}

func (r *races) counts() (statements, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen), r.lost
}
