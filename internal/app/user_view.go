package app

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/claims"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// userViews reads the identifiers of all users at once.
func (a *App) userViews(ctx context.Context, users []store.User) ([]api.User, error) {
	userIDs := make([]string, len(users))
	for n, u := range users {
		userIDs[n] = u.ID
	}
	all, err := a.Store.Identifiers(ctx, userIDs...)
	if err != nil {
		return nil, err
	}
	byUser := map[string][]store.Identifier{}
	for _, i := range all {
		byUser[i.UserID] = append(byUser[i.UserID], i)
	}
	views := make([]api.User, len(users))
	for n, u := range users {
		views[n] = *a.userView(u, byUser[u.ID])
	}
	return views, nil
}

// userView is a user as the Backend API shows them. There are no pictures here, so the URLs are empty.
func (a *App) userView(u store.User, ids []store.Identifier) *api.User {
	now := a.now()
	view := &api.User{
		Object: "user", ID: u.ID, ExternalID: pointer(u.ExternalID), Username: pointer(u.Username),
		FirstName: pointer(u.FirstName), LastName: pointer(u.LastName), Locale: pointer(u.Locale),
		PrimaryEmailAddressID: pointer(u.PrimaryEmailID), PrimaryPhoneNumberID: pointer(u.PrimaryPhoneID),
		PrimaryWeb3WalletID: pointer(u.PrimaryWeb3ID),
		PasswordEnabled:     u.PasswordDigest != "", PasswordLastUpdatedAt: unixMilli(u.PasswordUpdatedAt),
		EmailAddresses: []api.EmailAddress{}, PhoneNumbers: []api.PhoneNumber{}, Web3Wallets: []api.Web3Wallet{},
		Passkeys: []json.RawMessage{}, ExternalAccounts: []json.RawMessage{},
		SAMLAccounts: []json.RawMessage{}, EnterpriseAccounts: []json.RawMessage{},
		PublicMetadata: u.PublicMetadata, PrivateMetadata: u.PrivateMetadata, UnsafeMetadata: u.UnsafeMetadata,
		LastSignInAt: unixMilli(u.LastSignInAt), LastActiveAt: unixMilli(u.LastActiveAt),
		Banned: u.Banned, Locked: lockedAt(u, now), LockoutExpiresInSeconds: lockoutSeconds(u, now),
		VerificationAttemptsRemaining: a.attemptsRemaining(u),
		DeleteSelfEnabled:             u.DeleteSelfEnabled, CreateOrganizationEnabled: u.CreateOrgEnabled,
		CreateOrganizationsLimit: u.CreateOrgLimit, LegalAcceptedAt: unixMilli(u.LegalAcceptedAt),
		BypassClientTrust: u.BypassClientTrust,
		CreatedAt:         u.CreatedAt.UnixMilli(), UpdatedAt: u.UpdatedAt.UnixMilli(),
	}
	for _, i := range ids {
		switch i.Kind {
		case store.EmailAddress:
			view.EmailAddresses = append(view.EmailAddresses, *emailView(i))
		case store.PhoneNumber:
			view.PhoneNumbers = append(view.PhoneNumbers, phoneView(i))
		case store.Web3Wallet:
			view.Web3Wallets = append(view.Web3Wallets, walletView(i))
		}
	}
	return view
}

func emailView(i store.Identifier) *api.EmailAddress {
	return &api.EmailAddress{
		ID: i.ID, Object: "email_address", EmailAddress: i.Value, Reserved: i.Reserved, Verification: verificationOf(i),
		LinkedTo: []api.Link{}, CreatedAt: i.CreatedAt.UnixMilli(), UpdatedAt: i.UpdatedAt.UnixMilli(),
	}
}

func phoneView(i store.Identifier) api.PhoneNumber {
	return api.PhoneNumber{
		ID: i.ID, Object: "phone_number", PhoneNumber: i.Value, Reserved: i.Reserved, Verification: verificationOf(i),
		LinkedTo: []api.Link{}, CreatedAt: i.CreatedAt.UnixMilli(), UpdatedAt: i.UpdatedAt.UnixMilli(),
	}
}

func walletView(i store.Identifier) api.Web3Wallet {
	return api.Web3Wallet{
		ID: i.ID, Object: "web3_wallet", Web3Wallet: i.Value, Verification: verificationOf(i),
		CreatedAt: i.CreatedAt.UnixMilli(), UpdatedAt: i.UpdatedAt.UnixMilli(),
	}
}

// lockedAt reports whether a lock holds at a moment: one with an end is over by itself.
func lockedAt(u store.User, now time.Time) bool {
	return u.Locked && (u.LockedUntil.IsZero() || now.Before(u.LockedUntil))
}

// lockoutSeconds is how many seconds a lock still holds, rounded up; nil without a lock or an end.
func lockoutSeconds(u store.User, now time.Time) *int64 {
	if !lockedAt(u, now) || u.LockedUntil.IsZero() {
		return nil
	}
	left := int64((u.LockedUntil.Sub(now) + time.Second - 1) / time.Second)
	return &left
}

// attemptsRemaining is how many verifications of a user may still fail before they are locked; nil when nothing locks.
func (a *App) attemptsRemaining(u store.User) *int64 {
	most := a.Settings.MaxAttempts
	if most <= 0 {
		return nil
	}
	left := max(0, most-u.FailedAttempts)
	return &left
}

// unixMilli turns the zero time into null.
func unixMilli(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	v := t.UnixMilli()
	return &v
}

// userLookup answers the user.… paths of claim templates, in the contract's section 5.4. Times are in seconds, as in
// all tokens. Private metadata is for the backend only and is not found.
func userLookup(u store.User, ids []store.Identifier) func(path []string) any {
	return func(path []string) any {
		if len(path) < 2 {
			return nil
		}
		switch path[1] {
		case "public_metadata":
			return metadataClaim(u.PublicMetadata, path[2:])
		case "unsafe_metadata":
			return metadataClaim(u.UnsafeMetadata, path[2:])
		case "organizations":
			return claims.Dig(map[string]any{}, path[2:])
		}
		if len(path) > 2 {
			return nil
		}
		return userClaim(u, ids, path[1])
	}
}

func userClaim(u store.User, ids []store.Identifier, name string) any {
	switch name {
	case "id":
		return u.ID
	case "first_name":
		return textClaim(u.FirstName)
	case "last_name":
		return textClaim(u.LastName)
	case "full_name":
		return textClaim(strings.TrimSpace(u.FirstName + " " + u.LastName))
	case "username":
		return textClaim(u.Username)
	case "external_id":
		return textClaim(u.ExternalID)
	case "primary_email_address":
		return textClaim(identifierWith(ids, u.PrimaryEmailID).Value)
	case "primary_phone_number":
		return textClaim(identifierWith(ids, u.PrimaryPhoneID).Value)
	case "email_verified":
		return proved(identifierWith(ids, u.PrimaryEmailID))
	case "phone_number_verified":
		return proved(identifierWith(ids, u.PrimaryPhoneID))
	case "image_url":
		return ""
	case "has_image", "two_factor_enabled":
		return false
	case "created_at":
		return u.CreatedAt.Unix()
	case "updated_at":
		return u.UpdatedAt.Unix()
	case "last_sign_in_at":
		if u.LastSignInAt.IsZero() {
			return nil
		}
		return u.LastSignInAt.Unix()
	default:
		return nil
	}
}

func metadataClaim(raw json.RawMessage, path []string) any {
	decoded, err := object(raw)
	if err != nil {
		return nil
	}
	return claims.Dig(decoded, path)
}

// textClaim turns "" into null.
func textClaim(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// identifierWith is the identifier with an id, or one without anything.
func identifierWith(ids []store.Identifier, id string) store.Identifier {
	for _, i := range ids {
		if i.ID == id {
			return i
		}
	}
	return store.Identifier{}
}
