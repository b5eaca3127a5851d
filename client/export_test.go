package client

import (
	"context"
	"time"
)

// WithSleep replaces the wait between attempts, so that tests need not wait.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(c *connection) { c.sleep = sleep }
}
