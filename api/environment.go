package api

import "encoding/json"

// Environment tells a browser which features the instance has, and how its components look. Features that the server
// does not have are in it too, switched off: browsers take what is missing for their own defaults. Lists are never null.
type Environment struct {
	AuthConfig           AuthConfig           `json:"auth_config"`
	DisplayConfig        DisplayConfig        `json:"display_config"`
	UserSettings         UserSettings         `json:"user_settings"`
	OrganizationSettings OrganizationSettings `json:"organization_settings"`
	FraudSettings        FraudSettings        `json:"fraud_settings"`
	CommerceSettings     CommerceSettings     `json:"commerce_settings"`
	APIKeysSettings      APIKeysSettings      `json:"api_keys_settings"`
	ProtectConfig        ProtectConfig        `json:"protect_config"`
	ClientDebugMode      bool                 `json:"client_debug_mode"`
	PartitionedCookies   bool                 `json:"partitioned_cookies"`
	MaintenanceMode      bool                 `json:"maintenance_mode"`
}

// Switch is a feature with nothing to set but whether it is on.
type Switch struct {
	Enabled bool `json:"enabled"`
}

// AuthConfig says what people sign up and sign in with. What can be known of a user is "on", "off" or "required".
type AuthConfig struct {
	Object                             string         `json:"object"` // "auth_config"
	ID                                 string         `json:"id"`
	FirstName                          string         `json:"first_name"`
	LastName                           string         `json:"last_name"`
	EmailAddress                       string         `json:"email_address"`
	PhoneNumber                        string         `json:"phone_number"`
	Username                           string         `json:"username"`
	Password                           string         `json:"password"`
	IdentificationRequirements         [][]string     `json:"identification_requirements"`
	IdentificationStrategies           []string       `json:"identification_strategies"`
	FirstFactors                       []string       `json:"first_factors"`
	SecondFactors                      []string       `json:"second_factors"`
	EmailAddressVerificationStrategies []string       `json:"email_address_verification_strategies"`
	SingleSessionMode                  bool           `json:"single_session_mode"`
	EnhancedEmailDeliverability        bool           `json:"enhanced_email_deliverability"`
	TestMode                           bool           `json:"test_mode"` // addresses of tests get no mail
	URLBasedSessionSyncing             bool           `json:"url_based_session_syncing"`
	ClaimedAt                          *int64         `json:"claimed_at"`
	Reverification                     bool           `json:"reverification"`
	SessionMinter                      bool           `json:"session_minter"`
	NativeSettings                     NativeSettings `json:"native_settings"`
}

// NativeSettings are those of apps that are no browsers.
type NativeSettings struct {
	Object                         string `json:"object"` // "native_settings"
	APIEnabled                     bool   `json:"api_enabled"`
	TrustedDeviceSignIn            bool   `json:"trusted_device_sign_in_enabled"`
	TrustedDevicePromptAfterSignIn bool   `json:"trusted_device_enrollment_prompt_after_sign_in_enabled"`
	TrustedDevicePromptAfterSignUp bool   `json:"trusted_device_enrollment_prompt_after_sign_up_enabled"`
}

// DisplayConfig says how components look, and where they lead when the application does not say.
type DisplayConfig struct {
	Object                      string          `json:"object"` // "display_config"
	ID                          string          `json:"id"`
	InstanceEnvironmentType     string          `json:"instance_environment_type"` // development or production
	ApplicationName             string          `json:"application_name"`
	Theme                       Theme           `json:"theme"`
	PreferredSignInStrategy     string          `json:"preferred_sign_in_strategy"` // password or otp
	LogoImageURL                string          `json:"logo_image_url"`
	FaviconImageURL             string          `json:"favicon_image_url"`
	HomeURL                     string          `json:"home_url"`
	SignInURL                   string          `json:"sign_in_url"`
	SignUpURL                   string          `json:"sign_up_url"`
	UserProfileURL              string          `json:"user_profile_url"`
	WaitlistURL                 string          `json:"waitlist_url"`
	OAuthConsentURL             string          `json:"oauth_consent_url"`
	AfterSignInURL              string          `json:"after_sign_in_url"`
	AfterSignUpURL              string          `json:"after_sign_up_url"`
	AfterSignOutOneURL          string          `json:"after_sign_out_one_url"`
	AfterSignOutAllURL          string          `json:"after_sign_out_all_url"`
	AfterSwitchSessionURL       string          `json:"after_switch_session_url"`
	AfterJoinWaitlistURL        string          `json:"after_join_waitlist_url"`
	OrganizationProfileURL      string          `json:"organization_profile_url"`
	CreateOrganizationURL       string          `json:"create_organization_url"`
	AfterLeaveOrganizationURL   string          `json:"after_leave_organization_url"`
	AfterCreateOrganizationURL  string          `json:"after_create_organization_url"`
	LogoLinkURL                 string          `json:"logo_link_url"`
	SupportEmail                *string         `json:"support_email"`
	Branded                     bool            `json:"branded"`
	ExperimentalForceOAuthFirst bool            `json:"experimental_force_oauth_first"`
	ClerkJSVersion              *string         `json:"clerk_js_version"`
	ShowDevmodeWarning          bool            `json:"show_devmode_warning"`
	GoogleOneTapClientID        *string         `json:"google_one_tap_client_id"`
	HelpURL                     *string         `json:"help_url"`
	PrivacyPolicyURL            *string         `json:"privacy_policy_url"`
	TermsURL                    *string         `json:"terms_url"`
	LogoURL                     *string         `json:"logo_url"`
	FaviconURL                  *string         `json:"favicon_url"`
	LogoImage                   json.RawMessage `json:"logo_image"`
	FaviconImage                json.RawMessage `json:"favicon_image"`
	CaptchaPublicKey            *string         `json:"captcha_public_key"`
	CaptchaWidgetType           *string         `json:"captcha_widget_type"`
	CaptchaPublicKeyInvisible   *string         `json:"captcha_public_key_invisible"`
	CaptchaProvider             *string         `json:"captcha_provider"`
	CaptchaOAuthBypass          []string        `json:"captcha_oauth_bypass"`
	CaptchaHeartbeat            bool            `json:"captcha_heartbeat"`
}

// Theme is the look of components, in the words of CSS.
type Theme struct {
	Buttons struct {
		FontColor  string `json:"font_color"`
		FontFamily string `json:"font_family"`
		FontWeight string `json:"font_weight"`
	} `json:"buttons"`
	General struct {
		Color           string `json:"color"`
		Padding         string `json:"padding"`
		BoxShadow       string `json:"box_shadow"`
		FontColor       string `json:"font_color"`
		FontFamily      string `json:"font_family"`
		BorderRadius    string `json:"border_radius"`
		BackgroundColor string `json:"background_color"`
		LabelFontWeight string `json:"label_font_weight"`
	} `json:"general"`
	Accounts struct {
		BackgroundColor string `json:"background_color"`
	} `json:"accounts"`
}

// UserSettings say what a user has and may do.
type UserSettings struct {
	Attributes       map[string]Attribute `json:"attributes"` // email_address, password, …
	Social           map[string]Switch    `json:"social"`
	SAML             Switch               `json:"saml"`
	EnterpriseSSO    EnterpriseSSO        `json:"enterprise_sso"`
	SignIn           SignInSettings       `json:"sign_in"`
	SignUp           SignUpSettings       `json:"sign_up"`
	Restrictions     map[string]Switch    `json:"restrictions"` // who may sign up
	PasswordSettings PasswordSettings     `json:"password_settings"`
	UsernameSettings UsernameSettings     `json:"username_settings"`
	Actions          UserActions          `json:"actions"`
	AttackProtection AttackProtection     `json:"attack_protection"`
	PasskeySettings  PasskeySettings      `json:"passkey_settings"`
}

// Attribute is one thing that can be known of a user, and what it is good for.
type Attribute struct {
	Enabled             bool     `json:"enabled"`
	Required            bool     `json:"required"`
	UsedForFirstFactor  bool     `json:"used_for_first_factor"`
	FirstFactors        []string `json:"first_factors"`
	UsedForSecondFactor bool     `json:"used_for_second_factor"`
	SecondFactors       []string `json:"second_factors"`
	Verifications       []string `json:"verifications"`
	VerifyAtSignUp      bool     `json:"verify_at_sign_up"`
	Immutable           bool     `json:"immutable"`
}

// EnterpriseSSO is the sign-in through a company's own identity provider.
type EnterpriseSSO struct {
	Switch
	SelfServeSSO bool `json:"self_serve_sso"`
}

// SignInSettings are the rules of signing in.
type SignInSettings struct {
	SecondFactor struct {
		Required bool `json:"required"`
		Enabled  bool `json:"enabled"`
	} `json:"second_factor"`
}

// SignUpSettings are the rules of signing up.
type SignUpSettings struct {
	CaptchaEnabled       bool   `json:"captcha_enabled"`
	CaptchaWidgetType    string `json:"captcha_widget_type"`
	CustomActionRequired bool   `json:"custom_action_required"`
	Progressive          bool   `json:"progressive"`
	Mode                 string `json:"mode"` // public or restricted
	LegalConsentEnabled  bool   `json:"legal_consent_enabled"`
}

// PasswordSettings are the rules of passwords. The zxcvbn members are about estimating how strong one is.
type PasswordSettings struct {
	DisableHIBP                   bool   `json:"disable_hibp"`
	DisablePasswordReverification bool   `json:"disable_password_reverification"`
	MinLength                     int    `json:"min_length"` // characters
	MaxLength                     int    `json:"max_length"`
	RequireSpecialChar            bool   `json:"require_special_char"`
	RequireNumbers                bool   `json:"require_numbers"`
	RequireUppercase              bool   `json:"require_uppercase"`
	RequireLowercase              bool   `json:"require_lowercase"`
	ShowZxcvbn                    bool   `json:"show_zxcvbn"`
	MinZxcvbnStrength             int    `json:"min_zxcvbn_strength"`
	EnforceHIBPOnSignIn           bool   `json:"enforce_hibp_on_sign_in"`
	AllowedSpecialCharacters      string `json:"allowed_special_characters"`
}

// UsernameSettings are the rules of usernames.
type UsernameSettings struct {
	MinLength                      int  `json:"min_length"` // characters
	MaxLength                      int  `json:"max_length"`
	AllowExtendedSpecialCharacters bool `json:"allow_extended_special_characters"`
	AllowNumericUsernames          bool `json:"allow_numeric_usernames"`
}

// UserActions are what users may do themselves.
type UserActions struct {
	DeleteSelf               bool   `json:"delete_self"`
	CreateOrganization       bool   `json:"create_organization"`
	CreateOrganizationsLimit *int64 `json:"create_organizations_limit"`
}

// AttackProtection is what stands in the way of guessing.
type AttackProtection struct {
	UserLockout           UserLockout `json:"user_lockout"`
	PII                   Switch      `json:"pii"`
	EmailLink             EmailLink   `json:"email_link"`
	EnumerationProtection Switch      `json:"enumeration_protection"`
}

// UserLockout is the lock after too many failed attempts.
type UserLockout struct {
	Switch
	MaxAttempts       int64 `json:"max_attempts"`
	DurationInMinutes int64 `json:"duration_in_minutes"` // 0: until unlocked
}

// EmailLink are the rules of links that sign in.
type EmailLink struct {
	RequireSameClient bool `json:"require_same_client"`
}

// PasskeySettings are the rules of passkeys.
type PasskeySettings struct {
	AllowAutofill         bool `json:"allow_autofill"`
	ShowSignInButton      bool `json:"show_sign_in_button"`
	SatisfiesSecondFactor bool `json:"satisfies_second_factor"`
}

// OrganizationSettings are the rules of organizations.
type OrganizationSettings struct {
	Switch
	MaxAllowedMemberships int64 `json:"max_allowed_memberships"`
	Actions               struct {
		AdminDelete bool `json:"admin_delete"`
	} `json:"actions"`
	Domains struct {
		Switch
		EnrollmentModes []string `json:"enrollment_modes"`
		DefaultRole     string   `json:"default_role"`
	} `json:"domains"`
	Slug struct {
		Disabled bool `json:"disabled"`
	} `json:"slug"`
	CreatorRole                string `json:"creator_role"`
	ForceOrganizationSelection bool   `json:"force_organization_selection"`
}

// FraudSettings are the checks of native apps.
type FraudSettings struct {
	Object string `json:"object"` // "fraud_settings"
	Native struct {
		DeviceAttestationMode string `json:"device_attestation_mode"` // disabled, …
	} `json:"native"`
}

// CommerceSettings are about paying. Browsers refuse an environment in which only a part of them stands.
type CommerceSettings struct {
	Billing struct {
		StripePublishableKey           *string `json:"stripe_publishable_key"`
		FreeTrialRequiresPaymentMethod bool    `json:"free_trial_requires_payment_method"`
		User                           Plans   `json:"user"`
		Organization                   Plans   `json:"organization"`
	} `json:"billing"`
}

// Plans are what somebody can pay for.
type Plans struct {
	Switch
	HasPaidPlans bool `json:"has_paid_plans"`
}

// APIKeysSettings are about keys that users make for themselves.
type APIKeysSettings struct {
	Switch
	UserAPIKeysEnabled bool `json:"user_api_keys_enabled"`
	OrgsAPIKeysEnabled bool `json:"orgs_api_keys_enabled"`
}

// ProtectConfig names the scripts of others that a browser is to run.
type ProtectConfig struct {
	Loaders []json.RawMessage `json:"loaders"`
}
