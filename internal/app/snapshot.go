package app

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// snapshot caches a read for at most snapshotAge, for values whose staleness breaks no promise. Callers that find it
// too old share one read, and its failure: a database that hangs keeps them no longer than one would wait alone.
type snapshot[T any] struct {
	kept  atomic.Pointer[reading[T]]
	reads singleflight.Group
}

// reading is a value as it was at a moment, or later.
type reading[T any] struct {
	at    time.Time
	value T
}

const (
	snapshotAge     = time.Second
	snapshotTimeout = 5 * time.Second // of a read, whose callers may all have gone
)

func (r *reading[T]) fresh(now time.Time) bool {
	if r == nil || r.at.IsZero() {
		return false
	}
	age := now.Sub(r.at)
	return age >= 0 && age < snapshotAge
}

func (s *snapshot[T]) get(ctx context.Context, now time.Time, load func(context.Context) (T, error)) (value T, err error) {
	for {
		if kept := s.kept.Load(); kept.fresh(now) {
			return kept.value, nil
		}
		read := s.reads.DoChan("", func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), snapshotTimeout)
			defer cancel()
			before := s.kept.Load()
			if before.fresh(now) { // another read ended just now
				return before, nil
			}
			value, err := load(ctx)
			r := &reading[T]{at: now, value: value}
			if err == nil {
				s.kept.CompareAndSwap(before, r) // not when it was forgotten meanwhile
			}
			return r, err
		})
		select {
		case <-ctx.Done():
			return value, ctx.Err()
		case got := <-read:
			if got.Err != nil {
				return value, got.Err
			}
			if r := got.Val.(*reading[T]); r.fresh(now) {
				return r.value, nil
			}
		}
	}
}

// last is what was read last, however old.
func (s *snapshot[T]) last() (value T) {
	if kept := s.kept.Load(); kept != nil {
		value = kept.value
	}
	return value
}

func (s *snapshot[T]) forget() {
	s.kept.Store(&reading[T]{})
	s.reads.Forget("")
}
