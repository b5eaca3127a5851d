package app

import (
	"context"
	"fmt"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// countFailure counts a wrong password or code of a user, and locks them when it is one too many. Counting takes the
// user's row, and so does a session that begins: however many guesses are made at once, none that comes after the lock
// is worth anything.
func (a *App) countFailure(ctx context.Context, tx store.Conn, userID string, now time.Time) error {
	if a.Settings.MaxAttempts == 0 || userID == "" {
		return nil
	}
	u, err := tx.UserForUpdate(ctx, userID)
	if err != nil {
		return whenAbsent(err, userNotFound(userID))
	}
	if lockedAt(u, now) {
		if a.Settings.Browsers.EnumerationProtection {
			return nil
		}
		return userLocked(u, now)
	}
	if u.Locked { // the lock is over, and with it what led to it
		u.Locked, u.LockedUntil, u.FailedAttempts = false, time.Time{}, 0
	}
	u.FailedAttempts++
	if u.FailedAttempts >= a.Settings.MaxAttempts {
		u.Locked, u.LockedUntil = true, time.Time{}
		if a.Settings.Browsers.LockoutDuration > 0 {
			u.LockedUntil = now.Add(a.Settings.Browsers.LockoutDuration)
		}
	}
	if !u.Locked {
		u.UpdatedAt = now
		return tx.UpdateUser(ctx, u)
	}
	return a.updateUser(ctx, tx, &u, session.BySystem, now, "locked")
}

// whenLocked is what a locked user is told: that they are. Where the instance does not tell whom it knows, it is what
// anybody's mistake is told, for nobody is ever locked.
func (a *App) whenLocked(u store.User, now time.Time, mistake *api.Error) *api.Error {
	if a.Settings.Browsers.EnumerationProtection {
		return mistake
	}
	return userLocked(u, now)
}

// minutes tells seconds in minutes, rounded up.
func minutes(seconds int64) string {
	if n := (seconds + 59) / 60; n != 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "1 minute"
}
