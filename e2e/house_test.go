package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSecondStartFindsTheSameKeys(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	// The publishable key and the issuer name this URL, which would otherwise have another port each time.
	const public = "SOJOURN_FRONTEND_URL=http://sojourn.test:4001"
	first := startIn(t, dir, public)
	first.stop(t)
	second := startIn(t, dir, public)
	for name, pair := range map[string][2]string{
		"secret key":      {first.SecretKey, second.SecretKey},
		"publishable key": {first.PublishableKey, second.PublishableKey},
		"instance id":     {first.InstanceID, second.InstanceID},
		"JWT key":         {first.JWTKey, second.JWTKey},
		"frontend URL":    {first.FrontendURL, second.FrontendURL},
	} {
		if pair[0] == "" || pair[0] != pair[1] {
			t.Errorf("%s: %q, then %q", name, pair[0], pair[1])
		}
	}
}

func TestAnnouncement(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, c := range map[string]struct{ value, prefix string }{
		"secret key":      {s.SecretKey, "sk_test_"},
		"publishable key": {s.PublishableKey, "pk_test_"},
		"instance id":     {s.InstanceID, "ins_"},
		"JWT key":         {s.JWTKey, "-----BEGIN PUBLIC KEY-----\n"},
		"backend URL":     {s.BackendURL, "http://127.0.0.1:"},
		"frontend URL":    {s.FrontendURL, "http://127.0.0.1:"},
		"JWKS URL":        {s.JWKSURL, s.FrontendURL + "/.well-known/jwks.json"},
	} {
		if !strings.HasPrefix(c.value, c.prefix) {
			t.Errorf("%s is %q, want it to start with %q", name, c.value, c.prefix)
		}
	}
	env := strings.Join(s.Env, "\n")
	for _, line := range []string{"CLERK_SECRET_KEY=" + s.SecretKey, "CLERK_API_URL=" + s.BackendURL, "CLERK_PUBLISHABLE_KEY=" + s.PublishableKey} {
		if !strings.Contains(env, line) {
			t.Errorf("no %s in\n%s", strings.SplitN(line, "=", 2)[0], env)
		}
	}
}

// TestDevPrintsWhatToPaste reads what a person sees.
func TestDevPrintsWhatToPaste(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), sojourn, "dev")
	command.Env = append(cleanEnv(), "SOJOURN_DATA_DIR="+filepath.Join(t.TempDir(), "data"),
		"SOJOURN_BACKEND_ADDR=127.0.0.1:0", "SOJOURN_FRONTEND_ADDR=127.0.0.1:0")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.HasPrefix(lines.Text(), "Stop with"); {
		printed.WriteString(lines.Text() + "\n")
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
	for _, pattern := range []string{
		`Secret key +sk_test_\S+`, `Publishable key +pk_test_\S+`, `(?m)^ +CLERK_SECRET_KEY=sk_test_\S+$`,
		`(?m)^ +CLERK_API_URL=http://127\.0\.0\.1:\d+$`, `(?s)curl .*http://127\.0\.0\.1:\d+/v1/`,
	} {
		if !regexp.MustCompile(pattern).MatchString(printed.String()) {
			t.Errorf("nothing like %s in\n%s", pattern, printed.String())
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, listener := range []string{s.BackendURL, s.FrontendURL} {
		for _, path := range []string{"/healthz", "/readyz"} {
			eventually(t, listener+path+" says that all is well", func() bool { // readyz gives the database two seconds
				status, _ := get(t, listener+path)
				return status == http.StatusOK
			})
		}
	}
}

// TestDataDirectory guards what a thief of the database file, or another user of the machine, may learn.
func TestDataDirectory(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := raw{server: s, key: s.SecretKey}
	mine, _ := api.newSession(t)
	api.object(t, "POST", "/sessions/"+mine+"/tokens", "")

	wantMode(t, s.DataDir, fs.ModeDir|0o700)
	keyFiles := 0
	for _, file := range regularFiles(t, s.DataDir) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".key") {
			wantMode(t, file, 0o600)
		}
		if strings.TrimSpace(string(content)) == s.SecretKey {
			keyFiles++
			continue
		}
		wantNoSecrets(t, s, file, content)
	}
	if keyFiles != 1 {
		t.Errorf("%d files hold the secret key, want one", keyFiles)
	}

	s.stop(t) // the write-ahead log has moved into the database file
	for _, file := range regularFiles(t, s.DataDir) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(content, []byte("SQLite format 3")) {
			wantNoSecrets(t, s, file, content)
		}
	}
}

// wantNoSecrets looks for the secret key, and for what every unencrypted form of an RSA private key has.
func wantNoSecrets(t *testing.T, s *server, file string, content []byte) {
	t.Helper()
	for name, trace := range map[string]string{
		"the secret key":                 s.SecretKey,
		"the random part of it":          strings.TrimPrefix(s.SecretKey, "sk_test_"),
		"a private key in PEM":           "PRIVATE KEY",
		"a private key in DER":           "\x02\x01\x00\x02\x82\x01\x01\x00", // RFC 8017 A.1.2: version 0, then the modulus
		"a PKCS #8 key in base64":        "MIIEv",
		"a PKCS #1 key in base64":        "MIIEp",
		"a private key as a JSON object": `"d":"`,
	} {
		if bytes.Contains(content, []byte(trace)) {
			t.Errorf("%s contains %s", filepath.Base(file), name)
		}
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), info.Mode(), want)
	}
}

func regularFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestShutdownFinishesRequests tells the server to stop while a request is half sent.
func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	address := strings.TrimPrefix(s.BackendURL, "http://")
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const body = `{"first_name":"Late"}`
	fmt.Fprintf(connection, "POST /v1/users HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, s.SecretKey, len(body))
	reader := bufio.NewReader(connection)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v; want 100 Continue, which says that the request is being handled", line, err)
	}
	if _, err := reader.ReadString('\n'); err != nil { // the empty line after it
		t.Fatal(err)
	}

	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new connections are refused", func() bool {
		probe, err := net.Dial("tcp", address)
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(connection, body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var user map[string]any
	if err := json.NewDecoder(response.Body).Decode(&user); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v, %v; want the user", response.StatusCode, user, err)
	}
	if user["first_name"] != "Late" {
		t.Errorf("got %v", user)
	}
}
