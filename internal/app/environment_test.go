package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

func environmentOf(t *testing.T, a *App) any {
	t.Helper()
	env, err := a.Environment(t.Context(), &api.None{})
	if err != nil {
		t.Fatal(err)
	}
	return *parse[any](t, jsonOf(t, env))
}

// leaves writes a JSON value as its values by path, such as "auth_config.first_factors.0". Empty lists and objects are
// values too.
func leaves(path string, v any, into map[string]string) {
	nested := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		nested = v
	case []any:
		for n, item := range v {
			nested[strconv.Itoa(n)] = item
		}
	}
	if len(nested) == 0 {
		into[path] = fmt.Sprintf("%T %v", v, v)
	}
	for name, item := range nested {
		below := name
		if path != "" {
			below = path + "." + name
		}
		leaves(below, item, into)
	}
}

// What the operator and the Backend API set moves these values of the environment, and no others.
func TestWhatSettingsChangeInTheEnvironment(t *testing.T) {
	before := map[string]string{}
	leaves("", environmentOf(t, usersApp(t)), before)
	for name, c := range map[string]struct {
		set  func(a *App)
		want map[string]string
	}{
		"nothing": {func(*App) {}, nil},
		"production": {func(a *App) { a.Settings.Environment = Production }, map[string]string{
			"display_config.instance_environment_type": "string production",
			"auth_config.test_mode":                    "bool false",
			"auth_config.url_based_session_syncing":    "bool false",
		}},
		"name": {func(a *App) { a.Settings.Browsers.ApplicationName = "Acme" }, map[string]string{
			"display_config.application_name": "string Acme",
		}},
		"home": {func(a *App) { a.Settings.Browsers.HomeURL = "https://acme.test/app/" }, map[string]string{
			"display_config.home_url":                 "string https://acme.test/app/",
			"display_config.after_sign_in_url":        "string https://acme.test/app/",
			"display_config.after_sign_up_url":        "string https://acme.test/app/",
			"display_config.after_sign_out_one_url":   "string https://acme.test/app/",
			"display_config.after_sign_out_all_url":   "string https://acme.test/app/",
			"display_config.after_switch_session_url": "string https://acme.test/app/",
		}},
		"one session": {func(a *App) { a.Settings.Browsers.SingleSession = true }, map[string]string{
			"auth_config.single_session_mode": "bool true",
		}},
		"nobody signs up": {func(a *App) { a.Settings.Browsers.SignUpRestricted = true }, map[string]string{
			"user_settings.sign_up.mode": "string restricted",
		}},
		"no password needed": {func(a *App) { a.Settings.Browsers.PasswordOptional = true }, map[string]string{
			"auth_config.password":                       "string on",
			"user_settings.attributes.password.required": "bool false",
		}},
		"enumeration": {func(a *App) { a.Settings.Browsers.EnumerationProtection = true }, map[string]string{
			"user_settings.attack_protection.enumeration_protection.enabled": "bool true",
		}},
		"password length": {func(a *App) { a.Settings.PasswordMin = 12 }, map[string]string{
			"user_settings.password_settings.min_length": "float64 12",
		}},
		"attempts": {func(a *App) { a.Settings.MaxAttempts = 3 }, map[string]string{
			"user_settings.attack_protection.user_lockout.max_attempts": "float64 3",
		}},
		"no lockout": {func(a *App) { a.Settings.MaxAttempts = 0 }, map[string]string{
			"user_settings.attack_protection.user_lockout.enabled":      "bool false",
			"user_settings.attack_protection.user_lockout.max_attempts": "float64 0",
		}},
		"lockout of an hour and a bit": {func(a *App) { a.Settings.Browsers.LockoutDuration = time.Hour + time.Second }, map[string]string{
			"user_settings.attack_protection.user_lockout.duration_in_minutes": "float64 61",
		}},
		"the instance's own": {func(a *App) {
			if _, err := a.UpdateInstance(t.Context(), parse[api.UpdateInstance](t, `{"support_email":"help@acme.test","test_mode":false}`)); err != nil {
				t.Error(err)
			}
		}, map[string]string{
			"display_config.support_email": "string help@acme.test",
			"auth_config.test_mode":        "bool false",
		}},
		"another instance": {func(a *App) { a.instance.ID = "ins_123" }, map[string]string{
			"auth_config.id":    "string aac_123",
			"display_config.id": "string display_config_123",
		}},
	} {
		a := usersApp(t)
		c.set(a)
		after := map[string]string{}
		leaves("", environmentOf(t, a), after)
		for path, got := range after {
			want, changes := c.want[path]
			switch {
			case changes && (got != want || got == before[path]):
				t.Errorf("%s: %s is %q after %q, want %q", name, path, got, before[path], want)
			case !changes && got != before[path]:
				t.Errorf("%s: %s became %q", name, path, got)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%s: %d values, %d before", name, len(after), len(before))
		}
	}
}

// The rules that browsers break on, in the contract's frontend section 9.
func TestWhatBrowsersInsistOn(t *testing.T) {
	found := map[string]string{}
	leaves("", environmentOf(t, usersApp(t)), found)
	for path, want := range map[string]string{
		"user_settings.attributes.email_address.used_for_first_factor": "bool true",
		"user_settings.attributes.email_address.verify_at_sign_up":     "bool true",
		"user_settings.attributes.email_address.first_factors.0":       "string email_code",
		"user_settings.sign_up.mode":                                   "string public",
		"user_settings.sign_up.captcha_enabled":                        "bool false",
		"user_settings.password_settings.show_zxcvbn":                  "bool false",
		"user_settings.social":                                         "map[string]interface {} map[]",
		"display_config.captcha_oauth_bypass":                          "[]interface {} []",
		"display_config.captcha_public_key":                            "<nil> <nil>",
		"display_config.preferred_sign_in_strategy":                    "string password",
		"display_config.sign_in_url":                                   "string https://auth.example.com/sign-in",
		"display_config.sign_up_url":                                   "string https://auth.example.com/sign-up",
		"display_config.user_profile_url":                              "string https://auth.example.com/user",
		"protect_config.loaders":                                       "[]interface {} []",
		"commerce_settings.billing.user.enabled":                       "bool false",
		"commerce_settings.billing.organization.enabled":               "bool false",
		"organization_settings.enabled":                                "bool false",
		"partitioned_cookies":                                          "bool false",
		"client_debug_mode":                                            "bool false",
		"auth_config.test_mode":                                        "bool true",
		"auth_config.session_minter":                                   "bool false",
		"auth_config.reverification":                                   "bool false",
		"user_settings.attack_protection.user_lockout.enabled":         "bool true",
	} {
		if found[path] != want {
			t.Errorf("%s is %q, want %q", path, found[path], want)
		}
	}
}

// knownEnvironment is where an environment that every component was driven with may lie: in a folder beside the
// repository.
var knownEnvironment = filepath.Join("..", "..", "..", "shared", "contract", "environment.json")

func TestTheEnvironmentLacksNothing(t *testing.T) {
	raw, err := os.ReadFile(knownEnvironment)
	if err != nil {
		t.Skipf("no environment beside the repository (%s)", knownEnvironment)
	}
	var known any
	if err := json.Unmarshal(raw, &known); err != nil {
		t.Fatal(err)
	}
	sameShape(t, "", environmentOf(t, usersApp(t)), known)
}

// sameShape fails unless got has every member of want, of the same type. What is null in want may be anything.
func sameShape(t *testing.T, path string, got, want any) {
	t.Helper()
	if want == nil {
		return
	}
	if g, w := fmt.Sprintf("%T", got), fmt.Sprintf("%T", want); g != w {
		t.Errorf("%s is a %s, want a %s", path, g, w)
		return
	}
	switch want := want.(type) {
	case map[string]any:
		for name, value := range want {
			has, ok := got.(map[string]any)[name]
			if !ok {
				t.Errorf("%s has no %s", path, name)
			}
			sameShape(t, path+"."+name, has, value)
		}
	case []any:
		if len(got.([]any)) != len(want) {
			t.Errorf("%s has %d items, want %d", path, len(got.([]any)), len(want))
			return
		}
		for n := range want {
			sameShape(t, path+"."+strconv.Itoa(n), got.([]any)[n], want[n])
		}
	}
}
