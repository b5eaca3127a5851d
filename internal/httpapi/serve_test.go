package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/faultproxy"
	"github.com/sojourn-auth/sojourn/internal/httpapi"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// start is when every test begins. Its clock stands still until the test moves it.
var start = time.Date(2026, 6, 1, 12, 0, 0, 123_000_000, time.UTC)

const (
	secretKey = "sk_test_canaryKeyThatNoLogMayHold0000000000000000"
	issuer    = "https://clerk.sojourn.test"
)

var (
	bg     = context.Background() // of what outlives a test's own context
	master = secret.NewMasterKey()
)

// clock is a clock that only the test moves.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()).UTC() }

func (c *clock) advance(by time.Duration) { c.ms.Add(by.Milliseconds()) }

// world is a whole server on a real database, on the engine that TEST_ENGINE names. Every answer it gives is held against the API descriptions.
type world struct {
	app      *app.App
	clock    *clock
	log      *logBuffer
	database string            // URL
	names    map[string]string // what {name} in paths and bodies stands for
	version  string            // of requests that name none; "" sends none
	handler  http.Handler
	backend  *httptest.Server
	frontend *httptest.Server
	table    digester
	working  []func(context.Context) // workers that run while it serves
}

// logBuffer collects the server's log.
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

func TestMain(m *testing.M) { storetest.Main(m) }

// emptyDatabase is a database with an instance and nothing else. Making one costs an RSA key, so tests copy it.
var emptyDatabase = sync.OnceValues(func() (*storetest.Template, error) {
	return makeDatabase(nil, func(*world) error { return nil })
})

// makeDatabase is a database after fill.
func makeDatabase(from *storetest.Template, fill func(*world) error) (*storetest.Template, error) {
	return storetest.MakeTemplate(from, func(databaseURL string) error {
		if from == nil {
			if err := newInstance(databaseURL); err != nil {
				return err
			}
		}
		w, err := openWorld(databaseURL)
		if err != nil {
			return err
		}
		return errors.Join(fill(w), w.app.Store.Close())
	})
}

// newInstance makes an instance in an empty database.
func newInstance(databaseURL string) error {
	if _, err := store.Migrate(bg, databaseURL); err != nil {
		return err
	}
	w, err := newWorld(databaseURL)
	if err != nil {
		return err
	}
	_, err = w.app.Create(bg)
	return errors.Join(err, w.app.SetSecretKey(bg, secretKey), w.app.Store.Close())
}

// openWorld opens a database that has an instance.
func openWorld(databaseURL string) (*world, error) {
	w, err := newWorld(databaseURL)
	if err != nil {
		return nil, err
	}
	return w, w.app.Load(bg)
}

func newWorld(databaseURL string) (*world, error) {
	w := &world{clock: &clock{}, log: &logBuffer{}, database: databaseURL, names: map[string]string{}}
	w.clock.ms.Store(start.UnixMilli())
	db, err := store.Open(bg, databaseURL)
	if err != nil {
		return nil, err
	}
	w.app = &app.App{
		Store: db, Master: master, Now: w.clock.now, NewID: app.NewID,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Settings: app.Settings{
			Environment: app.Development, Issuer: issuer,
			Lifetimes: session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon},
			Retention: 30 * 24 * time.Hour, EventRetention: 60 * 24 * time.Hour, WebhookRetention: 7 * 24 * time.Hour, TokenLifetime: time.Minute, ClaimsVersion: 2, PasswordMin: 8, MaxAttempts: 10,
		},
	}
	w.app.Feed = w.app.NewFeed()
	return w, nil
}

// serve starts a server whose instance is new.
func serve(t testing.TB, options ...func(*world)) *world {
	t.Helper()
	template, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return startWorld(t, template, options)
}

// servePeopled starts a server with the people of people_test.go.
func servePeopled(t testing.TB, options ...func(*world)) *world {
	t.Helper()
	p, err := peopled()
	if err != nil {
		t.Fatal(err)
	}
	begin := func(w *world) {
		w.names = maps.Clone(p.names)
		w.clock.advance(10 * time.Second) // making the people took some
	}
	return startWorld(t, p.template, append([]func(*world){begin}, options...))
}

func startWorld(t testing.TB, template *storetest.Template, options []func(*world)) *world {
	t.Helper()
	w, err := openWorld(template.Copy(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range options {
		option(w)
	}
	w.serve(t)
	return w
}

// serve answers requests until the test ends.
func (w *world) serve(t testing.TB) {
	t.Helper()
	uncounted := w.uncounted(t)
	w.handler = httpapi.Backend(w.app)
	working, stop := context.WithCancel(bg)
	var workers sync.WaitGroup
	for _, work := range w.working {
		workers.Go(func() { work(working) })
	}
	w.backend = httptest.NewServer(w.handler)
	w.frontend = httptest.NewServer(httpapi.Frontend(w.app))
	t.Cleanup(func() {
		w.backend.Close()
		w.frontend.Close()
		stop()
		workers.Wait()
		w.table.close(t)
		w.checkEvents(t, uncounted)
		if err := w.app.Store.Close(); err != nil {
			t.Error(err)
		}
		w.checkLog(t)
	})
}

// behindProxy puts a proxy between a world and its PostgreSQL.
func (w *world) behindProxy(t testing.TB) *faultproxy.Proxy {
	t.Helper()
	proxy := faultproxy.Start(t, w.database)
	direct := w.app.Store
	db, err := store.Open(bg, proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	w.app.Store = db
	if err := direct.Close(); err != nil {
		t.Fatal(err)
	}
	return proxy
}

// request is what a test sends. A header "-" is not sent.
type request struct {
	method, path, body string
	header             map[string]string
	public             bool // to the public listener
}

// answer is what came back.
type answer struct {
	request
	version string
	status  int
	header  http.Header
	body    []byte
}

// send sends a request and holds the answer against the API descriptions.
func (w *world) send(t testing.TB, r request) answer {
	t.Helper()
	a, err := w.trySend(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	judge(t, a)
	return a
}

// trySend is for goroutines, which cannot fail a test: judge the answer later.
func (w *world) trySend(r request) (answer, error) {
	server := w.backend
	if r.public {
		server = w.frontend
	}
	r.path, r.body = w.fill(r.path), w.fill(r.body)
	req, err := http.NewRequestWithContext(bg, r.method, server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	header := map[string]string{"Content-Type": "application/json", "Clerk-API-Version": w.version}
	if !r.public {
		header["Authorization"] = "Bearer " + secretKey
	}
	maps.Copy(header, r.header)
	for name, value := range header {
		if value != "-" && value != "" {
			req.Header.Set(name, w.fill(value))
		}
	}
	res, err := server.Client().Transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{request: r, version: req.Header.Get("Clerk-API-Version"), status: res.StatusCode, header: res.Header, body: body}, err
}

var placeholder = regexp.MustCompile(`\{[a-z_.]+\}`)

// fill puts the ids of the world in the place of their {names}.
func (w *world) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return placeholder.ReplaceAllStringFunc(s, func(name string) string {
		if value, ok := w.names[name[1:len(name)-1]]; ok {
			return value
		}
		return name
	})
}

func (w *world) get(t testing.TB, path string) answer {
	t.Helper()
	return w.send(t, request{method: http.MethodGet, path: path})
}

func (w *world) post(t testing.TB, path, body string) answer {
	t.Helper()
	return w.send(t, request{method: http.MethodPost, path: path, body: body})
}

// ok fails the test unless the answer is 200, and reads it.
func ok[T any](t testing.TB, a answer) T {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: %d, want 200: %s", a.method, a.path, a.status, a.body)
	}
	return read[T](t, a)
}

func read[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s %s: %v in %s", a.method, a.path, err, a.body)
	}
	return v
}

// errorOf is the first error of an answer, in short.
func errorOf(a answer) (code, param string) {
	var envelope struct {
		Errors []struct {
			Code string
			Meta struct {
				ParamName string `json:"param_name"`
			}
		}
	}
	if json.Unmarshal(a.body, &envelope) != nil || len(envelope.Errors) == 0 {
		return "", ""
	}
	return envelope.Errors[0].Code, envelope.Errors[0].Meta.ParamName
}

func (a answer) String() string {
	return fmt.Sprintf("%s %s (version %q, body %.200s): %d %.500s", a.method, a.path, a.version, a.request.body, a.status, a.body)
}

// reopened is the database of a world whose own one was closed.
func reopened(t testing.TB, w *world) *store.DB {
	t.Helper()
	db, err := store.Open(bg, w.database)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
