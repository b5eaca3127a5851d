package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	killRounds  = 6
	killWriters = 4
)

// promise is what the server has acknowledged about one session.
type promise int

const (
	created  promise = iota // created, and no revoke was ever sent
	revoking                // a revoke was sent, but the answer never came
	revoked                 // a revoke was acknowledged
)

// ledger is what a client may rely on: every acknowledged result, by session id.
type ledger struct {
	mu       sync.Mutex
	sessions map[string]promise
	acks     int
	enough   int           // acks after which the server dies
	full     chan struct{} // closed then
}

func (l *ledger) set(id string, p promise) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[id] = p
	if p == revoking {
		return
	}
	if l.acks++; l.acks == l.enough {
		close(l.full)
	}
}

// nextRound asks for a signal after some more acknowledged results.
func (l *ledger) nextRound(acks int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks, l.enough, l.full = 0, acks, make(chan struct{})
}

// TestKill crashes the server in the middle of writes, again and again in one data directory, and holds
// every start to what the ones before it acknowledged.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	book := &ledger{sessions: map[string]promise{}}
	first := startIn(t, dir)
	api := raw{server: first, key: first.SecretKey}
	keeper, userID := api.newSession(t)
	token := api.object(t, "POST", "/sessions/"+keeper+"/tokens", `{"expires_in_seconds":3600}`)["jwt"].(string)
	book.sessions[keeper] = created

	s := first
	for round := range killRounds {
		crash(t, s, book, userID)
		s = startIn(t, dir)
		if s.SecretKey != first.SecretKey || s.InstanceID != first.InstanceID || s.JWTKey != first.JWTKey {
			t.Fatalf("round %d: other keys after the restart", round)
		}
		verifiedOf(t, s, first.FrontendURL, token)
		book.audit(t, s, userID)
		if t.Failed() {
			t.Fatalf("round %d of %d broke a promise", round+1, killRounds)
		}
	}
	t.Logf("%d sessions, each as acknowledged, after %d crashes", len(book.sessions), killRounds)
}

// crash lets writers work until a random number of results is acknowledged, and kills the server while
// they go on.
func crash(t *testing.T, s *server, book *ledger, userID string) {
	t.Helper()
	book.nextRound(20 + rand.IntN(600))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: killWriters}}
	defer client.CloseIdleConnections()

	var writers sync.WaitGroup
	failures := make(chan error, killWriters)
	for range killWriters {
		writers.Go(func() {
			w := writer{client: client, base: s.BackendURL + "/v1", key: s.SecretKey, book: book}
			if err := w.untilGone(userID); err != nil {
				failures <- err
			}
		})
	}
	idle := make(chan struct{})
	go func() {
		writers.Wait()
		close(idle)
	}()
	select {
	case <-book.full:
	case <-idle:
		t.Error("the server stopped answering before it was killed")
	}
	s.kill(t)
	<-idle
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

// writer creates and revokes sessions and writes down what was acknowledged.
type writer struct {
	client *http.Client
	base   string
	key    string
	book   *ledger
}

// untilGone works until the server does not answer any more. It returns an error if an answer was wrong.
func (w writer) untilGone(userID string) error {
	for {
		id, status, ok := w.post("/sessions", `{"user_id":"`+userID+`"}`)
		if !ok {
			return nil
		}
		if status != http.StatusOK {
			return fmt.Errorf("create: status %d", status)
		}
		w.book.set(id, created)
		if rand.IntN(2) == 0 {
			continue
		}
		w.book.set(id, revoking)
		if _, status, ok = w.post("/sessions/"+id+"/revoke", ""); !ok {
			return nil
		}
		if status != http.StatusOK {
			return fmt.Errorf("revoke: status %d", status)
		}
		w.book.set(id, revoked)
		if _, status, ok = w.post("/sessions/"+id+"/tokens", ""); ok && status != http.StatusUnauthorized {
			return fmt.Errorf("token after an acknowledged revoke: status %d, want 401", status)
		}
	}
}

// post reports ok only for an answer that arrived whole: anything less is not an acknowledgement.
func (w writer) post(path, body string) (id string, status int, ok bool) {
	request, err := http.NewRequest(http.MethodPost, w.base+path, strings.NewReader(body))
	if err != nil {
		return "", 0, false
	}
	request.Header.Set("Authorization", "Bearer "+w.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(request)
	if err != nil {
		return "", 0, false
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return "", 0, false
	}
	var object struct{ ID string }
	if err := json.Unmarshal(content, &object); err != nil {
		return "", 0, false
	}
	return object.ID, response.StatusCode, true
}

// audit compares the server with the ledger.
func (l *ledger) audit(t *testing.T, s *server, userID string) {
	t.Helper()
	api := raw{server: s, key: s.SecretKey}
	listed := statuses(t, api, userID)
	for id, promised := range l.sessions {
		status, ok := listed[id]
		switch {
		case !ok:
			t.Errorf("%s was acknowledged and is gone", id)
		case promised == created && status != "active":
			t.Errorf("%s is %s, want active: nobody revoked it", id, status)
		case promised == revoked && status != "revoked":
			t.Errorf("%s is %s, want revoked: that was acknowledged", id, status)
		case promised == revoking && status == "revoked":
			l.sessions[id] = revoked // it is visible now, so it must stay
		case promised == revoking:
			l.sessions[id] = created
		}
		if l.sessions[id] == revoked {
			wantError(t, api.call(t, "POST", "/sessions/"+id+"/tokens", ""), http.StatusUnauthorized, "authentication_invalid")
		}
	}
}

// statuses reads the status of every session of a user, page by page.
func statuses(t *testing.T, api raw, userID string) map[string]string {
	t.Helper()
	const page = 500
	found := map[string]string{}
	for offset := 0; ; offset += page {
		a := api.call(t, "GET", fmt.Sprintf("/sessions?user_id=%s&limit=%d&offset=%d", userID, page, offset), "")
		var list []struct{ ID, Status string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatalf("list: status %d: %v in %s", a.status, err, a.body)
		}
		for _, session := range list {
			found[session.ID] = session.Status
		}
		if len(list) < page {
			return found
		}
	}
}
