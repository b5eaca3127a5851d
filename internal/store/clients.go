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
	PreviousTokenHash   string // what the cookie before the last rotation held
	PreviousTokenUntil  time.Time
	LastActiveSessionID string
	LastStrategy        string
	SignInID            string // the sign-in that is open
	SignUpID            string
	CreatedAt           time.Time
	UpdatedAt           time.Time // when the sessions or attempts in it last changed
}

const clientColumns = `id, rotating_token_hash, previous_token_hash, previous_token_until, last_active_session_id,
	last_strategy, sign_in_id, sign_up_id, created_at, updated_at`

func scanClient(r row) (Client, error) {
	var (
		c                                Client
		hash, previous, active, strategy *string
		signIn, signUp                   *string
		until                            *int64
		created, updated                 int64
	)
	err := r.Scan(&c.ID, &hash, &previous, &until, &active, &strategy, &signIn, &signUp, &created, &updated)
	c.RotatingTokenHash, c.PreviousTokenHash, c.PreviousTokenUntil = text(hash), text(previous), optionalMoment(until)
	c.LastActiveSessionID, c.LastStrategy, c.SignInID, c.SignUpID = text(active), text(strategy), text(signIn), text(signUp)
	c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
	return c, err
}

func (v Client) args() []any {
	return []any{
		v.ID, optional(v.RotatingTokenHash), optional(v.PreviousTokenHash), optionalMS(v.PreviousTokenUntil),
		optional(v.LastActiveSessionID), optional(v.LastStrategy), optional(v.SignInID), optional(v.SignUpID),
		ms(v.CreatedAt), ms(v.UpdatedAt),
	}
}

// InsertClient writes a new client.
func (c Conn) InsertClient(ctx context.Context, v Client) error {
	_, err := c.exec(ctx, `INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, v.args()...)
	return err
}

// Client finds a client by id, or ErrNotFound.
func (c Conn) Client(ctx context.Context, id string) (Client, error) {
	return one(ctx, c, scanClient, `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id)
}

// ClientForUpdate reads a client that nobody else can change until the transaction ends, or ErrNotFound.
func (c Conn) ClientForUpdate(ctx context.Context, id string) (Client, error) {
	return one(ctx, c, scanClient, `UPDATE clients SET updated_at = updated_at WHERE id = $1 RETURNING `+clientColumns, id)
}

// UpdateClient writes the whole row. Read it with ClientForUpdate in the same transaction, or the changes of others
// are lost.
func (c Conn) UpdateClient(ctx context.Context, v Client) error {
	return c.execOne(ctx, `UPDATE clients SET (`+clientColumns+`) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE id = $1`, v.args()...)
}

// SetLastActive notes which of its sessions a client used last. Nothing else of the client changes by that.
func (c Conn) SetLastActive(ctx context.Context, clientID, sessionID string) error {
	_, err := c.exec(ctx, `UPDATE clients SET last_active_session_id = $2
		WHERE id = $1 AND (last_active_session_id IS NULL OR last_active_session_id <> $2)`, clientID, sessionID)
	return err
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

// ForgetSession takes an ended session out of its client's last active place. The client's updated_at grows, or pages
// that compare it would not look again.
func (c Conn) ForgetSession(ctx context.Context, s session.Session) error {
	_, err := c.exec(ctx, `UPDATE clients SET updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at + 1 END,
		last_active_session_id = CASE WHEN last_active_session_id = $2 THEN NULL ELSE last_active_session_id END
		WHERE id = $1`, s.ClientID, s.ID, ms(s.UpdatedAt))
	return err
}

// ForgetUserSessions does what ForgetSession does, for every session of a user that ended at now.
func (c Conn) ForgetUserSessions(ctx context.Context, userID string, now time.Time) error {
	_, err := c.exec(ctx, `UPDATE clients SET updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at + 1 END,
		last_active_session_id = CASE WHEN last_active_session_id IN
		(SELECT id FROM sessions WHERE user_id = $1 AND ended_at = $2) THEN NULL ELSE last_active_session_id END
		WHERE id IN (SELECT client_id FROM sessions WHERE user_id = $1 AND ended_at = $2)`, userID, ms(now))
	return err
}

// PurgeClients deletes up to limit clients that were last used before a moment and have no sessions left.
func (c Conn) PurgeClients(ctx context.Context, usedBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM clients WHERE id IN (SELECT c.id FROM clients c
		WHERE c.created_at < $1 AND c.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = c.id)
		LIMIT $2)`, ms(usedBefore), limit)
}
