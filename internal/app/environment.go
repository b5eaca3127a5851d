package app

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/signin"
)

// Environment tells a browser which features the instance has. It changes nothing, whichever verb asks for it.
func (a *App) Environment(ctx context.Context, _ *api.None) (*api.Environment, error) {
	settings, err := a.changeable(ctx)
	if err != nil {
		return nil, err
	}
	testMode, err := a.testMode(ctx)
	if err != nil {
		return nil, err
	}
	env := &api.Environment{
		AuthConfig: a.authConfig(testMode), DisplayConfig: a.displayConfig(settings), UserSettings: a.Settings.userSettings(),
		ProtectConfig: api.ProtectConfig{Loaders: []json.RawMessage{}},
	}
	switchOff(env)
	return env, nil
}

// How much the instance wants to know something of its users.
const (
	attributeOff      = "off"
	attributeOn       = "on"
	attributeRequired = "required"
)

func (a *App) authConfig(testMode bool) api.AuthConfig {
	password := attributeRequired
	if a.Settings.Browsers.PasswordOptional {
		password = attributeOn
	}
	emailAddress := []string{"email_address"}
	return api.AuthConfig{
		Object: "auth_config", ID: a.partID("aac_"),
		FirstName: attributeOn, LastName: attributeOn, EmailAddress: attributeRequired, PhoneNumber: attributeOff,
		Username: attributeOff, Password: password,
		IdentificationRequirements: [][]string{emailAddress}, IdentificationStrategies: emailAddress,
		FirstFactors: []string{string(signin.EmailCode), string(signin.Password)}, SecondFactors: []string{},
		EmailAddressVerificationStrategies: []string{string(signin.EmailCode)},
		SingleSessionMode:                  a.Settings.Browsers.SingleSession, TestMode: testMode,
		URLBasedSessionSyncing: a.Settings.Development(),
		NativeSettings:         api.NativeSettings{Object: "native_settings"},
	}
}

// partID is the id of something that an instance has exactly one of: the instance's own behind another prefix.
func (a *App) partID(prefix string) string {
	_, unique, _ := strings.Cut(a.instance.ID, "_")
	return prefix + unique
}

func (a *App) displayConfig(settings instanceSettings) api.DisplayConfig {
	home := a.Settings.Browsers.home()
	return api.DisplayConfig{
		Object: "display_config", ID: a.partID("display_config_"),
		InstanceEnvironmentType: a.Settings.Environment, ApplicationName: a.Settings.Browsers.ApplicationName,
		Theme: theme(), PreferredSignInStrategy: string(signin.Password), SupportEmail: settings.SupportEmail,
		HomeURL: home, SignInURL: a.HostedPage(SignInPage), SignUpURL: a.HostedPage(SignUpPage), UserProfileURL: a.HostedPage(UserPage),
		AfterSignInURL: home, AfterSignUpURL: home, AfterSignOutOneURL: home, AfterSignOutAllURL: home, AfterSwitchSessionURL: home,
		CaptchaOAuthBypass: []string{},
	}
}

// home is where people go when nobody says where; applications say better. Without one it is a path alone, which means
// the origin of whatever page asks.
func (b Browsers) home() string { return strings.TrimSuffix(b.HomeURL, "/") + "/" }

// theme is the look of components that the application does not style.
func theme() api.Theme {
	var t api.Theme
	t.Buttons.FontColor, t.Buttons.FontFamily, t.Buttons.FontWeight = "#ffffff", "sans-serif", "600"
	t.General.Color, t.General.FontColor, t.General.BackgroundColor = "#3730a3", "#151515", "#ffffff"
	t.General.FontFamily, t.General.LabelFontWeight = "sans-serif", "600"
	t.General.Padding, t.General.BorderRadius = "1em", "0.5em"
	t.Accounts.BackgroundColor = "#f2f2f2"
	return t
}

// maxBrowserPassword is the most characters of a password that components allow, whatever they are told. The server
// takes longer ones.
const maxBrowserPassword = 72

func (s Settings) userSettings() api.UserSettings {
	mode := "public"
	if s.Browsers.SignUpRestricted {
		mode = "restricted"
	}
	return api.UserSettings{
		Attributes: s.Browsers.attributes(),
		Social:     map[string]api.Switch{},
		SignUp:     api.SignUpSettings{Mode: mode, Progressive: true, CaptchaWidgetType: "smart"},
		Restrictions: map[string]api.Switch{
			"allowlist": {}, "blocklist": {}, "allowlist_blocklist_disabled_on_sign_in": {},
			"block_email_subaddresses": {}, "block_disposable_email_domains": {},
		},
		PasswordSettings: api.PasswordSettings{
			MinLength: s.PasswordMin, MaxLength: maxBrowserPassword, DisableHIBP: true,
			AllowedSpecialCharacters: "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~",
		},
		UsernameSettings: api.UsernameSettings{MinLength: minUsername, MaxLength: maxUsername},
		Actions:          api.UserActions{DeleteSelf: true},
		AttackProtection: api.AttackProtection{
			UserLockout: api.UserLockout{
				Switch: api.Switch{Enabled: s.MaxAttempts > 0}, MaxAttempts: s.MaxAttempts,
				DurationInMinutes: int64((s.Browsers.LockoutDuration + time.Minute - 1) / time.Minute),
			},
			EnumerationProtection: api.Switch{Enabled: s.Browsers.EnumerationProtection},
		},
	}
}

// attributes are what can be known of users. Those that are not used here are off.
func (b Browsers) attributes() map[string]api.Attribute {
	nothing := []string{}
	all := map[string]api.Attribute{}
	for _, name := range []string{
		"email_address", "phone_number", "username", "web3_wallet", "first_name", "last_name", "password",
		"authenticator_app", "ticket", "backup_code", "passkey",
	} {
		all[name] = api.Attribute{FirstFactors: nothing, SecondFactors: nothing, Verifications: nothing}
	}
	for _, name := range []string{"email_address", "first_name", "last_name", "password", "ticket"} {
		used := all[name]
		used.Enabled = true
		all[name] = used
	}
	code := []string{string(signin.EmailCode)}
	email, password := all["email_address"], all["password"]
	email.Required, email.UsedForFirstFactor, email.VerifyAtSignUp = true, true, true
	email.FirstFactors, email.Verifications = code, code
	password.Required = !b.PasswordOptional
	all["email_address"], all["password"] = email, password
	return all
}

// switchOff writes down the features that this server does not have, for browsers that want to read of them all.
func switchOff(env *api.Environment) {
	org := &env.OrganizationSettings
	org.MaxAllowedMemberships, org.Actions.AdminDelete = 5, true
	org.Domains.EnrollmentModes, org.Domains.DefaultRole, org.CreatorRole = []string{}, "org:member", "org:admin"
	env.FraudSettings.Object, env.FraudSettings.Native.DeviceAttestationMode = "fraud_settings", "disabled"
	env.CommerceSettings.Billing.FreeTrialRequiresPaymentMethod = true
}
