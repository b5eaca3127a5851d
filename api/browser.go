package api

import "encoding/json"

// The types of this file are those of the Frontend API, which browsers speak: requests come as forms, and an empty
// value is one that was not given. Where a type has the name of one of the Backend API, it begins with Browser.

// Wrapped is an answer of the Frontend API: what was asked for, and the whole client beside it.
type Wrapped[T any] struct {
	Response T              `json:"response"`
	Client   *BrowserClient `json:"client"` // null: the browser's own copy stays as it is
}

// BrowserClient is a client as its browser sees it.
type BrowserClient struct {
	Object                     string           `json:"object"` // "client"
	ID                         string           `json:"id"`
	Sessions                   []BrowserSession `json:"sessions"` // the live ones, oldest first
	SignIn                     *SignIn          `json:"sign_in"`  // the open one
	SignUp                     *SignUp          `json:"sign_up"`
	LastActiveSessionID        *string          `json:"last_active_session_id"`
	LastAuthenticationStrategy *string          `json:"last_authentication_strategy"`
	CookieExpiresAt            *int64           `json:"cookie_expires_at"`
	CaptchaBypass              bool             `json:"captcha_bypass"`
	CreatedAt                  int64            `json:"created_at"`
	UpdatedAt                  int64            `json:"updated_at"` // moves when sessions or attempts come and go, and only then
}

// BrowserSession is a session as its browser sees it.
type BrowserSession struct {
	Object                   string          `json:"object"` // "session"
	ID                       string          `json:"id"`
	Status                   string          `json:"status"`
	Actor                    json.RawMessage `json:"actor"`
	Tasks                    []Task          `json:"tasks"`                   // null: none
	FactorVerificationAge    [2]int          `json:"factor_verification_age"` // minutes; -1 for never
	User                     *BrowserUser    `json:"user"`
	PublicUserData           *PublicUserData `json:"public_user_data"`
	LastActiveToken          *Token          `json:"last_active_token"`
	LastActiveOrganizationID *string         `json:"last_active_organization_id"`
	LatestActivity           *Activity       `json:"latest_activity,omitempty"` // only where sessions of other devices are shown
	LastActiveAt             int64           `json:"last_active_at"`
	ExpireAt                 int64           `json:"expire_at"`
	AbandonAt                int64           `json:"abandon_at"`
	CreatedAt                int64           `json:"created_at"`
	UpdatedAt                int64           `json:"updated_at"`
}

// SessionWithActivity is one of the user's sessions on any device.
type SessionWithActivity struct {
	Object         string          `json:"object"` // "session"
	ID             string          `json:"id"`
	Status         string          `json:"status"`
	Actor          json.RawMessage `json:"actor"`
	LastActiveAt   int64           `json:"last_active_at"`
	LatestActivity *Activity       `json:"latest_activity"`
	ExpireAt       int64           `json:"expire_at"`
	AbandonAt      int64           `json:"abandon_at"`
	CreatedAt      int64           `json:"created_at"`
	UpdatedAt      int64           `json:"updated_at"`
}

// SignIn is a sign-in on its way.
type SignIn struct {
	Object                   string               `json:"object"` // "sign_in_attempt"
	ID                       string               `json:"id"`
	Status                   string               `json:"status"`
	SupportedIdentifiers     []string             `json:"supported_identifiers"`
	Identifier               *string              `json:"identifier"`
	SupportedFirstFactors    []Factor             `json:"supported_first_factors"` // null when there is nothing to choose
	FirstFactorVerification  *BrowserVerification `json:"first_factor_verification"`
	SupportedSecondFactors   []Factor             `json:"supported_second_factors"`
	SecondFactorVerification *BrowserVerification `json:"second_factor_verification"`
	UserData                 *SignInUserData      `json:"user_data"`
	CreatedSessionID         *string              `json:"created_session_id"`
	ClientTrustState         string               `json:"client_trust_state"` // "known"
	AbandonAt                int64                `json:"abandon_at"`
}

// Factor is a way to prove who one is.
type Factor struct {
	Strategy       string `json:"strategy"`
	EmailAddressID string `json:"email_address_id,omitempty"`
	SafeIdentifier string `json:"safe_identifier,omitempty"`
	Primary        *bool  `json:"primary,omitempty"`
}

// SignInUserData greets whoever is signing in.
type SignInUserData struct {
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	ImageURL  string  `json:"image_url"`
	HasImage  bool    `json:"has_image"`
}

// SignUp is a sign-up on its way.
type SignUp struct {
	Object           string              `json:"object"` // "sign_up_attempt"
	ID               string              `json:"id"`
	Status           string              `json:"status"`
	RequiredFields   []string            `json:"required_fields"`
	OptionalFields   []string            `json:"optional_fields"`
	MissingFields    []string            `json:"missing_fields"`
	UnverifiedFields []string            `json:"unverified_fields"`
	Verifications    SignUpVerifications `json:"verifications"`
	EmailAddress     *string             `json:"email_address"`
	Username         *string             `json:"username"`
	PhoneNumber      *string             `json:"phone_number"`
	Web3Wallet       *string             `json:"web3_wallet"`
	FirstName        *string             `json:"first_name"`
	LastName         *string             `json:"last_name"`
	HasPassword      bool                `json:"has_password"`
	PasswordEnabled  bool                `json:"password_enabled"`
	UnsafeMetadata   json.RawMessage     `json:"unsafe_metadata"`
	PublicMetadata   json.RawMessage     `json:"public_metadata"`
	CustomAction     bool                `json:"custom_action"`
	ExternalID       *string             `json:"external_id"`
	CreatedSessionID *string             `json:"created_session_id"`
	CreatedUserID    *string             `json:"created_user_id"`
	AbandonAt        int64               `json:"abandon_at"`
	LegalAcceptedAt  *int64              `json:"legal_accepted_at"`
	Locale           *string             `json:"locale"`
	Timezone         *string             `json:"timezone"`
	ExternalAccount  json.RawMessage     `json:"external_account"`
}

// SignUpVerifications are how far the proofs of a sign-up have come.
type SignUpVerifications struct {
	EmailAddress    *SignUpVerification `json:"email_address"`
	PhoneNumber     *SignUpVerification `json:"phone_number"`
	Web3Wallet      *SignUpVerification `json:"web3_wallet"`
	ExternalAccount *SignUpVerification `json:"external_account"`
}

// SignUpVerification says what a proof needs next.
type SignUpVerification struct {
	BrowserVerification
	NextAction          string   `json:"next_action"` // needs_prepare, needs_attempt or ""
	SupportedStrategies []string `json:"supported_strategies"`
}

// CreateSignIn begins a sign-in. With everything it needs, it is complete at once.
type CreateSignIn struct {
	Identifier Field[string] `json:"identifier,omitzero"`
	Password   Field[string] `json:"password,omitzero"`
	Strategy   Field[string] `json:"strategy,omitzero"`
	Ticket     Field[string] `json:"ticket,omitzero"`
}

// SignInRef names a sign-in of the client.
type SignInRef struct {
	SignInID string `json:"-" path:"sign_in_id"`
}

// PrepareFirstFactor mails a code.
type PrepareFirstFactor struct {
	SignInRef
	Strategy       Field[string] `json:"strategy,omitzero"`
	EmailAddressID Field[string] `json:"email_address_id,omitzero"` // absent: the address that was named, or the primary one
}

// AttemptFirstFactor proves who one is.
type AttemptFirstFactor struct {
	SignInRef
	Strategy Field[string] `json:"strategy,omitzero"`
	Password Field[string] `json:"password,omitzero"`
	Code     Field[string] `json:"code,omitzero"`
}

// ResetPassword chooses a new password after a code was right.
type ResetPassword struct {
	SignInRef
	Password               Field[string] `json:"password,omitzero"`
	SignOutOfOtherSessions Field[bool]   `json:"sign_out_of_other_sessions,omitzero"`
}

// SignUpFields are what somebody says of themselves when they sign up.
type SignUpFields struct {
	EmailAddress   Field[string]          `json:"email_address,omitzero"`
	Password       Field[string]          `json:"password,omitzero"`
	FirstName      Field[string]          `json:"first_name,omitzero"`
	LastName       Field[string]          `json:"last_name,omitzero"`
	Username       Field[string]          `json:"username,omitzero"`
	UnsafeMetadata Field[json.RawMessage] `json:"unsafe_metadata,omitzero"`
	LegalAccepted  Field[bool]            `json:"legal_accepted,omitzero"`
	Locale         Field[string]          `json:"locale,omitzero"`
	Timezone       Field[string]          `json:"timezone,omitzero"`
	Strategy       Field[string]          `json:"strategy,omitzero"`
	Ticket         Field[string]          `json:"ticket,omitzero"`
}

// CreateSignUp begins a sign-up.
type CreateSignUp struct{ SignUpFields }

// SignUpRef names a sign-up of the client.
type SignUpRef struct {
	SignUpID string `json:"-" path:"sign_up_id"`
}

// UpdateSignUp says more, or something else.
type UpdateSignUp struct {
	SignUpRef
	SignUpFields
}

// PrepareVerification mails a code.
type PrepareVerification struct {
	SignUpRef
	Strategy Field[string] `json:"strategy,omitzero"`
}

// AttemptVerification proves an address with the code.
type AttemptVerification struct {
	SignUpRef
	Strategy Field[string] `json:"strategy,omitzero"`
	Code     Field[string] `json:"code,omitzero"`
}

// TouchSession tells that a session is used.
type TouchSession struct {
	SessionRef
	Intent               Field[string] `json:"intent,omitzero"` // focus, select_session or select_org
	ActiveOrganizationID Field[string] `json:"active_organization_id,omitzero"`
}

// BrowserToken asks for a session token, or for one of the JWT template TemplateName.
type BrowserToken struct {
	SessionRef
	TemplateName   string        `json:"-" path:"template_name"`
	OrganizationID Field[string] `json:"organization_id,omitzero"`
}

// DevBrowser is the id by which a browser of a development instance names itself.
type DevBrowser struct {
	Object string `json:"object"` // "dev_browser"
	ID     string `json:"id"`
	Token  string `json:"token"` // the same
}
