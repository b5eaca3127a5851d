package e2e

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// TestBehindAPooler runs two nodes on PgBouncer in transaction mode, with fewer connections to the database than the nodes
// have to it. No LISTEN gets through that: what one node ends, verifiers hear from the other all the same.
func TestBehindAPooler(t *testing.T) {
	if storetest.Engine() != storetest.EnginePostgres {
		t.Skip("a pooler needs PostgreSQL: set TEST_ENGINE=postgres")
	}
	t.Parallel()
	p := newProduction(t, pooled(t, storetest.EmptyPostgres(t)), "SOJOURN_MIGRATE=true", "SOJOURN_ALLOW_CREATE_SESSION=true")
	a, b := p.serve(t), p.serve(t)
	a.awaitReady(t)
	b.awaitReady(t)
	l := listen(t, b.frontend+"/.well-known/jwks.json", p.run(t, "feed", "key"), b.frontend)
	api := a.api()
	var users sync.WaitGroup
	for range 16 {
		user := api.object(t, "POST", "/users", "{}")["id"].(string)
		users.Go(func() {
			for range 5 {
				session := api.object(t, "POST", "/sessions", `{"user_id":"`+user+`"}`)["id"].(string)
				token := api.object(t, "POST", "/sessions/"+session+"/tokens", "")["jwt"].(string)
				l.accepts(t, token)
				api.object(t, "POST", "/sessions/"+session+"/revoke", "")
				l.hears(t, session)
				l.refuses(t, token)
			}
		})
	}
	users.Wait()
}

// pooled puts a PgBouncer before a database, as docs/deploy.md has it, and answers the URL through it.
func pooled(t *testing.T, databaseURL string) string {
	t.Helper()
	direct, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "pgbouncer.ini")
	err = os.WriteFile(settings, fmt.Appendf(nil, `[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout
`, direct.Hostname(), direct.Port(), direct.User.Username(), host, port), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{settings}
	if os.Getuid() == 0 { // which it refuses to be
		args = append(args, "-u", "postgres")
	}
	command := exec.Command(findPgBouncer(t), args...)
	log := &output{}
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Log(tail(log.String()))
		}
	})
	eventually(t, "the pooler is there", func() bool { return strings.Contains(log.String(), "process up") })
	through := *direct
	through.Host = addr
	query := through.Query()
	query.Set("default_query_exec_mode", "exec")
	through.RawQuery = query.Encode()
	return through.String()
}

func findPgBouncer(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // the folder is not on everybody's path
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("PgBouncer is not installed: run scripts/test-deps")
	return ""
}
