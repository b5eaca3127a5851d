package store

import (
	"context"
	"encoding/json"
	"time"
)

// Ticket is a one-time credential that begins a session: a sign-in token or an actor token.
type Ticket struct {
	ID         string
	Kind       string // SignInToken or ActorToken
	UserID     string
	Actor      json.RawMessage // who impersonates; nil for a sign-in token
	Status     string          // pending, accepted or revoked
	ExpireAt   time.Time
	SessionMax time.Duration // how long its session may live; 0: as the instance says
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// The kinds and statuses of tickets.
const (
	SignInToken = "sign_in_token"
	ActorToken  = "actor_token"

	TicketPending  = "pending"
	TicketAccepted = "accepted"
	TicketRevoked  = "revoked"
)

const ticketColumns = `id, kind, user_id, actor, status, expire_at, session_max_ms, created_at, updated_at`

func scanTicket(r row) (Ticket, error) {
	var (
		t                        Ticket
		actor                    *string
		expire, created, updated int64
		sessionMax               *int64
	)
	err := r.Scan(&t.ID, &t.Kind, &t.UserID, &actor, &t.Status, &expire, &sessionMax, &created, &updated)
	t.Actor, t.ExpireAt, t.CreatedAt, t.UpdatedAt = rawJSON(actor), moment(expire), moment(created), moment(updated)
	if sessionMax != nil {
		t.SessionMax = time.Duration(*sessionMax) * time.Millisecond
	}
	return t, err
}

// InsertTicket writes a new ticket.
func (c Conn) InsertTicket(ctx context.Context, t Ticket) error {
	var sessionMax *int64
	if t.SessionMax > 0 {
		v := t.SessionMax.Milliseconds()
		sessionMax = &v
	}
	_, err := c.exec(ctx, `INSERT INTO tickets (`+ticketColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.ID, t.Kind, t.UserID, jsonText(t.Actor), t.Status, ms(t.ExpireAt), sessionMax, ms(t.CreatedAt), ms(t.UpdatedAt))
	return err
}

// Ticket finds a ticket of a kind, or ErrNotFound.
func (c Conn) Ticket(ctx context.Context, kind, id string) (Ticket, error) {
	return one(ctx, c, scanTicket, `SELECT `+ticketColumns+` FROM tickets WHERE id = $1 AND kind = $2`, id, kind)
}

// MoveTicket turns a pending ticket into status, once: ErrNotFound when it is not pending any more.
func (c Conn) MoveTicket(ctx context.Context, kind, id, status string, now time.Time) (Ticket, error) {
	return one(ctx, c, scanTicket, `UPDATE tickets SET status = $3, updated_at = $4
		WHERE id = $1 AND kind = $2 AND status = 'pending' RETURNING `+ticketColumns, id, kind, status, ms(now))
}

// DeleteTickets deletes all tickets of a user.
func (c Conn) DeleteTickets(ctx context.Context, userID string) error {
	_, err := c.exec(ctx, `DELETE FROM tickets WHERE user_id = $1`, userID)
	return err
}

// PurgeTickets deletes up to limit tickets that expired before a moment.
func (c Conn) PurgeTickets(ctx context.Context, expiredBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM tickets WHERE id IN (SELECT id FROM tickets WHERE expire_at < $1 ORDER BY expire_at LIMIT $2)`,
		ms(expiredBefore), limit)
}
