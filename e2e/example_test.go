package e2e

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExampleApp runs the web app of the examples as a newcomer does, and signs up in it.
func TestExampleApp(t *testing.T) {
	t.Parallel()
	onSQLiteOnly(t)
	chromium := findChromium(t)
	s := startIn(t, filepath.Join(t.TempDir(), "data"), addLibraries(t))
	origin := startExample(t, listenerOf(s))
	b := browsing{
		Name: t.Name(), Pages: origin, ProxyURL: relative, PublishableKey: s.PublishableKey, ClerkJS: "6", Mode: testMode,
		BackendURL: s.BackendURL, SecretKey: s.SecretKey, Suffix: cookieSuffix(s.PublishableKey), Chromium: chromium,
	}
	b.run(t, "example")
}

// startExample builds and runs the app, and answers its origin.
func startExample(t *testing.T, frontend string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "webapp")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../examples/webapp").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	command := exec.CommandContext(t.Context(), program, "-addr", "localhost:0", "-frontend", frontend)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the context of the test has killed it
	line, err := bufio.NewReader(stdout).ReadString('\n')
	origin, found := strings.CutPrefix(strings.TrimSpace(line), "Open ")
	if err != nil || !found {
		t.Fatalf("the app printed %q: %v", line, err)
	}
	return origin
}
