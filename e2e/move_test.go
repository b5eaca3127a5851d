package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// TestMove takes a server's data to the other engine while tokens are out, and goes on there.
func TestMove(t *testing.T) {
	t.Parallel()
	first := start(t)
	api := raw{server: first, key: first.SecretKey}
	sessionID, userID := api.newSession(t)
	token := api.object(t, "POST", "/sessions/"+sessionID+"/tokens", `{"expires_in_seconds":3600}`)["jwt"].(string)
	api.object(t, "PATCH", "/users/"+userID, `{"password":"correct horse battery staple"}`)
	file := filepath.Join(t.TempDir(), "export.jsonl")
	first.tool(t, "export", "--output", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export is %v, %v: want it for its owner only", info.Mode(), err)
	}
	first.stop(t)

	home := newHome(t, first, otherEngine(t)...)
	home.run(t, "import", file)
	second := startIn(t, home.dir, home.database...)
	if second.SecretKey != first.SecretKey || second.InstanceID != first.InstanceID || second.JWTKey != first.JWTKey {
		t.Error("other keys after the move")
	}
	verifiedOf(t, second, first.FrontendURL, token)
	api = raw{server: second, key: second.SecretKey}
	if minted := api.object(t, "POST", "/sessions/"+sessionID+"/tokens", "")["jwt"].(string); kid(t, minted) != kid(t, token) {
		t.Error("the session's tokens have another key after the move")
	}
	verified := api.object(t, "POST", "/users/"+userID+"/verify_password", `{"password":"correct horse battery staple"}`)
	if verified["verified"] != true {
		t.Errorf("the password: %v", verified)
	}
	a := api.call(t, "GET", "/sessions/"+sessionID, "")
	if a.status != http.StatusOK {
		t.Errorf("the session: status %d", a.status)
	}
}

// TestMoveKilled kills the importing program in the middle, again and again, and compares with the origin.
func TestMoveKilled(t *testing.T) {
	t.Parallel()
	first := start(t)
	raw{server: first, key: first.SecretKey}.newSession(t)
	small := first.tool(t, "export")
	first.stop(t)
	export := manySessions(t, small, 20_000)
	file := filepath.Join(t.TempDir(), "export.jsonl")
	if err := os.WriteFile(file, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}

	home := newHome(t, first, otherEngine(t)...)
	for range 4 {
		// More than a pipe holds, so that the program has begun.
		home.kill(t, strings.NewReader(export[:len(export)/8+rand.IntN(len(export)*7/8)]), "import", "-")
		command, log := home.command(t, "serve", "--frontend-url", "https://clerk.example.com")
		if err := command.Run(); err == nil || !strings.Contains(log.String(), "sojourn import") {
			t.Fatalf("serve on half an import: %v\n%s", err, log.String())
		}
		command, log = home.command(t, "migrate")
		if err := command.Run(); err == nil || !strings.Contains(log.String(), "sojourn import") {
			t.Fatalf("migrate on half an import: %v\n%s", err, log.String())
		}
	}
	home.run(t, "import", file)
	_, got, _ := strings.Cut(home.run(t, "export"), "\n")
	if _, want, _ := strings.Cut(export, "\n"); got != want { // the headers differ by their moment
		t.Error("the instance is not the one that was exported")
	}
}

// manySessions makes an export with n times the session of one.
func manySessions(t *testing.T, export string, n int) string {
	t.Helper()
	lines := strings.SplitAfter(export, "\n")
	var one struct{ Row struct{ ID string } }
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, `{"table":"sessions"`) })
	if at < 0 {
		t.Fatalf("no session in %s", export)
	}
	if err := json.Unmarshal([]byte(lines[at]), &one); err != nil || !strings.HasPrefix(one.Row.ID, "sess_") {
		t.Fatalf("no session: %v: %s", err, lines[at])
	}
	var last struct {
		End struct {
			Rows map[string]int `json:"rows"`
			Sum  string         `json:"sha256"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-2]), &last); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(strings.Join(lines[1:at], ""))
	for i := range n {
		b.WriteString(strings.Replace(lines[at], one.Row.ID, fmt.Sprintf("sess_%027d", i), 1))
	}
	b.WriteString(strings.Join(lines[at+1:len(lines)-2], ""))
	sum := sha256.Sum256(b.Bytes())
	last.End.Rows["sessions"], last.End.Sum = n, hex.EncodeToString(sum[:])
	end, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	return lines[0] + b.String() + string(end) + "\n"
}

// otherEngine is the setting of a database of the engine that TEST_ENGINE does not name, where there is one.
func otherEngine(t *testing.T) []string {
	t.Helper()
	if storetest.Engine() == storetest.EnginePostgres {
		return []string{"SOJOURN_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "moved.db")}
	}
	if os.Getenv("TEST_POSTGRES") == "" {
		return nil
	}
	return []string{"SOJOURN_DATABASE_URL=" + storetest.EmptyPostgres(t)}
}

// home is a data directory with the keys of a server and nothing else.
type home struct {
	dir      string
	database []string
}

func newHome(t *testing.T, of *server, database ...string) home {
	t.Helper()
	h := home{dir: t.TempDir(), database: database}
	keys, err := filepath.Glob(filepath.Join(of.DataDir, "*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys: %v, %v", keys, err)
	}
	for _, key := range keys {
		content, err := os.ReadFile(key)
		if err == nil {
			err = os.WriteFile(filepath.Join(h.dir, filepath.Base(key)), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h home) command(t *testing.T, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	command, log := exec.CommandContext(t.Context(), sojourn, args...), &output{}
	command.Env = append(append(cleanEnv(), "SOJOURN_DATA_DIR="+h.dir), h.database...)
	command.Stderr = log
	return command, log
}

func (h home) run(t *testing.T, args ...string) string {
	t.Helper()
	command, log := h.command(t, args...)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("sojourn %s: %v\n%s", args[0], err, log.String())
	}
	return string(out)
}

// kill ends a command with SIGKILL when it has taken all of stdin, which does not end for it.
func (h home) kill(t *testing.T, stdin io.Reader, args ...string) {
	t.Helper()
	command, log := h.command(t, args...)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(in, stdin); err != nil {
		t.Errorf("sojourn %s ended by itself: %s", args[0], log.String())
	}
	_ = command.Process.Kill()
	_ = command.Wait() // killed
}
