package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// sqlite keeps its databases in a directory.
type sqlite struct {
	dir string
	raw *store.DB
}

func (*sqlite) name() string { return "SQLite" }

func (e *sqlite) database(_ context.Context, name string) (string, error) {
	return "sqlite:" + filepath.Join(e.dir, name+".db"), nil
}

// filled does nothing: the server's plans need no statistics.
func (*sqlite) filled(context.Context, string) error { return nil }

// limits are commits one after the other, on the store's own settings: SQLite has one writer.
func (e *sqlite) limits(ctx context.Context, _ options, _ string) ([]limit, error) {
	databaseURL, err := e.database(ctx, "raw")
	if err != nil {
		return nil, err
	}
	if _, err := store.Migrate(ctx, databaseURL); err != nil {
		return nil, err
	}
	if e.raw, err = store.Open(ctx, databaseURL); err != nil {
		return nil, err
	}
	n := 0
	return []limit{{rawCommit, 1, func(ctx context.Context) error {
		n++
		return e.raw.Update(ctx, func(tx store.Conn) error { return tx.SetSetting(ctx, fmt.Sprint(n), "raw") })
	}}}, nil
}

func (e *sqlite) close(context.Context) error {
	if e.raw == nil {
		return nil
	}
	return e.raw.Close()
}

// postgres makes its databases on a server, and drops them.
type postgres struct {
	server string // URL
	made   []string
	pool   *pgxpool.Pool
}

func (*postgres) name() string { return "PostgreSQL" }

func (e *postgres) database(ctx context.Context, name string) (string, error) {
	name = fmt.Sprintf("bench_%d_%s", os.Getpid(), name)
	u, err := url.Parse(e.server)
	if err != nil {
		return "", errors.New("TEST_POSTGRES is not a URL") // the parser's own words repeat it
	}
	if err := execute(ctx, e.server, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	e.made = append(e.made, name)
	u.Path = "/" + name
	return u.String(), nil
}

func execute(ctx context.Context, databaseURL, statement string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// filled tells the planner what there is, as autovacuum would after a while.
func (*postgres) filled(ctx context.Context, databaseURL string) error {
	return execute(ctx, databaseURL, "ANALYZE")
}

// limits are what pgx does with as many connections as the load has.
func (e *postgres) limits(ctx context.Context, o options, filledURL string) ([]limit, error) {
	config, err := pgxpool.ParseConfig(filledURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(o.connections) //nolint:gosec // a handful
	if e.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if _, err := e.pool.Exec(ctx, "CREATE TABLE raw (id BIGINT PRIMARY KEY, value TEXT NOT NULL)"); err != nil {
		return nil, err
	}
	var n atomic.Int64
	return []limit{
		{rawRead, o.connections, func(ctx context.Context) error {
			var status string
			id := sessionID(rand.IntN(o.sessions)) //nolint:gosec // no secret
			return e.pool.QueryRow(ctx, "SELECT status FROM sessions WHERE id = $1", id).Scan(&status)
		}},
		{rawCommit, o.connections, func(ctx context.Context) error {
			_, err := e.pool.Exec(ctx, "INSERT INTO raw (id, value) VALUES ($1, 'raw')", n.Add(1))
			return err
		}},
	}, nil
}

func (e *postgres) close(ctx context.Context) error {
	if e.pool != nil {
		e.pool.Close()
	}
	var err error
	for _, name := range e.made {
		err = errors.Join(err, execute(ctx, e.server, "DROP DATABASE "+name+" WITH (FORCE)"))
	}
	return err
}
