package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
)

const sessionColumns = `id, user_id, client_id, status, actor, last_active_organization_id, last_active_at, activity,
	expire_at, max_expire_at, abandon_at, inactivity_ms, created_at, updated_at, end_reason, ended_by, ended_at,
	event_count, tokens_until`

func scanSession(r row) (session.Session, error) {
	var (
		s                             session.Session
		status                        string
		actor, organization, activity *string
		reason, by                    *string
		active, expire, abandon       int64
		created, updated              int64
		maxExpire, ended, tokens      *int64
	)
	err := r.Scan(&s.ID, &s.UserID, &s.ClientID, &status, &actor, &organization, &active, &activity,
		&expire, &maxExpire, &abandon, &s.InactivityMS, &created, &updated, &reason, &by, &ended,
		&s.Events, &tokens)
	s.TokensUntil = optionalMoment(tokens)
	s.Status = session.Status(status)
	s.Actor, s.Activity = rawJSON(actor), rawJSON(activity)
	s.LastActiveOrganizationID = text(organization)
	s.LastActiveAt, s.ExpireAt, s.MaxExpireAt = moment(active), moment(expire), optionalMoment(maxExpire)
	s.AbandonAt, s.CreatedAt, s.UpdatedAt = moment(abandon), moment(created), moment(updated)
	if ended != nil {
		s.End = &session.Ending{Reason: session.Reason(text(reason)), By: text(by), At: moment(*ended)}
	}
	return s, err
}

func rawJSON(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	return json.RawMessage(*s)
}

func jsonText(raw json.RawMessage) *string { return optional(string(raw)) }

// Session finds a session by id, or ErrNotFound. Its status is the stored one; see Session.At.
func (c Conn) Session(ctx context.Context, id string) (session.Session, error) {
	return one(ctx, c, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1 AND `+notHidden, id)
}

// The sessions of a deleted user are kept for the record, and hidden from everybody else.
const notHidden = `(end_reason IS NULL OR end_reason <> 'user_deleted')`

// SessionFilter selects sessions; empty fields select all.
type SessionFilter struct {
	UserID   string
	ClientID string
	Status   session.Status
}

// where judges the status at now, as Session.StatusAt does.
func (f SessionFilter) where(now time.Time) *where {
	w := &where{}
	if f.UserID != "" {
		w.and(`user_id = ?`, f.UserID)
	}
	if f.ClientID != "" {
		w.and(`client_id = ?`, f.ClientID)
	}
	at := ms(now)
	switch f.Status {
	case "":
	case session.Active, session.Pending:
		w.and(`status = ? AND expire_at > ? AND abandon_at > ?`, string(f.Status), at, at)
	case session.Expired:
		w.and(`(status = 'expired' OR status IN ('active', 'pending') AND expire_at <= ?) AND abandon_at > ?`, at, at)
	case session.Abandoned:
		w.and(`(status = 'abandoned' OR status IN ('active', 'pending', 'expired') AND abandon_at <= ?)`, at)
	default:
		w.and(`status = ?`, string(f.Status))
	}
	w.and(notHidden)
	return w
}

// Sessions lists sessions, newest first.
func (c Conn) Sessions(ctx context.Context, f SessionFilter, now time.Time, limit, offset int64) ([]session.Session, error) {
	w := f.where(now)
	sql := `SELECT ` + sessionColumns + ` FROM sessions` + w.String() +
		` ORDER BY created_at DESC, id DESC LIMIT ` + w.arg(limit) + ` OFFSET ` + w.arg(offset)
	return many(ctx, c, scanSession, sql, w.args...)
}

// CountSessions counts the sessions that Sessions would list without a limit.
func (c Conn) CountSessions(ctx context.Context, f SessionFilter, now time.Time) (int64, error) {
	w := f.where(now)
	return one(ctx, c, scalar[int64], `SELECT COUNT(*) FROM sessions`+w.String(), w.args...)
}

// InsertSession writes a new session.
func (c Conn) InsertSession(ctx context.Context, s session.Session) error {
	_, err := c.exec(ctx, `INSERT INTO sessions (`+sessionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULL, NULL, NULL, $15, NULL)`,
		s.ID, s.UserID, s.ClientID, string(s.Status), jsonText(s.Actor), optional(s.LastActiveOrganizationID),
		ms(s.LastActiveAt), jsonText(s.Activity), ms(s.ExpireAt), optionalMS(s.MaxExpireAt), ms(s.AbandonAt),
		s.InactivityMS, ms(s.CreatedAt), ms(s.UpdatedAt), s.Events)
	return err
}

// MoveSession applies verb to a session that is still where verb may start from and within its time,
// and answers the session after it; ErrNotFound when there is no such session. Its count of events grows: the caller
// writes the event.
func (c Conn) MoveSession(ctx context.Context, id string, verb session.Verb, end session.Ending) (session.Session, error) {
	w := &where{}
	set := w.moved(verb, end)
	w.and(`id = ?`, id)
	w.live(verb, end.At)
	return one(ctx, c, scanSession, `UPDATE sessions SET `+set+w.String()+` RETURNING `+sessionColumns, w.args...)
}

// moved is what a verb writes into a session.
func (w *where) moved(verb session.Verb, end session.Ending) string {
	set := `event_count = event_count + 1, status = ` + w.arg(string(verb.To())) + `, updated_at = ` + w.arg(ms(end.At))
	if !verb.To().Live() {
		set += `, end_reason = ` + w.arg(string(end.Reason)) + `, ended_by = ` + w.arg(end.By) + `, ended_at = ` + w.arg(ms(end.At))
	}
	return set
}

// TouchSession writes the activity of a session that is still live and within its time at now; ErrNotFound when it is
// not.
func (c Conn) TouchSession(ctx context.Context, s session.Session, now time.Time) error {
	return c.execOne(ctx, `UPDATE sessions SET last_active_at = $2, activity = $3, expire_at = $4, abandon_at = $5
		WHERE id = $1 AND status IN ('active', 'pending') AND expire_at > $6 AND abandon_at > $6`,
		s.ID, ms(s.LastActiveAt), jsonText(s.Activity), ms(s.ExpireAt), ms(s.AbandonAt), ms(now))
}

// EndSessions applies verb to all live sessions of a user but the one to keep, and answers them after it. Their counts of
// events grow: the caller writes the events.
func (c Conn) EndSessions(ctx context.Context, userID, keep string, verb session.Verb, end session.Ending) ([]session.Session, error) {
	w := &where{}
	set := w.moved(verb, end)
	w.and(`user_id = ?`, userID)
	if keep != "" {
		w.and(`id <> ?`, keep)
	}
	w.live(verb, end.At)
	return many(ctx, c, scanSession, `UPDATE sessions SET `+set+w.String()+` RETURNING `+sessionColumns, w.args...)
}

// CountTokensRevoked counts an event for each session of a user that time has ended while tokens of it may still be
// accepted at now: those that are noted, and plain ones of sessions that ended after since. It answers the sessions.
func (c Conn) CountTokensRevoked(ctx context.Context, userID, keep string, since, now time.Time) ([]session.Session, error) {
	return many(ctx, c, scanSession, `UPDATE sessions SET event_count = event_count + 1
		WHERE user_id = $1 AND id <> $2 AND (status IN ('expired', 'abandoned')
		OR status IN ('active', 'pending') AND (expire_at <= $4 OR abandon_at <= $4))
		AND (expire_at > $3 OR tokens_until > $4) RETURNING `+sessionColumns, userID, keep, ms(since), ms(now))
}

// NoteTokens notes until when tokens of a session live that live longer than others. ErrNotFound when the session is over
// at now: then no token may be minted.
func (c Conn) NoteTokens(ctx context.Context, id string, until, now time.Time) error {
	return c.execOne(ctx, `UPDATE sessions SET tokens_until = CASE WHEN tokens_until > $2 THEN tokens_until ELSE $2 END
		WHERE id = $1 AND status IN ('active', 'pending') AND expire_at > $3 AND abandon_at > $3`, id, ms(until), ms(now))
}

// LatestTokens is when the longest noted token of any session runs out; zero when none is noted.
func (c Conn) LatestTokens(ctx context.Context) (time.Time, error) {
	latest, err := one(ctx, c, scalar[*int64], `SELECT MAX(tokens_until) FROM sessions WHERE tokens_until IS NOT NULL`)
	return optionalMoment(latest), err
}

// live keeps to the sessions that verb may start from and that time has not ended.
func (w *where) live(verb session.Verb, now time.Time) {
	from := make([]string, 0, len(verb.From()))
	for _, s := range verb.From() {
		from = append(from, string(s))
	}
	w.in(`status`, from)
	w.and(`expire_at > ? AND abandon_at > ?`, ms(now), ms(now))
}

// HideSessions keeps the sessions of a deleted user for the record only.
func (c Conn) HideSessions(ctx context.Context, userID string) error {
	_, err := c.exec(ctx, `UPDATE sessions SET end_reason = $2 WHERE user_id = $1`, userID, string(session.ReasonUserDeleted))
	return err
}

// PersistExpired writes down up to limit expiries that time has already decided, exactly as Session.At shows them, and
// answers the sessions. Their counts of events grow: the caller writes the events.
func (c Conn) PersistExpired(ctx context.Context, now time.Time, limit int64) ([]session.Session, error) {
	return many(ctx, c, scanSession, `UPDATE sessions SET event_count = event_count + 1, status = 'expired',
		updated_at = expire_at, ended_at = expire_at, ended_by = $1,
		end_reason = COALESCE(end_reason, CASE WHEN max_expire_at IS NOT NULL AND expire_at >= max_expire_at THEN $2 ELSE $3 END)
		WHERE id IN (SELECT id FROM sessions WHERE status IN ('active', 'pending') AND expire_at <= $4 ORDER BY expire_at LIMIT $5)
		AND status IN ('active', 'pending') AND expire_at <= $4 RETURNING `+sessionColumns,
		session.BySystem, string(session.ReasonMaxLifetime), string(session.ReasonInactivity), ms(now), limit)
}

// PersistAbandoned writes down up to limit abandonments that time has already decided, and answers the sessions. Their
// counts of events grow: the caller writes the events.
func (c Conn) PersistAbandoned(ctx context.Context, now time.Time, limit int64) ([]session.Session, error) {
	return many(ctx, c, scanSession, `UPDATE sessions SET event_count = event_count + 1, status = 'abandoned', updated_at = abandon_at
		WHERE id IN (SELECT id FROM sessions WHERE status = 'expired' AND abandon_at <= $1 ORDER BY abandon_at LIMIT $2)
		AND status = 'expired' RETURNING `+sessionColumns, ms(now), limit)
}

// PurgeSessions deletes up to limit sessions that ended before a moment and have no token left at now.
func (c Conn) PurgeSessions(ctx context.Context, endedBefore, now time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions
		WHERE ended_at IS NOT NULL AND ended_at < $1 AND (tokens_until IS NULL OR tokens_until < $2)
		ORDER BY ended_at LIMIT $3)`, ms(endedBefore), ms(now), limit)
}
