package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// node is a feed over a real database, with a clock that only the test moves.
type node struct {
	*Feed
	db     *store.DB
	source *source
	clock  atomic.Int64
	signed atomic.Int64
	kid    atomic.Int64
	stop   func()
}

// source is the event log, unless the test breaks it.
type source struct {
	*store.DB
	broken atomic.Bool
}

func (s *source) Revocations(ctx context.Context, since, now time.Time) ([]event.Event, error) {
	if s.broken.Load() {
		return nil, errors.New("the database has gone away")
	}
	return s.DB.Revocations(ctx, since, now)
}

func (s *source) LookEvery() time.Duration { return 20 * time.Millisecond }

func newNode(t *testing.T, databaseURL string) *node {
	t.Helper()
	db := storetest.Open(t, databaseURL)
	n := &node{db: db, source: &source{DB: db}}
	n.clock.Store(start.UnixMilli())
	sign := func(_ context.Context, e event.Event) (string, error) {
		n.signed.Add(1)
		return fmt.Sprintf("%s signed with key %d", e.ID, n.kid.Load()), nil
	}
	n.Feed = New(n.source, sign, func() time.Time { return time.UnixMilli(n.clock.Load()).UTC() }, slog.New(slog.DiscardHandler))
	n.hold, n.patience = 50*time.Millisecond, time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	n.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(n.stop)
	return n
}

func (n *node) advance(d time.Duration) { n.clock.Add(d.Milliseconds()) }

var serial atomic.Int64

func revocation(at time.Time) event.Event {
	id := fmt.Sprintf("%06d", serial.Add(1))
	return event.Event{
		ID: "evt_" + id, Type: event.SessionRevoked, At: at, Subject: "sess_" + id, Position: 1, SessionID: "sess_" + id,
		UserID: "user_1", By: session.ByBackend, TokensUntil: event.TokensUntil(at, time.Time{}),
	}
}

func (n *node) write(t *testing.T, events ...event.Event) {
	t.Helper()
	if err := n.db.Update(t.Context(), func(tx store.Conn) error { return tx.InsertEvents(t.Context(), events) }); err != nil {
		t.Fatal(err)
	}
}

func (n *node) poll(t *testing.T, p Poll) Answer {
	t.Helper()
	if p.Max == 0 {
		p.Max = 1000
	}
	a, err := n.Poll(t.Context(), p)
	if err != nil {
		t.Errorf("Poll(%+v): %v", p, err)
	}
	return a
}

func ids(a Answer) []string {
	var all []string
	for id := range a.SETs {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func want(t *testing.T, what string, a Answer, events ...event.Event) {
	t.Helper()
	var wanted []string
	for _, e := range events {
		wanted = append(wanted, e.ID)
	}
	if got := ids(a); !slices.Equal(got, wanted) {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

// The first poll of a stream is sent everything that matters, page by page, as it stands when it asks.
func TestFirstPollIsComplete(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		n := newNode(t, databaseURL)
		events := []event.Event{revocation(start), revocation(start), revocation(start)}
		n.write(t, events...)
		n.write(t, event.Event{ID: "evt_x", Type: event.SessionCreated, At: start, Subject: "sess_x", By: "user_1"})

		first := n.poll(t, Poll{Stream: "a", Immediately: true, Max: 2})
		if len(first.SETs) != 2 || !first.More {
			t.Fatalf("first page: %+v, want two and more", first)
		}
		second := n.poll(t, Poll{Stream: "a", Immediately: true, Max: 2, Acks: ids(first)})
		if len(second.SETs) != 1 || second.More {
			t.Fatalf("second page: %+v, want one and no more", second)
		}
		if got := append(ids(first), ids(second)...); len(slices.Compact(got)) != 3 {
			t.Errorf("pages repeat themselves: %v", got)
		}
		want(t, "another stream", n.poll(t, Poll{Stream: "b", Immediately: true}), events...)
		if got := n.signed.Load(); got != 3 {
			t.Errorf("signed %d times, want once for each event", got)
		}
	})
}

// A poll that is held is answered with what another node writes meanwhile, and says that there is nothing only when the
// log has been read while it waited.
func TestPollIsHeld(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		n, other := newNode(t, databaseURL), newNode(t, databaseURL)
		want(t, "heartbeat", n.poll(t, Poll{Stream: "a"}))

		n.hold = time.Minute
		got := make(chan Answer)
		go func() { got <- n.poll(t, Poll{Stream: "a"}) }()
		e := revocation(start)
		other.write(t, e)
		want(t, "held", <-got, e)
	})
}

// What commits late, with a moment from before what has been sent, is sent all the same.
func TestLateCommitIsSent(t *testing.T) {
	n := newNode(t, storetest.Postgres(t))
	early, late := revocation(start.Add(time.Second)), revocation(start)
	inserted, commit := make(chan struct{}), make(chan struct{})
	var slow sync.WaitGroup
	slow.Go(func() {
		err := n.db.Update(t.Context(), func(tx store.Conn) error {
			if err := tx.InsertEvents(t.Context(), []event.Event{late}); err != nil {
				return err
			}
			close(inserted)
			<-commit
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inserted
	n.write(t, early)
	n.advance(2 * time.Second)
	first := n.poll(t, Poll{Stream: "a", Immediately: true})
	want(t, "before the late commit", first, early)
	n.hold = time.Minute
	close(commit)
	want(t, "after it", n.poll(t, Poll{Stream: "a", Acks: ids(first)}), late)
	slow.Wait()
}

// Nodes whose clocks differ see each other's events.
func TestClocksThatDiffer(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		ahead, behind := newNode(t, databaseURL), newNode(t, databaseURL)
		ahead.advance(2 * time.Second)
		ahead.hold, behind.hold = time.Minute, time.Minute
		for _, c := range []struct{ writer, reader *node }{{ahead, behind}, {behind, ahead}} {
			e := revocation(c.writer.now())
			c.writer.write(t, e)
			for a := (Answer{}); a.SETs[e.ID] == ""; {
				a = c.reader.poll(t, Poll{Stream: "a", Acks: ids(a)})
			}
		}
	})
}

// What a receiver could not take is sent again: at once when it asks how things stand, so that the answer is complete,
// and not at every poll that is to be held.
func TestUnacknowledgedIsSentAgain(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	e := revocation(start)
	n.write(t, e)
	for i := range quickSends {
		want(t, fmt.Sprintf("held, time %d", i+1), n.poll(t, Poll{Stream: "a"}), e)
	}
	want(t, "held after that", n.poll(t, Poll{Stream: "a"}))
	for i := range 2 * quickSends {
		want(t, fmt.Sprintf("immediately, time %d", i+1), n.poll(t, Poll{Stream: "a", Immediately: true}), e)
	}
	n.advance(resendAfter)
	want(t, "held, later", n.poll(t, Poll{Stream: "a"}), e)
	n.poll(t, Poll{Stream: "a", Immediately: true, Acks: []string{e.ID}})
	n.advance(resendAfter)
	want(t, "acknowledged", n.poll(t, Poll{Stream: "a", Immediately: true}))

	n.write(t, revocation(start))
	refused := n.poll(t, Poll{Stream: "a", Immediately: true})
	n.poll(t, Poll{Stream: "a", Immediately: true, Errors: map[string]Refusal{ids(refused)[0]: {Code: "invalid_key"}}})
	want(t, "refused", n.poll(t, Poll{Stream: "a", Immediately: true}))
}

// An answer without more holds all that was not acknowledged, and what is new does not wait behind it.
func TestAnAnswerWithoutMoreIsComplete(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	events := []event.Event{revocation(start), revocation(start), revocation(start)}
	n.write(t, events...)
	for range quickSends + 1 {
		n.poll(t, Poll{Stream: "a", Immediately: true})
	}
	fresh := revocation(start)
	n.write(t, fresh)
	page := n.poll(t, Poll{Stream: "a", Immediately: true, Max: 2})
	if page.SETs[fresh.ID] == "" || len(page.SETs) != 2 || !page.More {
		t.Errorf("a page of two: %+v, want what is new, another one and more", page)
	}
	want(t, "the rest", n.poll(t, Poll{Stream: "a", Immediately: true, Max: 3, Acks: []string{fresh.ID}}), events...)
	if rest := n.poll(t, Poll{Stream: "a", Immediately: true, Max: 3}); rest.More {
		t.Error("there is more than all")
	}
}

// A receiver that comes from another node acknowledges here what that node has sent, and is not sent it again.
func TestAcknowledgedElsewhere(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	e, f := revocation(start), revocation(start)
	n.write(t, e, f)
	n.poll(t, Poll{Stream: "b", Immediately: true}) // the node knows them by now
	want(t, "what is left", n.poll(t, Poll{Stream: "a", Immediately: true, Acks: []string{e.ID}}), f)
}

// A node that cannot read the log does not say that there is nothing; one that can again sends what came meanwhile.
func TestBlindNodeSaysSo(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	known := revocation(start)
	n.write(t, known)
	n.poll(t, Poll{Stream: "a", Immediately: true})
	n.poll(t, Poll{Stream: "a", Acks: []string{known.ID}})
	n.patience = 50 * time.Millisecond
	n.source.broken.Store(true)
	for {
		if _, err := n.Poll(t.Context(), Poll{Stream: "a", Max: 1}); errors.Is(err, ErrBlind) {
			break // the look that ran when it broke may still have answered one poll
		}
	}
	e := revocation(start)
	n.write(t, e)
	if a := n.poll(t, Poll{Stream: "b"}); a.SETs[known.ID] == "" || !a.More {
		t.Errorf("what it knew when it was sighted: %+v, want that, and that there may be more", a)
	}
	n.source.broken.Store(false)
	n.hold = time.Minute
	want(t, "sighted again", n.poll(t, Poll{Stream: "a"}), e)
}

// A stream that acknowledges nothing, or what it was not sent, costs no more than what still matters.
func TestWhatIsNeverAcknowledgedIsForgotten(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	long, short := revocation(start), revocation(start)
	short.TokensUntil = start.Add(time.Second)
	n.write(t, long)
	n.poll(t, Poll{Stream: "a", Immediately: true})
	n.write(t, short)
	want(t, "sent", n.poll(t, Poll{Stream: "a", Immediately: true}), long, short)
	want(t, "sent, but for what another node has sent", n.poll(t, Poll{Stream: "b", Immediately: true, Max: 1, Acks: []string{short.ID}}), long)
	kept := func() (open, ahead int) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.streams["a"].open), len(n.streams["b"].ahead)
	}
	if open, ahead := kept(); open != 2 || ahead != 1 {
		t.Fatalf("%d and %d are kept, want 2 and 1", open, ahead)
	}
	fresh := revocation(start.Add(everything)) // the last one stays
	n.write(t, fresh)
	n.advance(everything)
	for range 2 { // as below
		n.poll(t, Poll{Stream: "a", Immediately: true, Acks: []string{fresh.ID}})
	}
	if open, ahead := kept(); open != 1 || ahead != 0 {
		t.Errorf("%d and %d are kept, want the one that matters, and none", open, ahead)
	}
}

// A stream that is paused takes acknowledgements, tells nothing, and lets polls wait as always.
func TestPausedStream(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	e := revocation(start)
	n.write(t, e)
	want(t, "before", n.poll(t, Poll{Stream: "a", Immediately: true}), e)
	began := time.Now()
	want(t, "held", n.poll(t, Poll{Stream: "a", Paused: true, Acks: []string{e.ID}}))
	if waited := time.Since(began); waited < n.hold {
		t.Errorf("answered after %v", waited)
	}
	n.hold = time.Minute
	fresh := revocation(start)
	n.write(t, fresh)
	want(t, "immediately", n.poll(t, Poll{Stream: "a", Paused: true, Immediately: true}))
	want(t, "afterwards", n.poll(t, Poll{Stream: "a", Immediately: true}), fresh)
}

func TestForgetting(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	short, long := revocation(start), revocation(start)
	long.TokensUntil = start.Add(365 * 24 * time.Hour)
	n.write(t, short, long)
	want(t, "at first", n.poll(t, Poll{Stream: "a", Immediately: true}), short, long)
	n.advance(short.TokensUntil.Sub(start))
	want(t, "when the tokens of one are over", n.poll(t, Poll{Stream: "b", Immediately: true}), long)
	n.advance(everything)
	for range 2 { // a look that began just before the clock went on may be what the first one is answered with
		n.poll(t, Poll{Stream: "b", Immediately: true, Acks: []string{long.ID}})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.order) != 1 || len(n.known) != 1 {
		t.Errorf("%d in order, %d known; want the one that matters", len(n.order), len(n.known))
	}
	if _, kept := n.streams["a"]; kept {
		t.Error("a stream that nobody polls is remembered")
	}
}

// What was signed with a key that is retired by now is signed again.
func TestRetiredKeySignsNothing(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	e := revocation(start)
	n.write(t, e)
	n.poll(t, Poll{Stream: "a", Immediately: true})
	n.kid.Store(1)
	retired := revocation(start)
	retired.Type = event.KeyRetired
	n.write(t, retired)
	a := n.poll(t, Poll{Stream: "b", Immediately: true})
	if want := e.ID + " signed with key 1"; a.SETs[e.ID] != want {
		t.Errorf("%q, want %q", a.SETs[e.ID], want)
	}
}

func TestStreamsGetWhatTheyWant(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	revoked, retired, verification := revocation(start), revocation(start), revocation(start)
	retired.Type = event.KeyRetired
	verification.Type, verification.Subject = event.StreamVerification, "stream_1"
	n.write(t, revoked, retired, verification)
	want(t, "all", n.poll(t, Poll{Stream: "stream_2", Immediately: true}), revoked, retired)
	want(t, "its own verification", n.poll(t, Poll{Stream: "stream_1", Immediately: true, Types: []string{event.SETKeyRetired}}), retired, verification)
}

func TestStoppingEndsPolls(t *testing.T) {
	n := newNode(t, storetest.SQLite(t))
	n.poll(t, Poll{Stream: "a"})
	n.hold = time.Hour
	ended := make(chan error)
	go func() {
		_, err := n.Poll(t.Context(), Poll{Stream: "a", Max: 1})
		ended <- err
	}()
	n.stop()
	if err := <-ended; !errors.Is(err, ErrBlind) {
		t.Errorf("%v, want %v", err, ErrBlind)
	}
}
