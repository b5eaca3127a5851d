package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

var usersStart = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// usersApp is an instance with an empty database, whose clock stands at usersStart and whose ids count up.
func usersApp(t *testing.T) *App {
	t.Helper()
	db := storetest.Open(t, storetest.Fresh(t))
	var ids atomic.Int64
	return &App{
		Store: db, Now: func() time.Time { return usersStart }, Log: slog.New(slog.DiscardHandler),
		NewID: func(prefix string) string { return fmt.Sprintf("%s%04d", prefix, ids.Add(1)) },
		Settings: Settings{
			Environment: Development, Issuer: "https://auth.example.com", PasswordMin: 8, MaxAttempts: 10,
			Lifetimes: session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon},
		},
	}
}

// createUser makes a user from the JSON of a request, as callers send it.
func createUser(t *testing.T, a *App, request string) *api.User {
	t.Helper()
	u, err := a.CreateUser(t.Context(), parse[api.CreateUser](t, request))
	if err != nil {
		t.Fatalf("create %s: %v", request, err)
	}
	return u
}

func parse[Req any](t *testing.T, request string) *Req {
	t.Helper()
	req := new(Req)
	if err := json.Unmarshal([]byte(request), req); err != nil {
		t.Fatal(err)
	}
	return req
}

// told is how tests write an error: status, code and parameter; "" for none.
func told(err error) string {
	var e *api.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return err.Error()
	case e.Errors[0].Meta == nil:
		return fmt.Sprintf("%d %s", e.Status, e.Code())
	default:
		return fmt.Sprintf("%d %s %s", e.Status, e.Code(), e.Errors[0].Meta.ParamName)
	}
}

func expect(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := told(err); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// activeSessions begins n sessions of a user.
func activeSessions(t *testing.T, a *App, userID string, n int) (ids []string) {
	t.Helper()
	for range n {
		s, err := a.CreateSession(t.Context(), &api.CreateSession{UserID: api.Set(userID)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	return ids
}

func countActive(t *testing.T, a *App, userID string) int64 {
	t.Helper()
	n, err := a.Store.CountSessions(t.Context(), store.SessionFilter{UserID: userID, Status: session.Active}, a.now())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestABareUserHasEveryDefaultOfTheContract(t *testing.T) {
	a := usersApp(t)
	want := `{"id":"user_0001","object":"user","external_id":null,"username":null,"first_name":null,"last_name":null,"locale":null,` +
		`"image_url":"","profile_image_url":"","has_image":false,"primary_email_address_id":null,"primary_phone_number_id":null,` +
		`"primary_web3_wallet_id":null,"password_enabled":false,"password_last_updated_at":null,"two_factor_enabled":false,` +
		`"totp_enabled":false,"backup_code_enabled":false,"mfa_enabled_at":null,"mfa_disabled_at":null,"email_addresses":[],` +
		`"phone_numbers":[],"web3_wallets":[],"passkeys":[],"external_accounts":[],"saml_accounts":[],"enterprise_accounts":[],` +
		`"public_metadata":{},"private_metadata":{},"unsafe_metadata":{},"last_sign_in_at":null,"last_active_at":null,"banned":false,` +
		`"locked":false,"deprovisioned":false,"lockout_expires_in_seconds":null,"verification_attempts_remaining":10,` +
		`"delete_self_enabled":true,"create_organization_enabled":true,"create_organizations_limit":null,"legal_accepted_at":null,` +
		`"bypass_client_trust":false,"created_at":1767323045678,"updated_at":1767323045678}`
	if got := jsonOf(t, createUser(t, a, `{}`)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := a.GetUser(t.Context(), &api.UserRef{UserID: "user_0001"}); err != nil || jsonOf(t, got) != want {
		t.Errorf("read: %v %s", err, jsonOf(t, got))
	}
}

func TestNullsOnCreateAreAbsences(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"external_id":null,"first_name":null,"username":null,"password":null,"password_digest":null,"password_hasher":null,
		"public_metadata":null,"created_at":null,"legal_accepted_at":null,"create_organizations_limit":null,"delete_self_enabled":null,"email_address":null}`)
	if !u.DeleteSelfEnabled || u.CreatedAt != usersStart.UnixMilli() || string(u.PublicMetadata) != "{}" || u.PasswordEnabled {
		t.Errorf("%s", jsonOf(t, u))
	}
}

func TestCreatedUserHasWhatTheRequestSays(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"external_id":"ext","first_name":"Maria","last_name":"Doe","locale":"pt-BR","username":"Maria_1",
		"email_address":["Maria@Example.COM","second@example.com"],"email_address_identification_status":["reserved","verified"],
		"phone_number":["+12025550123"],"web3_wallet":["0xAbCdef0123456789abcdef0123456789ABCDEF01"],
		"public_metadata":{"n": 12345678901234567890.10},"private_metadata":{"b":[1]},"unsafe_metadata":{"c":null},
		"delete_self_enabled":false,"create_organization_enabled":false,"create_organizations_limit":3,"bypass_client_trust":true,
		"legal_accepted_at":"2025-05-06T07:08:09.123456+02:00","created_at":"2020-01-01T00:00:00Z","banned":true,"locked":true,
		"password_digest":"5f4dcc3b5aa765d61d8327deb882cf99","password_hasher":"md5"}`)
	for what, ok := range map[string]bool{
		"names":          *u.ExternalID == "ext" && *u.FirstName == "Maria" && *u.LastName == "Doe" && *u.Locale == "pt-BR" && *u.Username == "Maria_1",
		"email":          u.EmailAddresses[0].EmailAddress == "maria@example.com" && u.EmailAddresses[0].Reserved && u.EmailAddresses[0].Verification == nil,
		"primary email":  *u.PrimaryEmailAddressID == u.EmailAddresses[1].ID && u.EmailAddresses[1].Verification.Status == "verified",
		"admin":          u.EmailAddresses[1].Verification.Object == "verification_admin" && u.EmailAddresses[1].Verification.Strategy == "admin",
		"linked_to":      u.EmailAddresses[0].LinkedTo != nil && u.PhoneNumbers[0].LinkedTo != nil,
		"phone":          u.PhoneNumbers[0].PhoneNumber == "+12025550123" && *u.PrimaryPhoneNumberID == u.PhoneNumbers[0].ID,
		"wallet":         u.Web3Wallets[0].Web3Wallet == "0xAbCdef0123456789abcdef0123456789ABCDEF01" && *u.PrimaryWeb3WalletID == u.Web3Wallets[0].ID,
		"metadata":       string(u.PublicMetadata) == `{"n":12345678901234567890.10}` && string(u.UnsafeMetadata) == `{"c":null}`,
		"flags":          !u.DeleteSelfEnabled && !u.CreateOrganizationEnabled && *u.CreateOrganizationsLimit == 3 && u.BypassClientTrust,
		"times":          *u.LegalAcceptedAt == 1746508089123 && u.CreatedAt == 1577836800000 && u.UpdatedAt == usersStart.UnixMilli(),
		"banned, locked": u.Banned && u.Locked && u.LockoutExpiresInSeconds == nil,
		"password":       u.PasswordEnabled && *u.PasswordLastUpdatedAt == usersStart.UnixMilli(),
		"no digest":      !strings.Contains(jsonOf(t, u), "5f4dcc3b"),
	} {
		if !ok {
			t.Errorf("%s: %s", what, jsonOf(t, u))
		}
	}
	read, err := a.GetUser(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || jsonOf(t, read) != jsonOf(t, u) {
		t.Errorf("read back (%v)\ngot  %s\nwant %s", err, jsonOf(t, read), jsonOf(t, u))
	}
}

func TestWrongFieldsAreNamed(t *testing.T) {
	a := usersApp(t)
	createUser(t, a, `{"email_address":["taken@example.com"],"phone_number":["+12025550100"],"username":"taken","external_id":"taken",
		"web3_wallet":["0xabcdef0123456789abcdef0123456789abcdef01"]}`)
	long := strings.Repeat("x", 257)
	for request, want := range map[string]string{
		`{"email_address":["TAKEN@example.com"]}`:                                 "422 form_identifier_exists email_address",
		`{"phone_number":["+12025550100"]}`:                                       "422 form_identifier_exists phone_number",
		`{"username":"TAKEN"}`:                                                    "422 form_identifier_exists username",
		`{"external_id":"taken"}`:                                                 "422 form_identifier_exists external_id",
		`{"web3_wallet":["0xABCDEF0123456789ABCDEF0123456789ABCDEF01"]}`:          "422 form_identifier_exists web3_wallet",
		`{"email_address":["a@b.test","A@b.test"]}`:                               "422 form_param_duplicate email_address",
		`{"email_address":["not an address"]}`:                                    "422 form_param_format_invalid email_address",
		`{"email_address":["Maria <a@b.test>"]}`:                                  "422 form_param_format_invalid email_address",
		`{"email_address":["a@b.test "]}`:                                         "422 form_param_format_invalid email_address",
		`{"email_address":["a@[127.0.0.1]"]}`:                                     "422 form_param_format_invalid email_address",
		`{"email_address":["a\u0000@b.test"]}`:                                    "422 form_param_format_invalid email_address",
		`{"email_address":[""]}`:                                                  "422 form_param_format_invalid email_address",
		`{"email_address":["a@` + long + `"]}`:                                    "422 form_param_max_length_exceeded email_address",
		`{"email_address":["a@b.test"],"email_address_identification_status":[]}`: "",
		`{"email_address":["c@b.test"],"email_address_identification_status":["verified","verified"]}`: "422 form_param_array_length_mismatch email_address_identification_status",
		`{"email_address":["c@b.test"],"email_address_identification_status":["maybe"]}`:               "422 form_param_value_invalid email_address_identification_status",
		`{"phone_number":["+12025550199"],"phone_number_identification_status":["x"]}`:                 "422 form_param_value_invalid phone_number_identification_status",
		`{"phone_number":["12025550123"]}`:                                                             "422 form_param_format_invalid phone_number",
		`{"phone_number":["+0123456789"]}`:                                                             "422 form_param_format_invalid phone_number",
		`{"web3_wallet":["0x12"]}`:                                                                     "422 form_param_format_invalid web3_wallet",
		`{"username":"abc"}`:                                                                           "422 form_username_invalid_length username",
		`{"username":"` + strings.Repeat("a", 65) + `"}`:                                               "422 form_username_invalid_length username",
		`{"username":"maría"}`:                                                                         "422 form_username_invalid_character username",
		`{"username":"12345"}`:                                                                         "422 form_username_needs_non_number_char username",
		`{"first_name":"` + long + `"}`:                                                                "422 form_param_max_length_exceeded first_name",
		`{"last_name":"a\u0000b"}`:                                                                     "422 form_param_format_invalid last_name",
		`{"external_id":"` + long + `"}`:                                                               "422 form_param_max_length_exceeded external_id",
		`{"locale":"english, please"}`:                                                                 "422 form_param_format_invalid locale",
		`{"created_at":"yesterday"}`:                                                                   "422 form_param_invalid_time created_at",
		`{"legal_accepted_at":"2025-01-01"}`:                                                           "422 form_param_invalid_time legal_accepted_at",
		`{"create_organizations_limit":-1}`:                                                            "422 form_param_value_invalid create_organizations_limit",
		`{"public_metadata":[1]}`:                                                                      "422 form_param_type_invalid public_metadata",
		`{"private_metadata":"x"}`:                                                                     "422 form_param_type_invalid private_metadata",
		`{"unsafe_metadata":{"x":"` + strings.Repeat("x", 8<<10) + `"}}`:                               "422 form_param_exceeds_allowed_size unsafe_metadata",
		`{"password":"1234567"}`:                                                                       "422 form_password_length_too_short password",
		`{"password":"","skip_password_checks":true}`:                                                  "422 form_password_length_too_short password",
		`{"password":"12345678","password_digest":"x","password_hasher":"md5"}`:                        "422 form_conditional_param_disallowed password",
		`{"password_digest":"x"}`:                                                                      "422 form_conditional_param_missing password_hasher",
		`{"password_hasher":"md5"}`:                                                                    "422 form_conditional_param_missing password_digest",
		`{"password_digest":"x","password_hasher":"rot13"}`:                                            "422 form_param_value_invalid password_hasher",
		`{"password_digest":"x","password_hasher":"md5"}`:                                              "422 form_password_digest_invalid_code password_digest",
		`{"totp_secret":"x"}`:                                                                          "403 feature_not_enabled totp_secret",
		`{"backup_codes":["x"]}`:                                                                       "403 feature_not_enabled backup_codes",
	} {
		_, err := a.CreateUser(t.Context(), parse[api.CreateUser](t, request))
		expect(t, request[:min(len(request), 100)], err, want)
	}
	if n, _ := a.Store.CountUsers(t.Context(), store.UserFilter{}); n != 2 {
		t.Errorf("%d users, want 2: a refused request leaves nothing", n)
	}
}

func TestUpdateChangesWhatIsPresent(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"external_id":"ext","first_name":"Maria","last_name":"Doe","username":"maria","locale":"en",
		"email_address":["a@b.test"],"create_organizations_limit":3,"legal_accepted_at":"2025-01-01T00:00:00Z","public_metadata":{"a":1}}`)
	a.Now = func() time.Time { return usersStart.Add(time.Hour) }
	update := func(request string) *api.User {
		t.Helper()
		req := parse[api.UpdateUser](t, request)
		req.UserID = u.ID
		changed, err := a.UpdateUser(t.Context(), req)
		if err != nil {
			t.Fatalf("%s: %v", request, err)
		}
		return changed
	}
	got := update(`{"first_name":"Ana","username":"Ana_","primary_email_address_id":null,"delete_self_enabled":null,"created_at":null}`)
	want := *u
	want.FirstName, want.Username, want.UpdatedAt = pointer("Ana"), pointer("Ana_"), usersStart.Add(time.Hour).UnixMilli()
	if jsonOf(t, got) != jsonOf(t, &want) {
		t.Errorf("got  %s\nwant %s", jsonOf(t, got), jsonOf(t, &want))
	}
	got = update(`{"external_id":null,"first_name":"","last_name":null,"username":"","locale":null,"create_organizations_limit":null,
		"legal_accepted_at":null,"public_metadata":{"b":2},"notify_primary_email_address_changed":true}`)
	want.ExternalID, want.FirstName, want.LastName, want.Username, want.Locale = nil, nil, nil, nil, nil
	want.CreateOrganizationsLimit, want.LegalAcceptedAt, want.PublicMetadata = nil, nil, json.RawMessage(`{"b":2}`)
	if jsonOf(t, got) != jsonOf(t, &want) {
		t.Errorf("got  %s\nwant %s", jsonOf(t, got), jsonOf(t, &want))
	}
}

func TestUpdateRefusesWhatCannotBe(t *testing.T) {
	a := usersApp(t)
	other := createUser(t, a, `{"username":"other","external_id":"other","email_address":["other@b.test"]}`)
	u := createUser(t, a, `{"username":"mine","email_address":["a@b.test","r@b.test"],"email_address_identification_status":["verified","reserved"],"phone_number":["+12025550123"]}`)
	for request, want := range map[string]string{
		`{"username":"Other"}`:     "422 form_identifier_exists username",
		`{"username":"MINE"}`:      "",
		`{"external_id":"other"}`:  "422 form_identifier_exists external_id",
		`{"profile_image_id":"x"}`: "403 feature_not_enabled profile_image_id",
		`{"totp_secret":"x"}`:      "403 feature_not_enabled totp_secret",
		`{"primary_email_address_id":"` + u.EmailAddresses[0].ID + `"}`:     "",
		`{"primary_email_address_id":"` + u.EmailAddresses[1].ID + `"}`:     "422 form_verification_needed primary_email_address_id",
		`{"primary_email_address_id":"` + other.EmailAddresses[0].ID + `"}`: "422 form_resource_not_found primary_email_address_id",
		`{"primary_email_address_id":"` + u.PhoneNumbers[0].ID + `"}`:       "422 form_resource_not_found primary_email_address_id",
		`{"primary_phone_number_id":""}`:                                    "422 form_resource_not_found primary_phone_number_id",
		`{"primary_web3_wallet_id":"idn_x"}`:                                "422 form_resource_not_found primary_web3_wallet_id",
		`{"password":"short"}`:                                              "422 form_password_length_too_short password",
	} {
		req := parse[api.UpdateUser](t, request)
		req.UserID = u.ID
		_, err := a.UpdateUser(t.Context(), req)
		expect(t, request, err, want)
	}
	_, err := a.UpdateUser(t.Context(), &api.UpdateUser{UserRef: api.UserRef{UserID: "user_none"}})
	expect(t, "an unknown user", err, "404 resource_not_found")
}

func TestDeletingAUserTakesEverythingAndKeepsTheRecord(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"external_id":"ext","email_address":["a@b.test"]}`)
	sessions := activeSessions(t, a, u.ID, 2)
	if err := a.Store.InsertTicket(t.Context(), store.Ticket{ID: "sit_1", Kind: store.SignInToken, UserID: u.ID, Status: store.TicketPending, ExpireAt: usersStart, CreatedAt: usersStart, UpdatedAt: usersStart}); err != nil {
		t.Fatal(err)
	}
	gone, err := a.DeleteUser(t.Context(), &api.UserRef{UserID: u.ID})
	if want := `{"object":"user","id":"` + u.ID + `","deleted":true,"external_id":"ext"}`; err != nil || jsonOf(t, gone) != want {
		t.Errorf("%v %s", err, jsonOf(t, gone))
	}
	for name, call := range map[string]func() error{
		"user":    func() error { _, err := a.GetUser(t.Context(), &api.UserRef{UserID: u.ID}); return err },
		"again":   func() error { _, err := a.DeleteUser(t.Context(), &api.UserRef{UserID: u.ID}); return err },
		"session": func() error { _, err := a.GetSession(t.Context(), &api.SessionRef{SessionID: sessions[0]}); return err },
		"email": func() error {
			_, err := a.GetEmailAddress(t.Context(), &api.EmailAddressRef{EmailAddressID: u.EmailAddresses[0].ID})
			return err
		},
		"new session": func() error {
			_, err := a.CreateSession(t.Context(), &api.CreateSession{UserID: api.Set(u.ID)})
			return err
		},
	} {
		expect(t, name, call(), "404 resource_not_found")
	}
	if _, err := a.Store.Ticket(t.Context(), store.SignInToken, "sit_1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ticket: %v", err)
	}
	createUser(t, a, `{"external_id":"ext","email_address":["a@b.test"]}`) // what was theirs is free again
}

func TestMembershipsAreAnEmptyEnvelope(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	list, err := a.ListMemberships(t.Context(), &api.ListMemberships{UserRef: api.UserRef{UserID: u.ID}})
	if err != nil || jsonOf(t, list) != `{"data":[],"total_count":0}` {
		t.Errorf("%v %s", err, jsonOf(t, list))
	}
	_, err = a.ListMemberships(t.Context(), &api.ListMemberships{UserRef: api.UserRef{UserID: "user_none"}})
	expect(t, "an unknown user", err, "404 resource_not_found")
}

// racing calls do from many goroutines at once and answers the errors.
func racing(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func TestAnIdentifierIsWonOnce(t *testing.T) {
	a := usersApp(t)
	for request, want := range map[string]string{
		`{"email_address":["Race@b.test"]}`: "422 form_identifier_exists email_address",
		`{"username":"racer"}`:              "422 form_identifier_exists username",
		`{"external_id":"race"}`:            "422 form_identifier_exists external_id",
		`{"phone_number":["+12025550123"]}`: "422 form_identifier_exists phone_number",
	} {
		errs := racing(50, func(int) error {
			_, err := a.CreateUser(context.Background(), parse[api.CreateUser](t, request))
			return err
		})
		won := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return told(err) == want })
		if len(won) != 1 || won[0] != nil {
			t.Errorf("%s: %d winners or other errors: %v", request, len(won), won)
		}
	}
}
