package api

import "encoding/json"

// User is an account. The lists are never null.
type User struct {
	ID                            string            `json:"id"`
	Object                        string            `json:"object"` // "user"
	ExternalID                    *string           `json:"external_id"`
	Username                      *string           `json:"username"`
	FirstName                     *string           `json:"first_name"`
	LastName                      *string           `json:"last_name"`
	Locale                        *string           `json:"locale"`
	ImageURL                      string            `json:"image_url"`
	ProfileImageURL               string            `json:"profile_image_url"` // deprecated twin of image_url
	HasImage                      bool              `json:"has_image"`
	PrimaryEmailAddressID         *string           `json:"primary_email_address_id"`
	PrimaryPhoneNumberID          *string           `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID           *string           `json:"primary_web3_wallet_id"`
	PasswordEnabled               bool              `json:"password_enabled"`
	PasswordLastUpdatedAt         *int64            `json:"password_last_updated_at"`
	TwoFactorEnabled              bool              `json:"two_factor_enabled"`
	TOTPEnabled                   bool              `json:"totp_enabled"`
	BackupCodeEnabled             bool              `json:"backup_code_enabled"`
	MFAEnabledAt                  *int64            `json:"mfa_enabled_at"`
	MFADisabledAt                 *int64            `json:"mfa_disabled_at"`
	EmailAddresses                []EmailAddress    `json:"email_addresses"`
	PhoneNumbers                  []PhoneNumber     `json:"phone_numbers"`
	Web3Wallets                   []Web3Wallet      `json:"web3_wallets"`
	Passkeys                      []json.RawMessage `json:"passkeys"`
	ExternalAccounts              []json.RawMessage `json:"external_accounts"`
	SAMLAccounts                  []json.RawMessage `json:"saml_accounts"`
	EnterpriseAccounts            []json.RawMessage `json:"enterprise_accounts"`
	PublicMetadata                json.RawMessage   `json:"public_metadata"`  // object
	PrivateMetadata               json.RawMessage   `json:"private_metadata"` // object; the Backend API only
	UnsafeMetadata                json.RawMessage   `json:"unsafe_metadata"`  // object
	LastSignInAt                  *int64            `json:"last_sign_in_at"`
	LastActiveAt                  *int64            `json:"last_active_at"` // start of the day, UTC
	Banned                        bool              `json:"banned"`
	Locked                        bool              `json:"locked"`
	Deprovisioned                 bool              `json:"deprovisioned"`
	LockoutExpiresInSeconds       *int64            `json:"lockout_expires_in_seconds"`      // seconds; null while locked: until unlocked
	VerificationAttemptsRemaining *int64            `json:"verification_attempts_remaining"` // null: lockout is off
	DeleteSelfEnabled             bool              `json:"delete_self_enabled"`
	CreateOrganizationEnabled     bool              `json:"create_organization_enabled"`
	CreateOrganizationsLimit      *int64            `json:"create_organizations_limit"` // null or 0: no limit
	LegalAcceptedAt               *int64            `json:"legal_accepted_at"`
	BypassClientTrust             bool              `json:"bypass_client_trust"`
	CreatedAt                     int64             `json:"created_at"`
	UpdatedAt                     int64             `json:"updated_at"`
}

// Verification says how an identifier was proved.
type Verification struct {
	Object   string `json:"object"` // e.g. "verification_admin"
	Status   string `json:"status"`
	Strategy string `json:"strategy"`
	Attempts *int64 `json:"attempts"`
	ExpireAt *int64 `json:"expire_at"`
}

// Link names the identifier that another one was derived from.
type Link struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// EmailAddress is one address of a user.
type EmailAddress struct {
	ID           string        `json:"id"`
	Object       string        `json:"object"` // "email_address"
	EmailAddress string        `json:"email_address"`
	Reserved     bool          `json:"reserved"`
	Verification *Verification `json:"verification"`
	LinkedTo     []Link        `json:"linked_to"`
	CreatedAt    int64         `json:"created_at"`
	UpdatedAt    int64         `json:"updated_at"`
}

// PhoneNumber is one number of a user, in E.164 form.
type PhoneNumber struct {
	ID                      string            `json:"id"`
	Object                  string            `json:"object"` // "phone_number"
	PhoneNumber             string            `json:"phone_number"`
	ReservedForSecondFactor bool              `json:"reserved_for_second_factor"`
	DefaultSecondFactor     bool              `json:"default_second_factor"`
	Reserved                bool              `json:"reserved"`
	Verification            *Verification     `json:"verification"`
	LinkedTo                []Link            `json:"linked_to"`
	BackupCodes             []json.RawMessage `json:"backup_codes"`
	CreatedAt               int64             `json:"created_at"`
	UpdatedAt               int64             `json:"updated_at"`
}

// Web3Wallet is one wallet address of a user.
type Web3Wallet struct {
	ID           string        `json:"id"`
	Object       string        `json:"object"` // "web3_wallet"
	Web3Wallet   string        `json:"web3_wallet"`
	Verification *Verification `json:"verification"`
	CreatedAt    int64         `json:"created_at"`
	UpdatedAt    int64         `json:"updated_at"`
}

// UserFilter selects users: values of one filter combine with OR, filters with AND.
// ExternalID, UserID and OrganizationID values may start with + (among) or - (not among).
type UserFilter struct {
	EmailAddress       []string     `query:"email_address"`
	PhoneNumber        []string     `query:"phone_number"`
	Username           []string     `query:"username"`
	Web3Wallet         []string     `query:"web3_wallet"`
	ExternalID         []string     `query:"external_id"`
	UserID             []string     `query:"user_id"`
	OrganizationID     []string     `query:"organization_id"`
	Provider           string       `query:"provider"`
	ProviderUserID     []string     `query:"provider_user_id"`
	Query              string       `query:"query"`
	EmailAddressQuery  string       `query:"email_address_query"`
	PhoneNumberQuery   string       `query:"phone_number_query"`
	UsernameQuery      string       `query:"username_query"`
	NameQuery          string       `query:"name_query"`
	Banned             Field[bool]  `query:"banned"`
	LastActiveAtBefore Field[int64] `query:"last_active_at_before"` // ms
	LastActiveAtAfter  Field[int64] `query:"last_active_at_after"`
	LastActiveAtSince  Field[int64] `query:"last_active_at_since"` // deprecated twin of _after
	CreatedAtBefore    Field[int64] `query:"created_at_before"`
	CreatedAtAfter     Field[int64] `query:"created_at_after"`
	LastSignInAtBefore Field[int64] `query:"last_sign_in_at_before"`
	LastSignInAtAfter  Field[int64] `query:"last_sign_in_at_after"`
}

// ListUsers lists users; the answer is always a bare array.
type ListUsers struct {
	UserFilter
	OrderBy       string `query:"order_by"`       // a field name with optional + or -; -created_at when absent
	StartingAfter string `query:"starting_after"` // id of the last user of the page before
	Limit         int64  `query:"limit" min:"1" max:"500" default:"10"`
	Offset        int64  `query:"offset" min:"0" max:"2147483647"`
}

// CountUsers counts the users that ListUsers would list.
type CountUsers struct {
	UserFilter
}

// CreateUser makes a user whose identifiers count as verified.
type CreateUser struct {
	ExternalID                       Field[string]          `json:"external_id,omitzero"`
	FirstName                        Field[string]          `json:"first_name,omitzero"`
	LastName                         Field[string]          `json:"last_name,omitzero"`
	Locale                           Field[string]          `json:"locale,omitzero"` // BCP 47
	EmailAddress                     []string               `json:"email_address,omitempty"`
	EmailAddressIdentificationStatus []string               `json:"email_address_identification_status,omitempty"` // parallel; verified or reserved
	PhoneNumber                      []string               `json:"phone_number,omitempty"`
	PhoneNumberIdentificationStatus  []string               `json:"phone_number_identification_status,omitempty"`
	Web3Wallet                       []string               `json:"web3_wallet,omitempty"`
	Username                         Field[string]          `json:"username,omitzero"`
	Password                         Field[string]          `json:"password,omitzero"`
	PasswordDigest                   Field[string]          `json:"password_digest,omitzero"`
	PasswordHasher                   Field[string]          `json:"password_hasher,omitzero"`
	SkipPasswordChecks               Field[bool]            `json:"skip_password_checks,omitzero"`
	SkipPasswordRequirement          Field[bool]            `json:"skip_password_requirement,omitzero"`
	TOTPSecret                       Field[string]          `json:"totp_secret,omitzero"`
	BackupCodes                      []string               `json:"backup_codes,omitempty"`
	PublicMetadata                   Field[json.RawMessage] `json:"public_metadata,omitzero"`
	PrivateMetadata                  Field[json.RawMessage] `json:"private_metadata,omitzero"`
	UnsafeMetadata                   Field[json.RawMessage] `json:"unsafe_metadata,omitzero"`
	DeleteSelfEnabled                Field[bool]            `json:"delete_self_enabled,omitzero"`
	LegalAcceptedAt                  Field[string]          `json:"legal_accepted_at,omitzero"` // RFC 3339
	SkipLegalChecks                  Field[bool]            `json:"skip_legal_checks,omitzero"`
	SkipUserRequirement              Field[bool]            `json:"skip_user_requirement,omitzero"`
	CreateOrganizationEnabled        Field[bool]            `json:"create_organization_enabled,omitzero"`
	CreateOrganizationsLimit         Field[int64]           `json:"create_organizations_limit,omitzero"`
	CreatedAt                        Field[string]          `json:"created_at,omitzero"` // RFC 3339
	BypassClientTrust                Field[bool]            `json:"bypass_client_trust,omitzero"`
	Banned                           Field[bool]            `json:"banned,omitzero"`
	Locked                           Field[bool]            `json:"locked,omitzero"`
}

// Closed marks requests whose unknown members are refused.
func (CreateUser) Closed() {}

// UserRef names a user.
type UserRef struct {
	UserID string `json:"-" path:"user_id"`
}

// UpdateUser changes the fields that are present; null clears one.
type UpdateUser struct {
	UserRef
	ExternalID                       Field[string] `json:"external_id,omitzero"`
	FirstName                        Field[string] `json:"first_name,omitzero"`
	LastName                         Field[string] `json:"last_name,omitzero"`
	Locale                           Field[string] `json:"locale,omitzero"`
	PrimaryEmailAddressID            Field[string] `json:"primary_email_address_id,omitzero"`
	NotifyPrimaryEmailAddressChanged Field[bool]   `json:"notify_primary_email_address_changed,omitzero"`
	PrimaryPhoneNumberID             Field[string] `json:"primary_phone_number_id,omitzero"`
	PrimaryWeb3WalletID              Field[string] `json:"primary_web3_wallet_id,omitzero"`
	Username                         Field[string] `json:"username,omitzero"`
	ProfileImageID                   Field[string] `json:"profile_image_id,omitzero"`
	Password                         Field[string] `json:"password,omitzero"`
	PasswordDigest                   Field[string] `json:"password_digest,omitzero"`
	PasswordHasher                   Field[string] `json:"password_hasher,omitzero"`
	SkipPasswordChecks               Field[bool]   `json:"skip_password_checks,omitzero"`
	SignOutOfOtherSessions           Field[bool]   `json:"sign_out_of_other_sessions,omitzero"` // with a new password: all sessions end
	TOTPSecret                       Field[string] `json:"totp_secret,omitzero"`
	BackupCodes                      []string      `json:"backup_codes,omitempty"`
	// The metadata fields are refused from API version 2026-05-12 on; use the metadata operations.
	PublicMetadata            Field[json.RawMessage] `json:"public_metadata,omitzero"`
	PrivateMetadata           Field[json.RawMessage] `json:"private_metadata,omitzero"`
	UnsafeMetadata            Field[json.RawMessage] `json:"unsafe_metadata,omitzero"`
	DeleteSelfEnabled         Field[bool]            `json:"delete_self_enabled,omitzero"`
	CreateOrganizationEnabled Field[bool]            `json:"create_organization_enabled,omitzero"`
	CreateOrganizationsLimit  Field[int64]           `json:"create_organizations_limit,omitzero"`
	LegalAcceptedAt           Field[string]          `json:"legal_accepted_at,omitzero"`
	SkipLegalChecks           Field[bool]            `json:"skip_legal_checks,omitzero"`
	CreatedAt                 Field[string]          `json:"created_at,omitzero"`
	BypassClientTrust         Field[bool]            `json:"bypass_client_trust,omitzero"`
}

// Closed marks requests whose unknown members are refused.
func (UpdateUser) Closed() {}

// UserMetadata carries metadata to merge (PATCH; null deletes a key) or to replace (PUT).
type UserMetadata struct {
	UserRef
	PublicMetadata  Field[json.RawMessage] `json:"public_metadata,omitzero"`
	PrivateMetadata Field[json.RawMessage] `json:"private_metadata,omitzero"`
	UnsafeMetadata  Field[json.RawMessage] `json:"unsafe_metadata,omitzero"`
}

// UserIDs names up to 50 users for a bulk operation.
type UserIDs struct {
	UserIDs []string `json:"user_ids"`
}

// VerifyPassword asks whether a password is the user's.
type VerifyPassword struct {
	UserRef
	Password Field[string] `json:"password,omitzero"`
}

// Verified is the answer to a right password.
type Verified struct {
	Verified bool `json:"verified"`
}

// RemovePassword takes a user's password away.
type RemovePassword struct {
	UserRef
	SignOutOfOtherSessions Field[bool] `json:"sign_out_of_other_sessions,omitzero"`
}

// SetPasswordCompromised marks a password so that it must be changed at the next sign-in.
type SetPasswordCompromised struct {
	UserRef
	RevokeAllSessions Field[bool] `json:"revoke_all_sessions,omitzero"`
}

// ListMemberships lists the organizations of a user; the answer is always an envelope.
type ListMemberships struct {
	UserRef
	Page
}

// ReplaceEmailAddress makes one address the only one of a user.
type ReplaceEmailAddress struct {
	UserRef
	EmailAddress                     Field[string] `json:"email_address,omitzero"`
	IdentificationStatus             Field[string] `json:"identification_status,omitzero"` // verified (default), reserved or unverified
	NotifyPrimaryEmailAddressChanged Field[bool]   `json:"notify_primary_email_address_changed,omitzero"`
}

// CreateEmailAddress adds an address to a user.
type CreateEmailAddress struct {
	UserID                           Field[string] `json:"user_id,omitzero"`
	EmailAddress                     Field[string] `json:"email_address,omitzero"`
	Verified                         Field[bool]   `json:"verified,omitzero"`
	Primary                          Field[bool]   `json:"primary,omitzero"`
	NotifyPrimaryEmailAddressChanged Field[bool]   `json:"notify_primary_email_address_changed,omitzero"`
}

// EmailAddressRef names an address.
type EmailAddressRef struct {
	EmailAddressID string `json:"-" path:"email_address_id"`
}

// UpdateEmailAddress changes whether an address is verified or primary.
type UpdateEmailAddress struct {
	EmailAddressRef
	Verified                         Field[bool] `json:"verified,omitzero"`
	Primary                          Field[bool] `json:"primary,omitzero"`
	NotifyPrimaryEmailAddressChanged Field[bool] `json:"notify_primary_email_address_changed,omitzero"`
}
