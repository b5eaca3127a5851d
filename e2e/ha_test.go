package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// cuts are whose hosts lose their power, one after the other. A lost standby is no failover, but commits wait for it.
var cuts = []string{"primary", "primary", "standby", "primary"}

// TestFailover runs three nodes over a highly available PostgreSQL, kills the host of its primary again and again while
// callers work, and judges everything that they saw: no write that was acknowledged is lost, no token is minted after
// an acknowledged revoke, and the nodes serve again without being restarted. `make ha` gives it the database.
func TestFailover(t *testing.T) {
	databaseURL := os.Getenv("HA_POSTGRES")
	if databaseURL == "" {
		t.Skip("no highly available PostgreSQL: run make ha")
	}
	f := startFleetOn(t, databaseURL)
	l := &book{fleet: f, sessions: map[string]string{}}
	for round, role := range cuts {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		var histories [][]porcupine.Operation
		wg.Go(func() {
			for !closed(stop) {
				histories = append(histories, f.live(t)...)
			}
		})
		wg.Go(func() {
			for !closed(stop) {
				l.write(t)
			}
		})
		eventually(t, "the book is written to", func() bool { return l.size() > (round+1)*20 })
		host := hosts(t, role)
		hosts(t, "kill", host)
		died := time.Now()
		outage := l.untilWritten(t, died)
		for i, n := range f.nodes {
			within(t, 4*patience, fmt.Sprintf("node %d writes", i), func() bool {
				return n.api().call(t, http.MethodPost, "/users", "{}").status == http.StatusOK
			})
		}
		t.Logf("round %d: the %s's host %s died; writes succeed again after %.1f s, on every node after %.1f s",
			round+1, role, host, outage.Seconds(), time.Since(died).Seconds())
		hosts(t, "rejoin", host)
		before := l.size()
		eventually(t, "writes go on", func() bool { return l.size() > before+20 })
		close(stop)
		wg.Wait()
		for _, history := range histories {
			if verdict := judge(history); verdict != porcupine.Ok {
				t.Errorf("%v: this could not have happened one thing at a time:\n%s", verdict, describe(history))
			}
		}
	}
	lost := l.lost(t)
	t.Logf("%d operations in histories, %d entries in the book, %d unanswered; acknowledged writes lost: %d", f.checked.Load(), l.size(), f.unanswered.Load(), lost)
	if lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
	if f.unanswered.Load() == 0 {
		t.Error("primaries were killed and no operation was left unanswered: the kills came to nothing")
	}
	for i, n := range f.nodes {
		if closed(n.exited) {
			t.Errorf("node %d stopped: %v\n%s", i, n.command.ProcessState, tail(n.log.String()))
		} else if got := n.api().object(t, "GET", "/instance", ""); got["id"] == nil {
			t.Errorf("node %d does not serve: %v", i, got)
		}
	}
}

// book is what the nodes acknowledged, with one writer.
type book struct {
	*fleet
	user string

	mu       sync.Mutex
	sessions map[string]string // id to the status that was acknowledged last; "" when the answer to a revoke is missing
	sent     time.Time         // when the last acknowledged write was sent
	answered time.Time         // and when it was acknowledged
}

// write creates a session through one node, and revokes every other one through another.
func (l *book) write(t *testing.T) {
	u := &person{fleet: l.fleet, t: t, listed: map[int][]string{}}
	if l.user == "" {
		if _, answer, ok := u.call(http.MethodPost, "/users", "{}"); ok {
			l.user = answer.ID
		}
		return
	}
	sent := time.Now()
	_, made, ok := u.call(http.MethodPost, "/sessions", `{"user_id":"`+l.user+`"}`)
	if !ok || made.ID == "" {
		return
	}
	l.note(made.ID, "active", sent)
	if l.size()%2 == 0 {
		return
	}
	l.doubt(made.ID)
	if _, revoked, ok := u.call(http.MethodPost, "/sessions/"+made.ID+"/revoke", ""); ok && revoked.Status == "revoked" {
		l.note(made.ID, "revoked", sent)
	}
}

func (l *book) note(id, status string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[id], l.sent, l.answered = status, sent, time.Now()
}

// doubt notes that a session is about to be revoked: until that is answered, nobody knows its status.
func (l *book) doubt(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[id] = ""
}

func (l *book) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}

// untilWritten is how long after a moment a write is acknowledged that was sent after it. Until then callers may be told
// 503, or nothing, and never anything wrong: call fails the test then.
func (l *book) untilWritten(t *testing.T, since time.Time) (took time.Duration) {
	t.Helper()
	within(t, 4*patience, "a write that is sent after the kill is acknowledged", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		took = l.answered.Sub(since)
		return l.sent.After(since)
	})
	return took
}

// lost counts what was acknowledged and is not there, on any node.
func (l *book) lost(t *testing.T) (lost int) {
	t.Helper()
	n := 0
	for id, want := range l.sessions {
		api := l.nodes[n%len(l.nodes)].api()
		n++
		answer := api.call(t, http.MethodGet, "/sessions/"+id, "")
		var got told
		if err := json.Unmarshal(answer.body, &got); err != nil {
			t.Fatalf("%v in %s", err, answer.body)
		}
		status := got.Status
		if status == "" || want != "" && status != want {
			t.Logf("session %s was acknowledged as %q and is %q", id, want, status)
			lost++
		} else if want == "revoked" {
			wantError(t, api.call(t, http.MethodPost, "/sessions/"+id+"/tokens", ""), http.StatusUnauthorized, "authentication_invalid")
		}
	}
	return lost
}

// hosts asks scripts/ha, which runs this test, about its hosts, or to do something to one.
func hosts(t *testing.T, args ...string) string {
	t.Helper()
	control := exec.Command("../scripts/ha", args...)
	control.Stderr = os.Stderr
	out, err := control.Output()
	if err != nil {
		t.Fatalf("scripts/ha %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
