package app

import (
	"context"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// ticketClaims are what a ticket says.
type ticketClaims struct {
	ID       string `json:"jti"`
	Kind     string `json:"st"`
	UserID   string `json:"uid"`
	ExpireAt int64  `json:"exp"` // seconds
}

// signInByTicket trades a ticket for a session, once: using it up and beginning the session are one transaction.
func (a *App) signInByTicket(ctx context.Context, v *Visitor, raw string) (*api.SignIn, error) {
	if raw == "" {
		return nil, missing("ticket")
	}
	claims, err := verified[ticketClaims](ctx, a, raw, token.CategoryTicket, anyAge)
	if err != nil {
		return nil, err
	}
	if claims == nil {
		return nil, invalidTicket()
	}
	if a.now().Unix() >= claims.ExpireAt {
		return nil, expiredTicket()
	}
	return a.newSignIn(ctx, v, func(tx store.Conn, b *browser, s *signin.SignIn, now time.Time) error {
		t, err := tx.MoveTicket(ctx, claims.Kind, claims.ID, store.TicketAccepted, now)
		if errors.Is(err, store.ErrNotFound) { // used, revoked, or its user is gone
			return invalidTicket()
		}
		if err != nil {
			return err
		}
		if !now.Before(t.ExpireAt) {
			return expiredTicket()
		}
		if *s, err = s.Proved(signin.Ticket, t.UserID); err != nil {
			return err
		}
		return a.complete(ctx, tx, v, b, s, beginning{userID: t.UserID, strategy: signin.Ticket, actor: t.Actor, most: t.SessionMax}, now)
	})
}

func invalidTicket() *api.Error {
	return at("ticket", fail(400, "ticket_invalid_code", "Ticket is invalid", "This ticket cannot be used, or not any more."))
}

func expiredTicket() *api.Error {
	return at("ticket", fail(400, "ticket_expired_code", "Ticket has expired", "This ticket has expired; ask for another one."))
}
