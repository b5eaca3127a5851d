package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// news wakes whoever reads the event log. It is a hint and nothing more: a node that is killed after a commit tells
// nobody, and some engines have no means to. So readers look by themselves as well, every LookEvery.
type news struct {
	mu      sync.Mutex
	changed chan struct{} // closed with the next news
	heard   bool          // other processes' news arrive here

	messenger messenger
	pending   chan struct{} // holds one: there is something to tell other processes
	ctx       context.Context
	stop      context.CancelFunc
	listening sync.Once // with the first reader
	sending   sync.Once // with the first news
	done      sync.WaitGroup
}

// messenger is what carries news from process to process.
type messenger interface {
	// send tells all processes, this one too.
	send(ctx context.Context) error
	// listen calls heard for all news until it fails or ctx is done; ready once news of others surely arrive.
	listen(ctx context.Context, ready, heard func()) error
}

// errNoMessenger says that an engine carries no news.
var errNoMessenger = errors.New("store: the engine carries no news")

// quiet carries no news: SQLite's other processes are commands of the operator's, found by looking.
type quiet struct{}

func (quiet) send(context.Context) error                   { return errNoMessenger }
func (quiet) listen(context.Context, func(), func()) error { return errNoMessenger }

// How often readers of the log look by themselves.
const (
	lookAnyway = time.Second
	lookOften  = 250 * time.Millisecond // where news of other processes do not arrive
)

// Changed is closed when events may have been written since the call, by this process or by another one.
func (db *DB) Changed() <-chan struct{} {
	db.news.begin(&db.news.listening, db.news.listen)
	db.news.mu.Lock()
	defer db.news.mu.Unlock()
	return db.news.changed
}

// LookEvery is how long a reader of the log may wait for Changed before it looks by itself.
func (db *DB) LookEvery() time.Duration {
	db.news.mu.Lock()
	defer db.news.mu.Unlock()
	if db.news.heard {
		return lookAnyway
	}
	return lookOften
}

func newNews(m messenger) *news {
	n := &news{changed: make(chan struct{}), messenger: m, pending: make(chan struct{}, 1)}
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n
}

// begin starts work that goes on until the database is closed: once, and only when somebody needs it, since a command that
// reads nothing of the log needs no connection to hear of it.
func (n *news) begin(once *sync.Once, work func(context.Context)) {
	once.Do(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.ctx.Err() == nil {
			n.done.Go(func() { work(n.ctx) })
		}
	})
}

// tell is called after each commit that wrote events. Others are told by a goroutine of its own, once for many commits:
// a NOTIFY within the transactions would make PostgreSQL commit them one after the other.
func (n *news) tell() {
	n.wake()
	n.begin(&n.sending, n.send)
	select {
	case n.pending <- struct{}{}:
	default: // others will be told of this commit too
	}
}

func (n *news) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *news) setHeard(heard bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard = heard
}

func (n *news) send(ctx context.Context) {
	for {
		select {
		case <-n.pending:
		case <-ctx.Done():
			return
		}
		if err := n.messenger.send(ctx); errors.Is(err, errNoMessenger) {
			return
		}
	}
}

// relisten is how long to wait before listening again, after the connection was lost.
const relisten = 500 * time.Millisecond

func (n *news) listen(ctx context.Context) {
	for {
		err := n.messenger.listen(ctx, func() { n.setHeard(true) }, n.wake)
		n.setHeard(false)
		if errors.Is(err, errNoMessenger) {
			return
		}
		n.wake() // what was told meanwhile has not been heard
		select {
		case <-time.After(relisten):
		case <-ctx.Done():
			return
		}
	}
}

func (n *news) close() {
	n.mu.Lock()
	n.stop()
	n.mu.Unlock()
	n.done.Wait()
}

// PostgreSQL's channel of news.
const (
	notifyNews = `NOTIFY sojourn_events`
	listenNews = `LISTEN sojourn_events`
	// newsTimeout bounds one statement about news.
	newsTimeout = 2 * time.Second
)

func (e *postgres) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	_, err := e.pool.Exec(ctx, notifyNews)
	return cannotCarry(err)
}

// listen has a connection of its own. It believes that news arrive once its own has: poolers between here and the server
// take a LISTEN and forget it.
func (e *postgres) listen(ctx context.Context, ready, heard func()) error {
	conn, err := pgx.ConnectConfig(ctx, e.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, listenNews); err != nil {
		return cannotCarry(err)
	}
	if err := e.send(ctx); err != nil {
		return err
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		ready()
		heard()
	}
}

// cannotCarry recognizes engines that speak PostgreSQL's protocol and have no LISTEN.
func cannotCarry(err error) error {
	told, ok := errors.AsType[*pgconn.PgError](err)
	if ok && (told.Code == featureNotSupported || told.Code == syntaxError) {
		return errNoMessenger
	}
	return err
}

// SQLSTATEs of engines without LISTEN.
const (
	featureNotSupported = "0A000"
	syntaxError         = "42601"
)
