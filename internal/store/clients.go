package store

import (
	"context"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
)

// Client is one browser or device.
type Client struct {
	ID                  string
	RotatingTokenHash   string // "" until the client gets a cookie
	LastActiveSessionID string
	LastStrategy        string
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

const clientColumns = `id, rotating_token_hash, last_active_session_id, last_strategy, created_at, updated_at`

func scanClient(r row) (Client, error) {
	var (
		c                      Client
		hash, active, strategy *string
		created, updated       int64
	)
	err := r.Scan(&c.ID, &hash, &active, &strategy, &created, &updated)
	c.RotatingTokenHash, c.LastActiveSessionID, c.LastStrategy = text(hash), text(active), text(strategy)
	c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
	return c, err
}

// InsertClient writes a new client.
func (c Conn) InsertClient(ctx context.Context, v Client) error {
	_, err := c.exec(ctx, `INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
		v.ID, optional(v.RotatingTokenHash), optional(v.LastActiveSessionID), optional(v.LastStrategy), ms(v.CreatedAt), ms(v.UpdatedAt))
	return err
}

// Client finds a client by id, or ErrNotFound.
func (c Conn) Client(ctx context.Context, id string) (Client, error) {
	return one(ctx, c, scanClient, `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id)
}

// Clients lists clients, newest first.
func (c Conn) Clients(ctx context.Context, limit, offset int64) ([]Client, error) {
	return many(ctx, c, scanClient, `SELECT `+clientColumns+` FROM clients ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`, limit, offset)
}

// CountClients counts all clients.
func (c Conn) CountClients(ctx context.Context) (int64, error) {
	return one(ctx, c, scalar[int64], `SELECT COUNT(*) FROM clients`)
}

// ClientSessions lists the sessions of a client that still belong to it, oldest first.
func (c Conn) ClientSessions(ctx context.Context, clientID string) ([]session.Session, error) {
	return many(ctx, c, scanSession, `SELECT `+sessionColumns+` FROM sessions
		WHERE client_id = $1 AND status <> 'removed' AND `+notHidden+` ORDER BY created_at, id`, clientID)
}

// ForgetSession takes an ended session out of its client's last active place.
func (c Conn) ForgetSession(ctx context.Context, s session.Session) error {
	_, err := c.exec(ctx, `UPDATE clients SET updated_at = $3,
		last_active_session_id = CASE WHEN last_active_session_id = $2 THEN NULL ELSE last_active_session_id END
		WHERE id = $1`, s.ClientID, s.ID, ms(s.UpdatedAt))
	return err
}

// ForgetUserSessions does what ForgetSession does, for every session of a user.
func (c Conn) ForgetUserSessions(ctx context.Context, userID string, now time.Time) error {
	_, err := c.exec(ctx, `UPDATE clients SET updated_at = $2, last_active_session_id = NULL
		WHERE last_active_session_id IN (SELECT id FROM sessions WHERE user_id = $1)`, userID, ms(now))
	return err
}

// PurgeClients deletes up to limit clients that were last used before a moment and have no sessions left.
func (c Conn) PurgeClients(ctx context.Context, usedBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM clients WHERE id IN (SELECT c.id FROM clients c
		WHERE c.created_at < $1 AND c.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = c.id)
		LIMIT $2)`, ms(usedBefore), limit)
}
