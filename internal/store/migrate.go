package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/jackc/pgx/v5/stdlib"
	_ "github.com/ncruces/go-sqlite3/driver" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema versions that a binary may meet.
var (
	ErrSchemaOld    = errors.New("the database schema is older than this program: run `sojourn migrate`")
	ErrSchemaFuture = errors.New("the database schema is too new for this program: run a newer sojourn")
)

// Migrate brings the schema of the database to this program's version, and answers the steps it took.
// It takes none, and succeeds, on a newer schema that still carries this program.
func Migrate(ctx context.Context, databaseURL string) (steps int, err error) {
	err = withProvider(databaseURL, func(p *goose.Provider, db *sql.DB) error {
		if err := compare(ctx, p, db); !errors.Is(err, ErrSchemaOld) {
			return err
		}
		done, err := p.Up(ctx)
		steps = len(done)
		return err
	})
	return steps, err
}

// CheckSchema reports ErrSchemaOld or ErrSchemaFuture when the database does not fit this program.
func CheckSchema(ctx context.Context, databaseURL string) error {
	return withProvider(databaseURL, func(p *goose.Provider, db *sql.DB) error { return compare(ctx, p, db) })
}

// SchemaVersion is the version that this program brings a database to.
func SchemaVersion() (version int64, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	return goose.NumericComponent(files[len(files)-1])
}

func compare(ctx context.Context, p *goose.Provider, db *sql.DB) error {
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	return compareVersions(have, func() (oldest int64, err error) {
		err = db.QueryRowContext(ctx, oldestProgram).Scan(&oldest)
		return oldest, err
	})
}

// oldestProgram reads the schema version of the oldest program that the schema carries.
const oldestProgram = `SELECT MAX(oldest_program) FROM schema_compatibility`

// compareVersions judges a schema version. A newer one than this program's is fine as long as it has not taken away
// what this program uses: that is how old and new nodes serve side by side.
func compareVersions(have int64, readOldest func() (int64, error)) error {
	own, err := SchemaVersion()
	if err != nil {
		return err
	}
	if have < own {
		return fmt.Errorf("%w (version %d, want %d)", ErrSchemaOld, have, own)
	}
	if have == own {
		return nil
	}
	oldest, err := readOldest()
	if err != nil {
		return fmt.Errorf("read what the schema carries: %w", err)
	}
	if oldest > own {
		return fmt.Errorf("%w (version %d for programs from %d on; this one has %d)", ErrSchemaFuture, have, oldest, own)
	}
	return nil
}

func withProvider(databaseURL string, do func(*goose.Provider, *sql.DB) error) (err error) {
	db, dialect, options, err := openForGoose(databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return err
	}
	return do(p, db)
}

// openForGoose opens the database through database/sql, which is what goose speaks. Nodes of a fleet that start
// together take turns by a table: not every engine that speaks PostgreSQL's protocol has advisory locks.
func openForGoose(databaseURL string) (*sql.DB, goose.Dialect, []goose.ProviderOption, error) {
	name, path, err := engineOf(databaseURL)
	if err != nil {
		return nil, "", nil, err
	}
	if name == postgresName {
		config, err := postgresConfig(databaseURL)
		if err != nil {
			return nil, "", nil, err
		}
		config.ConnConfig.RuntimeParams["statement_timeout"] = "0" // a large table takes its time
		locker, err := lock.NewPostgresTableLocker()
		if err != nil {
			return nil, "", nil, err
		}
		return stdlib.OpenDB(*config.ConnConfig), goose.DialectPostgres, []goose.ProviderOption{goose.WithLocker(locker)}, nil
	}
	if err := ownerOnly(path); err != nil {
		return nil, "", nil, err
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"
	db, err := sql.Open("sqlite3", dsn)
	return db, goose.DialectSQLite3, nil, err
}
