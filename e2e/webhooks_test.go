package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// TestWebhooksInJavaScript has npm's @clerk/backend verify what the binary sends.
func TestWebhooksInJavaScript(t *testing.T) {
	t.Parallel()
	runScript(t, start(t), "webhooks.mjs")
}

// hook is a receiver of webhooks, which may be as bad as it likes.
type hook struct {
	*httptest.Server
	id     string // of its endpoint
	secret atomic.Pointer[standard.Webhook]
	answer func(n int64, w http.ResponseWriter, r *http.Request) (accepts bool)

	requests atomic.Int64
	mu       sync.Mutex
	accepted map[string]int // how often, by message id
	wrong    error          // what should never come
}

func startHook(t *testing.T, answer func(n int64, w http.ResponseWriter, r *http.Request) bool) *hook {
	t.Helper()
	h := &hook{answer: answer, accepted: map[string]int{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// register makes the endpoint of a hook.
func (h *hook) register(t *testing.T, api raw) {
	t.Helper()
	h.id = api.object(t, "POST", "/webhook_endpoints", `{"url":"`+h.URL+`"}`)["id"].(string)
	secret, err := standard.NewWebhook(api.object(t, "GET", "/webhook_endpoints/"+h.id+"/secret", "")["secret"].(string))
	if err != nil {
		t.Fatal(err)
	}
	h.secret.Store(secret)
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := h.requests.Add(1)
	accepts := h.answer(n, w, r)
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = h.secret.Load().Verify(body, r.Header)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if accepts {
		h.accepted[r.Header.Get("Webhook-Id")]++
		h.wrong = errors.Join(h.wrong, err)
	}
}

// count answers how many messages were accepted, and how many of them more than once.
func (h *hook) count() (messages, again int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, times := range h.accepted {
		again += times - 1
	}
	return len(h.accepted), again
}

// The receivers.

func takesAll(int64, http.ResponseWriter, *http.Request) bool { return true }

func takesNothing(_ int64, w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusInternalServerError)
	return false
}

// down is one that is down for a while after its first request.
func down(during time.Duration) func(int64, http.ResponseWriter, *http.Request) bool {
	var up atomic.Int64
	return func(n int64, w http.ResponseWriter, _ *http.Request) bool {
		up.CompareAndSwap(0, time.Now().Add(during).UnixNano())
		if time.Now().UnixNano() < up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
		return true
	}
}

// slow is one that takes its time for its first requests.
func slow(requests int64, pause time.Duration) func(int64, http.ResponseWriter, *http.Request) bool {
	return func(n int64, _ http.ResponseWriter, r *http.Request) bool {
		if n <= requests {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return false
			}
		}
		return true
	}
}

// liar is one that answers every other of its first requests with anything but an answer.
func liar(requests int64) func(int64, http.ResponseWriter, *http.Request) bool {
	return func(n int64, w http.ResponseWriter, r *http.Request) bool {
		if n > requests || n%2 == 0 {
			w.WriteHeader(http.StatusOK) // before anything was read
			return true
		}
		switch n / 2 % 4 {
		case 0:
			http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
		case 1:
			hijack(w, "SSH-2.0-OpenSSH_9.2\r\n\r\n")
		case 2:
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
		case 3:
			hijack(w, "")
		}
		return false
	}
}

// hijack writes something and breaks the connection.
func hijack(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

const (
	webhookUsers    = 5
	webhookSessions = 1000 // of each, which begin and are revoked
	// webhookPatience covers a circuit that opens twice, the lease of what a dead server had claimed, and a slow disk.
	webhookPatience = 10 * time.Minute
)

// TestWebhooksAreDelivered makes ten thousand things happen, kills the server in the middle, and wants every one of them
// at every receiver that accepts in the end.
func TestWebhooksAreDelivered(t *testing.T) {
	hooks := map[string]*hook{
		"good": startHook(t, takesAll), "down for a while": startHook(t, down(5*time.Second)),
		"slow": startHook(t, slow(300, 100*time.Millisecond)), "liar": startHook(t, liar(1000)),
		"down for ever": startHook(t, takesNothing),
	}
	dir, schedule := filepath.Join(t.TempDir(), "data"), "SOJOURN_WEBHOOK_RETRY_SCHEDULE=200ms,200ms,500ms,500ms,1s,1s,2s,2s,5s,5s,10s,10s"
	s := startIn(t, dir, schedule, "SOJOURN_LOG_LEVEL=info")
	api := raw{server: s, key: s.SecretKey}
	for _, h := range hooks {
		h.register(t, api)
	}

	began := time.Now()
	var users []string
	for range webhookUsers {
		users = append(users, api.object(t, "POST", "/users", `{}`)["id"].(string))
	}
	createSessions(t, api, users, webhookSessions)
	for _, user := range users[:webhookUsers/2] {
		api.object(t, "POST", "/users/"+user+"/ban", "")
	}
	t.Logf("%d sessions created after %v", webhookUsers*webhookSessions, time.Since(began).Round(time.Millisecond))
	before, _ := hooks["good"].count()
	s.kill(t)

	s = startIn(t, dir, schedule, "SOJOURN_LOG_LEVEL=info")
	api = raw{server: s, key: s.SecretKey}
	for _, user := range users[webhookUsers/2:] {
		api.object(t, "POST", "/users/"+user+"/ban", "")
	}
	want := messageIDs(t, api)
	t.Logf("%d events after %v, of which a good receiver had %d when the server was killed", len(want), time.Since(began).Round(time.Millisecond), before)
	if len(want) < 2*webhookUsers*webhookSessions {
		t.Fatalf("%d events, want %d and more", len(want), 2*webhookUsers*webhookSessions)
	}

	for name, h := range hooks {
		if name == "down for ever" {
			continue
		}
		within(t, webhookPatience, name+" has everything", func() bool {
			got, _ := h.count()
			return got >= len(want)
		})
		got, again := h.count()
		t.Logf("%s: %d messages after %v, %d of them again, %d requests", name, got, time.Since(began).Round(time.Millisecond), again, h.requests.Load())
		h.mu.Lock()
		for _, id := range want {
			if h.accepted[id] == 0 {
				t.Errorf("%s: %s never came", name, id)
			}
		}
		if h.wrong != nil {
			t.Errorf("%s: the library of the standard refuses: %v", name, h.wrong)
		}
		h.mu.Unlock()
		eventually(t, name+": nothing waits", func() bool { return waiting(t, api, h.id) == 0 })
	}
	if n := waiting(t, api, hooks["down for ever"].id); n < len(want)/2 {
		t.Errorf("%d deliveries wait for an endpoint that is down, want most of %d", n, len(want))
	}
}

// createSessions begins sessions of users through requests that run at a time.
func createSessions(t *testing.T, api raw, users []string, each int) {
	t.Helper()
	const writers = 16
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
	defer client.CloseIdleConnections()
	bodies := make(chan string, writers)
	var all sync.WaitGroup
	var refused atomic.Int64
	for range writers {
		all.Go(func() {
			w := writer{client: client, base: api.server.BackendURL + "/v1", key: api.key}
			for body := range bodies {
				if _, status, ok := w.post("/sessions", body); !ok || status != http.StatusOK {
					refused.Add(1)
				}
			}
		})
	}
	for range each {
		for _, user := range users {
			bodies <- `{"user_id":"` + user + `"}`
		}
	}
	close(bodies)
	all.Wait()
	if n := refused.Load(); n > 0 {
		t.Fatalf("%d sessions could not be created", n)
	}
}

// messageIDs are the ids of all messages that there should be.
func messageIDs(t *testing.T, api raw) (ids []string) {
	t.Helper()
	const page = 500
	types := "type=session.created&type=session.revoked&type=user.created&type=user.updated"
	for offset := 0; ; offset += page {
		a := api.call(t, "GET", fmt.Sprintf("/events?%s&limit=%d&offset=%d", types, page, offset), "")
		var events []struct{ ID string }
		if err := json.Unmarshal(a.body, &events); err != nil {
			t.Fatalf("status %d: %v", a.status, err)
		}
		for _, e := range events {
			ids = append(ids, "msg_"+strings.TrimPrefix(e.ID, "evt_"))
		}
		if len(events) < page {
			return ids
		}
	}
}

func waiting(t *testing.T, api raw, endpointID string) int {
	t.Helper()
	return int(api.object(t, "GET", "/webhook_endpoints/"+endpointID+"/deliveries?status=waiting&paginated=true&limit=1", "")["total_count"].(float64))
}

// TestWebhooksStayOnTheInternet is what a production server does with URLs of this machine.
func TestWebhooksStayOnTheInternet(t *testing.T) {
	t.Parallel()
	h := startHook(t, takesAll)
	const allowed = "SOJOURN_WEBHOOK_ALLOWED_NETWORKS=127.0.0.0/8"
	p := newProduction(t, emptyDatabase(t), "SOJOURN_WEBHOOK_RETRY_SCHEDULE=1h")
	p.run(t, "migrate")

	trusting := p
	trusting.env = append(append([]string{}, p.env...), allowed)
	n := trusting.serve(t)
	n.awaitReady(t)
	h.register(t, n.api())
	n.api().object(t, "POST", "/users", `{}`)
	eventually(t, "an allowed network is reached", func() bool { return h.requests.Load() == 1 })
	if said := trusting.run(t, "webhooks", "test", h.id); !strings.Contains(said, " was delivered: 2") {
		t.Errorf("the test said %q", said)
	}
	n.stop(t, syscall.SIGTERM)

	n = p.serve(t)
	n.awaitReady(t)
	api := n.api()
	for _, url := range []string{h.URL, strings.Replace(h.URL, "http:", "https:", 1), strings.Replace(h.URL, "http://127.0.0.1", "https://localhost", 1), "https://[::1]/", "https://169.254.169.254/"} {
		wantError(t, api.call(t, "POST", "/webhook_endpoints", `{"url":"`+url+`"}`), http.StatusUnprocessableEntity, "form_param_format_invalid")
	}
	userID := api.object(t, "POST", "/users", `{}`)["id"].(string)
	var attempt map[string]any
	eventually(t, "an attempt is refused", func() bool {
		deliveries := api.object(t, "GET", "/webhook_endpoints/"+h.id+"/deliveries?paginated=true&status=waiting", "")["data"].([]any)
		if len(deliveries) == 0 {
			return false
		}
		attempts := deliveries[0].(map[string]any)["attempts"].([]any)
		if len(attempts) == 0 {
			return false
		}
		attempt = attempts[0].(map[string]any)
		return true
	})
	if text, _ := attempt["error"].(string); !strings.Contains(text, "https://") || attempt["status"] != nil {
		t.Errorf("the attempt for %s: %v", userID, attempt)
	}
	if out, err := p.command("webhooks", "test", h.id).CombinedOutput(); err == nil || !strings.Contains(string(out), " failed: ") {
		t.Errorf("the test said %q (%v)", out, err)
	}
	if n := h.requests.Load(); n != 2 {
		t.Errorf("%d requests reached this machine, want the event and the test of before", n)
	}
}
