package store

import (
	"context"
	"errors"
	"time"
)

// Take takes n from what limit allows of name in the window that begins at start, and reports whether they were there
// to take. However many nodes take at once, no more than limit is ever given.
func (c Conn) Take(ctx context.Context, name string, start time.Time, n, limit int64) (bool, error) {
	if n > limit {
		return false, nil
	}
	_, err := one(ctx, c, scalar[int64], `INSERT INTO rate_limits (name, window_start, used) VALUES ($1, $2, $3)
		ON CONFLICT (name, window_start) DO UPDATE SET used = rate_limits.used + excluded.used
		WHERE rate_limits.used + excluded.used <= $4 RETURNING used`, name, ms(start), n, limit)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PurgeLimits deletes up to limit counters of windows that began before a moment.
func (c Conn) PurgeLimits(ctx context.Context, before time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM rate_limits WHERE (name, window_start) IN
		(SELECT name, window_start FROM rate_limits WHERE window_start < $1 ORDER BY window_start LIMIT $2)`, ms(before), limit)
}
