package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// Lifetimes of the contract, sections 6.3 and 6.4, in seconds.
const (
	signInTokenLifetime  = 2_592_000
	actorTokenLifetime   = 3_600
	actorSessionDuration = 1_800
	maxTicketLifetime    = 315_360_000
	maxActorSize         = 4 << 10 // bytes of JSON; it travels in every token of its sessions
)

// CreateSignInToken makes a one-time ticket that signs a user in.
func (a *App) CreateSignInToken(ctx context.Context, req *api.CreateSignInToken) (*api.SignInToken, error) {
	if org, ok := req.OrgID.Get(); ok && org != "" {
		return nil, fail(404, "resource_not_found", "Organization not found", "There is no organization with the id "+org+".")
	}
	lifetime := req.ExpiresInSeconds.Or(signInTokenLifetime)
	if err := within("expires_in_seconds", lifetime, 1, maxTicketLifetime); err != nil {
		return nil, err
	}
	now := a.now()
	t := store.Ticket{ID: a.NewID("sit_"), Kind: store.SignInToken, Status: store.TicketPending, ExpireAt: now.Add(time.Duration(lifetime) * time.Second), CreatedAt: now, UpdatedAt: now}
	jwt, err := a.issueTicket(ctx, &t, req.UserID)
	if err != nil {
		return nil, err
	}
	return a.signInTokenView(t, jwt), nil
}

// RevokeSignInToken makes a pending sign-in token useless.
func (a *App) RevokeSignInToken(ctx context.Context, req *api.SignInTokenRef) (*api.SignInToken, error) {
	t, err := a.revokeTicket(ctx, store.SignInToken, req.SignInTokenID, "Sign-in token", "sign_in_token_cannot_be_revoked_code")
	if err != nil {
		return nil, err
	}
	return a.signInTokenView(t, ""), nil
}

// CreateActorToken makes a one-time ticket that lets an actor sign in as a user.
func (a *App) CreateActorToken(ctx context.Context, req *api.CreateActorToken) (*api.ActorToken, error) {
	actor, err := checkActor(req.Actor)
	if err != nil {
		return nil, err
	}
	lifetime, duration := req.ExpiresInSeconds.Or(actorTokenLifetime), req.SessionMaxDurationInSeconds.Or(actorSessionDuration)
	if err := within("expires_in_seconds", lifetime, 1, maxTicketLifetime); err != nil {
		return nil, err
	}
	if err := within("session_max_duration_in_seconds", duration, 1, maxTicketLifetime); err != nil {
		return nil, err
	}
	now := a.now()
	t := store.Ticket{
		ID: a.NewID("act_"), Kind: store.ActorToken, Actor: actor, Status: store.TicketPending,
		ExpireAt: now.Add(time.Duration(lifetime) * time.Second), SessionMax: time.Duration(duration) * time.Second,
		CreatedAt: now, UpdatedAt: now,
	}
	jwt, err := a.issueTicket(ctx, &t, req.UserID)
	if err != nil {
		return nil, err
	}
	return a.actorTokenView(t, jwt), nil
}

// RevokeActorToken makes a pending actor token useless.
func (a *App) RevokeActorToken(ctx context.Context, req *api.ActorTokenRef) (*api.ActorToken, error) {
	t, err := a.revokeTicket(ctx, store.ActorToken, req.ActorTokenID, "Actor token", "actor_token_cannot_be_revoked_code")
	if err != nil {
		return nil, err
	}
	return a.actorTokenView(t, ""), nil
}

func checkActor(given api.Field[json.RawMessage]) (json.RawMessage, error) {
	raw, ok := given.Get()
	if !ok {
		return nil, missing("actor")
	}
	var actor map[string]json.RawMessage
	if err := json.Unmarshal(raw, &actor); err != nil {
		return nil, at("actor", fail(422, "form_param_type_invalid", "is invalid", "actor must be an object."))
	}
	var subject string
	if sub, ok := actor["sub"]; !ok || json.Unmarshal(sub, &subject) != nil || subject == "" {
		return nil, missing("actor.sub")
	}
	if len(raw) > maxActorSize {
		return nil, at("actor", fail(422, "form_param_exceeds_allowed_size", "is too large", fmt.Sprintf("actor takes at most %d bytes.", maxActorSize)))
	}
	return json.RawMessage(compact(raw)), nil
}

// issueTicket stores a ticket for an existing user and signs it.
func (a *App) issueTicket(ctx context.Context, t *store.Ticket, user api.Field[string]) (string, error) {
	userID, ok := user.Get()
	if !ok || userID == "" {
		return "", missing("user_id")
	}
	t.UserID = userID
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		// For update: a user who is being deleted takes this ticket along, or is gone already.
		if _, err := tx.UserForUpdate(ctx, userID); err != nil {
			return whenAbsent(err, userNotFound(userID))
		}
		return tx.InsertTicket(ctx, *t)
	})
	if err != nil {
		return "", err
	}
	ring, err := a.keyring(ctx)
	if err != nil {
		return "", err
	}
	return ring.SignTicket(token.Ticket{Issuer: a.Settings.Issuer, ID: t.ID, Subject: userID, Kind: t.Kind, ExpireAt: t.ExpireAt, IssuedAt: t.CreatedAt})
}

// revokeTicket is a compare-and-set: a ticket that is being redeemed at the same time is either accepted or revoked.
func (a *App) revokeTicket(ctx context.Context, kind, id, name, code string) (t store.Ticket, err error) {
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		if t, err = tx.MoveTicket(ctx, kind, id, store.TicketRevoked, a.now()); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		there, err := tx.Ticket(ctx, kind, id)
		if err != nil {
			return whenAbsent(err, notFound(name, "There is no such token with the id "+id+"."))
		}
		return fail(400, code, "cannot revoke", fmt.Sprintf("%s %s is %s; only pending ones can be revoked.", name, id, there.Status))
	})
	return t, err
}

// ticketURL is where a browser redeems a ticket.
func (a *App) ticketURL(jwt string) *string {
	if jwt == "" {
		return nil
	}
	u := a.Settings.Issuer + "/v1/tickets/accept?ticket=" + url.QueryEscape(jwt)
	return &u
}

func (a *App) signInTokenView(t store.Ticket, jwt string) *api.SignInToken {
	return &api.SignInToken{Object: t.Kind, ID: t.ID, Status: t.Status, UserID: t.UserID, Token: jwt, URL: a.ticketURL(jwt), CreatedAt: t.CreatedAt.UnixMilli(), UpdatedAt: t.UpdatedAt.UnixMilli()}
}

func (a *App) actorTokenView(t store.Ticket, jwt string) *api.ActorToken {
	return &api.ActorToken{Object: t.Kind, ID: t.ID, Status: t.Status, UserID: t.UserID, Actor: t.Actor, Token: jwt, URL: a.ticketURL(jwt), CreatedAt: t.CreatedAt.UnixMilli(), UpdatedAt: t.UpdatedAt.UnixMilli()}
}
