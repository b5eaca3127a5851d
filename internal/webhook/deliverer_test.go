package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/faultproxy"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
	"github.com/sojourn-auth/sojourn/internal/webhook"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// patience bounds every wait, and is never used up when things work.
const patience = time.Minute

// world is a store with endpoints and events in it, and a clock that stands still until the test moves it.
type world struct {
	db  *store.DB
	url string
	now atomic.Int64
	ids atomic.Int64
	log logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, databaseURL string) *world {
	t.Helper()
	w := &world{db: storetest.Open(t, databaseURL), url: databaseURL}
	w.now.Store(time.Now().UnixMilli()) // libraries of receivers look at their own clock
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of the deliverers:\n%s", w.log.String())
		}
	})
	return w
}

func (w *world) clock() time.Time           { return time.UnixMilli(w.now.Load()).UTC() }
func (w *world) advance(by time.Duration)   { w.now.Add(by.Milliseconds()) }
func (w *world) newID(prefix string) string { return fmt.Sprintf("%s%08d", prefix, w.ids.Add(1)) }

// deliverer is one whose endpoints all have the secrets that are given.
func (w *world) deliverer(secrets ...secret.Text) *webhook.Deliverer {
	return &webhook.Deliverer{
		Store: w.db, Post: egress.New(egress.Policy{Development: true}).Post,
		Secrets: func(store.Endpoint, time.Time) ([]secret.Text, error) { return secrets, nil },
		Token:   func(_ context.Context, e event.Event) (string, error) { return "token of " + e.ID, nil },
		Now:     w.clock, NewID: w.newID, Jitter: func() float64 { return 0.5 },
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Limits: webhook.DefaultLimits(),
	}
}

// run lets a deliverer work until the test ends, or until the function that it answers is called.
func run(t *testing.T, d *webhook.Deliverer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func (w *world) update(t *testing.T, do func(tx store.Conn) error) {
	t.Helper()
	if err := w.db.Update(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func (w *world) addEndpoint(t *testing.T, id, url string, kind store.EndpointKind) {
	t.Helper()
	w.update(t, func(tx store.Conn) error {
		return tx.InsertEndpoint(t.Context(), store.Endpoint{ID: id, Kind: kind, URL: url, Enabled: true, CreatedAt: w.clock(), UpdatedAt: w.clock()})
	})
}

// happen writes n events that are on their way to endpoints.
func (w *world) happen(t *testing.T, n int, endpoints ...string) {
	t.Helper()
	var events []event.Event
	var deliveries []store.Delivery
	for range n {
		e := event.Event{
			ID: w.newID(event.IDPrefix), Type: event.SessionRevoked, At: w.clock(), Subject: "sess_1", Position: 1, SessionID: "sess_1",
			By: "backend_api", TokensUntil: w.clock().Add(time.Minute),
		}
		e.Body = json.RawMessage(`{"object":"event","id":"` + e.ID + `"}`)
		events = append(events, e)
		for _, endpoint := range endpoints {
			deliveries = append(deliveries, store.Delivery{
				ID: w.newID("dlv_"), EndpointID: endpoint, EventID: e.ID, EventType: string(e.Type), Status: store.Waiting,
				NextAt: w.clock(), CreatedAt: w.clock(), UpdatedAt: w.clock(),
			})
		}
	}
	w.update(t, func(tx store.Conn) error {
		if err := tx.InsertEvents(t.Context(), events); err != nil {
			return err
		}
		return tx.InsertDeliveries(t.Context(), deliveries)
	})
}

func (w *world) deliveries(t *testing.T, f store.DeliveryFilter) []store.Delivery {
	t.Helper()
	found, err := w.db.Deliveries(t.Context(), f, 10_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (w *world) count(t *testing.T, endpoint string, status store.DeliveryStatus) int {
	t.Helper()
	return len(w.deliveries(t, store.DeliveryFilter{EndpointID: endpoint, Status: status}))
}

// only is the one delivery to ep_1.
func (w *world) only(t *testing.T) store.Delivery {
	t.Helper()
	found := w.deliveries(t, store.DeliveryFilter{EndpointID: "ep_1"})
	if len(found) != 1 {
		t.Fatalf("%d deliveries, want 1", len(found))
	}
	return found[0]
}

// endpoint is ep_1.
func (w *world) endpoint(t *testing.T) store.Endpoint {
	t.Helper()
	e, err := w.db.Endpoint(t.Context(), "ep_1")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) attempts(t *testing.T, d store.Delivery) []store.DeliveryAttempt {
	t.Helper()
	attempts, err := w.db.DeliveryAttempts(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	return attempts
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("still not after %v: %s", patience, what)
		}
	}
}

// eventuallyLogs waits for a line about what has been written already.
func (w *world) eventuallyLogs(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log says "+text, func() bool { return strings.Contains(w.log.String(), text) })
}

// receiver remembers what it gets, and answers as it is told.
type receiver struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]

	mu  sync.Mutex
	got []received
}

type received struct {
	header http.Header
	body   []byte
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.answer.Store(&answer)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.Header.Clone(), body})
		r.mu.Unlock()
		(*r.answer.Load())(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

func (r *receiver) becomes(answer http.HandlerFunc) { r.answer.Store(&answer) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	s := webhook.NewSecret()
	hook := receive(t, status(204))
	w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
	run(t, w.deliverer(s))
	w.happen(t, 1, "ep_1")
	eventually(t, "delivered", func() bool { return w.count(t, "ep_1", store.Delivered) == 1 })

	d, got := w.only(t), hook.all()
	if len(got) != 1 || !d.NextAt.IsZero() || d.Attempts != 1 {
		t.Fatalf("%d requests, %+v", len(got), d)
	}
	if want := "msg_" + strings.TrimPrefix(d.EventID, "evt_"); got[0].header.Get("Webhook-Id") != want || got[0].header.Get("Svix-Id") != want {
		t.Errorf("the message has the id %s, want %s", got[0].header.Get("Webhook-Id"), want)
	}
	if kind := got[0].header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type %s", kind)
	}
	if err := verify(s, got[0].header, got[0].body); err != nil {
		t.Errorf("the library of the standard: %v", err)
	}
	if a := w.attempts(t, d); len(a) != 1 || a[0].StatusCode != http.StatusNoContent || a[0].Error != "" || !a[0].At.Equal(w.clock()) {
		t.Errorf("attempts: %+v", a)
	}
}

// TestWhatIsNoSuccess is every answer but 2xx, and none at all.
func TestWhatIsNoSuccess(t *testing.T) {
	t.Parallel()
	elsewhere := receive(t, status(200))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int64
		error  string
	}{
		"a server error": {status(500), 500, ""},
		"a caller error": {status(404), 404, ""},
		"unchanged":      {status(304), 304, ""},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, 307, ""},
		"a reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, egress.ErrBroken.Error()},
		"garbage": {garbage, 0, egress.ErrBroken.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.SQLite(t))
			hook := receive(t, c.answer)
			w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
			w.happen(t, 1, "ep_1")
			run(t, w.deliverer(exampleSecret))
			eventually(t, "an attempt", func() bool { return w.only(t).Attempts == 1 })
			d := w.only(t)
			if want := w.clock().Add(5 * time.Second); d.Status != store.Waiting || !d.NextAt.Equal(want) {
				t.Errorf("%s, next at %v, want waiting, %v", d.Status, d.NextAt, want)
			}
			if a := w.attempts(t, d); len(a) != 1 || a[0].StatusCode != c.status || a[0].Error != c.error {
				t.Errorf("attempts: %+v", a)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(elsewhere.all()); n > 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

func garbage(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n\r\n")
	_ = conn.Close()
}

// TestSchedulesEnd goes through every attempt to the last, all with one id, and begins anew when somebody asks.
func TestSchedulesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	hook := receive(t, status(500))
	w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
	w.happen(t, 1, "ep_1")
	d := w.deliverer(exampleSecret)
	run(t, d)
	attempts := int64(len(d.Limits.Schedule)) + 1
	for n := int64(1); n <= attempts; n++ {
		eventually(t, fmt.Sprintf("attempt %d of %d", n, attempts), func() bool { return w.only(t).Attempts == n })
		if n < attempts {
			w.advance(d.Limits.Schedule[n-1])
		}
	}
	if last := w.only(t); last.Status != store.Failed || !last.NextAt.IsZero() {
		t.Errorf("after the last attempt: %+v", last)
	}
	for _, r := range hook.all() {
		if id := r.header.Get("Webhook-Id"); id != hook.all()[0].header.Get("Webhook-Id") {
			t.Errorf("attempts have several ids: %s", id)
		}
	}
	if !strings.Contains(w.log.String(), "delivery given up") || strings.Contains(w.log.String(), hook.URL) {
		t.Errorf("the log does not say it, or says where:\n%s", w.log.String())
	}

	hook.becomes(status(200))
	w.update(t, func(tx store.Conn) error {
		return tx.Redeliver(t.Context(), []store.Delivery{w.only(t)}, w.clock())
	})
	eventually(t, "delivered in the end", func() bool { return w.count(t, "ep_1", store.Delivered) == 1 })
}

// TestOpenCircuit leaves an endpoint alone that fails, and tries one delivery to see.
func TestOpenCircuit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	hook := receive(t, status(503))
	w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
	w.happen(t, 100, "ep_1")
	d := w.deliverer(exampleSecret)
	run(t, d)
	eventually(t, "open", func() bool { return w.endpoint(t).Circuit.Openings == 1 })
	made := len(hook.all())
	if limit := int(d.Limits.OpenAfter) + d.Limits.PerEndpoint; made >= limit {
		t.Errorf("%d attempts before the circuit opened, want less than %d", made, limit)
	}
	if c := w.endpoint(t).Circuit; c.Failures != int64(made) || !c.FailingSince.Equal(w.clock()) || !c.OpenUntil.Equal(w.clock().Add(30*time.Second)) {
		t.Errorf("after %d failures: %+v", made, c)
	}

	w.advance(30 * time.Second)
	eventually(t, "open again", func() bool { return w.endpoint(t).Circuit.Openings == 2 })
	if probes := len(hook.all()) - made; probes != 1 {
		t.Errorf("%d probes, want 1", probes)
	}
	var tried int
	for _, d := range w.deliveries(t, store.DeliveryFilter{EndpointID: "ep_1"}) {
		tried += int(d.Attempts)
	}
	if tried != made+1 {
		t.Errorf("%d attempts are used up after %d requests", tried, made+1)
	}

	hook.becomes(status(200))
	w.advance(time.Minute)
	eventually(t, "all delivered", func() bool { return w.count(t, "ep_1", store.Delivered) == 100 })
	if c := w.endpoint(t).Circuit; c != (store.Circuit{}) {
		t.Errorf("after successes: %+v", c)
	}
	w.eventuallyLogs(t, "left alone")
	w.eventuallyLogs(t, "works again")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	hook := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
	w.happen(t, 1, "ep_1")
	run(t, w.deliverer(exampleSecret))
	eventually(t, "told to wait", func() bool { return w.endpoint(t).Circuit.OpenUntil.Equal(w.clock().Add(2 * time.Minute)) })
	hook.becomes(status(200))
	w.advance(2 * time.Minute)
	eventually(t, "delivered", func() bool { return w.count(t, "ep_1", store.Delivered) == 1 })
	if n := len(hook.all()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestWhatAnotherURLSaidDoesNotCount: an answer that comes after somebody has sent an endpoint elsewhere was not the new
// receiver's.
func TestWhatAnotherURLSaidDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	asked, release := make(chan struct{}), make(chan struct{})
	old := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		w.WriteHeader(http.StatusGone)
	})
	fresh := receive(t, status(200))
	w.addEndpoint(t, "ep_1", old.URL, store.WebhookEndpoint)
	w.happen(t, 1, "ep_1")
	run(t, w.deliverer(exampleSecret))
	<-asked
	w.advance(time.Millisecond)
	w.update(t, func(tx store.Conn) error {
		e, err := tx.EndpointForUpdate(t.Context(), "ep_1")
		e.URL, e.UpdatedAt = fresh.URL, w.clock()
		return errors.Join(err, tx.UpdateEndpoint(t.Context(), e))
	})
	close(release)
	eventually(t, "the answer is written", func() bool { return w.only(t).Attempts == 1 })
	if e := w.endpoint(t); !e.Enabled || e.Circuit != (store.Circuit{}) {
		t.Errorf("%+v", e)
	}
	w.advance(time.Minute)
	eventually(t, "delivered to the new receiver", func() bool { return w.count(t, "ep_1", store.Delivered) == 1 })
}

// TestDisabling ends what nobody wants, and what has failed for days. What is on its way stays.
func TestDisabling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		after  time.Duration
		reason string
	}{
		"410 Gone":  {410, 0, "it answered 410 Gone"},
		"five days": {500, 5 * 24 * time.Hour, "nothing could be delivered since"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.SQLite(t))
			hook := receive(t, status(c.status))
			w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
			w.happen(t, 2, "ep_1")
			run(t, w.deliverer(exampleSecret))
			eventually(t, "a failure", func() bool { return w.endpoint(t).Circuit.Failures > 0 })
			w.advance(c.after)
			eventually(t, "disabled", func() bool { return !w.endpoint(t).Enabled })
			if reason := w.endpoint(t).DisabledReason; !strings.HasPrefix(reason, c.reason) {
				t.Errorf("because %q, want %q", reason, c.reason)
			}
			if n := w.count(t, "ep_1", store.Waiting); n != 2 {
				t.Errorf("%d deliveries stay, want 2", n)
			}
			w.eventuallyLogs(t, "endpoint disabled")
		})
	}
}

// TestASlowEndpointHoldsUpNobody fills every place that endpoints share.
func TestASlowEndpointHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	release := make(chan struct{})
	slow := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	fast := receive(t, status(200))
	d := w.deliverer(exampleSecret)
	d.Limits.Shared = 3
	for i := range 5 {
		w.addEndpoint(t, fmt.Sprintf("ep_slow_%d", i), slow.URL, store.WebhookEndpoint)
		w.happen(t, 10, fmt.Sprintf("ep_slow_%d", i))
	}
	run(t, d)
	eventually(t, "all places are taken", func() bool { return len(slow.all()) == 5+d.Limits.Shared })
	w.addEndpoint(t, "ep_fast", fast.URL, store.WebhookEndpoint)
	w.happen(t, 5, "ep_fast")
	eventually(t, "delivered to the fast one", func() bool { return w.count(t, "ep_fast", store.Delivered) == 5 })
	if n := len(slow.all()); n != 5+d.Limits.Shared {
		t.Errorf("%d attempts at a time, want %d", n, 5+d.Limits.Shared)
	}
	close(release)
}

// TestStopping lets an attempt come to its end, and gives it back when it takes too long.
func TestStopping(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grace time.Duration
		want  store.DeliveryStatus
	}{
		"an attempt that ends":           {patience, store.Delivered},
		"an attempt that takes for ever": {0, store.Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.SQLite(t))
			release := make(chan struct{})
			hook := receive(t, func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
			w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
			w.happen(t, 1, "ep_1")
			d := w.deliverer(exampleSecret)
			d.Limits.Grace = c.grace
			stop := run(t, d)
			eventually(t, "an attempt", func() bool { return len(hook.all()) == 1 })
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				stop()
			}()
			if c.grace > 0 {
				close(release)
			}
			<-stopped
			left := w.only(t)
			if left.Status != c.want {
				t.Errorf("%s, want %s", left.Status, c.want)
			}
			if c.grace == 0 && (left.Attempts != 0 || !left.NextAt.Equal(w.clock()) || len(w.attempts(t, left)) != 0) {
				t.Errorf("an attempt that was cut off counts: %+v", left)
			}
		})
	}
}

// TestPush is RFC 8935.
func TestPush(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		body    string
		want    store.DeliveryStatus
		secrets []secret.Text
	}{
		"taken":                       {202, "", store.Delivered, []secret.Text{"Bearer canary"}},
		"taken by another status":     {200, "", store.Delivered, nil},
		"refused for a reason":        {400, `{"err":"invalid_key","description":"x"}`, store.Failed, nil},
		"refused without one":         {400, `nonsense`, store.Waiting, nil},
		"refused by what is no SET's": {403, `{"err":"access_denied"}`, store.Waiting, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.SQLite(t))
			hook := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			w.addEndpoint(t, "ep_1", hook.URL, store.PushEndpoint)
			w.happen(t, 1, "ep_1")
			run(t, w.deliverer(c.secrets...))
			eventually(t, "an attempt", func() bool { return w.only(t).Attempts == 1 })
			d, got := w.only(t), hook.all()[0]
			if d.Status != c.want {
				t.Errorf("%s, want %s", d.Status, c.want)
			}
			if want := "token of " + d.EventID; string(got.body) != want {
				t.Errorf("got %s, want %s", got.body, want)
			}
			for header, want := range map[string]string{"Content-Type": "application/secevent+jwt", "Accept": "application/json", "Webhook-Id": ""} {
				if got.header.Get(header) != want {
					t.Errorf("%s: %q, want %q", header, got.header.Get(header), want)
				}
			}
			if sent := got.header.Get("Authorization"); (sent == "Bearer canary") != (c.secrets != nil) {
				t.Errorf("Authorization: %q", sent)
			}
			if strings.Contains(w.log.String(), "canary") {
				t.Error("the log holds the secret")
			}
			if c.want == store.Failed && !strings.Contains(w.log.String(), "invalid_key") {
				t.Errorf("the log does not say why:\n%s", w.log.String())
			}
		})
	}
}

// TestWhatIsForgottenCannotBeSent does not count against the endpoint.
func TestWhatIsForgottenCannotBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	hook := receive(t, status(200))
	w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
	w.happen(t, 1, "ep_1")
	storetest.Exec(t, w.url, `UPDATE events SET body = NULL`)
	run(t, w.deliverer(exampleSecret))
	eventually(t, "failed", func() bool { return w.count(t, "ep_1", store.Failed) == 1 })
	if len(hook.all()) != 0 || w.endpoint(t).Circuit != (store.Circuit{}) {
		t.Errorf("%d requests, %+v", len(hook.all()), w.endpoint(t).Circuit)
	}
}

// TestADeadNodesDeliveriesComeBack leaves claims behind, as a node does that is killed.
func TestADeadNodesDeliveriesComeBack(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		hook := receive(t, status(200))
		w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
		w.happen(t, 5, "ep_1")
		d := w.deliverer(exampleSecret)
		w.update(t, func(tx store.Conn) error {
			claimed, err := tx.ClaimDeliveries(t.Context(), "ep_1", w.clock(), w.clock().Add(d.Limits.Lease), 3)
			if err == nil && len(claimed) != 3 {
				err = fmt.Errorf("claimed %d", len(claimed))
			}
			return err
		})
		run(t, d)
		eventually(t, "the others are delivered", func() bool { return w.count(t, "ep_1", store.Delivered) == 2 })
		w.advance(d.Limits.Lease)
		eventually(t, "all are delivered", func() bool { return w.count(t, "ep_1", store.Delivered) == 5 })
		if n := len(hook.all()); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
	})
}

// TestTwoNodesSendOnce lets deliverers of one database compete. When nothing fails, nothing is sent twice.
func TestTwoNodesSendOnce(t *testing.T) {
	t.Parallel()
	const events = 300
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		hooks := []*receiver{receive(t, status(200)), receive(t, status(200))}
		w.addEndpoint(t, "ep_0", hooks[0].URL, store.WebhookEndpoint)
		w.addEndpoint(t, "ep_1", hooks[1].URL, store.WebhookEndpoint)
		other := newWorld(t, databaseURL)
		other.now.Store(w.now.Load())
		other.ids.Store(1_000_000)
		run(t, w.deliverer(exampleSecret))
		run(t, other.deliverer(exampleSecret))
		for range events / 50 {
			w.happen(t, 50, "ep_0", "ep_1")
		}
		for i, hook := range hooks {
			endpoint := fmt.Sprintf("ep_%d", i)
			eventually(t, "all delivered", func() bool { return w.count(t, endpoint, store.Delivered) == events })
			times := map[string]int{}
			for _, r := range hook.all() {
				times[r.header.Get("Webhook-Id")]++
			}
			if got := len(hook.all()); got != events || len(times) != events {
				t.Errorf("%d requests about %d events, want %d", got, len(times), events)
			}
		}
	})
}

// TestWhatWasLearntIsWritten lets a receiver answer while nothing can be written. What it answered is neither forgotten,
// so that it is sent again, nor counted twice, although the clock that leases end by stands still.
func TestWhatWasLearntIsWritten(t *testing.T) {
	t.Parallel()
	troubles := map[string]faultproxy.Kind{
		"lost races":                 faultproxy.LostRace,
		"commits that nobody sees":   faultproxy.CutBefore,
		"answers that nobody hears":  faultproxy.CutAfter,
		"connections that are reset": faultproxy.Reset,
	}
	for name, kind := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := storetest.Postgres(t)
			proxy := faultproxy.Start(t, databaseURL)
			w := newWorld(t, proxy.URL())
			hook := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				proxy.Set(func(s faultproxy.Statement) faultproxy.Fault {
					if s.Commits() {
						return faultproxy.Fault{Kind: kind}
					}
					return faultproxy.Fault{}
				})
				w.WriteHeader(http.StatusInternalServerError)
			})
			w.addEndpoint(t, "ep_1", hook.URL, store.WebhookEndpoint)
			w.happen(t, 1, "ep_1")
			deliverer := w.deliverer(exampleSecret)
			deliverer.Limits.OpenAfter = 1
			stop := run(t, deliverer)
			w.eventuallyLogs(t, "cannot write what came of deliveries")
			proxy.Set(nil)
			stop() // when all that was begun is over
			d := w.only(t)
			if want := w.clock().Add(5 * time.Second); !d.NextAt.Equal(want) || d.Attempts != 1 {
				t.Errorf("%d attempts, the next at %v, want 1 and %v", d.Attempts, d.NextAt, want)
			}
			if n := w.endpoint(t).Circuit.Failures; n != 1 || len(hook.all()) != 1 {
				t.Errorf("%d failures after %d requests, want one of each", n, len(hook.all()))
			}
			if told := strings.Count(w.log.String(), "left alone for a while"); told != 1 {
				t.Errorf("the operator was told %d times of the circuit, want once", told)
			}
			if log := w.attempts(t, d); len(log) != 1 {
				t.Errorf("the log has %d attempts, want 1", len(log))
			}
		})
	}
}
