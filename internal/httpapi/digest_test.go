package httpapi_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"       // a second pair of eyes on the database
	_ "github.com/ncruces/go-sqlite3/driver" // and on the embedded one

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

func unmarshal(data []byte, into any) error { return json.Unmarshal(data, into) }

// digester reads a whole database, past the server.
type digester struct {
	db        *sql.DB
	version   string // of the data, which SQLite changes with every commit of another connection
	last      string // the digest of that version
	statement string // that PostgreSQL answers with hashes of all tables
}

func (d *digester) close(t testing.TB) {
	if d.db == nil {
		return
	}
	if err := d.db.Close(); err != nil {
		t.Error(err)
	}
}

// digest is a hash of every row of every table: the same as before means that nothing changed.
func (w *world) digest(t testing.TB) string {
	t.Helper()
	if w.table.db == nil {
		db, err := openDirectly(w.database)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1) // versions of other connections cannot be compared
		w.table.db = db
	}
	if storetest.Engine() == storetest.EnginePostgres {
		return w.digestPostgres(t)
	}
	version := w.query(t, `PRAGMA data_version`)[0]
	if version == w.table.version {
		return w.table.last
	}
	h := sha256.New()
	for _, table := range w.query(t, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		rows := w.query(t, `SELECT * FROM "`+table+`"`)
		slices.Sort(rows)
		fmt.Fprintf(h, "%s %d\n%s\n", table, len(rows), strings.Join(rows, "\n"))
	}
	w.table.version, w.table.last = version, hex.EncodeToString(h.Sum(nil))
	return w.table.last
}

// digestPostgres lets the server do it, which answers once for all tables.
func (w *world) digestPostgres(t testing.TB) string {
	t.Helper()
	if w.table.statement == "" {
		var each []string
		for _, table := range w.query(t, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`) {
			each = append(each, fmt.Sprintf(`SELECT '%[1]s', md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM %[1]q r`, table))
		}
		w.table.statement = strings.Join(each, " UNION ALL ")
	}
	return strings.Join(w.query(t, w.table.statement), "\n")
}

// openDirectly opens a database without the store.
func openDirectly(databaseURL string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		return sql.Open("sqlite3", "file:"+path+"?mode=ro")
	}
	return sql.Open("pgx", databaseURL)
}

// query answers each row as one text.
func (w *world) query(t testing.TB, q string) (all []string) {
	t.Helper()
	rows, err := w.table.db.QueryContext(bg, q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String
		}
		all = append(all, strings.Join(texts, "\x1f"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// checkLog fails the test when a secret that it sent stands in the server's log.
func (w *world) checkLog(t testing.TB) {
	log := w.log.String()
	for _, secret := range append([]string{secretKey, "canary"}, w.secrets()...) {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the secret %.20s…:\n%.2000s", secret, log)
		}
	}
}

// secrets are the tokens of the world; every other secret has "canary" in it.
func (w *world) secrets() []string {
	var all []string
	for name, value := range w.names {
		if strings.HasPrefix(name, "token.") {
			all = append(all, value)
		}
	}
	return all
}

// TestDigestSeesChanges guards the guard.
func TestDigestSeesChanges(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	before := w.digest(t)
	ok[any](t, w.post(t, "/v1/users/{bob}/lock", ""))
	if w.digest(t) == before {
		t.Error("the digest does not see that a user was locked")
	}
}
