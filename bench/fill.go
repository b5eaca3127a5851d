package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const perUser = 10 // sessions

func sessionID(i int) string { return fmt.Sprintf("sess_%027d", i) }
func userID(i int) string    { return fmt.Sprintf("user_%027d", i) }

// session is a random session of the first half; the second half is there to be revoked.
func (p *process) session() string { return sessionID(rand.IntN(p.total / 2)) } //nolint:gosec // no secret

// doomed is a session that has not been revoked yet, as long as there are any.
func (p *process) doomed() string {
	return sessionID(p.total - 1 - int(p.dead.Add(1))%(p.total/2))
}

func (p *process) user() string { return userID(rand.IntN(p.total / 2 / perUser)) } //nolint:gosec // no secret

// fill writes n sessions, perUser for each user, in large transactions, and answers how long it took.
func fill(ctx context.Context, databaseURL string, n int) (time.Duration, error) {
	if _, err := store.Migrate(ctx, databaseURL); err != nil {
		return 0, err
	}
	db, err := store.Open(ctx, databaseURL)
	if err != nil {
		return 0, err
	}
	const (
		batch   = 5_000
		writers = 4 // a statement at a time leaves most of PostgreSQL idle; SQLite has them wait for each other
	)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for from := 0; from < n; from += batch {
		group.Go(func() error {
			return db.Update(ctx, func(tx store.Conn) error { return fillBatch(ctx, tx, from, min(n, from+batch), n, began) })
		})
	}
	err = errors.Join(group.Wait(), db.Close())
	return time.Since(began), err
}

// fillBatch writes the sessions from one to before another, of n. They began in the hour before now.
func fillBatch(ctx context.Context, tx store.Conn, from, to, n int, now time.Time) error {
	first := now.UTC().Truncate(time.Millisecond).Add(-time.Hour)
	lifetimes := session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon}
	for i := from; i < to; i++ {
		if i%perUser == 0 {
			user := store.User{ID: userID(i / perUser), CreatedAt: first, UpdatedAt: first, PublicMetadata: []byte("{}"), PrivateMetadata: []byte("{}"), UnsafeMetadata: []byte("{}")}
			if err := tx.InsertUser(ctx, user); err != nil {
				return err
			}
		}
		// The sessions of a user are spread over the table, as they are in life.
		s := session.New(sessionID(i), userID(i%(n/perUser)), fmt.Sprintf("client_%027d", i), first.Add(time.Duration(i)*time.Millisecond), lifetimes)
		if err := tx.InsertSession(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
