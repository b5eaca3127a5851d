package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Why an email cannot be sent.
var (
	ErrNoServer = errors.New("mail: no emails can be sent: SOJOURN_SMTP_URL is not set")
	ErrFull     = errors.New("mail: too many emails wait to be delivered")
	ErrClosed   = errors.New("mail: the server is stopping")
	// ErrRefused is in errors of deliveries that no further attempt can mend.
	ErrRefused = errors.New("refused")
)

// Nowhere is the mailer of an instance that has no SMTP server.
type Nowhere struct{}

// Send answers ErrNoServer.
func (Nowhere) Send(context.Context, Message) error { return ErrNoServer }

const (
	maxWaiting     = 1000 // emails; an SMTP server that hangs may not fill the memory
	maxConnections = 4    // to the SMTP server at a time
	attemptTimeout = 30 * time.Second
)

// pauses come between the attempts. All of them together end before a code does.
var pauses = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 90 * time.Second}

// Queue delivers emails in the background, a few times if need be, and holds them in memory only: a code that is lost
// with the process is asked for again.
type Queue struct {
	templates *Templates
	deliver   func(context.Context, Email) error
	log       *slog.Logger

	room        chan struct{} // one for each email that is held
	connections chan struct{}
	held        sync.WaitGroup

	closing   chan struct{} // closed when no pause should be waited out any more
	mu        sync.Mutex
	closed    bool
	attempts  context.Context
	cutShort  context.CancelFunc
	abandoned int
}

// NewQueue makes a queue in front of deliver.
func NewQueue(templates *Templates, deliver func(context.Context, Email) error, log *slog.Logger) *Queue {
	q := &Queue{
		templates: templates, deliver: deliver, log: log, closing: make(chan struct{}),
		room: make(chan struct{}, maxWaiting), connections: make(chan struct{}, maxConnections),
	}
	q.attempts, q.cutShort = context.WithCancel(context.Background())
	return q
}

// Send takes an email to be delivered, and does not wait for that.
func (q *Queue) Send(_ context.Context, m Message) error {
	email, err := q.templates.Write(m)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	select {
	case q.room <- struct{}{}:
	default:
		return ErrFull
	}
	q.held.Go(func() {
		q.work(email)
		<-q.room
	})
	return nil
}

// work attempts to deliver an email until it is done or hopeless.
func (q *Queue) work(email Email) {
	for i := range len(pauses) + 1 {
		err := q.attempt(email)
		log := q.log.With(slog.String("kind", string(email.Kind)), slog.String("to", Masked(email.To)), slog.Int("attempt", i+1))
		switch {
		case err == nil:
			log.Debug("email delivered")
			return
		case i == len(pauses) || errors.Is(err, ErrRefused) || q.attempts.Err() != nil:
			log.Error("email not delivered", slog.String("error", err.Error()))
			q.abandon()
			return
		default:
			log.Warn("email not delivered, will try again", slog.String("error", err.Error()))
			q.pause(pauses[i])
		}
	}
}

func (q *Queue) attempt(email Email) error {
	select {
	case q.connections <- struct{}{}:
	case <-q.attempts.Done():
		return q.attempts.Err()
	}
	defer func() { <-q.connections }()
	ctx, cancel := context.WithTimeout(q.attempts, attemptTimeout)
	defer cancel()
	return q.deliver(ctx, email)
}

// pause waits, but not while the server stops.
func (q *Queue) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.closing:
	}
}

func (q *Queue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.abandoned++
}

// Close takes no more emails and delivers those that it has, without pauses, until ctx is done. It fails when some were
// not delivered on the way.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		q.abandoned = 0
		close(q.closing)
	}
	q.mu.Unlock()

	stop := context.AfterFunc(ctx, q.cutShort)
	defer stop()
	q.held.Wait()
	q.cutShort()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.abandoned > 0 {
		return fmt.Errorf("emails lost when the server stopped: %d", q.abandoned)
	}
	return nil
}
