// Package e2e tests the built binary from outside, as its users do: official clients, signals, files.
package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/sojourn-auth/sojourn/e2e/internal/binary"
)

var sojourn string // path of the executable under test

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sojourn-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if sojourn, err = binary.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
