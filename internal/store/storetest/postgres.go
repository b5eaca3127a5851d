package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresTemplate is a database of which others are copies. Making and dropping databases is most of what many short
// tests would do, so a copy that a test is done with is filled anew for the next one.
type postgresTemplate struct {
	url    string // nobody connects to it
	schema string // what schemaText answers of it

	mu    sync.Mutex
	spare []string // URLs of copies that no test uses
}

// made are the databases that Main drops.
var (
	made   []string
	madeMu sync.Mutex
)

// Main runs the tests of a package, drops the databases that they shared, and exits.
func Main(m *testing.M) {
	code := m.Run()
	madeMu.Lock()
	defer madeMu.Unlock()
	for _, databaseURL := range made {
		if err := dropPostgres(databaseURL); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// createShared makes a database that Main drops.
func createShared(from *postgresTemplate) (databaseURL string, err error) {
	original := ""
	if from != nil {
		original = from.url
	}
	if databaseURL, err = createPostgres(original); err != nil {
		return "", err
	}
	madeMu.Lock()
	defer madeMu.Unlock()
	made = append(made, databaseURL)
	return databaseURL, nil
}

func makePostgresTemplate(from *Template, fill func(databaseURL string) error) (*Template, error) {
	var original *postgresTemplate
	if from != nil {
		original = from.postgres
	}
	p := &postgresTemplate{}
	var err error
	if p.url, err = createShared(original); err != nil {
		return nil, err
	}
	if err := fill(p.url); err != nil {
		return nil, err
	}
	err = withConnection(p.url, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, keepRows); err != nil {
			return err
		}
		return conn.QueryRow(ctx, schemaText).Scan(&p.schema)
	})
	return &Template{postgres: p}, err
}

// keepRows puts the rows of a template aside, where its copies find them when they are filled anew.
const keepRows = `DO $$
	DECLARE name text;
	BEGIN
		DROP SCHEMA IF EXISTS original CASCADE;
		CREATE SCHEMA original;
		FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 LOOP
			EXECUTE format('CREATE TABLE original.%I AS TABLE public.%I', name, name);
		END LOOP;
	END $$`

// fillAnew makes the rows those that were put aside. Few are deleted faster than a file is replaced.
const fillAnew = `DO $$
	DECLARE name text; size bigint;
	BEGIN
		FOR name, size IN SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			IF size > 1000000 THEN
				EXECUTE format('TRUNCATE public.%I', name);
			ELSIF size > 0 THEN
				EXECUTE format('DELETE FROM public.%I', name);
			END IF;
		END LOOP;
		FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'original'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('INSERT INTO public.%I TABLE original.%I', name, name);
		END LOOP;
	END $$`

// schemaText changes with every table, index and column.
const schemaText = `SELECT md5(string_agg(c.relname || ' ' || a.attname || ' ' || a.atttypid || a.attnotnull, ',' ORDER BY c.relname, a.attnum))
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0`

// cutOthers ends what a test has left connected.
const cutOthers = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

func (p *postgresTemplate) copy(t testing.TB) (databaseURL string) {
	t.Helper()
	databaseURL, err := p.take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.give(databaseURL) })
	return databaseURL
}

// take answers a copy: one that a test is done with, unless that test has changed the schema, or a new one.
func (p *postgresTemplate) take() (databaseURL string, err error) {
	p.mu.Lock()
	if n := len(p.spare); n > 0 {
		databaseURL, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	p.mu.Unlock()
	if databaseURL == "" {
		return createShared(p)
	}
	schema := ""
	err = withConnection(databaseURL, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, cutOthers); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, schemaText).Scan(&schema); err != nil || schema != p.schema {
			return err
		}
		_, err := conn.Exec(ctx, fillAnew)
		return err
	})
	if err == nil && schema != p.schema {
		return p.take()
	}
	return databaseURL, err
}

func (p *postgresTemplate) give(databaseURL string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare = append(p.spare, databaseURL)
}

// currentPostgres has the current schema and no rows.
var currentPostgres = sync.OnceValues(func() (*Template, error) { return makePostgresTemplate(nil, migrate) })

// Postgres is a PostgreSQL database with the current schema and no rows, until the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	template, err := currentPostgres()
	if errors.Is(err, errNoServer) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return template.Copy(t)
}

// Serializable is as Postgres, but every transaction is serializable.
func Serializable(t testing.TB) string {
	t.Helper()
	return Postgres(t) + "&options=-c%20default_transaction_isolation%3Dserializable"
}

// EmptyPostgres is a PostgreSQL database without a schema, dropped when the test ends.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	databaseURL, err := createPostgres("")
	if errors.Is(err, errNoServer) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dropPostgres(databaseURL); err != nil {
			t.Error(err)
		}
	})
	return databaseURL
}

var errNoServer = errors.New("TEST_POSTGRES names no PostgreSQL server: run scripts/with-postgres go test …")

var databases atomic.Int64

// createPostgres makes a database: a copy of the one at a URL, or an empty one.
func createPostgres(original string) (databaseURL string, err error) {
	server := os.Getenv("TEST_POSTGRES") //nolint:forbidigo // a test's setting, not the server's
	if server == "" {
		return "", errNoServer
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	statement := "CREATE DATABASE " + name
	if original != "" {
		template, err := nameOf(original)
		if err != nil {
			return "", err
		}
		statement += " TEMPLATE " + template
	}
	if err := admin(server, statement); err != nil {
		return "", err
	}
	return withName(server, name)
}

func dropPostgres(databaseURL string) error {
	name, err := nameOf(databaseURL)
	if err != nil {
		return err
	}
	server := os.Getenv("TEST_POSTGRES") //nolint:forbidigo // a test's setting, not the server's
	return admin(server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// admin runs a statement on the server's own database, again when it finds a database in use: the server waits for five
// seconds at most until those who were told to leave it have left.
func admin(server, statement string) error {
	const objectInUse = "55006"
	return withConnection(server, func(ctx context.Context, conn *pgx.Conn) (err error) {
		for range 5 {
			_, err = conn.Exec(ctx, statement)
			if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != objectInUse {
				break
			}
		}
		return err
	})
}

func withConnection(databaseURL string, do func(context.Context, *pgx.Conn) error) error {
	ctx := context.Background() // databases outlast the tests that have them made
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, conn), conn.Close(ctx))
}

// withName is the URL of another database on a server.
func withName(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func nameOf(databaseURL string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}
