package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// patience bounds every wait in these tests. It is long because CI machines are slow, and never used up
// when things work.
const patience = 2 * time.Minute

// server is a running `sojourn dev`, described by what it printed.
type server struct {
	BackendURL     string   `json:"backend_url"`
	FrontendURL    string   `json:"frontend_url"`
	ProxyURL       string   `json:"proxy_url"`
	SecretKey      string   `json:"secret_key"`
	PublishableKey string   `json:"publishable_key"`
	InstanceID     string   `json:"instance_id"`
	JWKSURL        string   `json:"jwks_url"`
	JWTKey         string   `json:"jwt_key"`
	FeedKey        string   `json:"feed_key"`
	DataDir        string   `json:"data_dir"`
	Env            []string `json:"env"`

	database []string // the setting that names the database, none for the embedded one
	command  *exec.Cmd
	stderr   output
	surplus  string        // what came on standard output after the description; set once exited is closed
	exited   chan struct{} // closed once the process is gone and its output read
	once     sync.Once
}

// output collects what a process writes, and may be read meanwhile.
type output struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.String()
}

// start runs `sojourn dev` in a data directory of its own until the test ends.
func start(t *testing.T) *server {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), "data"))
}

// startIn runs `sojourn dev` in dir, with more settings as NAME=value. When the test ends the server is
// told to stop, must do so with exit code 0, and must not have logged its keys.
func startIn(t *testing.T, dir string, settings ...string) *server {
	t.Helper()
	s := &server{exited: make(chan struct{}), command: exec.Command(sojourn, "dev", "--json"), database: databaseOf(t, dir)}
	s.command.Dir = t.TempDir()
	s.command.Env = append(cleanEnv(),
		"SOJOURN_DATA_DIR="+dir, "SOJOURN_BACKEND_ADDR=127.0.0.1:0", "SOJOURN_FRONTEND_ADDR=127.0.0.1:0",
		"SOJOURN_LOG_LEVEL=debug") // every request is logged, so that a secret in one would show
	s.command.Env = append(append(s.command.Env, s.database...), settings...)
	s.command.Stderr = &s.stderr
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })

	announced, surplus := make(chan error, 1), make(chan []byte, 1)
	go func() {
		decoder := json.NewDecoder(stdout)
		announced <- decoder.Decode(s)
		rest, _ := io.ReadAll(io.MultiReader(decoder.Buffered(), stdout))
		surplus <- rest
	}()
	go func() {
		defer close(s.exited)
		s.surplus = string(bytes.TrimSpace(<-surplus))
		_ = s.command.Wait() // ProcessState says all of it
	}()

	select {
	case err := <-announced:
		if err != nil {
			t.Fatalf("sojourn dev printed no JSON object: %v\n%s", err, s.stderr.String())
		}
	case <-time.After(patience):
		t.Fatalf("sojourn dev is not ready after %v\n%s", patience, s.stderr.String())
	}
	return s
}

// databases are the PostgreSQL databases of data directories: a server that starts again finds its own.
var databases sync.Map

// databaseOf is the setting that puts the data of a directory on the engine that TEST_ENGINE names: nothing for
// SQLite, whose database is in the directory itself.
func databaseOf(t *testing.T, dir string) []string {
	t.Helper()
	if storetest.Engine() == storetest.EngineSQLite {
		return nil
	}
	if known, ok := databases.Load(dir); ok {
		return []string{known.(string)}
	}
	setting := "SOJOURN_DATABASE_URL=" + storetest.EmptyPostgres(t)
	databases.Store(dir, setting)
	return []string{setting}
}

// cleanEnv is the environment without settings of this server.
func cleanEnv() []string {
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "SOJOURN_") {
			env = append(env, setting)
		}
	}
	return env
}

// stop asks the server to stop and waits for it. A second call does nothing.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.once.Do(func() {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		s.wait(t)
		if code := s.command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d after SIGTERM (%v), want 0", code, s.command.ProcessState)
		}
		s.checkLog(t)
	})
}

// kill ends the server as a crash would: no signal handler runs, nothing is flushed.
func (s *server) kill(t *testing.T) {
	t.Helper()
	s.once.Do(func() {
		_ = s.command.Process.Kill()
		s.wait(t)
		s.checkLog(t)
	})
}

func (s *server) wait(t *testing.T) {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.command.Process.Kill()
		<-s.exited
		t.Errorf("the server did not stop within %v", patience)
	}
}

// tokenText finds JWTs and what begins like one: the JSON of a header in base64. Random ids may hold its three letters too.
var tokenText = regexp.MustCompile(`\beyJ|eyJ[\w-]+\.eyJ`)

// checkLog shows the log of a failed test, and fails a test whose log tells secrets.
func (s *server) checkLog(t *testing.T) {
	t.Helper()
	log := s.stderr.String()
	for name, secret := range map[string]string{
		"the secret key":   s.SecretKey,
		"the feed key":     s.FeedKey,
		"the master key":   s.masterKey(),
		"a private key":    "PRIVATE KEY",
		"a webhook secret": "whsec_",
	} {
		if secret != "" && strings.Contains(log, secret) {
			t.Errorf("the log contains %s", name)
		}
	}
	if tokenText.MatchString(log) {
		t.Error("the log contains a token")
	}
	if s.surplus != "" {
		t.Errorf("standard output is for one object, but then came %q", s.surplus)
	}
	if t.Failed() {
		t.Logf("log of the server:\n%s", tail(log))
	}
}

// masterKey is the key that dev keeps, or "" when it never came to that.
func (s *server) masterKey() string {
	key, _ := os.ReadFile(filepath.Join(s.DataDir, "master.key"))
	return strings.TrimSpace(string(key))
}

func tail(log string) string {
	const most = 16 << 10
	if len(log) <= most {
		return log
	}
	return "… " + log[len(log)-most:]
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	within(t, patience, what, holds)
}

func within(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("still not after %v: %s", patience, what)
		}
	}
}

// get fetches a URL that needs no key.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}
