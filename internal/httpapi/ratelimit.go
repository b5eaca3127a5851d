package httpapi

import (
	"sync"
	"time"
)

// RateLimit bounds the requests of a fixed window, as the contract's section 1.10 does. Nil is no limit.
type RateLimit struct {
	Requests int64 // in each window

	mu    sync.Mutex
	start time.Time
	used  int64
}

const rateWindow = 10 * time.Second

// take counts a request, and answers how long to wait when it is one too many. The key set is never limited:
// verifiers that cannot fetch it lock everybody out.
func (l *RateLimit) take(now time.Time, path string) time.Duration {
	if l == nil || path == "/v1/jwks" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := now.Sub(l.start); since < 0 || since >= rateWindow {
		l.start, l.used = now, 0
	}
	if l.used >= l.Requests {
		return l.start.Add(rateWindow).Sub(now)
	}
	l.used++
	return 0
}
