package app

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Nodes share a limit: together they let through as much as it allows, and never more.
func TestNodesShareARateLimit(t *testing.T) {
	for _, limit := range []int64{1, 7, 100, 1000} {
		first := usersApp(t)
		now := usersStart.Truncate(rateWindow)
		nodes := make([]*App, 3)
		for i := range nodes {
			nodes[i] = &App{Store: first.Store, Now: func() time.Time { return now }, Settings: Settings{RateLimit: limit}}
		}
		var passed atomic.Int64
		var wg sync.WaitGroup
		for _, node := range nodes {
			wg.Go(func() {
				for range limit + 10 {
					wait, err := node.TakeRequest(t.Context())
					if err != nil {
						t.Error(err)
					}
					if wait == 0 {
						passed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if passed.Load() != limit {
			t.Errorf("limit %d: %d requests passed", limit, passed.Load())
		}
	}
}

func TestARateLimitBeginsAnew(t *testing.T) {
	a := usersApp(t)
	a.Settings.RateLimit = 1
	now := usersStart.Truncate(rateWindow)
	a.Now = func() time.Time { return now }
	for _, c := range []struct {
		at, wait time.Duration
	}{{0, 0}, {4 * time.Second, 6 * time.Second}, {rateWindow - time.Millisecond, time.Millisecond}, {rateWindow, 0}, {rateWindow, rateWindow}} {
		now = usersStart.Truncate(rateWindow).Add(c.at)
		if wait, err := a.TakeRequest(t.Context()); wait != c.wait || err != nil {
			t.Errorf("at %v: wait %v, %v; want %v", c.at, wait, err, c.wait)
		}
	}
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}
