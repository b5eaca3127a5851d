// Package js_test runs the tests of the JavaScript package with those in Go.
package js_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestJavaScript(t *testing.T) {
	if _, err := os.Stat(filepath.Join("node_modules", "@clerk", "backend")); err != nil {
		t.Fatal("the JavaScript clients are not installed: run scripts/test-deps")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node.js is not installed: run scripts/test-deps")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, node, "--test").CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
}
