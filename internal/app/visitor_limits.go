package app

import (
	"context"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// admitVisitor counts what an address does, on all nodes together, and refuses what is more than limit in a window; 0
// is no limit. Development has none: there all of a test suite comes from one address.
func (a *App) admitVisitor(ctx context.Context, v *Visitor, limit int64, what string) error {
	if limit == 0 || a.Settings.Development() {
		return nil
	}
	return a.takeOne(ctx, what+":"+v.Address, rateWindow, limit)
}

// takeOne takes one from a limit in a window. The name may hold whatever a caller sent: it is stored as a hash.
func (a *App) takeOne(ctx context.Context, name string, window time.Duration, limit int64) error {
	now := a.now()
	start := now.Truncate(window)
	var ok bool
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		ok, err = tx.Take(ctx, secret.HashKey(name), start, 1, limit)
		return err
	})
	if err != nil || ok {
		return err
	}
	return tooSoon("too_many_requests", "Too many requests; try again later.", start.Add(window).Sub(now))
}

func tooSoon(code, long string, wait time.Duration) *api.Error {
	err := fail(429, code, "Too many requests", long)
	err.RetryAfter = wait
	return err
}
