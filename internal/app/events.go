package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// Every change of a session, a user or a key goes through this file, so that none is without its event: the change and
// the event are one transaction. What merely notes a use (activity, the last sign-in, a digest of the same password) is
// no change.

type originKey struct{}

// WithOrigin says where what happens under a context comes from. It travels in the context because every operation has
// one, and none acts by it: it is written down and nothing else.
func WithOrigin(ctx context.Context, o event.Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func eventOrigin(ctx context.Context) event.Origin {
	o, _ := ctx.Value(originKey{}).(event.Origin)
	return o
}

// happening is an event, and what its webhook shows: a session with its user, a user, or anything else.
type happening struct {
	event.Event
	session *session.Session
	user    *store.User
	data    any
	webhook bool // somebody wants one
}

// moveSession applies verb to a session that it may still happen to, and answers the session after it;
// store.ErrNotFound when there is no such session.
func (a *App) moveSession(ctx context.Context, tx store.Conn, id string, verb session.Verb, end session.Ending) (session.Session, error) {
	s, err := tx.MoveSession(ctx, id, verb, end)
	if err != nil {
		return s, err
	}
	return s, a.recordSessions(ctx, tx, event.Of(verb), end, nil, s)
}

// insertSession writes a session that begins.
func (a *App) insertSession(ctx context.Context, tx store.Conn, s session.Session, by string) error {
	s.Events = 1
	if err := tx.InsertSession(ctx, s); err != nil {
		return err
	}
	return a.recordSessions(ctx, tx, event.SessionCreated, session.Ending{By: by, At: s.CreatedAt}, nil, s)
}

// endSessions ends all sessions of a user but the one to keep, in the transaction that changes the user. When it keeps
// none, the tokens of sessions that time has ended are worth nothing either. u is the user as the transaction leaves
// them, whether or not that is written yet.
func (a *App) endSessions(ctx context.Context, tx store.Conn, u *store.User, keep string, end session.Ending) error {
	ended, err := tx.EndSessions(ctx, u.ID, keep, session.Revoke, end)
	if err != nil {
		return err
	}
	if err := a.recordSessions(ctx, tx, event.SessionRevoked, end, u, ended...); err != nil {
		return err
	}
	late, err := tx.CountTokensRevoked(ctx, u.ID, keep, end.At.Add(-event.PlainLifetime-event.Leeway), end.At)
	if err != nil {
		return err
	}
	if err := a.recordSessions(ctx, tx, event.TokensRevoked, end, u, late...); err != nil {
		return err
	}
	return tx.ForgetUserSessions(ctx, u.ID, end.At)
}

// recordSessions writes that the same thing happened to sessions, whose count of events has grown: when, by whom and
// why, or as each session says why. u is the user that webhooks show; without one, they show each session's user as
// the transaction finds them.
func (a *App) recordSessions(ctx context.Context, tx store.Conn, t event.Type, cause session.Ending, u *store.User, sessions ...session.Session) error {
	happened := make([]happening, len(sessions))
	for i, s := range sessions {
		e := event.Event{
			Type: t, Subject: s.ID, Position: s.Events, SessionID: s.ID, UserID: s.UserID,
			Reason: string(cause.Reason), By: cause.By, At: cause.At,
		}
		if e.Reason == "" && s.End != nil {
			e.Reason = string(s.End.Reason)
		}
		if t.Revokes() {
			e.TokensUntil = event.TokensUntil(e.At, s.TokensUntil)
		}
		s = s.At(cause.At)
		happened[i] = happening{Event: e, session: &s, user: u}
	}
	return a.record(ctx, tx, happened...)
}

// recordUser writes what happened to a user whose row counts the event already. changes are the fields that are others
// now.
func (a *App) recordUser(ctx context.Context, tx store.Conn, t event.Type, by string, u store.User, now time.Time, changes ...string) error {
	h := happening{user: &u, Event: event.Event{
		Type: t, Subject: u.ID, Position: u.Events, UserID: u.ID, By: by, At: now, Changes: changes,
	}}
	if t == event.UserDeleted {
		h.data = &api.Deleted{Object: "user", ID: u.ID, Deleted: true, ExternalID: pointer(u.ExternalID)}
	}
	return a.record(ctx, tx, h)
}

// recordKey writes what happened to a key: the kid of a signing key, or a name for the secret key.
func (a *App) recordKey(ctx context.Context, tx store.Conn, t event.Type, object, id, by string, position int64, now, tokensUntil time.Time) error {
	return a.record(ctx, tx, happening{
		data:  &api.Ref{Object: object, ID: id},
		Event: event.Event{Type: t, Subject: id, Position: position, By: by, At: now, TokensUntil: tokensUntil},
	})
}

// record writes what happened, and puts it on its way to the endpoints that want it.
func (a *App) record(ctx context.Context, tx store.Conn, happened ...happening) error {
	if len(happened) == 0 {
		return nil
	}
	endpoints, err := tx.Endpoints(ctx)
	if err != nil {
		return err
	}
	var deliveries []store.Delivery
	for i := range happened {
		h := &happened[i]
		h.ID, h.Origin = a.NewID(event.IDPrefix), eventOrigin(ctx)
		for _, e := range endpoints {
			if wants(e, h.Type) {
				h.webhook = h.webhook || e.Kind == store.WebhookEndpoint
				deliveries = append(deliveries, a.newDelivery(e, h.Event))
			}
		}
	}
	if err := a.writeBodies(ctx, tx, happened); err != nil {
		return err
	}
	events := make([]event.Event, len(happened))
	for i, h := range happened {
		events[i] = h.Event
	}
	return errors.Join(tx.InsertEvents(ctx, events), tx.InsertDeliveries(ctx, deliveries))
}

// wants reports whether an endpoint is told of events of a type. One that polls finds them by itself.
func wants(e store.Endpoint, t event.Type) bool {
	switch {
	case !e.Enabled || e.Kind == store.PollEndpoint:
		return false
	case e.Kind == store.PushEndpoint:
		return t.Revokes() && (len(e.EventTypes) == 0 || slices.Contains(e.EventTypes, t.SETType()))
	case len(e.EventTypes) == 0:
		return slices.Contains(event.Contract, t)
	default:
		return slices.Contains(e.EventTypes, string(t))
	}
}

func (a *App) newDelivery(e store.Endpoint, of event.Event) store.Delivery {
	return store.Delivery{
		ID: a.NewID("dlv_"), EndpointID: e.ID, EventID: of.ID, EventType: string(of.Type), Status: store.Waiting,
		NextAt: of.At, CreatedAt: of.At, UpdatedAt: of.At,
	}
}

// writeBodies writes what webhooks say of what happened: the session, user or key as it is after it.
func (a *App) writeBodies(ctx context.Context, tx store.Conn, happened []happening) error {
	users, err := a.usersOf(ctx, tx, happened)
	if err != nil {
		return err
	}
	for i := range happened {
		h := &happened[i]
		if !h.webhook {
			continue
		}
		data := h.data
		switch {
		case data != nil:
		case h.session != nil:
			data = &api.SessionOfUser{Session: *sessionView(*h.session), User: users[h.UserID]}
		default:
			data = users[h.UserID]
		}
		if h.Body, err = h.WebhookBody(a.instance.ID, data); err != nil {
			return err
		}
	}
	return nil
}

// usersOf are the users that webhooks show, as they are within the transaction.
func (a *App) usersOf(ctx context.Context, tx store.Conn, happened []happening) (map[string]*api.User, error) {
	known := map[string]store.User{}
	for _, h := range happened {
		if _, ok := known[h.UserID]; ok || !h.webhook || h.UserID == "" || h.data != nil {
			continue
		}
		if h.user != nil {
			known[h.UserID] = *h.user
			continue
		}
		u, err := tx.User(ctx, h.UserID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known[h.UserID] = u
	}
	views := make(map[string]*api.User, len(known))
	for id, u := range known {
		ids, err := tx.Identifiers(ctx, id)
		if err != nil {
			return nil, err
		}
		views[id] = a.userView(u, ids)
	}
	return views, nil
}

// insertUserRows writes a new user with their identifiers, or names what belongs to somebody else.
func (a *App) insertUserRows(ctx context.Context, tx store.Conn, u store.User, ids []store.Identifier, by string, now time.Time) error {
	if err := checkUnique(ctx, tx, u); err != nil {
		return err
	}
	u.Events = 1
	if err := tx.InsertUser(ctx, u); err != nil {
		return whenUserTaken(err, u)
	}
	for _, i := range ids {
		if err := tx.InsertIdentifier(ctx, i); err != nil {
			return whenTaken(err, i.Kind)
		}
	}
	return a.recordUser(ctx, tx, event.UserCreated, by, u, now)
}

// updateUser writes a user whose row has been taken.
func (a *App) updateUser(ctx context.Context, tx store.Conn, u *store.User, by string, now time.Time, changes ...string) error {
	u.UpdatedAt = now
	u.Events++
	if err := tx.UpdateUser(ctx, *u); err != nil {
		return whenUserTaken(err, *u)
	}
	return a.recordUser(ctx, tx, event.UserUpdated, by, *u, now, changes...)
}

// deleteUser deletes a user whose row has been taken. by is who does it.
func (a *App) deleteUser(ctx context.Context, tx store.Conn, u store.User, by string, now time.Time) error {
	if err := a.endSessions(ctx, tx, &u, "", session.Ending{Reason: session.ReasonUserDeleted, By: by, At: now}); err != nil {
		return err
	}
	u.Events++
	if err := a.recordUser(ctx, tx, event.UserDeleted, by, u, now); err != nil {
		return err
	}
	return errors.Join(tx.HideSessions(ctx, u.ID), tx.DeleteTickets(ctx, u.ID), tx.DeleteIdentifiers(ctx, u.ID),
		tx.ForgetUserBodies(ctx, u.ID), tx.DeleteUser(ctx, u.ID))
}

// changedFields names what differs between a user before and after, as the API calls it.
func changedFields(before, after store.User, idsBefore, idsAfter []store.Identifier) []string {
	var names []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"external_id", before.ExternalID == after.ExternalID},
		{"username", before.Username == after.Username},
		{"first_name", before.FirstName == after.FirstName},
		{"last_name", before.LastName == after.LastName},
		{"locale", before.Locale == after.Locale},
		{"primary_email_address_id", before.PrimaryEmailID == after.PrimaryEmailID},
		{"primary_phone_number_id", before.PrimaryPhoneID == after.PrimaryPhoneID},
		{"primary_web3_wallet_id", before.PrimaryWeb3ID == after.PrimaryWeb3ID},
		{"password", before.PasswordDigest == after.PasswordDigest},
		{"password_compromised", before.PasswordCompromised == after.PasswordCompromised},
		{"public_metadata", string(before.PublicMetadata) == string(after.PublicMetadata)},
		{"private_metadata", string(before.PrivateMetadata) == string(after.PrivateMetadata)},
		{"unsafe_metadata", string(before.UnsafeMetadata) == string(after.UnsafeMetadata)},
		{"banned", before.Banned == after.Banned},
		{"locked", before.Locked == after.Locked},
		{"delete_self_enabled", before.DeleteSelfEnabled == after.DeleteSelfEnabled},
		{"create_organization_enabled", before.CreateOrgEnabled == after.CreateOrgEnabled},
		{"create_organizations_limit", reflect.DeepEqual(before.CreateOrgLimit, after.CreateOrgLimit)},
		{"legal_accepted_at", before.LegalAcceptedAt.Equal(after.LegalAcceptedAt)},
		{"bypass_client_trust", before.BypassClientTrust == after.BypassClientTrust},
		{"created_at", before.CreatedAt.Equal(after.CreatedAt)},
		{"identifiers", reflect.DeepEqual(idsBefore, idsAfter)},
	} {
		if !f.same {
			names = append(names, f.name)
		}
	}
	return names
}

// noteTokens notes until when a token of a session will live, if it lives longer than most: whoever is told of the
// session's end must remember it for so long. It looks ahead, so that not every such token costs a write. A session that
// has ended meanwhile mints none.
func (a *App) noteTokens(ctx context.Context, s session.Session, now time.Time, lifetime time.Duration) error {
	expires := now.Add(lifetime)
	if lifetime <= event.PlainLifetime || !s.TokensUntil.Before(expires) {
		return nil
	}
	err := a.Store.Update(ctx, func(tx store.Conn) error { return tx.NoteTokens(ctx, s.ID, expires.Add(lifetime/2), now) })
	return whenAbsent(err, notActive())
}

// templateJTI is the id of a token from a template. Such tokens must not have a sid; the second half of their id tells
// those who hear of revocations which session they are of, and nobody else anything.
func templateJTI(sessionID string) string {
	digest := sha256.Sum256([]byte(sessionID))
	return newJTI() + hex.EncodeToString(digest[:jtiSize])
}
