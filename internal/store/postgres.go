package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
)

// postgres is PostgreSQL and engines that speak its protocol, through pgx's own interface.
//
// Statements hold under READ COMMITTED and under SERIALIZABLE, which some of those engines always are: a transaction
// that lost a race is run again, whole. Nothing depends on advisory locks, sequences or LISTEN.
type postgres struct{ pool *pgxpool.Pool }

const (
	maxAttempts  = 10 // of a transaction that keeps losing races
	firstPause   = 5 * time.Millisecond
	longestPause = 100 * time.Millisecond

	dialTimeout  = time.Second // a host that is gone must not hold callers for longer
	keepAlive    = time.Second
	sendTimeout  = 2 * time.Second // how long sent data may stay unacknowledged
	defaultConns = 16
)

// serverSettings bound what one statement can cost. A setting in the database URL wins over them.
var serverSettings = map[string]string{
	"statement_timeout":                   "5000", // ms
	"lock_timeout":                        "3000", // ms
	"idle_in_transaction_session_timeout": "10000",
	"application_name":                    "sojourn",
}

func openPostgres(ctx context.Context, databaseURL string) (*postgres, error) {
	config, err := postgresConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, namedPostgres(err)
	}
	return &postgres{pool: pool}, nil
}

// postgresConfig reads a database URL and fills in what it does not say.
func postgresConfig(databaseURL string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("the database URL is not one that PostgreSQL has: postgres://USER:PASSWORD@HOST/DATABASE") // pgx's own words repeat it
	}
	if config.MaxConns < defaultConns {
		config.MaxConns = defaultConns
	}
	for name, value := range serverSettings {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	config.ConnConfig.DialFunc = dialer().DialContext
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 2 * dialTimeout
	}
	return config, nil
}

// dialer notices a host that vanished without a word within seconds.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive, Count: 2},
		Control:         controlSocket,
	}
}

// pgxRunner is what a pool and a transaction have in common.
type pgxRunner interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// pgxQuerier runs statements on a pool or in a transaction. Its errors have their names, and pgx's own within.
type pgxQuerier struct{ run pgxRunner }

func (q pgxQuerier) query(ctx context.Context, sql string, args []any, each func(row) error) error {
	rows, err := q.run.Query(ctx, sql, args...)
	if err != nil {
		return namedPostgres(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return namedPostgres(rows.Err())
}

func (q pgxQuerier) exec(ctx context.Context, sql string, args []any) (int64, error) {
	tag, err := q.run.Exec(ctx, sql, args...)
	return tag.RowsAffected(), namedPostgres(err)
}

func (e *postgres) query(ctx context.Context, sql string, args []any, each func(row) error) error {
	delivered := false
	return retry(ctx, func() error {
		err := pgxQuerier{e.pool}.query(ctx, sql, args, func(r row) error {
			delivered = true
			return each(r)
		})
		if delivered && again(err) {
			return fmt.Errorf("%w: %w", errDelivered, err)
		}
		return err
	})
}

// errDelivered keeps a read from being made again: its caller has rows already that another attempt would repeat.
var errDelivered = fmt.Errorf("%w: cut off in the middle of an answer", ErrUnavailable)

func (e *postgres) exec(ctx context.Context, sql string, args []any) (n int64, err error) {
	err = e.update(ctx, func(q querier) error {
		n, err = q.exec(ctx, sql, args)
		return err
	})
	return n, err
}

func (e *postgres) update(ctx context.Context, do func(querier) error) error {
	return retry(ctx, func() error {
		tx, err := e.pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }() // nothing after a commit; deferred, for a panic must not keep the connection
		if err := do(pgxQuerier{tx}); err != nil {
			return err
		}
		return committed(tx.Commit(ctx))
	})
}

// committed reads how a commit ended. Only the server can say that it did not take place: pgx calls some failures safe
// to retry that come after the server has been asked (BeginFunc does so for a connection that was cut then).
func committed(err error) error {
	if _, told := errors.AsType[*pgconn.PgError](err); err == nil || told {
		return err
	}
	return fmt.Errorf("%w: %w", errUnknown, err)
}

// errUnknown keeps a transaction from being run again that may have taken place.
var errUnknown = fmt.Errorf("%w: cut off in a commit, which may have taken place", ErrUnavailable)

func (e *postgres) close() error {
	e.pool.Close()
	return nil
}

// retry runs attempt again while it loses races, with a growing, random pause in between, and names what it fails
// with. An attempt whose commit was cut off is not run again: whether it took place is unknown.
func retry(ctx context.Context, attempt func() error) error {
	for pause, n := firstPause, 1; ; pause, n = min(2*pause, longestPause), n+1 {
		err := attempt()
		if !again(err) || n == maxAttempts {
			return namedPostgres(err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // no secret
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// SQLSTATEs that mean something to us.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	readOnlyTransaction  = "25006" // the host has become a standby
	queryCanceled        = "57014" // statement_timeout
	lockNotAvailable     = "55P03" // lock_timeout
)

// again reports whether an attempt surely changed nothing and may simply be made again.
func again(err error) bool {
	if err == nil || errors.Is(err, errDelivered) || errors.Is(err, errUnknown) {
		return false
	}
	if told, ok := errors.AsType[*pgconn.PgError](err); ok {
		return told.Code == serializationFailure || told.Code == deadlockDetected
	}
	return pgconn.SafeToRetry(err) && !isConnect(err)
}

// isConnect reports whether no connection could be made at all; trying at once again would find the same.
func isConnect(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}

// namedPostgres gives the errors that callers act on their names.
func namedPostgres(err error) error {
	var told *pgconn.PgError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, ErrUnavailable), errors.Is(err, ErrExists):
		return err
	case errors.As(err, &told):
		return namedState(told, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !isConnect(err):
		return err
	case isConnect(err), errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), pgconn.SafeToRetry(err),
		errors.Is(err, net.ErrClosed), errors.Is(err, pgx.ErrTxClosed), errors.Is(err, puddle.ErrClosedPool):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}

func namedState(told *pgconn.PgError, err error) error {
	switch told.Code {
	case uniqueViolation:
		return fmt.Errorf("%w: %w", ErrExists, err)
	case serializationFailure, deadlockDetected, readOnlyTransaction, queryCanceled, lockNotAvailable:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch told.Code[:2] {
	case "08", "53", "57", "58", "XX": // connection, resources, operator, system: the database's trouble, not the statement's
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}
