package app

import (
	"context"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const maxBulkUsers = 50

// BanUser bans a user and ends all their sessions. Once it has answered, none of them mints tokens and none begins.
func (a *App) BanUser(ctx context.Context, req *api.UserRef) (*api.User, error) {
	now := a.now()
	return a.changeUser(ctx, req.UserID, now, a.ban(ctx, now))
}

// UnbanUser lets a user begin sessions again. The ones that the ban ended stay ended.
func (a *App) UnbanUser(ctx context.Context, req *api.UserRef) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), unban)
}

// BanUsers bans all the users or, when one does not exist, none.
func (a *App) BanUsers(ctx context.Context, req *api.UserIDs) ([]api.User, error) {
	now := a.now()
	return a.changeUsers(ctx, req.UserIDs, now, a.ban(ctx, now))
}

// UnbanUsers unbans all the users or, when one does not exist, none.
func (a *App) UnbanUsers(ctx context.Context, req *api.UserIDs) ([]api.User, error) {
	return a.changeUsers(ctx, req.UserIDs, a.now(), unban)
}

// LockUser keeps a user from signing in until they are unlocked. Their sessions go on.
func (a *App) LockUser(ctx context.Context, req *api.UserRef) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), func(_ store.Conn, u *store.User) error {
		u.Locked, u.LockedUntil = true, time.Time{}
		return nil
	})
}

// UnlockUser lets a user sign in again, with all attempts.
func (a *App) UnlockUser(ctx context.Context, req *api.UserRef) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), func(_ store.Conn, u *store.User) error {
		u.Locked, u.LockedUntil, u.FailedAttempts = false, time.Time{}, 0
		return nil
	})
}

func (a *App) ban(ctx context.Context, now time.Time) func(store.Conn, *store.User) error {
	return func(tx store.Conn, u *store.User) error {
		u.Banned = true
		return a.signOut(ctx, tx, u, session.ReasonUserBanned, now)
	}
}

func unban(_ store.Conn, u *store.User) error {
	u.Banned = false
	return nil
}

// changeUsers changes users in one transaction and answers them in the order of the request, each once.
func (a *App) changeUsers(ctx context.Context, given []string, now time.Time, apply func(store.Conn, *store.User) error) ([]api.User, error) {
	if len(given) == 0 {
		return nil, missing("user_ids")
	}
	if len(given) > maxBulkUsers {
		return nil, tooMany("user_ids", maxBulkUsers)
	}
	// Everybody takes rows in the same order, or two such changes could wait for each other for ever.
	sorted := slices.Compact(slices.Sorted(slices.Values(given)))
	var changed []store.User
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		changed = changed[:0]
		for _, id := range sorted {
			u, err := a.changeRow(ctx, tx, id, session.ByBackend, now, apply)
			if err != nil {
				return err
			}
			changed = append(changed, u)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(changed, func(x, y store.User) int { return slices.Index(given, x.ID) - slices.Index(given, y.ID) })
	return a.userViews(ctx, changed)
}
