package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// production is the setting that production servers need, but for the addresses.
type production struct {
	key string // the secret key
	env []string
}

// newProduction are the settings of an instance that is still to be made.
func newProduction(t *testing.T, databaseURL string, settings ...string) production {
	t.Helper()
	p := production{key: "sk_live_0123456789abcdefghijklmnop"}
	p.env = append(cleanEnv(),
		"SOJOURN_DATA_DIR="+t.TempDir(), "SOJOURN_DATABASE_URL="+databaseURL,
		"SOJOURN_MASTER_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "SOJOURN_SECRET_KEY="+p.key,
		"SOJOURN_FRONTEND_URL=https://clerk.example.com/")
	p.env = append(p.env, settings...)
	return p
}

// run runs a command of the program to its end, and answers what it printed.
func (p production) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.command(args...).Output()
	if err != nil {
		t.Fatalf("sojourn %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func (p production) command(args ...string) *exec.Cmd {
	command := exec.Command(sojourn, args...)
	command.Env = p.env
	return command
}

// node is a running `sojourn serve`.
type node struct {
	production
	backend, frontend string // URLs
	command           *exec.Cmd
	log               *output
	exited            chan struct{}
}

// serve starts a node, which stops when the test ends, and must do so with exit code 0.
func (p production) serve(t *testing.T) *node {
	t.Helper()
	backend, frontend := freeAddr(t), freeAddr(t)
	n := &node{production: p, backend: "http://" + backend, frontend: "http://" + frontend, log: &output{}}
	n.env = append(append([]string{}, p.env...), "SOJOURN_BACKEND_ADDR="+backend, "SOJOURN_FRONTEND_ADDR="+frontend)
	n.start(t)
	t.Cleanup(func() {
		n.stop(t, syscall.SIGTERM)
		if code := n.command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("serve: exit code %d\n%s", code, tail(n.log.String()))
		}
		if strings.Contains(n.log.String(), n.key) {
			t.Error("the log holds the secret key")
		}
	})
	return n
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.command = exec.Command(sojourn, "serve")
	n.command.Env, n.command.Stderr, n.exited = n.env, n.log, make(chan struct{})
	if err := n.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func(command *exec.Cmd, exited chan struct{}) {
		_ = command.Wait() // ProcessState says all of it
		close(exited)
	}(n.command, n.exited)
}

func (n *node) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	_ = n.command.Process.Signal(signal)
	<-n.exited
}

// awaitReady waits until the node takes requests.
func (n *node) awaitReady(t *testing.T) {
	t.Helper()
	eventually(t, "the node is ready", func() bool {
		select {
		case <-n.exited:
			t.Fatalf("serve stopped: %v\n%s", n.command.ProcessState, tail(n.log.String()))
		default:
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(n.frontend, "http://"))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// api is a client of the node's Backend API.
func (n *node) api() raw { return raw{server: &server{BackendURL: n.backend}, key: n.key} }

// emptyDatabase names a database without a schema, on the engine that TEST_ENGINE names.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	if storetest.Engine() == storetest.EnginePostgres {
		return storetest.EmptyPostgres(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "live.db")
}

// freeAddr is a loopback address that was free a moment ago. serve takes its addresses from the operator, so these
// tests cannot let the system choose them as it does elsewhere. It would choose from the ports that it also gives to
// outgoing connections, and one of those could take the port before the server does, or while it restarts; these are
// below them.
func freeAddr(t *testing.T) string {
	t.Helper()
	const first, ports, tries = 10_000, 20_000, 100
	for range tries {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports)))
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		return ln.Addr().String()
	}
	t.Fatalf("no free port after %d tries", tries)
	return ""
}
