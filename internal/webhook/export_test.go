package webhook

import (
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

var Signed = signed

func (l Limits) Pause(attempts int64, jitter float64) (time.Duration, bool) {
	return l.pause(attempts, jitter)
}

// After is the circuit after attempts that ended with statuses: 0 is one that says nothing of the endpoint.
func (l Limits) After(c store.Circuit, probe bool, now time.Time, wish time.Duration, statuses ...int) store.Circuit {
	made := make([]attempt, len(statuses))
	for i, status := range statuses {
		made[i].wish = wish
		switch status {
		case 0:
			made[i].result = impossible
		case 200:
			made[i].result = delivered
		default:
			made[i].result = failed
		}
	}
	return l.after(c, probe, made, now)
}
