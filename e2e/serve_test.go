package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// TestServe runs a production server from nothing: migrate, serve, and the life of a session with what differs there.
func TestServe(t *testing.T) {
	const key = "sk_live_0123456789abcdefghijklmnop"
	backend, frontend := freeAddr(t), freeAddr(t)
	env := append(cleanEnv(),
		"SOJOURN_DATA_DIR="+t.TempDir(), "SOJOURN_DATABASE_URL="+emptyDatabase(t),
		"SOJOURN_MASTER_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "SOJOURN_SECRET_KEY="+key,
		"SOJOURN_FRONTEND_URL=https://clerk.example.com/", "SOJOURN_BACKEND_ADDR="+backend, "SOJOURN_FRONTEND_ADDR="+frontend)
	migrate := exec.Command(sojourn, "migrate")
	migrate.Env = env
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}

	var log output
	serve := exec.Command(sojourn, "serve")
	serve.Env, serve.Stderr = env, &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- serve.Wait() }()
	t.Cleanup(func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		if err := <-exited; err != nil {
			t.Errorf("serve: %v\n%s", err, log.String())
		}
		if strings.Contains(log.String(), key) {
			t.Error("the log holds the secret key")
		}
	})
	eventually(t, "the server is ready", func() bool {
		conn, err := net.Dial("tcp", frontend)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	if status, body := get(t, "http://"+backend+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}

	api := raw{server: &server{BackendURL: "http://" + backend}, key: key}
	if env := api.object(t, "GET", "/instance", "")["environment_type"]; env != "production" {
		t.Errorf("environment %v", env)
	}
	user := api.object(t, "POST", "/users", `{}`)["id"].(string)
	wantError(t, api.call(t, "POST", "/sessions", `{"user_id":"`+user+`"}`), 400, "request_invalid_for_environment")
}

// emptyDatabase names a database without a schema, on the engine that TEST_ENGINE names.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	if storetest.Engine() == storetest.EnginePostgres {
		return storetest.EmptyPostgres(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "live.db")
}

// freeAddr is a loopback address that was free a moment ago. serve takes its addresses from the operator, so this
// test cannot let the system choose them as it does elsewhere.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
