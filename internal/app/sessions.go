package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// ListSessions lists sessions, newest first.
func (a *App) ListSessions(ctx context.Context, req *api.ListSessions) (*api.List[api.Session], error) {
	status := session.Status(req.Status)
	if req.Status != "" && !status.Known() {
		return nil, notAllowed("status", req.Status, statusNames()...)
	}
	if a.Settings.StrictList && req.ClientID == "" && req.UserID == "" {
		return nil, fail(400, "missing_query_parameter", "Missing query parameter", "Give client_id, user_id or both.")
	}
	now := a.now()
	filter := store.SessionFilter{UserID: req.UserID, ClientID: req.ClientID, Status: status}
	found, err := a.Store.Sessions(ctx, filter, now, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.Session]{Data: sessionViews(found, now), Enveloped: req.Paginated}
	if req.Paginated {
		list.TotalCount, err = a.Store.CountSessions(ctx, filter, now)
	}
	return list, err
}

func statusNames() []string {
	names := make([]string, len(session.Statuses))
	for i, s := range session.Statuses {
		names[i] = string(s)
	}
	return names
}

// CreateSession starts a session without a sign-in. It is for tests: production instances refuse unless allowed.
func (a *App) CreateSession(ctx context.Context, req *api.CreateSession) (*api.Session, error) {
	if !a.Settings.Development() && !a.Settings.AllowCreate {
		return nil, fail(400, "request_invalid_for_environment", "Invalid request for environment", "Only development instances can create sessions this way.")
	}
	userID, ok := req.UserID.Get()
	if !ok || userID == "" {
		return nil, missing("user_id")
	}
	if organization, ok := req.ActiveOrganizationID.Get(); ok && organization != "" {
		return nil, fail(404, "organization_not_found_or_unauthorized", "not found or unauthorized", "The user belongs to no organization with the id "+organization+".")
	}
	now := a.now()
	clientID, sessionID := a.NewID("client_"), a.NewID("sess_")
	var s session.Session
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		if err := a.admit(ctx, tx, userID, now); err != nil {
			return err
		}
		s = session.New(sessionID, userID, clientID, now, a.Settings.Lifetimes)
		client := store.Client{ID: clientID, LastActiveSessionID: sessionID, CreatedAt: now, UpdatedAt: now}
		return errors.Join(tx.InsertClient(ctx, client), a.insertSession(ctx, tx, s, session.ByBackend))
	})
	if err != nil {
		return nil, err
	}
	return sessionView(s), nil
}

// admit lets a user begin a session. It takes the user's row, so that a ban and a session that begin at the same
// time come one after the other, and the ban sees the session or the session sees the ban.
func (a *App) admit(ctx context.Context, tx store.Conn, userID string, now time.Time) error {
	_, err := tx.UserSignedIn(ctx, userID, now)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, err := tx.User(ctx, userID); err != nil {
		return whenAbsent(err, userNotFound(userID))
	}
	return fail(403, "user_banned", "User banned", "This user is banned and cannot begin a session.")
}

// GetSession finds a session.
func (a *App) GetSession(ctx context.Context, req *api.SessionRef) (*api.Session, error) {
	s, err := a.session(ctx, req.SessionID)
	if err != nil {
		return nil, err
	}
	return sessionView(s), nil
}

// session reads a session as it stands now. The moment is taken before the read: what was revoked before this
// call is seen by it.
func (a *App) session(ctx context.Context, id string) (session.Session, error) {
	now := a.now()
	s, err := a.Store.Session(ctx, id)
	return s.At(now), whenAbsent(err, sessionNotFound(id))
}

// RevokeSession ends a session. Revoking one that has ended already changes nothing and succeeds.
func (a *App) RevokeSession(ctx context.Context, req *api.SessionRef) (*api.Session, error) {
	end := session.Ending{Reason: session.ReasonRevoked, By: session.ByBackend, At: a.now()}
	var s session.Session
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		if s, err = a.moveSession(ctx, tx, req.SessionID, session.Revoke, end); err != nil {
			return err
		}
		return tx.ForgetSession(ctx, s)
	})
	if errors.Is(err, store.ErrNotFound) {
		return a.GetSession(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	return sessionView(s), nil
}

// VerifySession checks a session token against its session, or the session alone when there is no token.
func (a *App) VerifySession(ctx context.Context, req *api.VerifySession) (*api.Session, error) {
	s, err := a.session(ctx, req.SessionID)
	if err != nil {
		return nil, err
	}
	if raw, ok := req.Token.Get(); ok {
		claims, err := a.sessionToken(ctx, raw, verifyLeeway)
		if err != nil {
			return nil, err
		}
		if claims == nil || claims.SessionID != s.ID {
			return nil, fail(400, "invalid_session_token", "Invalid session token", "The token is not a valid session token of this session.")
		}
	}
	if s.Status != session.Active {
		return nil, notActive()
	}
	return sessionView(s), nil
}

// verifyLeeway is how far the clocks of those who make and check a token may differ.
const verifyLeeway = 5 * time.Second

func notActive() *api.Error {
	return fail(401, "authentication_invalid", "Invalid authentication", "The session is not active.")
}

func sessionViews(found []session.Session, now time.Time) []api.Session {
	views := make([]api.Session, len(found))
	for i, s := range found {
		views[i] = *sessionView(s.At(now))
	}
	return views
}

func sessionView(s session.Session) *api.Session {
	return &api.Session{
		Object: "session", ID: s.ID, UserID: s.UserID, ClientID: s.ClientID, Status: string(s.Status), Actor: s.Actor,
		LastActiveOrganizationID: pointer(s.LastActiveOrganizationID),
		LastActiveAt:             s.LastActiveAt.UnixMilli(),
		LatestActivity:           activityView(s.Activity),
		ExpireAt:                 s.ExpireAt.UnixMilli(),
		AbandonAt:                s.AbandonAt.UnixMilli(),
		CreatedAt:                s.CreatedAt.UnixMilli(),
		UpdatedAt:                s.UpdatedAt.UnixMilli(),
	}
}

func activityView(raw json.RawMessage) *api.Activity {
	if raw == nil {
		return nil
	}
	var activity api.Activity
	if err := json.Unmarshal(raw, &activity); err != nil {
		return nil
	}
	return &activity
}

// pointer turns "" into null.
func pointer(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Sweep writes down what time has decided, and deletes what is older than the retention. Nothing depends on when
// it runs: reads judge time by themselves. It works in small transactions, and answers when nothing is left to do.
func (a *App) Sweep(ctx context.Context) error {
	now := a.now()
	old, oldWebhooks := now.Add(-a.Settings.Retention), now.Add(-a.Settings.WebhookRetention)
	for _, step := range []struct {
		name string
		run  func(store.Conn) (int64, error)
	}{
		{"expire", func(tx store.Conn) (int64, error) { return a.expire(ctx, tx) }},
		{"abandon", func(tx store.Conn) (int64, error) { return a.abandon(ctx, tx) }},
		{"purge sessions", func(tx store.Conn) (int64, error) { return tx.PurgeSessions(ctx, old, now, sweepBatch) }},
		{"purge clients", func(tx store.Conn) (int64, error) { return tx.PurgeClients(ctx, old, sweepBatch) }},
		{"purge rate limits", func(tx store.Conn) (int64, error) { return tx.PurgeLimits(ctx, now.Add(-time.Hour), sweepBatch) }},
		{"purge attempts", func(tx store.Conn) (int64, error) { return tx.PurgeAttempts(ctx, now, sweepBatch) }},
		{"purge codes", func(tx store.Conn) (int64, error) { return tx.PurgeCodes(ctx, now, sweepBatch) }},
		{"purge handshakes", func(tx store.Conn) (int64, error) { return tx.PurgeHandshakes(ctx, now, sweepBatch) }},
		{"purge refresh tokens", func(tx store.Conn) (int64, error) { return tx.PurgeRefreshTokens(ctx, now, sweepBatch) }},
		{"purge dev browsers", func(tx store.Conn) (int64, error) { return tx.PurgeDevBrowsers(ctx, old, sweepBatch) }},
		{"purge mails", func(tx store.Conn) (int64, error) { return tx.PurgeMails(ctx, now.Add(-mailRetention), sweepBatch) }},
		{"purge deliveries of deleted endpoints", func(tx store.Conn) (int64, error) { return tx.PurgeDeliveriesOfDeletedEndpoints(ctx, sweepBatch) }},
		{"purge deleted endpoints", func(tx store.Conn) (int64, error) { return tx.PurgeDeletedEndpoints(ctx) }},
		{"purge delivery attempts", func(tx store.Conn) (int64, error) { return tx.PurgeDeliveryAttempts(ctx, oldWebhooks, sweepBatch) }},
		{"purge deliveries", func(tx store.Conn) (int64, error) { return tx.PurgeDeliveries(ctx, oldWebhooks, sweepBatch) }},
		{"forget webhooks of deleted users", func(tx store.Conn) (int64, error) { return tx.ForgetBodiesOfDeletedUsers(ctx, oldWebhooks, sweepBatch) }},
		{"forget webhooks", func(tx store.Conn) (int64, error) { return tx.ForgetBodies(ctx, oldWebhooks, sweepBatch) }},
		{"purge events", func(tx store.Conn) (int64, error) {
			return tx.PurgeEvents(ctx, now.Add(-a.Settings.EventRetention), now, sweepBatch)
		}},
		{"purge tickets", func(tx store.Conn) (int64, error) { return tx.PurgeTickets(ctx, old, sweepBatch) }},
	} {
		if err := a.sweep(ctx, step.run); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

const sweepBatch = 500

// expire writes down expiries, each with its event, which happens now: batches before it may have taken long.
func (a *App) expire(ctx context.Context, tx store.Conn) (int64, error) {
	now := a.now()
	expired, err := tx.PersistExpired(ctx, now, sweepBatch)
	if err != nil {
		return 0, err
	}
	return int64(len(expired)), a.recordSessions(ctx, tx, event.SessionExpired, session.Ending{By: session.BySystem, At: now}, nil, expired...)
}

// abandon writes down that sessions were given up, each with its event.
func (a *App) abandon(ctx context.Context, tx store.Conn) (int64, error) {
	now := a.now()
	given, err := tx.PersistAbandoned(ctx, now, sweepBatch)
	if err != nil {
		return 0, err
	}
	return int64(len(given)), a.recordSessions(ctx, tx, event.SessionAbandoned, session.Ending{By: session.BySystem, At: now}, nil, given...)
}

func (a *App) sweep(ctx context.Context, step func(store.Conn) (int64, error)) error {
	for {
		var n int64
		err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
			n, err = step(tx)
			return err
		})
		if err != nil || n < sweepBatch {
			return err
		}
	}
}
