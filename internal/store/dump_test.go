package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// staying are the tables that do not move with an instance.
var staying = []string{
	"rate_limits",                     // counted for seconds
	"attempts", "codes", "handshakes", // gone within a day
	"mails",                // of development, and gone within a day too
	"schema_compatibility", // of a database, like goose's own
	"goose_db_version", "goose_lock", "sqlite_sequence",
}

// TestDumpKnowsTheSchema fails when a migration adds or changes a table or a column that exports do not know.
func TestDumpKnowsTheSchema(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		want := map[string][]store.Column{}
		for _, table := range store.DumpTables {
			want[table.Name] = slices.SortedFunc(slices.Values(table.Columns), byName)
		}
		if diff := cmp.Diff(want, schema(t, databaseURL)); diff != "" {
			t.Errorf("DumpTables (-) and the schema (+) differ:\n%s", diff)
		}
		for _, table := range store.DumpTables {
			if got := primaryKey(t, databaseURL, table.Name); got != table.Columns[0].Name {
				t.Errorf("the primary key of %s is %q, but its first column in DumpTables is %s", table.Name, got, table.Columns[0].Name)
			}
		}
	})
}

func byName(a, b store.Column) int { return strings.Compare(a.Name, b.Name) }

const (
	sqliteColumns = `SELECT m.name, c.name, c.type, c."notnull" FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' ORDER BY m.name, c.name`
	postgresColumns = `SELECT table_name, column_name, data_type, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END
		FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, column_name COLLATE "C"`
	sqliteKey   = `SELECT name FROM pragma_table_info('TABLE') WHERE pk > 0`
	postgresKey = `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = 'TABLE'::regclass AND i.indisprimary`
)

// schema are the tables that there are and should move, with their columns sorted by name.
func schema(t *testing.T, databaseURL string) map[string][]store.Column {
	t.Helper()
	tables := map[string][]store.Column{}
	ask(t, databaseURL, sqliteColumns, postgresColumns, func(rows *sql.Rows) error {
		var table, column, kind string
		var notNull bool
		if err := rows.Scan(&table, &column, &kind, &notNull); err != nil || slices.Contains(staying, table) {
			return err
		}
		c := store.Column{Name: column, Kind: store.ColumnKind(strings.ToUpper(kind))}
		if c.Kind == store.FlagColumn && !notNull {
			t.Errorf("%s.%s: a flag that may be null has no place in a dump", table, column)
		}
		tables[table] = append(tables[table], c)
		return nil
	})
	return tables
}

func primaryKey(t *testing.T, databaseURL, table string) string {
	t.Helper()
	var columns []string
	ask(t, databaseURL, strings.ReplaceAll(sqliteKey, "TABLE", table), strings.ReplaceAll(postgresKey, "TABLE", table), func(rows *sql.Rows) error {
		var column string
		err := rows.Scan(&column)
		columns = append(columns, column)
		return err
	})
	return strings.Join(columns, ", ")
}

func ask(t *testing.T, databaseURL, sqlite, postgres string, each func(*sql.Rows) error) {
	t.Helper()
	driver, dsn, query := "pgx", databaseURL, postgres
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		driver, dsn, query = "sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath(), sqlite
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// rowOf is a row of a table with a value in every column.
func rowOf(table store.Table, key string) []any {
	row := make([]any, len(table.Columns))
	for i, column := range table.Columns {
		switch {
		case i == 0:
			row[i] = key
		case column.Kind == store.FlagColumn:
			row[i] = i%2 == 0
		case column.Kind == store.NumberColumn:
			row[i] = int64(1)<<62 + int64(i)
		default:
			row[i] = "it's <" + column.Name + "> ünïcode \n\"\\ " + key
		}
	}
	return row
}

// TestDumpRows writes rows with every kind of value into every table and reads the same back, page by page.
func TestDumpRows(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		db := storetest.Open(t, databaseURL)
		for _, table := range store.DumpTables {
			want := [][]any{rowOf(table, "a"), rowOf(table, "b"), rowOf(table, "c")}
			update(t, db, func(tx store.Conn) error { return tx.RestoreRows(t.Context(), table, table.Columns, want) })
			var got [][]any
			for after := ""; ; after = got[len(got)-1][0].(string) {
				page, err := db.DumpRows(t.Context(), table, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, page...); len(page) < 2 {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", table.Name, diff)
			}
			if n, err := db.CountRows(t.Context(), table); n != 3 || err != nil {
				t.Errorf("%s: %d rows, %v, want 3", table.Name, n, err)
			}
		}
	})
}

// TestDumpNulls moves the rows of a table all of whose optional columns are empty.
func TestDumpNulls(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		db := storetest.Open(t, databaseURL)
		clients := tableNamed(t, "clients")
		row := []any{"client_1", nil, nil, nil, nil, nil, nil, nil, int64(1), int64(2)}
		update(t, db, func(tx store.Conn) error { return tx.RestoreRows(t.Context(), clients, clients.Columns, [][]any{row}) })
		got, err := db.DumpRows(t.Context(), clients, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]any{row}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRestoreIsWhole refuses a row that is there, and with it all of its batch.
func TestRestoreIsWhole(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		db := storetest.Open(t, databaseURL)
		clients := tableNamed(t, "clients")
		restore := func(keys ...string) error {
			rows := make([][]any, len(keys))
			for i, key := range keys {
				rows[i] = []any{key, int64(1), int64(1)}
			}
			columns := []store.Column{clients.Columns[0], clients.Columns[8], clients.Columns[9]} // the others are null
			return db.Update(t.Context(), func(tx store.Conn) error { return tx.RestoreRows(t.Context(), clients, columns, rows) })
		}
		if err := restore("client_2"); err != nil {
			t.Fatal(err)
		}
		if err := restore("client_1", "client_2", "client_3"); !errors.Is(err, store.ErrExists) {
			t.Errorf("got %v, want ErrExists", err)
		}
		if n, err := db.CountRows(t.Context(), clients); n != 1 || err != nil {
			t.Errorf("%d rows, %v, want the first one only", n, err)
		}
		if has, err := db.HasRows(t.Context(), clients); !has || err != nil {
			t.Errorf("HasRows: %t, %v", has, err)
		}
		if has, err := db.HasRows(t.Context(), tableNamed(t, "users")); has || err != nil {
			t.Errorf("HasRows of an empty table: %t, %v", has, err)
		}
	})
}

func tableNamed(t *testing.T, name string) store.Table {
	t.Helper()
	at := slices.IndexFunc(store.DumpTables, func(table store.Table) bool { return table.Name == name })
	if at < 0 {
		t.Fatalf("no table %s", name)
	}
	return store.DumpTables[at]
}

func update(t *testing.T, db *store.DB, do func(store.Conn) error) {
	t.Helper()
	if err := db.Update(context.WithoutCancel(t.Context()), do); err != nil {
		t.Fatal(err)
	}
}
