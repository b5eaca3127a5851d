package webhook

import (
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// Limits bound how often and for how long something is tried.
type Limits struct {
	Schedule []time.Duration // the pauses before every attempt but the first, each ± a tenth

	Lease       time.Duration // longer than an attempt can take: after it, whoever made the attempt is taken for dead
	PerEndpoint int           // attempts at a time
	Shared      int           // attempts at a time of all endpoints together, besides one for each
	Grace       time.Duration // how long running attempts may go on when the server stops

	OpenAfter      int64         // failures in a row that open a circuit
	FirstOpening   time.Duration // for how long; the next one is twice as long
	LongestOpening time.Duration
	LongestWish    time.Duration // of a receiver that wants to be left alone (Retry-After)
	DisableAfter   time.Duration // without one success
}

// DefaultLimits are those of a server.
func DefaultLimits() Limits {
	return Limits{
		Schedule: []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour},
		Lease:    30 * time.Second, PerEndpoint: 8, Shared: 64, Grace: 15 * time.Second,
		OpenAfter: 10, FirstOpening: 30 * time.Second, LongestOpening: 5 * time.Minute, LongestWish: time.Hour,
		DisableAfter: 5 * 24 * time.Hour,
	}
}

// pause is how long to wait after a number of attempts that failed; false when there is nothing to wait for.
func (l Limits) pause(attempts int64, jitter float64) (time.Duration, bool) {
	if attempts > int64(len(l.Schedule)) {
		return 0, false
	}
	const least, spread = 0.9, 0.2 // so that what failed together does not come again together
	return time.Duration(float64(l.Schedule[attempts-1]) * (least + spread*jitter)), true
}

// A circuit is closed, open until a moment, or half-open after it: then one delivery is tried to see.

func isOpen(c store.Circuit, now time.Time) bool { return c.OpenUntil.After(now) }

func isHalfOpen(c store.Circuit, now time.Time) bool { return !c.OpenUntil.IsZero() && !isOpen(c, now) }

// after is the circuit after attempts that were made together. probe says that they were one, made to see.
func (l Limits) after(c store.Circuit, probe bool, made []attempt, now time.Time) store.Circuit {
	if probe {
		c.OpenUntil = now // whoever took the probe has pushed it away
	}
	failing := false
	var wish time.Duration
	for _, a := range made {
		switch a.result {
		case delivered:
			c, failing = store.Circuit{}, false
		case failed, refused, gone:
			c.Failures++
			failing, wish = true, max(wish, min(a.wish, l.LongestWish))
			if c.FailingSince.IsZero() {
				c.FailingSince = now
			}
		case impossible, interrupted: // which says nothing of the endpoint
		}
	}
	if !failing {
		return c
	}
	if (probe || c.Failures >= l.OpenAfter) && !isOpen(c, now) {
		c.Openings++
		c.OpenUntil = now.Add(l.opening(c.Openings))
	}
	if until := now.Add(wish); wish > 0 && until.After(c.OpenUntil) {
		c.OpenUntil = until
	}
	return c
}

// opening is how long the nth opening in a row lasts.
func (l Limits) opening(n int64) time.Duration {
	d := l.FirstOpening
	for ; n > 1 && d < l.LongestOpening; n-- {
		d *= 2
	}
	return min(d, l.LongestOpening)
}
