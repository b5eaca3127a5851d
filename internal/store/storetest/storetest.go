// Package storetest gives tests databases of their own, on every engine that there is.
package storetest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// EachEngine runs a test on every engine, with the URL of a fresh database whose schema is current. PostgreSQL comes
// twice: serializable stands in for the engines that are always so. It is skipped only where no server is named in
// TEST_POSTGRES, which `make test` does.
// Suites that run once more on one engine, as TEST_ENGINE has it, need not repeat it.
func EachEngine(t *testing.T, test func(t *testing.T, databaseURL string)) {
	if os.Getenv("TEST_ENGINE") != "" { //nolint:forbidigo // a test's setting, not the server's
		t.Skip("runs on each engine where TEST_ENGINE names none")
	}
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
	t.Run("serializable", func(t *testing.T) { test(t, Serializable(t)) })
}

// The engines that a whole suite can run on.
const (
	EngineSQLite   = "sqlite"
	EnginePostgres = "postgres"
)

// Engine is the engine that suites run on which run on one at a time: TEST_ENGINE, or SQLite.
func Engine() string {
	if os.Getenv("TEST_ENGINE") == EnginePostgres { //nolint:forbidigo // a test's setting, not the server's
		return EnginePostgres
	}
	return EngineSQLite
}

// Fresh is a fresh database on Engine.
func Fresh(t testing.TB) string {
	t.Helper()
	if Engine() == EnginePostgres {
		return Postgres(t)
	}
	return SQLite(t)
}

// SQLite is a fresh SQLite database.
func SQLite(t testing.TB) string {
	t.Helper()
	template, err := currentSQLite()
	if err != nil {
		t.Fatal(err)
	}
	return template.Copy(t)
}

// currentSQLite has the current schema and no rows. It is migrated once for all tests of a process.
var currentSQLite = sync.OnceValues(func() (*Template, error) {
	return makeSQLiteTemplate(nil, migrate)
})

func migrate(databaseURL string) error {
	_, err := store.Migrate(context.Background(), databaseURL)
	return err
}

// Open opens a database until the test ends.
func Open(t testing.TB, databaseURL string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Exec runs statements that no program of ours would: what a test prepares behind its back.
func Exec(t testing.TB, databaseURL string, statements ...string) {
	t.Helper()
	driver, dsn := "pgx", databaseURL
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		driver, dsn = "sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
