package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A database that hangs must cost the callers of one second one attempt, not one each.
func TestCallersOfASnapshotShareAReadAndItsFailure(t *testing.T) {
	for name, failure := range map[string]error{"it succeeds": nil, "it fails": errors.New("the database is gone")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s snapshot[string]
				var reads atomic.Int64
				release := make(chan struct{})
				load := func(context.Context) (string, error) {
					reads.Add(1)
					<-release
					return "value", failure
				}
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if value, err := s.get(t.Context(), noon, load); !errors.Is(err, failure) || err == nil && value != "value" {
							t.Errorf("got %q, %v", value, err)
						}
					})
				}
				synctest.Wait() // until all of them wait for the read
				close(release)
				wg.Wait()
				if n := reads.Load(); n != 1 {
					t.Errorf("50 callers made %d reads", n)
				}
			})
		})
	}
}

func TestASnapshotIsNeverOlderThanItsAge(t *testing.T) {
	var s snapshot[int]
	n := 0
	load := func(context.Context) (int, error) { n++; return n, nil }
	for _, step := range []struct {
		name string
		at   time.Duration
		want int
	}{
		{"the first read", 0, 1},
		{"just young enough", snapshotAge - time.Millisecond, 1},
		{"too old", snapshotAge, 2},
		{"the clock went back", -time.Hour, 3},
	} {
		if got, err := s.get(t.Context(), noon.Add(step.at), load); err != nil || got != step.want {
			t.Errorf("%s: got %d, %v, want %d", step.name, got, err, step.want)
		}
	}
}

// What a node has just changed it sees at once, also when a read was under way.
func TestAForgottenSnapshotIsReadAnew(t *testing.T) {
	var s snapshot[string]
	arrived, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err := s.get(t.Context(), noon, func(context.Context) (string, error) {
			close(arrived)
			<-release
			return "old", nil
		})
		if err != nil || got != "old" {
			t.Errorf("the caller from before: %q, %v", got, err)
		}
	})
	<-arrived
	s.forget()
	load := func(context.Context) (string, error) { return "new", nil }
	for range 2 {
		if got, err := s.get(t.Context(), noon, load); err != nil || got != "new" {
			t.Errorf("after the change: %q, %v", got, err)
		}
	}
	close(release)
	wg.Wait()
	if got, err := s.get(t.Context(), noon, load); err != nil || got != "new" {
		t.Errorf("after the old read ended: %q, %v", got, err)
	}
}

func TestACallerDoesNotWaitLongerThanItWants(t *testing.T) {
	var s snapshot[string]
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.get(ctx, noon, func(context.Context) (string, error) { <-release; return "", nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
