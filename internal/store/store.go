// Package store is everything in SQL: one text for every engine, written next to the method that runs it.
// It knows neither HTTP nor the rules of sessions; it moves rows, in transactions that its callers draw.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What callers act on. Anything else from this package is a failure of the machine.
var (
	ErrNotFound = errors.New("store: no such row")
	ErrExists   = errors.New("store: a unique value is taken")
	// ErrUnavailable means that the database cannot serve now and the caller may try again.
	ErrUnavailable = errors.New("store: database unavailable")
)

// row is one row of an answer; dest are pointers, in the order of the columns.
type row interface {
	Scan(dest ...any) error
}

// querier runs one statement, either by itself or inside a transaction.
type querier interface {
	// query calls each for every row until it fails.
	query(ctx context.Context, sql string, args []any, each func(row) error) error
	// exec answers how many rows the statement changed.
	exec(ctx context.Context, sql string, args []any) (int64, error)
}

// engine is all that databases do differently. What is not here is one text for all of them.
type engine interface {
	querier
	// update runs do in a transaction that is durable when update returns nil. A unique conflict is ErrExists.
	update(ctx context.Context, do func(querier) error) error
	close() error
}

// Conn runs statements: on its own for reads, or inside the transaction that Update handed out.
type Conn struct {
	q     querier
	wrote *bool // whether the transaction has written events; nil outside of one
}

// DB is an open database.
type DB struct {
	Conn
	engine engine
	name   string
	news   *news
}

// Open opens the database that databaseURL names: "sqlite:PATH" or "postgres://…".
// The schema is not touched; see Migrate and CheckSchema.
func Open(ctx context.Context, databaseURL string) (*DB, error) {
	switch name, path, err := engineOf(databaseURL); {
	case err != nil:
		return nil, err
	case name == sqliteName:
		e, err := openSQLite(ctx, path)
		if err != nil {
			return nil, err
		}
		return &DB{Conn: Conn{q: e}, engine: e, name: name, news: newNews(quiet{})}, nil
	default:
		e, err := openPostgres(ctx, databaseURL)
		if err != nil {
			return nil, err
		}
		return &DB{Conn: Conn{q: e}, engine: e, name: name, news: newNews(e)}, nil
	}
}

const (
	sqliteName   = "sqlite"
	postgresName = "postgres"
)

// engineOf is the engine that a database URL is for, and SQLite's file. The URL may hold a password: errors name its
// scheme only.
func engineOf(databaseURL string) (name, path string, err error) {
	scheme, path, _ := strings.Cut(databaseURL, ":")
	switch {
	case scheme == sqliteName && path != "":
		return sqliteName, path, nil
	case scheme == sqliteName:
		return "", "", errors.New("the SQLite database needs a path: sqlite:PATH")
	case scheme == "postgres", scheme == "postgresql":
		return postgresName, "", nil
	default:
		return "", "", fmt.Errorf("unsupported database %q: want sqlite:PATH or postgres://…", scheme)
	}
}

// Engine names the kind of database, for people.
func (db *DB) Engine() string { return db.name }

// Update runs do in one transaction. When it returns nil the changes survive a crash and a power cut;
// when it returns an error nothing of them remains. do may run more than once and must not call Update.
func (db *DB) Update(ctx context.Context, do func(tx Conn) error) error {
	wrote := false
	err := db.engine.update(ctx, func(q querier) error {
		wrote = false // another attempt may have
		return do(Conn{q: q, wrote: &wrote})
	})
	if err == nil && wrote {
		db.news.tell()
	}
	return err
}

// Ready reports whether the database answers and its schema carries this program: nil, ErrUnavailable, ErrSchemaOld
// or ErrSchemaFuture. It is cheap enough to be asked every second.
func (db *DB) Ready(ctx context.Context) error {
	have, err := one(ctx, db.Conn, scalar[int64], `SELECT MAX(version_id) FROM goose_db_version`)
	if err != nil {
		return err
	}
	return compareVersions(have, func() (int64, error) { return one(ctx, db.Conn, scalar[int64], oldestProgram) })
}

// Close waits for running transactions and closes the database.
func (db *DB) Close() error {
	db.news.close()
	return db.engine.close()
}

// one reads the single row of a statement, or ErrNotFound.
func one[T any](ctx context.Context, c Conn, scan func(row) (T, error), sql string, args ...any) (T, error) {
	var found T
	n := 0
	err := c.q.query(ctx, sql, args, func(r row) (err error) {
		n++
		found, err = scan(r)
		return err
	})
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return found, err
}

// many reads all rows of a statement.
func many[T any](ctx context.Context, c Conn, scan func(row) (T, error), sql string, args ...any) ([]T, error) {
	var found []T
	err := c.q.query(ctx, sql, args, func(r row) error {
		v, err := scan(r)
		found = append(found, v)
		return err
	})
	return found, err
}

func (c Conn) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return c.q.exec(ctx, sql, args)
}

// execOne is for statements that must change a row: ErrNotFound when they change none.
func (c Conn) execOne(ctx context.Context, sql string, args ...any) error {
	n, err := c.q.exec(ctx, sql, args)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// scalar scans a row of one column.
func scalar[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}

// where collects the conditions in use. Catch-all conditions would make every list a scan.
type where struct {
	conditions []string
	args       []any
}

// arg adds an argument and answers its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

// and adds a condition; each ? in it stands for the next value.
func (w *where) and(condition string, values ...any) {
	for _, v := range values {
		condition = strings.Replace(condition, "?", w.arg(v), 1)
	}
	w.conditions = append(w.conditions, condition)
}

// in adds "column IN (…)".
func (w *where) in(column string, values []string) {
	w.conditions = append(w.conditions, column+" IN ("+w.list(values)+")")
}

func (w *where) list(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	return strings.Join(marks, ", ")
}

// row adds the values of a row of an INSERT and answers their placeholders.
func (w *where) row(values ...any) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	return "(" + strings.Join(marks, ", ") + ")"
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Columns hold milliseconds; the domain speaks time.Time. The zero time is NULL.

func ms(t time.Time) int64 { return t.UnixMilli() }

func optionalMS(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	v := t.UnixMilli()
	return &v
}

func moment(v int64) time.Time { return time.UnixMilli(v).UTC() }

func optionalMoment(v *int64) time.Time {
	if v == nil {
		return time.Time{}
	}
	return moment(*v)
}

// optional turns "" into NULL.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
