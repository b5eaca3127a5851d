package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sojourn-auth/sojourn/internal/mail"
)

// deliveries counts attempts, and lets the test say how they go.
type deliveries struct {
	mu       sync.Mutex
	attempts int
	ids      map[string]bool
	answer   func(ctx context.Context, attempt int) error
}

func (d *deliveries) deliver(ctx context.Context, e mail.Email) error {
	d.mu.Lock()
	d.attempts++
	n := d.attempts
	if d.ids == nil {
		d.ids = map[string]bool{}
	}
	d.ids[e.ID] = true
	d.mu.Unlock()
	return d.answer(ctx, n)
}

// lines is a log that knows when its last line came.
type lines struct {
	mu   sync.Mutex
	b    bytes.Buffer
	last time.Time
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
	return l.b.Write(p)
}

// queue makes a queue in a bubble of time.
func queue(t *testing.T, d *deliveries) (*mail.Queue, *lines) {
	t.Helper()
	log := &lines{}
	return mail.NewQueue(templates(t), d.deliver, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))), log
}

func send(t *testing.T, q *mail.Queue) {
	t.Helper()
	if err := q.Send(t.Context(), message(mail.VerificationCode)); err != nil {
		t.Fatal(err)
	}
}

var errDown = errors.New("the server answered 451")

func TestQueueTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(context.Context, int) error
		attempts int
		took     time.Duration
		log      string
	}{
		"works at once": {
			answer:   func(context.Context, int) error { return nil },
			attempts: 1, log: "email delivered",
		},
		"works the third time": {
			answer: func(_ context.Context, n int) error {
				if n < 3 {
					return errDown
				}
				return nil
			},
			attempts: 3, took: mail.Pauses[0] + mail.Pauses[1], log: "email delivered",
		},
		"never works": {
			answer:   func(context.Context, int) error { return errDown },
			attempts: 5, took: mail.Pauses[0] + mail.Pauses[1] + mail.Pauses[2] + mail.Pauses[3], log: "level=ERROR msg=\"email not delivered\"",
		},
		"is refused": {
			answer:   func(context.Context, int) error { return fmt.Errorf("%w with 550", mail.ErrRefused) },
			attempts: 1, log: "level=ERROR msg=\"email not delivered\"",
		},
		"hangs": {
			answer: func(ctx context.Context, n int) error {
				if n > 1 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			},
			attempts: 2, took: 30*time.Second + mail.Pauses[0], log: "email delivered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &deliveries{answer: c.answer}
				q, log := queue(t, d)
				began := time.Now()
				send(t, q)
				time.Sleep(time.Hour) // of the bubble, not ours
				synctest.Wait()
				if took := log.last.Sub(began); d.attempts != c.attempts || took != c.took || len(d.ids) != 1 {
					t.Errorf("%d attempts of %d emails in %v, want %d of one in %v", d.attempts, len(d.ids), took, c.attempts, c.took)
				}
				text := log.b.String()
				if !strings.Contains(text, c.log) {
					t.Errorf("never logged %q:\n%s", c.log, text)
				}
				if strings.Contains(text, "817263") || strings.Contains(text, "ann.lee") {
					t.Errorf("the log has the code or the address:\n%s", text)
				}
				if err := q.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestQueueDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deliveries{answer: func(_ context.Context, n int) error {
			if n == 1 {
				return errDown
			}
			return nil
		}}
		q, _ := queue(t, d)
		send(t, q)
		synctest.Wait() // it pauses before the second attempt
		began := time.Now()
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if d.attempts != 2 || time.Since(began) != 0 {
			t.Errorf("%d attempts, the last after %v; want the second at once", d.attempts, time.Since(began))
		}
		if err := q.Send(t.Context(), message(mail.VerificationCode)); !errors.Is(err, mail.ErrClosed) {
			t.Errorf("a closed queue took an email: %v", err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
}

func TestQueueDoesNotDrainForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deliveries{answer: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		q, _ := queue(t, d)
		for range 10 {
			send(t, q)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		err := q.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), ": 10") {
			t.Errorf("got %v, want a loss of 10", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v, want 5s", took)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most int
		d := &deliveries{}
		release := make(chan struct{})
		d.answer = func(context.Context, int) error {
			d.mu.Lock()
			running++
			most = max(most, running)
			d.mu.Unlock()
			<-release
			d.mu.Lock()
			running--
			d.mu.Unlock()
			return nil
		}
		q, _ := queue(t, d)
		for range mail.MaxWaiting {
			send(t, q)
		}
		if err := q.Send(t.Context(), message(mail.VerificationCode)); !errors.Is(err, mail.ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		synctest.Wait()
		close(release)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if d.attempts != mail.MaxWaiting || most != 4 {
			t.Errorf("%d delivered, %d at a time; want %d, 4 at a time", d.attempts, most, mail.MaxWaiting)
		}
	})
}

func TestNowhere(t *testing.T) {
	if err := (mail.Nowhere{}).Send(t.Context(), message(mail.VerificationCode)); !errors.Is(err, mail.ErrNoServer) {
		t.Errorf("got %v", err)
	}
}
