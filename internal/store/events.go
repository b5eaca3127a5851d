package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/internal/event"
)

const (
	// bodilessEvent is what security events are made of, which say nothing of a body; there may be many.
	bodilessEvent = `id, type, at, subject, position, session_id, user_id, reason, caused_by, changes, operation, trace,
	address, user_agent, tokens_until`
	eventColumns     = bodilessEvent + `, body`
	eventColumnCount = 16
	// maxEventRows is how many events one statement writes: engines bound the parameters of a statement.
	maxEventRows = 500
)

func scanEvent(r row) (event.Event, error) {
	var (
		e                                      event.Event
		kind                                   string
		at                                     int64
		session, user, reason, changes         *string
		operation, trace, address, agent, body *string
		tokens                                 *int64
	)
	err := r.Scan(&e.ID, &kind, &at, &e.Subject, &e.Position, &session, &user, &reason, &e.By, &changes, &operation,
		&trace, &address, &agent, &tokens, &body)
	if err != nil {
		return e, err
	}
	e.Type, e.At, e.TokensUntil = event.Type(kind), moment(at), optionalMoment(tokens)
	e.SessionID, e.UserID, e.Reason, e.Body = text(session), text(user), text(reason), rawJSON(body)
	e.Origin = event.Origin{Operation: text(operation), Trace: text(trace), Address: text(address), UserAgent: text(agent)}
	if changes != nil {
		err = json.Unmarshal([]byte(*changes), &e.Changes)
	}
	return e, err
}

// InsertEvents writes what happened. The transaction that writes it down is the one that made it happen.
func (c Conn) InsertEvents(ctx context.Context, events []event.Event) error {
	for len(events) > 0 {
		n := min(len(events), maxEventRows)
		if err := c.insertEvents(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (c Conn) insertEvents(ctx context.Context, events []event.Event) error {
	w := &where{args: make([]any, 0, len(events)*eventColumnCount)}
	rows := make([]string, len(events))
	for i, e := range events {
		changes, err := changesText(e.Changes)
		if err != nil {
			return err
		}
		rows[i] = w.row(e.ID, string(e.Type), ms(e.At), e.Subject, e.Position, optional(e.SessionID), optional(e.UserID),
			optional(e.Reason), e.By, changes, optional(e.Origin.Operation), optional(e.Origin.Trace),
			optional(e.Origin.Address), optional(e.Origin.UserAgent), optionalMS(e.TokensUntil), jsonText(e.Body))
	}
	_, err := c.exec(ctx, `INSERT INTO events (`+eventColumns+`) VALUES `+strings.Join(rows, ", "), w.args...)
	if err == nil && c.wrote != nil {
		*c.wrote = true
	}
	return err
}

func changesText(names []string) (*string, error) {
	if len(names) == 0 {
		return nil, nil //nolint:nilnil // NULL
	}
	raw, err := json.Marshal(names)
	return optional(string(raw)), err
}

// Event finds an event, or ErrNotFound.
func (c Conn) Event(ctx context.Context, id string) (event.Event, error) {
	return one(ctx, c, scanEvent, `SELECT `+eventColumns+` FROM events WHERE id = $1`, id)
}

// EventFilter selects events; empty fields select all.
type EventFilter struct {
	Types     []string
	SessionID string
	UserID    string
	Since     time.Time // inclusive
	Until     time.Time // exclusive
}

func (f EventFilter) where() *where {
	w := &where{}
	if len(f.Types) > 0 {
		w.in(`type`, f.Types)
		if !slices.ContainsFunc(f.Types, func(t string) bool { return event.Type(t).OfSession() }) {
			w.and(`session_id IS NULL`) // they are rare among those of sessions
		}
	}
	if f.SessionID != "" {
		w.and(`session_id = ?`, f.SessionID)
	}
	if f.UserID != "" {
		w.and(`user_id = ?`, f.UserID)
	}
	if !f.Since.IsZero() {
		w.and(`at >= ?`, ms(f.Since))
	}
	if !f.Until.IsZero() {
		w.and(`at < ?`, ms(f.Until))
	}
	return w
}

// Events lists events, newest first.
func (c Conn) Events(ctx context.Context, f EventFilter, limit, offset int64) ([]event.Event, error) {
	w := f.where()
	sql := `SELECT ` + eventColumns + ` FROM events` + w.String() + ` ORDER BY at DESC, id DESC LIMIT ` + w.arg(limit) + ` OFFSET ` + w.arg(offset)
	return many(ctx, c, scanEvent, sql, w.args...)
}

// CountEvents counts the events that Events would list without a limit, up to most: a log may be too long to be counted.
func (c Conn) CountEvents(ctx context.Context, f EventFilter, most int64) (int64, error) {
	return c.countUpTo(ctx, `events`, f.where(), most)
}

// countUpTo counts the rows of a table that a condition selects, and stops at most.
func (c Conn) countUpTo(ctx context.Context, table string, w *where, most int64) (int64, error) {
	sql := `SELECT COUNT(*) FROM (SELECT 1 FROM ` + table + w.String() + ` LIMIT ` + w.arg(most) + `) AS counted`
	return one(ctx, c, scalar[int64], sql, w.args...)
}

// EventsAfter reads a page of events in the order in which they were written, after one of them; the zero event stands
// for the beginning.
func (c Conn) EventsAfter(ctx context.Context, f EventFilter, after event.Event, limit int64) ([]event.Event, error) {
	w := f.where()
	if after.ID != "" {
		w.and(`(at, id) > (?, ?)`, ms(after.At), after.ID)
	}
	sql := `SELECT ` + eventColumns + ` FROM events` + w.String() + ` ORDER BY at, id LIMIT ` + w.arg(limit)
	return many(ctx, c, scanEvent, sql, w.args...)
}

// Revocations reads the events that revoke tokens which may still be accepted somewhere at now, without bodies. With since, it reads
// those alone that were written after it: the caller chooses a moment so far back that no transaction which took its
// time before is still running, for a sequence would not show what commits late. The sum in the second statement keeps
// SQLite from going through all that still matter instead of what is new.
func (c Conn) Revocations(ctx context.Context, since, now time.Time) ([]event.Event, error) {
	if since.IsZero() {
		return many(ctx, c, scanEvent, `SELECT `+bodilessEvent+`, NULL FROM events WHERE tokens_until > $1`, ms(now))
	}
	return many(ctx, c, scanEvent, `SELECT `+bodilessEvent+`, NULL FROM events
		WHERE tokens_until IS NOT NULL AND at > $1 AND tokens_until + 0 > $2`, ms(since), ms(now))
}

// ForgetUserBodies forgets what webhooks said of a user, but for what is still on its way.
func (c Conn) ForgetUserBodies(ctx context.Context, userID string) error {
	_, err := c.exec(ctx, `UPDATE events SET body = NULL WHERE user_id = $1 AND body IS NOT NULL AND `+notOnItsWay, userID)
	return err
}

// ForgetBodiesOfDeletedUsers forgets up to limit webhooks that said something of users who were deleted after a moment, but for
// what is still on its way, and that they were deleted. Somebody may have brought a user back with their id.
func (c Conn) ForgetBodiesOfDeletedUsers(ctx context.Context, after time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `UPDATE events SET body = NULL WHERE id IN (SELECT events.id FROM events AS deletions
		JOIN events ON events.user_id = deletions.subject AND events.body IS NOT NULL AND events.type <> deletions.type
		WHERE deletions.type = '`+string(event.UserDeleted)+`' AND deletions.at >= $1 AND `+notOnItsWay+`
		AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = deletions.subject) LIMIT $2)`, ms(after), limit)
}

// ForgetBodies forgets what up to limit webhooks said whose events were written before a moment, but for what is still on
// its way.
func (c Conn) ForgetBodies(ctx context.Context, before time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `UPDATE events SET body = NULL WHERE id IN
		(SELECT id FROM events WHERE body IS NOT NULL AND at < $1 AND `+notOnItsWay+` ORDER BY at LIMIT $2)`, ms(before), limit)
}

const notOnItsWay = `NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = events.id AND ` + onItsWay + `)`

// PurgeEvents deletes up to limit events that were written before a moment, but for those that still matter to somebody:
// they are on their way, or revoke tokens that may be accepted at now.
func (c Conn) PurgeEvents(ctx context.Context, before, now time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM events WHERE id IN (SELECT id FROM events
		WHERE at < $1 AND (tokens_until IS NULL OR tokens_until < $2) AND `+notOnItsWay+` ORDER BY at LIMIT $3)`,
		ms(before), ms(now), limit)
}
