// Package feed tells verifiers which tokens are worth nothing any more. It keeps the revocations that still matter in
// memory, as the event log has them, and holds polls open until there are more (RFC 8936).
//
// A node owes its receivers nothing that another node could not give them: what it remembers of a stream only saves
// sending things twice.
package feed

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/internal/event"
)

// Source is the event log.
type Source interface {
	// Revocations are the events that matter at now, or with since those alone that were written after it.
	Revocations(ctx context.Context, since, now time.Time) ([]event.Event, error)
	// Changed is closed when there may be more.
	Changed() <-chan struct{}
	// LookEvery is how long to wait for Changed before looking anyway.
	LookEvery() time.Duration
}

const (
	// hold is how long a poll waits for news. The answer that there are none shows that the node is well.
	hold = 5 * time.Second
	// patience is how long a poll then waits for a look, if there was none meanwhile. Receivers take a node for gone that
	// has not answered two seconds after the hold.
	patience = 1500 * time.Millisecond
	// overlap is how far back each look goes: longer than any transaction runs, together with what clocks of nodes
	// differ. What commits late is found by a later look then; a cursor would have passed it.
	overlap = 30 * time.Second
	// everything is how often a look goes back all the way, and what does not matter any more is dropped.
	everything = 30 * time.Second
	lookAgain  = 250 * time.Millisecond // after a look that failed
	longRest   = 100 * time.Millisecond // between two looks at most, however long they take
	// streamAge is how long a stream is remembered that nobody polls.
	streamAge = 2 * time.Minute
	// What is not acknowledged is sent again to polls that are held: at once a few times, since an answer may have been
	// lost, then slowly.
	quickSends  = 3
	resendAfter = 10 * time.Second
)

// Feed is what one node knows.
type Feed struct {
	source         Source
	sign           func(context.Context, event.Event) (string, error)
	now            func() time.Time
	log            *slog.Logger
	hold, patience time.Duration
	ask            chan struct{} // holds one: somebody wants a look now
	over           chan struct{} // closed when Run ends

	mu      sync.Mutex
	known   map[string]*entry // by the id of the event
	order   []*entry          // as they came to be known
	streams map[string]*stream
	begun   int64         // looks that have begun
	done    int64         // the last of those that succeeded
	changed chan struct{} // closed when a look ends
}

// entry is a revocation, numbered as it came to be known here.
type entry struct {
	event  event.Event
	number int64

	signing sync.Mutex
	set     string // "" until somebody is sent it
}

// stream is what a receiver has been sent.
type stream struct {
	sent    int64               // the number of the last entry that was
	open    map[string]*sending // sent, and not acknowledged
	ahead   map[string]bool     // acknowledged before it was sent: another node had sent it
	lastUse time.Time
}

type sending struct {
	entry *entry
	at    time.Time
	times int
}

// New makes a feed that knows nothing before Run. sign makes the security event token of an event.
func New(source Source, sign func(context.Context, event.Event) (string, error), now func() time.Time, log *slog.Logger) *Feed {
	return &Feed{
		source: source, sign: sign, now: now, log: log, hold: hold, patience: patience, ask: make(chan struct{}, 1), over: make(chan struct{}),
		known: map[string]*entry{}, streams: map[string]*stream{}, changed: make(chan struct{}),
	}
}

// Run looks into the log until ctx is done: when something has changed, when a poll asks, and now and then. It runs once.
func (f *Feed) Run(ctx context.Context) {
	defer close(f.over)    // polls that are held go elsewhere
	var complete time.Time // when the last look that went all the way back began
	for failing := false; ; {
		changed, began := f.source.Changed(), f.now()
		all := complete.IsZero() || began.Sub(complete) >= everything || began.Before(complete)
		err := f.look(ctx, began, all)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			f.log.WarnContext(ctx, "revocations cannot be read, will try again", slog.String("error", err.Error()))
		case err == nil && all:
			complete = began
		}
		failing = err != nil
		wait := f.source.LookEvery()
		if failing {
			wait, changed = lookAgain, nil
		}
		rest := min(f.now().Sub(began), longRest) // looks take half of a processor at most, whatever happens
		if !await(ctx, rest, nil, nil) || !await(ctx, wait, changed, f.ask) {
			return
		}
	}
}

// await waits for the first of these; false when ctx is done.
func await(ctx context.Context, wait time.Duration, changed, ask <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-ask:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// look reads the log, from its beginning or its last part.
func (f *Feed) look(ctx context.Context, now time.Time, all bool) error {
	f.mu.Lock()
	f.begun++
	number := f.begun
	f.mu.Unlock()
	since := now.Add(-overlap)
	if all {
		since = time.Time{}
	}
	events, err := f.source.Revocations(ctx, since, now)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.done = number
		f.learn(events)
		if all {
			f.forget(now)
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return err
}

// learn takes in what is not known yet, in the order in which it was written as far as that is known.
func (f *Feed) learn(events []event.Event) {
	slices.SortFunc(events, func(x, y event.Event) int { return x.At.Compare(y.At) })
	for _, e := range events {
		if f.known[e.ID] != nil {
			continue
		}
		var number int64
		if n := len(f.order); n > 0 {
			number = f.order[n-1].number
		}
		learned := &entry{event: e, number: number + 1}
		f.known[e.ID] = learned
		f.order = append(f.order, learned)
		if e.Type == event.KeyRetired {
			f.signAnew()
		}
	}
}

// signAnew lets what was signed with a key that is retired be signed again: nobody believes it any more.
func (f *Feed) signAnew() {
	for _, e := range f.order {
		e.signing.Lock()
		e.set = ""
		e.signing.Unlock()
	}
}

// forget drops what does not matter any more, also what streams have not acknowledged of it, and streams that nobody polls.
func (f *Feed) forget(now time.Time) {
	kept := f.order[:0]
	for _, e := range f.order {
		if e.event.TokensUntil.After(now) || e.number == f.order[len(f.order)-1].number { // the last one keeps the count
			kept = append(kept, e)
			continue
		}
		delete(f.known, e.event.ID)
	}
	clear(f.order[len(kept):])
	f.order = kept
	for id, s := range f.streams {
		if now.Sub(s.lastUse) > streamAge {
			delete(f.streams, id)
			continue
		}
		maps.DeleteFunc(s.open, func(id string, _ *sending) bool { return f.known[id] == nil })
		maps.DeleteFunc(s.ahead, func(id string, _ bool) bool { return f.known[id] == nil })
	}
}

// after is the part of the order that comes after a number.
func (f *Feed) after(number int64) []*entry {
	return f.order[sort.Search(len(f.order), func(i int) bool { return f.order[i].number > number }):]
}
