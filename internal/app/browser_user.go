package app

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const statusExpired = "expired"

// browserUser is a user as their own browser sees them, which is without their private metadata.
func (a *App) browserUser(u store.User, ids []store.Identifier, now time.Time) *api.BrowserUser {
	view := &api.BrowserUser{
		Object: "user", ID: u.ID, ExternalID: pointer(u.ExternalID), Username: pointer(u.Username),
		FirstName: pointer(u.FirstName), LastName: pointer(u.LastName), ImageURL: userAvatar(u, ids),
		PrimaryEmailAddressID: pointer(u.PrimaryEmailID), PrimaryPhoneNumberID: pointer(u.PrimaryPhoneID),
		PrimaryWeb3WalletID: pointer(u.PrimaryWeb3ID), PasswordEnabled: u.PasswordDigest != "",
		EmailAddresses: []api.BrowserEmail{}, PhoneNumbers: []api.PhoneNumber{}, Web3Wallets: []api.Web3Wallet{},
		Passkeys: []json.RawMessage{}, ExternalAccounts: []json.RawMessage{}, SAMLAccounts: []json.RawMessage{},
		EnterpriseAccounts: []json.RawMessage{}, OrganizationMemberships: []json.RawMessage{},
		PublicMetadata: u.PublicMetadata, UnsafeMetadata: u.UnsafeMetadata,
		LastSignInAt: unixMilli(u.LastSignInAt), LastActiveAt: unixMilli(u.LastActiveAt),
		Banned: u.Banned, Locked: lockedAt(u, now), LockoutExpiresInSeconds: lockoutSeconds(u, now),
		VerificationAttemptsRemaining: a.attemptsRemaining(u),
		DeleteSelfEnabled:             u.DeleteSelfEnabled, CreateOrganizationEnabled: u.CreateOrgEnabled,
		LegalAcceptedAt: unixMilli(u.LegalAcceptedAt),
		CreatedAt:       u.CreatedAt.UnixMilli(), UpdatedAt: u.UpdatedAt.UnixMilli(),
	}
	if u.CreateOrgLimit != nil {
		view.CreateOrganizationsLimit = *u.CreateOrgLimit
	}
	for _, i := range ids {
		switch i.Kind {
		case store.EmailAddress:
			view.EmailAddresses = append(view.EmailAddresses, *browserEmail(i, nil, now))
		case store.PhoneNumber:
			view.PhoneNumbers = append(view.PhoneNumbers, phoneView(i))
		case store.Web3Wallet:
			view.Web3Wallets = append(view.Web3Wallets, walletView(i))
		}
	}
	return view
}

// browserEmail is an address as its user's browser sees it. A verification on its way stands before the one that the
// address has; without one, nil.
func browserEmail(i store.Identifier, onItsWay *api.BrowserVerification, now time.Time) *api.BrowserEmail {
	verification := browserVerification(verificationOf(i))
	if onItsWay != nil {
		verification = verificationAt(*onItsWay, now)
	}
	return &api.BrowserEmail{
		ID: i.ID, Object: "email_address", EmailAddress: i.Value, Reserved: i.Reserved, Verification: verification,
		LinkedTo: []api.Link{}, CreatedAt: i.CreatedAt.UnixMilli(), UpdatedAt: i.UpdatedAt.UnixMilli(),
	}
}

func browserVerification(v *api.Verification) *api.BrowserVerification {
	if v == nil {
		return nil
	}
	return &api.BrowserVerification{
		Object: v.Object, Status: pointer(v.Status), Strategy: pointer(v.Strategy), Attempts: v.Attempts, ExpireAt: v.ExpireAt,
	}
}

// verificationAt is a verification as it stands at a moment: one whose time is over has expired.
func verificationAt(v api.BrowserVerification, now time.Time) *api.BrowserVerification {
	if v.Status != nil && *v.Status == statusUnverified && v.ExpireAt != nil && now.UnixMilli() >= *v.ExpireAt {
		v.Status = pointer(statusExpired)
	}
	return &v
}

// publicUserData is what a session shows of its user.
func publicUserData(u store.User, ids []store.Identifier) *api.PublicUserData {
	return &api.PublicUserData{
		FirstName: pointer(u.FirstName), LastName: pointer(u.LastName), ImageURL: userAvatar(u, ids),
		Identifier: shownIdentifier(u, ids), UserID: u.ID, Username: pointer(u.Username), Banned: u.Banned,
	}
}

func userAvatar(u store.User, ids []store.Identifier) string {
	return avatar(u.ID, cmp.Or(strings.TrimSpace(u.FirstName+" "+u.LastName), shownIdentifier(u, ids)))
}

// shownIdentifier is what people know a user by, or "" when there is nothing.
func shownIdentifier(u store.User, ids []store.Identifier) string {
	return cmp.Or(
		identifierWith(ids, u.PrimaryEmailID).Value, u.Username,
		identifierWith(ids, u.PrimaryPhoneID).Value, identifierWith(ids, u.PrimaryWeb3ID).Value,
	)
}
