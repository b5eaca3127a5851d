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
	ErrSchemaFuture = errors.New("the database schema is newer than this program: run a newer sojourn")
)

// Migrate brings the schema of the database to this program's version, and answers the steps it took.
// It refuses a database from the future.
func Migrate(ctx context.Context, databaseURL string) (steps int, err error) {
	err = withProvider(databaseURL, func(p *goose.Provider) error {
		if err := compare(ctx, p); err != nil && !errors.Is(err, ErrSchemaOld) {
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
	return withProvider(databaseURL, func(p *goose.Provider) error { return compare(ctx, p) })
}

// SchemaVersion is the version that this program brings a database to.
func SchemaVersion() (version int64, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	return goose.NumericComponent(files[len(files)-1])
}

func compare(ctx context.Context, p *goose.Provider) error {
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	want, err := SchemaVersion()
	if err != nil {
		return err
	}
	return compareVersions(have, want)
}

func compareVersions(have, want int64) error {
	switch {
	case have < want:
		return fmt.Errorf("%w (version %d, want %d)", ErrSchemaOld, have, want)
	case have > want:
		return fmt.Errorf("%w (version %d, know %d)", ErrSchemaFuture, have, want)
	default:
		return nil
	}
}

func withProvider(databaseURL string, do func(*goose.Provider) error) (err error) {
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
	return do(p)
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
