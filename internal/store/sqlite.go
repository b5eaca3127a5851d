package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// sqlite is the embedded engine: a pool of connections that read, and one writer that commits for everybody.
//
// Durability is WAL with synchronous=FULL: a commit is on the disk before anybody hears of it. Under FULL the
// disk's flush is the cost, so the writer drains its queue into one transaction (group commit); every caller
// still waits for that transaction's commit, and a failing caller is rolled back alone, to its savepoint.
type sqlite struct {
	path    string
	writer  *sqliteConn
	readers chan *sqliteConn // nil stands for a connection that was not needed yet
	writes  chan *write
	stopped chan struct{} // closed when the writer has finished
	closing chan struct{} // closed when no more writes are taken
}

// write is one caller's transaction on its way through the writer.
type write struct {
	ctx      context.Context
	do       func(querier) error
	err      error
	panicked any
	done     chan struct{}
}

const (
	maxGroup        = 128 // transactions that may share a commit
	busyTimeout     = 5 * time.Second
	cachedStmts     = 256 // per connection; lists with unusual filters beyond that are prepared each time
	readerCacheKiB  = 2 << 10
	minimumSQLite   = 3_051_003 // before 3.51.3 a WAL reset could corrupt the database
	checkpointPages = 1000
)

func openSQLite(ctx context.Context, path string) (*sqlite, error) {
	if err := ownerOnly(path); err != nil {
		return nil, err
	}
	writer, err := openConn(path, false)
	if err != nil {
		return nil, fmt.Errorf("open SQLite database: %w", err)
	}
	if err := errors.Join(writer.checkDurability(ctx), ownerOnly(path+"-wal"), ownerOnly(path+"-shm")); err != nil {
		return nil, errors.Join(err, writer.close())
	}
	e := &sqlite{
		path:    path,
		writer:  writer,
		readers: make(chan *sqliteConn, max(4, runtime.GOMAXPROCS(0))),
		writes:  make(chan *write, maxGroup),
		stopped: make(chan struct{}),
		closing: make(chan struct{}),
	}
	for range cap(e.readers) {
		e.readers <- nil
	}
	go e.writeLoop()
	return e, nil
}

// ownerOnly makes a file of the database readable by its owner alone. The driver would make it for everybody.
func ownerOnly(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return fmt.Errorf("open SQLite database: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func (e *sqlite) query(ctx context.Context, sql string, args []any, each func(row) error) error {
	c, err := e.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { e.readers <- c }()
	return c.query(ctx, sql, args, each)
}

func (e *sqlite) exec(ctx context.Context, sql string, args []any) (n int64, err error) {
	err = e.update(ctx, func(q querier) error {
		n, err = q.exec(ctx, sql, args)
		return err
	})
	return n, err
}

func (e *sqlite) reader(ctx context.Context) (*sqliteConn, error) {
	select {
	case c := <-e.readers:
		if c != nil {
			return c, nil
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.closing:
		return nil, ErrUnavailable
	}
	c, err := openConn(e.path, true)
	if err != nil {
		e.readers <- nil
		return nil, named(err)
	}
	return c, nil
}

func (e *sqlite) update(ctx context.Context, do func(querier) error) error {
	w := &write{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case e.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing:
		return ErrUnavailable
	}
	select {
	case <-w.done: // whoever is in the queue waits for the outcome: giving up would leave it unknown
	case <-e.stopped:
		select {
		case <-w.done:
		default:
			return ErrUnavailable
		}
	}
	if w.panicked != nil {
		panic(w.panicked)
	}
	return w.err
}

// close ends the writer last: closing the last connection moves what is in the WAL into the database, which a
// connection that only reads cannot do.
func (e *sqlite) close() error {
	close(e.closing)
	<-e.stopped
	var err error
	for range cap(e.readers) {
		if c := <-e.readers; c != nil {
			err = errors.Join(err, c.close())
		}
	}
	return errors.Join(err, e.writer.close())
}

// writeLoop owns the writing connection until the engine closes.
func (e *sqlite) writeLoop() {
	defer close(e.stopped)
	group := make([]*write, 0, maxGroup)
	for {
		select {
		case first := <-e.writes:
			group = e.drain(append(group[:0], first))
			e.writer.commitGroup(group)
		case <-e.closing:
			if group = e.drain(group[:0]); len(group) > 0 {
				e.writer.commitGroup(group)
			}
			return
		}
	}
}

func (e *sqlite) drain(group []*write) []*write {
	for len(group) < maxGroup {
		select {
		case w := <-e.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// sqliteConn is one connection with its prepared statements.
type sqliteConn struct {
	conn  *sqlite3.Conn
	stmts map[string]*sqlite3.Stmt
	// A context may interrupt a reading connection. On the writer SQLite would answer an interrupted
	// statement by rolling back the whole group.
	interruptible bool
}

func openConn(path string, readOnly bool) (*sqliteConn, error) {
	flags := sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE
	if readOnly {
		flags = sqlite3.OPEN_READONLY
	}
	conn, err := sqlite3.OpenFlags(path, flags)
	if err != nil {
		return nil, err
	}
	pragmas := fmt.Sprintf(`PRAGMA busy_timeout=%d; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;`, busyTimeout.Milliseconds(), readerCacheKiB)
	if !readOnly {
		pragmas += fmt.Sprintf(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=%d;`, checkpointPages)
	}
	if err := conn.Exec(pragmas); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &sqliteConn{conn: conn, stmts: map[string]*sqlite3.Stmt{}, interruptible: readOnly}, nil
}

// checkDurability reads back what the promises rest on and refuses to run without it.
func (c *sqliteConn) checkDurability(ctx context.Context) error {
	var mode, version string
	var sync int64
	read := func(sql string, dest any) error {
		return c.query(ctx, sql, nil, func(r row) error { return r.Scan(dest) })
	}
	if err := errors.Join(
		read("PRAGMA journal_mode", &mode), read("PRAGMA synchronous", &sync), read("SELECT sqlite_version()", &version),
	); err != nil {
		return err
	}
	const full = 2
	if mode != "wal" || sync != full {
		return fmt.Errorf("SQLite is not durable here: journal_mode=%s synchronous=%d, want wal and %d", mode, sync, full)
	}
	if versionNumber(version) < minimumSQLite {
		return fmt.Errorf("SQLite %s is too old", version)
	}
	return nil
}

func versionNumber(version string) int {
	var major, minor, patch int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	return major*1_000_000 + minor*1_000 + patch
}

// commitGroup runs the transactions one after the other and commits them together.
func (c *sqliteConn) commitGroup(group []*write) {
	err := c.conn.Exec("BEGIN IMMEDIATE")
	if err == nil {
		for _, w := range group {
			c.runOne(w)
		}
		if err = c.conn.Exec("COMMIT"); err != nil {
			_ = c.conn.Exec("ROLLBACK")
		}
	}
	for _, w := range group {
		if err != nil && w.err == nil {
			w.err = named(err)
		}
		close(w.done)
	}
}

func (c *sqliteConn) runOne(w *write) {
	if w.err = w.ctx.Err(); w.err != nil {
		return
	}
	if c.conn.GetAutocommit() { // a full disk, say, made SQLite roll the whole group back
		w.err = fmt.Errorf("%w: the transaction was rolled back", ErrUnavailable)
		return
	}
	if w.err = c.conn.Exec("SAVEPOINT one"); w.err != nil {
		return
	}
	defer func() {
		if w.panicked = recover(); w.panicked != nil {
			w.err = errors.New("store: the transaction panicked")
		}
		if w.err != nil {
			w.err = errors.Join(w.err, c.conn.Exec("ROLLBACK TO one"))
		}
		w.err = errors.Join(w.err, c.conn.Exec("RELEASE one"))
	}()
	w.err = w.do(c)
}

func (c *sqliteConn) query(ctx context.Context, sql string, args []any, each func(row) error) (err error) {
	stmt, release, err := c.prepare(sql)
	if err != nil {
		return named(err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := bind(stmt, args); err != nil {
		return err
	}
	if c.interruptible {
		defer c.conn.SetInterrupt(c.conn.SetInterrupt(ctx))
	}
	for stmt.Step() {
		if err := each(sqliteRow{stmt}); err != nil {
			return err
		}
	}
	if err := stmt.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return named(err)
	}
	return nil
}

func (c *sqliteConn) exec(_ context.Context, sql string, args []any) (n int64, err error) {
	stmt, release, err := c.prepare(sql)
	if err != nil {
		return 0, named(err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := bind(stmt, args); err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, named(err)
	}
	return c.conn.Changes(), nil
}

// prepare answers a ready statement and how to give it back.
func (c *sqliteConn) prepare(sql string) (*sqlite3.Stmt, func() error, error) {
	if stmt, ok := c.stmts[sql]; ok {
		return stmt, stmt.Reset, nil
	}
	// $1 on SQLite is numbered by first appearance; ?1 means what it says.
	stmt, _, err := c.conn.PrepareFlags(strings.ReplaceAll(sql, "$", "?"), sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, nil, err
	}
	if len(c.stmts) >= cachedStmts {
		return stmt, stmt.Close, nil
	}
	c.stmts[sql] = stmt
	return stmt, stmt.Reset, nil
}

func (c *sqliteConn) close() error {
	var err error
	for _, stmt := range c.stmts {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, c.conn.Close())
}

func bind(stmt *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		if err := bindOne(stmt, i+1, arg); err != nil {
			return named(err)
		}
	}
	return nil
}

func bindOne(stmt *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return stmt.BindNull(i)
	case string:
		return stmt.BindText(i, v)
	case int64:
		return stmt.BindInt64(i, v)
	case bool:
		return stmt.BindBool(i, v)
	case *string:
		if v == nil {
			return stmt.BindNull(i)
		}
		return stmt.BindText(i, *v)
	case *int64:
		if v == nil {
			return stmt.BindNull(i)
		}
		return stmt.BindInt64(i, *v)
	default:
		return fmt.Errorf("store: cannot bind %T", arg)
	}
}

// sqliteRow reads the current row of a statement.
type sqliteRow struct{ stmt *sqlite3.Stmt }

func (r sqliteRow) Scan(dest ...any) error {
	if n := r.stmt.DataCount(); n != len(dest) {
		return fmt.Errorf("store: %d columns for %d destinations", n, len(dest))
	}
	for i, d := range dest {
		if err := r.scanOne(i, d); err != nil {
			return err
		}
	}
	return nil
}

func (r sqliteRow) scanOne(i int, dest any) error {
	switch d := dest.(type) {
	case *string:
		*d = r.stmt.ColumnText(i)
	case *int64:
		*d = r.stmt.ColumnInt64(i)
	case *bool:
		*d = r.stmt.ColumnBool(i)
	case **string:
		*d = nil
		if r.stmt.ColumnType(i) != sqlite3.NULL {
			v := r.stmt.ColumnText(i)
			*d = &v
		}
	case **int64:
		*d = nil
		if r.stmt.ColumnType(i) != sqlite3.NULL {
			v := r.stmt.ColumnInt64(i)
			*d = &v
		}
	default:
		return fmt.Errorf("store: cannot scan into %T", dest)
	}
	return nil
}

// named gives the errors that callers act on their names.
func named(err error) error {
	var code sqlite3.ExtendedErrorCode
	switch {
	case errors.Is(err, sqlite3.CONSTRAINT_UNIQUE), errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY):
		return fmt.Errorf("%w: %w", ErrExists, err)
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.As(err, &code):
		return fmt.Errorf("SQLite: %w", err)
	default:
		return err
	}
}
