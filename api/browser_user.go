package api

import "encoding/json"

// BrowserUser is a user as their own browser sees them. The lists are never null.
type BrowserUser struct {
	ID                            string            `json:"id"`
	Object                        string            `json:"object"` // "user"
	ExternalID                    *string           `json:"external_id"`
	Username                      *string           `json:"username"`
	FirstName                     *string           `json:"first_name"`
	LastName                      *string           `json:"last_name"`
	Timezone                      *string           `json:"timezone"` // always null
	ImageURL                      string            `json:"image_url"`
	HasImage                      bool              `json:"has_image"` // false: image_url is made up
	PrimaryEmailAddressID         *string           `json:"primary_email_address_id"`
	PrimaryPhoneNumberID          *string           `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID           *string           `json:"primary_web3_wallet_id"`
	PasswordEnabled               bool              `json:"password_enabled"`
	TwoFactorEnabled              bool              `json:"two_factor_enabled"`
	TOTPEnabled                   bool              `json:"totp_enabled"`
	BackupCodeEnabled             bool              `json:"backup_code_enabled"`
	MFAEnabledAt                  *int64            `json:"mfa_enabled_at"`
	MFADisabledAt                 *int64            `json:"mfa_disabled_at"`
	EmailAddresses                []BrowserEmail    `json:"email_addresses"`
	PhoneNumbers                  []PhoneNumber     `json:"phone_numbers"`
	Web3Wallets                   []Web3Wallet      `json:"web3_wallets"`
	Passkeys                      []json.RawMessage `json:"passkeys"`
	ExternalAccounts              []json.RawMessage `json:"external_accounts"`
	SAMLAccounts                  []json.RawMessage `json:"saml_accounts"`
	EnterpriseAccounts            []json.RawMessage `json:"enterprise_accounts"`
	OrganizationMemberships       []json.RawMessage `json:"organization_memberships"`
	PublicMetadata                json.RawMessage   `json:"public_metadata"` // object
	UnsafeMetadata                json.RawMessage   `json:"unsafe_metadata"` // object
	LastSignInAt                  *int64            `json:"last_sign_in_at"`
	LastActiveAt                  *int64            `json:"last_active_at"` // start of the day, UTC
	Banned                        bool              `json:"banned"`
	Locked                        bool              `json:"locked"`
	LockoutExpiresInSeconds       *int64            `json:"lockout_expires_in_seconds"`      // null while locked: until unlocked
	VerificationAttemptsRemaining *int64            `json:"verification_attempts_remaining"` // null: lockout is off
	DeleteSelfEnabled             bool              `json:"delete_self_enabled"`
	CreateOrganizationEnabled     bool              `json:"create_organization_enabled"`
	CreateOrganizationsLimit      int64             `json:"create_organizations_limit"` // 0: no limit
	LegalAcceptedAt               *int64            `json:"legal_accepted_at"`
	CreatedAt                     int64             `json:"created_at"`
	UpdatedAt                     int64             `json:"updated_at"`
}

// BrowserEmail is one address of a user.
type BrowserEmail struct {
	ID                   string               `json:"id"`
	Object               string               `json:"object"` // "email_address"
	EmailAddress         string               `json:"email_address"`
	Reserved             bool                 `json:"reserved"`
	Verification         *BrowserVerification `json:"verification"` // null: nobody began to verify it
	LinkedTo             []Link               `json:"linked_to"`
	MatchesSSOConnection bool                 `json:"matches_sso_connection"`
	CreatedAt            int64                `json:"created_at"`
	UpdatedAt            int64                `json:"updated_at"`
}

// BrowserVerification says how far something has come with being proved. What only some strategies have is left out
// by the others: a browser takes it for null.
type BrowserVerification struct {
	Object                 string          `json:"object"` // verification_otp, verification_password, …
	Status                 *string         `json:"status"` // unverified, verified, failed, expired; null: not begun
	Strategy               *string         `json:"strategy"`
	Attempts               *int64          `json:"attempts"`
	ExpireAt               *int64          `json:"expire_at"`
	Error                  *ErrorDetail    `json:"error,omitempty"`
	Nonce                  *string         `json:"nonce,omitempty"`
	Message                *string         `json:"message,omitempty"`
	ExternalRedirectURL    *string         `json:"external_verification_redirect_url,omitempty"`
	VerifiedAtClient       *string         `json:"verified_at_client,omitempty"` // the id of a client
	Channel                *string         `json:"channel,omitempty"`
	TrustedDeviceChallenge json.RawMessage `json:"trusted_device_challenge,omitempty"`
}

// PublicUserData is what a session shows of its user.
type PublicUserData struct {
	FirstName     *string `json:"first_name"`
	LastName      *string `json:"last_name"`
	ImageURL      string  `json:"image_url"`
	HasImage      bool    `json:"has_image"`
	Identifier    string  `json:"identifier"` // the primary email address or, without one, another name
	UserID        string  `json:"user_id"`
	Username      *string `json:"username"`
	Banned        bool    `json:"banned"`
	Deprovisioned bool    `json:"deprovisioned"`
}
