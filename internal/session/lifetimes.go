package session

import (
	"errors"
	"time"
)

// Lifetimes are the instance's rules for how long sessions live.
type Lifetimes struct {
	Max        time.Duration // from creation, whatever happens; 0 is off
	Inactivity time.Duration // without activity; 0 is off
	Abandon    time.Duration // from creation until an expired session is given up
}

// Defaults of the contract, section 2.4.
const (
	DefaultMax     = 7 * 24 * time.Hour
	DefaultAbandon = 30 * 24 * time.Hour
)

// ErrEndless refuses settings under which a session would never end.
var ErrEndless = errors.New("the maximum lifetime and the inactivity timeout cannot both be off")

// Check refuses lifetimes that no session could have.
func (l Lifetimes) Check() error {
	switch {
	case l.Max < 0 || l.Inactivity < 0 || l.Abandon < 0:
		return errors.New("a lifetime cannot be negative")
	case l.Max == 0 && l.Inactivity == 0:
		return ErrEndless
	default:
		return nil
	}
}

// New is a fresh, active session that begins at now.
func New(id, userID, clientID string, now time.Time, l Lifetimes) Session {
	s := Session{
		ID: id, UserID: userID, ClientID: clientID, Status: Active,
		LastActiveAt: now, CreatedAt: now, UpdatedAt: now,
		AbandonAt:    now.Add(l.Abandon),
		InactivityMS: l.Inactivity.Milliseconds(),
	}
	if l.Max > 0 {
		s.MaxExpireAt = now.Add(l.Max)
		s.ExpireAt = s.MaxExpireAt
	}
	return s.Touched(now)
}
