// Package binary builds the server that the end-to-end tests run.
package binary

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles cmd/sojourn of the module that the working directory is in, and returns the path of
// the executable, which stands in dir.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sojourn")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/sojourn") //nolint:gosec // path is the caller's own directory
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/sojourn: %w\n%s", err, out)
	}
	return path, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
