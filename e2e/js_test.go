package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestJavaScriptSDK drives the server through npm's @clerk/backend, unmodified. Each script prints one
// line for each step it has passed.
func TestJavaScriptSDK(t *testing.T) {
	for name, script := range map[string]string{"current": "life.mjs", "1.x": "life-old.mjs", "revocations": "revocations.mjs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScript(t, start(t), script)
		})
	}
}

func runScript(t *testing.T, s *server, script string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("js", "node_modules", "@clerk", "backend")); err != nil {
		t.Fatal("the JavaScript clients are not installed: run scripts/test-deps")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node.js is not installed: run scripts/test-deps")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node, script)
	command.Dir = "js"
	command.Env = append(cleanEnv(),
		"CLERK_TELEMETRY_DISABLED=1",
		"SOJOURN_BACKEND_URL="+s.BackendURL,
		"SOJOURN_FRONTEND_URL="+s.FrontendURL,
		"SOJOURN_PROXY_URL="+s.ProxyURL,
		"SOJOURN_SECRET_KEY="+s.SecretKey,
		"SOJOURN_PUBLISHABLE_KEY="+s.PublishableKey,
		"SOJOURN_INSTANCE_ID="+s.InstanceID,
		"SOJOURN_JWT_KEY="+s.JWTKey,
		"SOJOURN_FEED_KEY="+s.FeedKey,
	)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	t.Logf("node %s:\n%s", script, out)
}
