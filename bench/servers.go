package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type binary struct{ dir, path string }

func build(ctx context.Context) (binary, error) {
	dir, err := os.MkdirTemp("", "sojourn-bench")
	if err != nil {
		return binary{}, err
	}
	path := filepath.Join(dir, "sojourn")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/sojourn") //nolint:gosec // our own program
	cmd.Stderr = os.Stderr
	return binary{dir: dir, path: path}, cmd.Run()
}

// process is a server that is measured from outside.
type process struct {
	cmd                       *exec.Cmd
	url                       string
	key                       string
	frontend, feedKey, jwtKey string
	ready                     time.Duration // from start to the first good answer of /readyz
	idleMiB                   float64
	total                     int
	dead                      atomic.Int64 // sessions that were revoked already
}

func start(cmd *exec.Cmd) (*process, string, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return &process{cmd: cmd}, strings.TrimSpace(line), err
}

func startBare(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, line, err := start(exec.CommandContext(ctx, self, "-bare")) //nolint:gosec // ourselves
	if err != nil {
		return nil, err
	}
	p.url = line
	return p, nil
}

// startSojourn starts the server on a database with n sessions; its keys go into dir.
func startSojourn(ctx context.Context, bin binary, dir, databaseURL string, n int) (*process, error) {
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, bin.path, "dev", "--json", "--data-dir", dir, "--database-url", databaseURL, "--backend-addr", "127.0.0.1:0", "--frontend-addr", "127.0.0.1:0", "--log-level", "warn") //nolint:gosec // our own program
		cmd.Stderr = os.Stderr
		return cmd
	}
	first, _, err := start(command()) // makes the keys, which is not what a start usually costs
	if err != nil {
		return nil, err
	}
	first.stop()
	began := time.Now()
	p, line, err := start(command())
	if err != nil {
		return nil, err
	}
	var card struct {
		BackendURL string `json:"backend_url"`
		SecretKey  string `json:"secret_key"`
		Frontend   string `json:"frontend_url"`
		FeedKey    string `json:"feed_key"`
		JWTKey     string `json:"jwt_key"`
	}
	if err := json.Unmarshal([]byte(line), &card); err != nil {
		return nil, err
	}
	p.url, p.key, p.total = card.BackendURL, card.SecretKey, n
	p.frontend, p.feedKey, p.jwtKey = card.Frontend, card.FeedKey, card.JWTKey
	res, err := http.Get(p.url + "/readyz") //nolint:noctx // loopback
	if err != nil {
		return nil, err
	}
	p.ready = time.Since(began)
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("not ready: %d, %w", res.StatusCode, err)
	}
	p.idleMiB, err = p.resident()
	return p, err
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// resident is the memory of the process, in MiB.
func (p *process) resident() (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// cpu is the CPU time that the process has used, from its schedstat, in nanoseconds of all its threads.
func (p *process) cpu() (time.Duration, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, task := range tasks {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", p.cmd.Process.Pid, task.Name()))
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
}
