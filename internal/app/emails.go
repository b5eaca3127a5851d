package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// CreateEmailAddress adds an address to a user. Their first one becomes primary.
func (a *App) CreateEmailAddress(ctx context.Context, req *api.CreateEmailAddress) (*api.EmailAddress, error) {
	userID := req.UserID.Or("")
	if userID == "" {
		return nil, missing("user_id")
	}
	address, err := requiredEmail(req.EmailAddress)
	if err != nil {
		return nil, err
	}
	primary, status := req.Primary.Or(false), statusUnverified
	if req.Verified.Or(false) {
		status = statusVerified
	}
	if primary && status != statusVerified {
		return nil, notProved("primary")
	}
	now := a.now()
	added := a.newIdentifier(userID, store.EmailAddress, address, address, status, now)
	err = a.changeEmails(ctx, userID, now, func(tx store.Conn, u *store.User, ids []store.Identifier) error {
		emails := emailsAmong(ids)
		if len(emails) >= maxIdentifiers {
			return tooMany(string(store.EmailAddress), maxIdentifiers)
		}
		if primary || len(emails) == 0 {
			u.PrimaryEmailID = added.ID
		}
		added.Position = nextPosition(ids)
		return whenTaken(tx.InsertIdentifier(ctx, added), store.EmailAddress)
	})
	if err != nil {
		return nil, err
	}
	return emailView(added), nil
}

// GetEmailAddress finds an address.
func (a *App) GetEmailAddress(ctx context.Context, req *api.EmailAddressRef) (*api.EmailAddress, error) {
	i, err := a.Store.Identifier(ctx, store.EmailAddress, req.EmailAddressID)
	if err != nil {
		return nil, whenAbsent(err, emailNotFound(req.EmailAddressID))
	}
	return emailView(i), nil
}

// UpdateEmailAddress makes an address verified, unverified or primary. The only way for an address to be primary no
// more is that another one becomes it.
func (a *App) UpdateEmailAddress(ctx context.Context, req *api.UpdateEmailAddress) (*api.EmailAddress, error) {
	now := a.now()
	changed, err := a.changeEmail(ctx, req.EmailAddressID, now, func(tx store.Conn, u *store.User, _ []store.Identifier, i *store.Identifier) error {
		switch verified, ok := req.Verified.Get(); {
		case !ok || verified == proved(*i):
		case verified:
			setStatus(i, statusVerified)
		default:
			setStatus(i, statusUnverified)
		}
		if req.Primary.Or(false) {
			if !proved(*i) {
				return notProved("primary")
			}
			u.PrimaryEmailID = i.ID
		}
		i.UpdatedAt = now
		return tx.UpdateIdentifier(ctx, *i)
	})
	if err != nil {
		return nil, err
	}
	return emailView(changed), nil
}

// DeleteEmailAddress deletes an address. When it was primary, the user's next verified one becomes it.
func (a *App) DeleteEmailAddress(ctx context.Context, req *api.EmailAddressRef) (*api.Deleted, error) {
	_, err := a.changeEmail(ctx, req.EmailAddressID, a.now(), func(tx store.Conn, u *store.User, ids []store.Identifier, i *store.Identifier) error {
		return deleteEmail(ctx, tx, u, ids, i.ID)
	})
	if err != nil {
		return nil, err
	}
	return &api.Deleted{Object: "email_address", ID: req.EmailAddressID, Deleted: true}, nil
}

func deleteEmail(ctx context.Context, tx store.Conn, u *store.User, ids []store.Identifier, id string) error {
	if len(ids) == 1 && u.Username == "" {
		return fail(400, "identification_deletion_failed", "deletion failed", "This is the last identifier of its user and cannot be deleted.")
	}
	if u.PrimaryEmailID == id {
		u.PrimaryEmailID = firstProved(emailsAmong(besides(ids, id)))
	}
	return errors.Join(tx.DeleteCode(ctx, id), tx.DeleteIdentifier(ctx, id))
}

func besides(ids []store.Identifier, id string) []store.Identifier {
	return slices.DeleteFunc(slices.Clone(ids), func(i store.Identifier) bool { return i.ID == id })
}

// ReplaceEmailAddress makes one address the only one of a user, and primary. If it is one of theirs already, it stays
// and the others go.
func (a *App) ReplaceEmailAddress(ctx context.Context, req *api.ReplaceEmailAddress) (*api.EmailAddress, error) {
	address, err := requiredEmail(req.EmailAddress)
	if err != nil {
		return nil, err
	}
	status := req.IdentificationStatus.Or(statusVerified)
	if statuses := []string{statusVerified, statusReserved, statusUnverified}; !slices.Contains(statuses, status) {
		return nil, notAllowed("identification_status", status, statuses...)
	}
	now := a.now()
	added := a.newIdentifier(req.UserID, store.EmailAddress, address, address, status, now)
	var kept store.Identifier
	err = a.changeEmails(ctx, req.UserID, now, func(tx store.Conn, u *store.User, ids []store.Identifier) error {
		kept = added
		kept.Position = nextPosition(ids)
		for _, i := range emailsAmong(ids) {
			if i.Lookup == address {
				kept.ID, kept.CreatedAt, kept.Position = i.ID, i.CreatedAt, i.Position
			}
			if err := tx.DeleteIdentifier(ctx, i.ID); err != nil {
				return err
			}
		}
		u.PrimaryEmailID = kept.ID
		return whenTaken(tx.InsertIdentifier(ctx, kept), store.EmailAddress)
	})
	if err != nil {
		return nil, err
	}
	return emailView(kept), nil
}

func requiredEmail(given api.Field[string]) (string, error) {
	value := given.Or("")
	if value == "" {
		return "", missing("email_address")
	}
	address, err := emailAddress("email_address", value)
	if err != nil {
		return "", err
	}
	return address, nil
}

// changeEmails lets apply change the addresses of a user whom nobody else changes meanwhile.
func (a *App) changeEmails(ctx context.Context, userID string, now time.Time, apply func(store.Conn, *store.User, []store.Identifier) error) error {
	_, err := a.changeUser(ctx, userID, now, func(tx store.Conn, u *store.User) error {
		ids, err := tx.Identifiers(ctx, u.ID)
		if err != nil {
			return err
		}
		return apply(tx, u, ids)
	})
	return err
}

// changeEmail is changeEmails for one address that exists; it answers the address after the change.
func (a *App) changeEmail(ctx context.Context, id string, now time.Time, apply func(store.Conn, *store.User, []store.Identifier, *store.Identifier) error) (changed store.Identifier, err error) {
	// The address tells whose row to take; once it is taken, the address may be gone.
	found, err := a.Store.Identifier(ctx, store.EmailAddress, id)
	if err != nil {
		return found, whenAbsent(err, emailNotFound(id))
	}
	err = a.changeEmails(ctx, found.UserID, now, func(tx store.Conn, u *store.User, ids []store.Identifier) error {
		n := slices.IndexFunc(ids, func(i store.Identifier) bool { return i.ID == id })
		if n < 0 {
			return emailNotFound(id)
		}
		changed = ids[n]
		return apply(tx, u, ids, &changed)
	})
	var told *api.Error
	if errors.As(err, &told) && told.Status == 404 { // its user may be gone too
		return changed, emailNotFound(id)
	}
	return changed, err
}

// claimOn finds what keeps an address from whoever proves that it is theirs: nothing, the zero identifier, or the claim of
// a user who added it and never proved it. An address that is proved, reserved or primary is taken.
func claimOn(ctx context.Context, c store.Conn, address string) (claim store.Identifier, err error) {
	i, err := c.IdentifierNamed(ctx, store.EmailAddress, address)
	if errors.Is(err, store.ErrNotFound) {
		return claim, nil
	}
	if err != nil {
		return claim, err
	}
	u, err := c.User(ctx, i.UserID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return claim, err
	}
	if proved(i) || i.Reserved || u.PrimaryEmailID == i.ID {
		return claim, taken("email_address")
	}
	return i, nil
}

// dropClaim makes an address free for by, who proves that it is theirs, unless somebody else is faster. Who had claimed it
// is a user who has changed.
func (a *App) dropClaim(ctx context.Context, tx store.Conn, address, by string, now time.Time) error {
	claim, err := claimOn(ctx, tx, address)
	if claim.ID == "" || err != nil {
		return err
	}
	if err := tx.DeleteUnproved(ctx, claim.ID); err != nil {
		return whenAbsent(err, taken("email_address"))
	}
	if err := tx.DeleteCode(ctx, claim.ID); err != nil {
		return err
	}
	u, err := tx.UserForUpdate(ctx, claim.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.updateUser(ctx, tx, &u, by, now, "identifiers")
}

func nextPosition(ids []store.Identifier) int64 {
	var next int64
	for _, i := range ids {
		next = max(next, i.Position+1)
	}
	return next
}

func emailNotFound(id string) *api.Error {
	return notFound("Email address", "There is no email address with the id "+id+".")
}
