package feed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/internal/event"
)

// Poll is what a receiver asks (RFC 8936, section 2.4).
type Poll struct {
	Stream      string
	Types       []string // of security event tokens that the stream delivers; none: all
	Max         int      // how many SETs it takes; 0: it only acknowledges
	Immediately bool     // it does not want to wait
	Paused      bool     // the stream delivers nothing now; its answers say nothing of what there is
	Acks        []string // the ids of what has arrived
	Errors      map[string]Refusal
}

// Refusal is why a receiver could not take a SET.
type Refusal struct{ Code, Description string }

// Answer is what a receiver is sent.
type Answer struct {
	SETs map[string]string // by the ids of their events
	More bool
}

// ErrBlind says that the node cannot ask the log now: what it would answer may not be all.
var ErrBlind = errors.New("feed: the event log cannot be read")

// Poll answers what a receiver has not been sent. It waits for news at most as long as a poll is held; that there are
// none, it says only once it has looked, for which it waits a little longer. ErrBlind when it could not.
func (f *Feed) Poll(ctx context.Context, p Poll) (Answer, error) {
	asked := f.acknowledge(ctx, p)
	if p.Max == 0 || p.Paused && p.Immediately {
		return Answer{}, nil
	}
	wait := f.hold
	if p.Immediately {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for late, blind := false, false; ; {
		looked, changed := f.looked(asked)
		if p.Paused && late {
			return Answer{}, nil
		}
		if (looked || !p.Immediately) && !p.Paused {
			entries, more := f.take(p)
			if len(entries) > 0 || p.Immediately || late && looked {
				return f.answer(ctx, entries, more || !looked) // what is known from before may not be all
			}
		}
		if blind {
			return Answer{}, ErrBlind
		}
		select {
		case <-changed:
		case <-timer.C:
			late, blind = true, late
			f.wantLook()
			timer.Reset(f.patience)
		case <-f.over:
			return Answer{}, ErrBlind
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
}

// wantLook has the log looked into soon.
func (f *Feed) wantLook() {
	select {
	case f.ask <- struct{}{}:
	default: // somebody has asked already
	}
}

// acknowledge takes in what has arrived, and answers how many looks have begun: one that begins later sees everything
// that was committed before now.
func (f *Feed) acknowledge(ctx context.Context, p Poll) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stream(p.Stream)
	for _, id := range p.Acks {
		s.acknowledged(id, f.known[id])
	}
	for id, refusal := range p.Errors {
		if f.known[id] != nil {
			f.log.WarnContext(ctx, "a receiver refuses a security event", slog.String("stream", p.Stream), slog.String("event_id", id),
				slog.String("code", refusal.Code), slog.String("description", refusal.Description))
		}
		s.acknowledged(id, f.known[id])
	}
	return f.begun
}

func (f *Feed) stream(id string) *stream {
	s := f.streams[id]
	if s == nil {
		s = &stream{open: map[string]*sending{}, ahead: map[string]bool{}}
		f.streams[id] = s
	}
	s.lastUse = f.now()
	return s
}

func (s *stream) acknowledged(id string, known *entry) {
	delete(s.open, id)
	if known != nil && known.number > s.sent {
		s.ahead[id] = true
	}
}

// looked reports whether a look has succeeded that began after those which had been asked, and what is closed when the
// next one ends.
func (f *Feed) looked(asked int64) (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done > asked, f.changed
}

// take is what is to be sent to a stream now, and whether there is more. What is new goes first, so that nothing waits
// behind what a receiver never acknowledges.
func (f *Feed) take(p Poll) (entries []*entry, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, now := f.stream(p.Stream), f.now()
	again := s.again(now, p.Immediately)
	for _, e := range f.after(s.sent) {
		if len(entries) == p.Max {
			return entries, true
		}
		s.sent = e.number
		if s.ahead[e.event.ID] {
			delete(s.ahead, e.event.ID)
		} else if e.event.TokensUntil.After(now) && p.wants(e.event) {
			s.open[e.event.ID] = &sending{entry: e, at: now, times: 1}
			entries = append(entries, e)
		}
	}
	for _, sent := range again {
		if len(entries) == p.Max {
			return entries, true
		}
		sent.at, sent.times = now, sent.times+1
		entries = append(entries, sent.entry)
	}
	return entries, false
}

// again is what is to be sent once more of what was not acknowledged. A poll that wants no waiting asks how things
// stand, so it is told all of it: an answer without it would say that the receiver knows everything. A poll that is
// held is told what is due, or it would never be held. What was sent least comes first, so that nothing is passed over.
func (s *stream) again(now time.Time, all bool) (again []*sending) {
	for _, sent := range s.open {
		due := sent.times < quickSends || now.Sub(sent.at) >= resendAfter
		if sent.entry.event.TokensUntil.After(now) && (all || due) {
			again = append(again, sent)
		}
	}
	slices.SortFunc(again, func(x, y *sending) int {
		return cmp.Or(cmp.Compare(x.times, y.times), cmp.Compare(x.entry.number, y.entry.number))
	})
	return again
}

// wants reports whether a stream delivers an event.
func (p Poll) wants(e event.Event) bool {
	if e.Type == event.StreamVerification {
		return e.Subject == p.Stream
	}
	return len(p.Types) == 0 || slices.Contains(p.Types, e.Type.SETType())
}

func (f *Feed) answer(ctx context.Context, entries []*entry, more bool) (Answer, error) {
	sets := make(map[string]string, len(entries))
	for _, e := range entries {
		set, err := e.sign(ctx, f.sign)
		if err != nil {
			return Answer{}, err
		}
		sets[e.event.ID] = set
	}
	return Answer{SETs: sets, More: more}, nil
}

// sign makes the SET once, for whichever stream needs it first.
func (e *entry) sign(ctx context.Context, sign func(context.Context, event.Event) (string, error)) (string, error) {
	e.signing.Lock()
	defer e.signing.Unlock()
	if e.set != "" {
		return e.set, nil
	}
	set, err := sign(ctx, e.event)
	if err == nil {
		e.set = set
	}
	return set, err
}
