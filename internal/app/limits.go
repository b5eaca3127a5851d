package app

import (
	"context"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// lease is what this node may still give of a window's limit without asking the database. Nodes take a share at a
// time, so that a request costs no write; together they never give more than the limit, though a share that a node
// does not use up is lost with its window.
type lease struct {
	mu    sync.Mutex
	start time.Time
	left  int64
}

const (
	rateWindow = 10 * time.Second // the contract's section 1.10
	shares     = 20               // that a limit is divided into
)

// TakeRequest counts a request to the Backend API, and answers how long to wait when it is one too many.
func (a *App) TakeRequest(ctx context.Context) (wait time.Duration, err error) {
	limit := a.Settings.RateLimit
	if limit == 0 {
		return 0, nil
	}
	now := a.now()
	start := now.Truncate(rateWindow)
	a.requests.mu.Lock()
	defer a.requests.mu.Unlock()
	if !a.requests.start.Equal(start) {
		a.requests.start, a.requests.left = start, 0
	}
	if a.requests.left == 0 {
		taken, err := a.takeShare(ctx, "backend_api", start, limit)
		if err != nil {
			return 0, err
		}
		a.requests.left = taken
	}
	if a.requests.left == exhausted {
		return start.Add(rateWindow).Sub(now), nil
	}
	a.requests.left--
	return 0, nil
}

// exhausted stands for a window that has nothing left for any node: what was taken is never given back, so there is no
// use in asking again.
const exhausted = -1

// takeShare takes a share of a limit, or one when less than a share is left; exhausted when there is none.
func (a *App) takeShare(ctx context.Context, name string, start time.Time, limit int64) (int64, error) {
	for _, n := range []int64{max(1, limit/shares), 1} {
		var ok bool
		err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
			ok, err = tx.Take(ctx, name, start, n, limit)
			return err
		})
		if err != nil || ok {
			return n, err
		}
	}
	return exhausted, nil
}
