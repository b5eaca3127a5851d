package client

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/sojourn-auth/sojourn/api"
)

// The wire's types of users.
type (
	User                   = api.User
	EmailAddress           = api.EmailAddress
	Verification           = api.Verification
	UserFilter             = api.UserFilter
	ListUsers              = api.ListUsers
	CreateUser             = api.CreateUser
	UpdateUser             = api.UpdateUser
	UserMetadata           = api.UserMetadata
	RemovePassword         = api.RemovePassword
	SetPasswordCompromised = api.SetPasswordCompromised
	ReplaceEmailAddress    = api.ReplaceEmailAddress
	CreateEmailAddress     = api.CreateEmailAddress
	UpdateEmailAddress     = api.UpdateEmailAddress
)

// Metadata encodes a value for a metadata field.
func Metadata(v any) (Field[json.RawMessage], error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return Field[json.RawMessage]{}, err
	}
	return Set(json.RawMessage(raw)), nil
}

// Users are the accounts of the instance.
type Users struct{ c *connection }

// List lists users, in the order that params ask for.
func (u Users) List(ctx context.Context, params ListUsers) ([]User, error) {
	found, err := do[[]User](ctx, u.c, get("users").asking(params))
	if err != nil {
		return nil, err
	}
	return *found, nil
}

// All goes through all users that the filters of params select, page by page.
func (u Users) All(ctx context.Context, params ListUsers) iter.Seq2[*User, error] {
	return all(func(limit, offset int64) ([]User, error) {
		params.Limit, params.Offset = limit, offset
		return u.List(ctx, params)
	})
}

// Count counts the users that a filter selects.
func (u Users) Count(ctx context.Context, filter UserFilter) (int64, error) {
	count, err := do[api.Count](ctx, u.c, get("users", "count").asking(filter))
	if err != nil {
		return 0, err
	}
	return count.TotalCount, nil
}

// Create makes a user. An identifier that is taken is ErrInvalid with the code form_identifier_exists.
func (u Users) Create(ctx context.Context, params CreateUser) (*User, error) {
	return do[User](ctx, u.c, post("users").with(params))
}

// Get finds a user, or ErrNotFound.
func (u Users) Get(ctx context.Context, id string) (*User, error) {
	return do[User](ctx, u.c, get("users", id))
}

// Update changes the fields of params that are present.
func (u Users) Update(ctx context.Context, id string, params UpdateUser) (*User, error) {
	return do[User](ctx, u.c, patch("users", id).with(params))
}

// Delete deletes a user and ends all sessions of the user.
func (u Users) Delete(ctx context.Context, id string) (*Deleted, error) {
	return do[Deleted](ctx, u.c, remove("users", id))
}

// MergeMetadata merges metadata deeply; null deletes a key.
func (u Users) MergeMetadata(ctx context.Context, id string, params UserMetadata) (*User, error) {
	return do[User](ctx, u.c, patch("users", id, "metadata").with(params))
}

// ReplaceMetadata replaces the metadata fields that are present.
func (u Users) ReplaceMetadata(ctx context.Context, id string, params UserMetadata) (*User, error) {
	return do[User](ctx, u.c, put("users", id, "metadata").with(params))
}

// ReplaceEmailAddress makes one address the user's only one.
func (u Users) ReplaceEmailAddress(ctx context.Context, id string, params ReplaceEmailAddress) (*EmailAddress, error) {
	return do[EmailAddress](ctx, u.c, put("users", id, "email_address").with(params))
}

// act does what needs no parameters.
func (u Users) act(ctx context.Context, id string, verb ...string) (*User, error) {
	r := post(append([]string{"users", id}, verb...)...)
	r.repeatable = true
	return do[User](ctx, u.c, r)
}

// Ban ends all sessions of a user, and lets no new one begin.
func (u Users) Ban(ctx context.Context, id string) (*User, error) { return u.act(ctx, id, "ban") }

// Unban lets a banned user in again.
func (u Users) Unban(ctx context.Context, id string) (*User, error) { return u.act(ctx, id, "unban") }

// Lock keeps a user from signing in. Sessions go on.
func (u Users) Lock(ctx context.Context, id string) (*User, error) { return u.act(ctx, id, "lock") }

// Unlock lets a locked user sign in again.
func (u Users) Unlock(ctx context.Context, id string) (*User, error) { return u.act(ctx, id, "unlock") }

// UnsetPasswordCompromised takes the mark of SetPasswordCompromised away.
func (u Users) UnsetPasswordCompromised(ctx context.Context, id string) (*User, error) {
	return u.act(ctx, id, "password", "unset_compromised")
}

// BanMany bans up to 50 users at once: all of them or none.
func (u Users) BanMany(ctx context.Context, ids ...string) ([]User, error) {
	return u.many(ctx, "ban", ids)
}

// UnbanMany unbans up to 50 users at once: all of them or none.
func (u Users) UnbanMany(ctx context.Context, ids ...string) ([]User, error) {
	return u.many(ctx, "unban", ids)
}

func (u Users) many(ctx context.Context, verb string, ids []string) ([]User, error) {
	found, err := do[[]User](ctx, u.c, post("users", verb).with(api.UserIDs{UserIDs: ids}))
	if err != nil {
		return nil, err
	}
	return *found, nil
}

// VerifyPassword asks whether a password is the user's: nil when it is, ErrInvalid with the code incorrect_password
// or no_password_set when it is not.
func (u Users) VerifyPassword(ctx context.Context, id, password string) error {
	_, err := do[api.Verified](ctx, u.c, post("users", id, "verify_password").with(api.VerifyPassword{Password: Set(password)}))
	return err
}

// RemovePassword takes a user's password away.
func (u Users) RemovePassword(ctx context.Context, id string, params RemovePassword) (*User, error) {
	return do[User](ctx, u.c, post("users", id, "remove_password").with(params))
}

// SetPasswordCompromised makes a user choose a new password at the next sign-in.
func (u Users) SetPasswordCompromised(ctx context.Context, id string, params SetPasswordCompromised) (*User, error) {
	return do[User](ctx, u.c, post("users", id, "password", "set_compromised").with(params))
}

// EmailAddresses are the e-mail addresses of users.
type EmailAddresses struct{ c *connection }

// Create adds an address to a user.
func (e EmailAddresses) Create(ctx context.Context, params CreateEmailAddress) (*EmailAddress, error) {
	return do[EmailAddress](ctx, e.c, post("email_addresses").with(params))
}

// Get finds an address, or ErrNotFound.
func (e EmailAddresses) Get(ctx context.Context, id string) (*EmailAddress, error) {
	return do[EmailAddress](ctx, e.c, get("email_addresses", id))
}

// Update changes whether an address is verified or primary.
func (e EmailAddresses) Update(ctx context.Context, id string, params UpdateEmailAddress) (*EmailAddress, error) {
	return do[EmailAddress](ctx, e.c, patch("email_addresses", id).with(params))
}

// Delete deletes an address.
func (e EmailAddresses) Delete(ctx context.Context, id string) (*Deleted, error) {
	return do[Deleted](ctx, e.c, remove("email_addresses", id))
}
