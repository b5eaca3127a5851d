package app

import (
	"context"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// ListMyEmailAddresses lists the addresses of the visitor's user.
func (a *App) ListMyEmailAddresses(ctx context.Context, v *Visitor, _ *api.None) ([]api.BrowserEmail, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	view, err := a.me(ctx, s.UserID, now)
	if err != nil {
		return nil, err
	}
	return view.EmailAddresses, nil
}

// GetMyEmailAddress shows an address of the visitor's user.
func (a *App) GetMyEmailAddress(ctx context.Context, v *Visitor, req *api.EmailAddressRef) (*api.BrowserEmail, error) {
	s, now, err := a.onBehalf(ctx, v)
	if err != nil {
		return nil, err
	}
	return a.myEmail(ctx, s.UserID, req.EmailAddressID, now)
}

func (a *App) myEmail(ctx context.Context, userID, id string, now time.Time) (*api.BrowserEmail, error) {
	view, err := a.me(ctx, userID, now)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(view.EmailAddresses, func(e api.BrowserEmail) bool { return e.ID == id })
	if n < 0 {
		return nil, emailNotFound(id)
	}
	return &view.EmailAddresses[n], nil
}

// AddMyEmailAddress adds an address to the visitor's user. It is theirs once it has taken a code.
func (a *App) AddMyEmailAddress(ctx context.Context, v *Visitor, req *api.AddMyEmailAddress) (*api.BrowserEmail, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "email_address"); err != nil {
		return nil, err
	}
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	address, err := requiredEmail(req.EmailAddress)
	if err != nil {
		return nil, err
	}
	added := a.newIdentifier(s.UserID, store.EmailAddress, address, address, statusUnverified, now)
	err = a.changeEmails(ctx, s.UserID, now, func(tx store.Conn, _ *store.User, ids []store.Identifier) error {
		if len(emailsAmong(ids)) >= maxIdentifiers {
			return tooMany(string(store.EmailAddress), maxIdentifiers)
		}
		added.Position = nextPosition(ids)
		if slices.ContainsFunc(ids, func(i store.Identifier) bool { return i.Kind == store.EmailAddress && i.Lookup == address }) {
			return taken("email_address")
		}
		if err := a.dropClaim(ctx, tx, address, s.UserID, now); err != nil {
			return err
		}
		return whenTaken(tx.InsertIdentifier(ctx, added), store.EmailAddress)
	})
	if err != nil {
		return nil, err
	}
	return browserEmail(added, nil, now), nil
}

// DeleteMyEmailAddress deletes an address of the visitor's user, unless they could not sign in without it.
func (a *App) DeleteMyEmailAddress(ctx context.Context, v *Visitor, req *api.EmailAddressRef) (*api.Deleted, error) {
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := a.isMine(ctx, s, req.EmailAddressID); err != nil {
		return nil, err
	}
	_, err = a.changeEmail(ctx, req.EmailAddressID, now, func(tx store.Conn, u *store.User, ids []store.Identifier, i *store.Identifier) error {
		before := hasWayIn(*u, ids)
		if err := deleteEmail(ctx, tx, u, ids, i.ID); err != nil {
			return err
		}
		if before && !hasWayIn(*u, besides(ids, i.ID)) {
			return lastWayIn()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.Deleted{Object: "email_address", ID: req.EmailAddressID, Deleted: true}, nil
}

// isMine refuses addresses of other users, as if they did not exist.
func (a *App) isMine(ctx context.Context, s session.Session, id string) error {
	i, err := a.Store.Identifier(ctx, store.EmailAddress, id)
	if err != nil {
		return whenAbsent(err, emailNotFound(id))
	}
	if i.UserID != s.UserID {
		return emailNotFound(id)
	}
	return nil
}

// PrepareMyEmailAddress mails a code to an address of the visitor's user.
func (a *App) PrepareMyEmailAddress(ctx context.Context, v *Visitor, req *api.PrepareMyEmailAddress) (*api.BrowserEmail, error) {
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := codesOnly(req.Strategy); err != nil {
		return nil, err
	}
	var issued newCode
	err = a.changeMyEmail(ctx, s, req.EmailAddressID, func(tx store.Conn, _ *store.User, i *store.Identifier) (_ *api.Error, err error) {
		if err := limitMails(ctx, tx, s.UserID, now); err != nil {
			return nil, err
		}
		issued, err = a.issueCode(ctx, tx, i.ID, signin.EmailCode, i.Value, now)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	view, err := a.myEmail(ctx, s.UserID, req.EmailAddressID, now)
	if err != nil {
		return nil, err
	}
	return view, a.sendCode(ctx, issued)
}

// limitMails bounds how many codes a user has mailed in an hour, to whichever addresses: strangers' mailboxes are not
// theirs to fill.
func limitMails(ctx context.Context, tx store.Conn, userID string, now time.Time) error {
	start := now.Truncate(time.Hour)
	ok, err := tx.Take(ctx, secret.HashKey("codes_of:"+userID), start, 1, codesPerHour)
	if err == nil && !ok {
		return tooSoon("too_many_requests", "You have had too many codes sent; try again later.", start.Add(time.Hour).Sub(now))
	}
	return err
}

// AttemptMyEmailAddress verifies an address of the visitor's user with its code.
func (a *App) AttemptMyEmailAddress(ctx context.Context, v *Visitor, req *api.AttemptMyEmailAddress) (*api.BrowserEmail, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.AttemptLimit, "attempt"); err != nil {
		return nil, err
	}
	s, now, err := a.self(ctx, v)
	if err != nil {
		return nil, err
	}
	code := req.Code.Or("")
	if code == "" {
		return nil, missing("code")
	}
	err = a.changeMyEmail(ctx, s, req.EmailAddressID, func(tx store.Conn, u *store.User, i *store.Identifier) (*api.Error, error) {
		kept, refusal, err := a.tryCode(ctx, tx, i.ID, signin.EmailCode, code, now)
		if refusal != nil || err != nil {
			return refusal, err
		}
		i.Reserved, i.Verification, i.UpdatedAt = false, provedByCode(kept), now
		if u.PrimaryEmailID == "" {
			u.PrimaryEmailID = i.ID
		}
		if err := tx.UpdateIdentifier(ctx, *i); err != nil {
			return nil, err
		}
		return nil, a.updateUser(ctx, tx, u, u.ID, now, "identifiers")
	})
	if err != nil {
		return nil, err
	}
	return a.myEmail(ctx, s.UserID, req.EmailAddressID, now)
}

// changeMyEmail lets apply change an unverified address of a session's user, whom nobody else changes meanwhile. What
// apply refuses is told after the transaction, which stands.
func (a *App) changeMyEmail(ctx context.Context, s session.Session, id string, apply func(store.Conn, *store.User, *store.Identifier) (refusal *api.Error, err error)) error {
	var refusal *api.Error
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		u, err := tx.UserForUpdate(ctx, s.UserID)
		if err != nil {
			return whenAbsent(err, signedOut())
		}
		i, err := tx.Identifier(ctx, store.EmailAddress, id)
		if err != nil {
			return whenAbsent(err, emailNotFound(id))
		}
		switch {
		case i.UserID != u.ID:
			return emailNotFound(id)
		case proved(i):
			return fail(400, "verification_already_verified", "Already verified", "This email address is verified already.")
		}
		refusal, err = apply(tx, &u, &i)
		return err
	})
	if err == nil && refusal != nil {
		return refusal
	}
	return err
}
