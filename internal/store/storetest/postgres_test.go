package storetest_test

import (
	"database/sql"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestNoTestFindsAnothersRows lets tests leave traces in their databases, each of which the next test gets, and looks for them.
func TestNoTestFindsAnothersRows(t *testing.T) {
	used := map[string]bool{}
	for name, leave := range map[string][]string{
		"rows":                {`INSERT INTO settings (name, value) VALUES ('left', 'behind')`},
		"more than a few":     {`INSERT INTO settings (name, value) SELECT 'left ' || n, repeat('behind', 20) FROM generate_series(1, 10000) n`},
		"less than there was": {`DELETE FROM goose_db_version`},
		"another schema":      {`ALTER TABLE settings ADD COLUMN left_behind TEXT`},
		"a table too many":    {`CREATE TABLE left_behind (id TEXT)`},
	} {
		t.Run(name, func(t *testing.T) {
			databaseURL := storetest.Postgres(t)
			used[databaseURL] = true
			storetest.Exec(t, databaseURL, leave...)
		})
		t.Run("after "+name, func(t *testing.T) {
			databaseURL := storetest.Postgres(t)
			used[databaseURL] = true
			db, err := sql.Open("pgx", databaseURL)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			var settings, versions, left int
			err = db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM settings), (SELECT COUNT(*) FROM goose_db_version),
				(SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'left_behind' OR column_name = 'left_behind')`).Scan(&settings, &versions, &left)
			if err != nil || settings != 0 || versions == 0 || left != 0 {
				t.Errorf("%d settings, %d versions of the schema, %d columns that were left behind, %v", settings, versions, left, err)
			}
		})
	}
	if len(used) > 3 { // one, and another for each schema that was changed
		t.Errorf("%d databases were made", len(used))
	}
}
