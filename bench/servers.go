package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
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
	cmd     *exec.Cmd
	url     string
	key     string
	ready   time.Duration // from start to the first good answer of /readyz
	idleMiB float64
	total   int
	dead    atomic.Int64 // sessions that were revoked already
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

const perUser = 10 // sessions

// startSojourn fills a database with n sessions, and starts the server on it.
func startSojourn(ctx context.Context, bin binary, n int) (*process, error) {
	dir := filepath.Join(bin.dir, fmt.Sprintf("data-%d", n))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := fill(ctx, "sqlite:"+filepath.Join(dir, "sojourn.db"), n); err != nil {
		return nil, err
	}
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, bin.path, "dev", "--json", "--data-dir", dir, "--backend-addr", "127.0.0.1:0", "--frontend-addr", "127.0.0.1:0", "--log-level", "warn") //nolint:gosec // our own program
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
	}
	if err := json.Unmarshal([]byte(line), &card); err != nil {
		return nil, err
	}
	p.url, p.key, p.total = card.BackendURL, card.SecretKey, n
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

func sessionID(i int) string { return fmt.Sprintf("sess_%027d", i) }
func userID(i int) string    { return fmt.Sprintf("user_%027d", i) }

// session is a random session of the first half; the second half is there to be revoked.
func (p *process) session(int) string { return sessionID(rand.IntN(p.total / 2)) } //nolint:gosec // no secret

// doomed is a session that has not been revoked yet, as long as there are any.
func (p *process) doomed() string {
	return sessionID(p.total - 1 - int(p.dead.Add(1))%(p.total/2))
}

func (p *process) user(int) string { return userID(rand.IntN(p.total / 2 / perUser)) } //nolint:gosec // no secret

// fill writes n sessions, perUser for each user, in large transactions.
func fill(ctx context.Context, url string, n int) error {
	if _, err := store.Migrate(ctx, url); err != nil {
		return err
	}
	db, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	const batch = 10_000
	began := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	lifetimes := session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon}
	for from := 0; from < n && err == nil; from += batch {
		err = db.Update(ctx, func(tx store.Conn) error {
			for i := from; i < min(n, from+batch); i++ {
				if i%perUser == 0 {
					user := store.User{ID: userID(i / perUser), CreatedAt: began, UpdatedAt: began, PublicMetadata: []byte("{}"), PrivateMetadata: []byte("{}"), UnsafeMetadata: []byte("{}")}
					if err := tx.InsertUser(ctx, user); err != nil {
						return err
					}
				}
				// The sessions of a user are spread over the table, as they are in life.
				s := session.New(sessionID(i), userID(i%(n/perUser)), fmt.Sprintf("client_%027d", i), began.Add(time.Duration(i)*time.Millisecond), lifetimes)
				if err := tx.InsertSession(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return errors.Join(err, db.Close())
}
