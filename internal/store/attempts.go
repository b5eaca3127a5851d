package store

import (
	"context"
	"encoding/json"
	"time"
)

// Attempt is a sign-in or sign-up of a client.
type Attempt struct {
	ID        string
	ClientID  string
	State     json.RawMessage // what its state machine keeps
	AbandonAt time.Time
}

func scanAttempt(r row) (Attempt, error) {
	var (
		a       Attempt
		state   string
		abandon int64
	)
	err := r.Scan(&a.ID, &a.ClientID, &state, &abandon)
	a.State, a.AbandonAt = json.RawMessage(state), moment(abandon)
	return a, err
}

// InsertAttempt writes a new attempt.
func (c Conn) InsertAttempt(ctx context.Context, a Attempt) error {
	_, err := c.exec(ctx, `INSERT INTO attempts (id, client_id, state, abandon_at) VALUES ($1, $2, $3, $4)`,
		a.ID, a.ClientID, string(a.State), ms(a.AbandonAt))
	return err
}

// Attempt finds an attempt of a client, or ErrNotFound: nobody sees those of others.
func (c Conn) Attempt(ctx context.Context, clientID, id string) (Attempt, error) {
	return one(ctx, c, scanAttempt, `SELECT id, client_id, state, abandon_at FROM attempts WHERE id = $1 AND client_id = $2`, id, clientID)
}

// UpdateAttempt writes the state of an attempt. Take its client's row before it is read.
func (c Conn) UpdateAttempt(ctx context.Context, a Attempt) error {
	return c.execOne(ctx, `UPDATE attempts SET state = $2 WHERE id = $1`, a.ID, string(a.State))
}

// DeleteAttempt forgets an attempt and the code that was mailed for it.
func (c Conn) DeleteAttempt(ctx context.Context, id string) error {
	if _, err := c.exec(ctx, `DELETE FROM attempts WHERE id = $1`, id); err != nil {
		return err
	}
	return c.DeleteCode(ctx, id)
}

// PurgeAttempts deletes up to limit attempts that were abandoned before a moment.
func (c Conn) PurgeAttempts(ctx context.Context, abandonedBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE abandon_at < $1 ORDER BY abandon_at LIMIT $2)`,
		ms(abandonedBefore), limit)
}
