// Package binary builds the server that the end-to-end tests run.
package binary

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Build compiles cmd/sojourn of the module that the working directory is in, and returns the path of
// the executable, which stands in dir.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	if err := declareSources(root); err != nil {
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

// declareSources looks at everything the server is built from. The go command keeps test results and
// asks again only when a file changed that the test itself looked at; what a child process reads, such
// as this build, it does not see.
func declareSources(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && foreign(entry.Name()) {
			return filepath.SkipDir
		}
		if !slices.Contains([]string{".go", ".sql", ".mod", ".sum", ".yaml", ".json", ".mjs"}, filepath.Ext(path)) {
			return nil
		}
		_, err = os.Stat(path)
		return err
	})
}

func foreign(dir string) bool {
	return strings.HasPrefix(dir, ".") || slices.Contains([]string{"node_modules", "bin", "sojourn-data"}, dir)
}
