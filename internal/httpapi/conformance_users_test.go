package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

// The codes that many rows expect.
const (
	missing    = "form_param_missing"
	wrong      = "form_param_value_invalid"
	tooLarge   = "form_param_value_too_large"
	wrongType  = "form_param_type_invalid"
	badFormat  = "form_param_format_invalid"
	unknown    = "form_param_unknown"
	taken      = "form_identifier_exists"
	notFound   = "resource_not_found"
	needsMore  = "form_conditional_param_missing"
	noResource = "form_resource_not_found"
)

// TestListUsers is the contract's section 6.1.3.
func TestListUsers(t *testing.T) {
	many := strings.Repeat("&user_id=user_x", 101)[1:]
	conform(t, []row{
		{name: "newest first, a bare array", do: "GET /v1/users", status: 200, want: "#=4 0.id={locked} 1.id={banned} 2.id={bob} 3.id={ada}"},
		{name: "an array whatever is asked", do: "GET /v1/users?paginated=true", status: 200, want: "#=4"},
		{name: "pages", do: "GET /v1/users?limit=1&offset=3", status: 200, want: "#=1 0.id={ada}"},
		{name: "oldest first", do: "GET /v1/users?order_by=%2Bcreated_at", status: 200, want: "0.id={ada}"},
		{name: "oldest first, the plus not encoded", do: "GET /v1/users?order_by=+created_at", status: 200, want: "0.id={ada}"},
		{name: "oldest first, without a plus", do: "GET /v1/users?order_by=created_at", status: 200, want: "0.id={ada}"},
		{name: "only the first order counts", do: "GET /v1/users?order_by=created_at&order_by=-created_at", status: 200, want: "0.id={ada}"},
		{name: "unknown order", do: "GET /v1/users?order_by=shoe_size", status: 422, code: wrong, param: "order_by"},
		{name: "after a user", do: "GET /v1/users?starting_after={banned}", status: 200, want: "#=2 0.id={bob} 1.id={ada}"},
		{name: "after an unknown user", do: "GET /v1/users?starting_after=user_x", status: 422, code: noResource, param: "starting_after"},
		{name: "after a user and an offset", do: "GET /v1/users?starting_after={bob}&offset=1", status: 422, code: "form_conditional_param_disallowed", param: "starting_after"},
		{name: "after a user in another order", do: "GET /v1/users?starting_after={bob}&order_by=username", status: 422, code: "form_conditional_param_disallowed", param: "starting_after"},
		{name: "by id", do: "GET /v1/users?user_id={bob}&user_id={ada}&user_id=user_x", status: 200, want: "#=2 0.id={bob} 1.id={ada}"},
		{name: "by id, one excluded", do: "GET /v1/users?user_id=-{bob}", status: 200, want: "#=3"},
		{name: "by address, in any case", do: "GET /v1/users?email_address=ADA@example.com", status: 200, want: "#=1 0.id={ada}"},
		{name: "by number", do: "GET /v1/users?phone_number=%2B12025550123", status: 200, want: "#=1 0.id={ada}"},
		{name: "by number, the plus not encoded", do: "GET /v1/users?phone_number=+12025550123", status: 200, want: "#=1"},
		{name: "by wallet", do: "GET /v1/users?web3_wallet=0x52908400098527886e0f7030069857d2e4169ee7", status: 200, want: "#=1 0.id={ada}"},
		{name: "by username", do: "GET /v1/users?username=ada_l&username=nobody", status: 200, want: "#=1 0.id={ada}"},
		{name: "by external id", do: "GET /v1/users?external_id=ext_ada", status: 200, want: "#=1 0.id={ada}"},
		{name: "by organization", do: "GET /v1/users?organization_id=org_x", status: 200, want: "#=0"},
		{name: "filters combine", do: "GET /v1/users?username=ada_l&user_id={bob}", status: 200, want: "#=0"},
		{name: "banned ones", do: "GET /v1/users?banned=true", status: 200, want: "#=1 0.id={banned}"},
		{name: "others", do: "GET /v1/users?banned=false", status: 200, want: "#=3"},
		{name: "banned without a boolean", do: "GET /v1/users?banned=1", status: 422, code: wrongType, param: "banned"},
		{name: "by part of a name", do: "GET /v1/users?name_query=LOVE", status: 200, want: "#=1 0.id={ada}"},
		{name: "by part of an address", do: "GET /v1/users?email_address_query=Banned%40", status: 200, want: "#=1 0.id={banned}"},
		{name: "by part of anything", do: "GET /v1/users?query=ada_", status: 200, want: "#=1 0.id={ada}"},
		{name: "signs of patterns are text", do: "GET /v1/users?query=%25", status: 200, want: "#=0"},
		{name: "created before", do: "GET /v1/users?created_at_before=1780315202123", status: 200, want: "#=1 0.id={ada}"},
		{name: "created after", do: "GET /v1/users?created_at_after=1780315203123", status: 200, want: "#=1 0.id={locked}"},
		{name: "a time that is none", do: "GET /v1/users?created_at_after=yesterday", status: 422, code: wrongType, param: "created_at_after"},
		{name: "a provider without its id", do: "GET /v1/users?provider=oauth_x", status: 422, code: needsMore, param: "provider_user_id"},
		{name: "too many values", do: "GET /v1/users?" + many, status: 422, code: "form_param_array_size_exceeded", param: "user_id"},
		{name: "limit", do: "GET /v1/users?limit=501", status: 422, code: tooLarge, param: "limit"},

		{name: "count", do: "GET /v1/users/count", status: 200, want: "object=total_count total_count=4"},
		{name: "count by a filter", do: "GET /v1/users/count?banned=true", status: 200, want: "total_count=1"},
		{name: "count by a bad filter", do: "GET /v1/users/count?banned=x", status: 422, code: wrongType, param: "banned"},
	})
}

// TestUsers is the contract's section 6.1.2 and 6.1.4.
func TestUsers(t *testing.T) {
	conform(t, []row{
		{name: "create: nobody in particular", do: "POST /v1/users", status: 200, want: "object=user id=~^user_[0-9A-Za-z]{27}$ external_id=null username=null email_addresses.#=0 public_metadata={} private_metadata={} unsafe_metadata={} password_enabled=false banned=false locked=false verification_attempts_remaining=10 last_sign_in_at=null delete_self_enabled=true create_organization_enabled=true create_organizations_limit=null created_at=1780315210123 organization_memberships=absent"},
		{name: "create: somebody", do: "POST /v1/users", body: `{"email_address":["New@Example.com"],"phone_number":["+12025550199"],"username":"new_one","password":"canary battery","first_name":"New","locale":"de","external_id":"ext_new","public_metadata":{"a":1},"created_at":"2020-02-03T04:05:06.789Z"}`, status: 200, want: "email_addresses.0.email_address=new@example.com email_addresses.0.verification.status=verified email_addresses.0.verification.strategy=admin email_addresses.0.reserved=false email_addresses.0.linked_to.#=0 phone_numbers.0.phone_number=+12025550199 password_enabled=true public_metadata.a=1 created_at=1580702706789 locale=de", check: primaryIsFirst},
		{name: "create: a reserved address", do: "POST /v1/users", body: `{"email_address":["a@example.com","b@example.com"],"email_address_identification_status":["reserved","verified"]}`, status: 200, want: "email_addresses.0.reserved=true email_addresses.0.verification=null email_addresses.1.reserved=false"},
		{name: "create: address taken, in any case", do: "POST /v1/users", body: `{"email_address":["ADA@EXAMPLE.COM"]}`, status: 422, code: taken, param: "email_address"},
		{name: "create: number taken", do: "POST /v1/users", body: `{"phone_number":["+12025550123"]}`, status: 422, code: taken, param: "phone_number"},
		{name: "create: wallet taken", do: "POST /v1/users", body: `{"web3_wallet":["0x52908400098527886e0f7030069857d2e4169ee7"]}`, status: 422, code: taken, param: "web3_wallet"},
		{name: "create: username taken, in any case", do: "POST /v1/users", body: `{"username":"ADA_L"}`, status: 422, code: taken, param: "username"},
		{name: "create: external id taken", do: "POST /v1/users", body: `{"external_id":"ext_ada"}`, status: 422, code: taken, param: "external_id"},
		{name: "create: address twice", do: "POST /v1/users", body: `{"email_address":["a@example.com","A@example.com"]}`, status: 422, code: "form_param_duplicate", param: "email_address"},
		{name: "create: no address", do: "POST /v1/users", body: `{"email_address":["nonsense"]}`, status: 422, code: badFormat, param: "email_address"},
		{name: "create: no number", do: "POST /v1/users", body: `{"phone_number":["0123"]}`, status: 422, code: badFormat, param: "phone_number"},
		{name: "create: no wallet", do: "POST /v1/users", body: `{"web3_wallet":["0xzz"]}`, status: 422, code: badFormat, param: "web3_wallet"},
		{name: "create: no language", do: "POST /v1/users", body: `{"locale":"english please"}`, status: 422, code: badFormat, param: "locale"},
		{name: "create: statuses of another length", do: "POST /v1/users", body: `{"email_address":["a@example.com"],"email_address_identification_status":["verified","verified"]}`, status: 422, code: "form_param_array_length_mismatch", param: "email_address_identification_status"},
		{name: "create: unknown status", do: "POST /v1/users", body: `{"email_address":["a@example.com"],"email_address_identification_status":["maybe"]}`, status: 422, code: wrong, param: "email_address_identification_status"},
		{name: "create: username short", do: "POST /v1/users", body: `{"username":"abc"}`, status: 422, code: "form_username_invalid_length", param: "username"},
		{name: "create: username with a space", do: "POST /v1/users", body: `{"username":"ab cd"}`, status: 422, code: "form_username_invalid_character", param: "username"},
		{name: "create: username of digits", do: "POST /v1/users", body: `{"username":"123456"}`, status: 422, code: "form_username_needs_non_number_char", param: "username"},
		{name: "create: password short", do: "POST /v1/users", body: `{"password":"canary"}`, status: 422, code: "form_password_length_too_short", param: "password"},
		{name: "create: password short, unchecked", do: "POST /v1/users", body: `{"password":"canary","skip_password_checks":true}`, status: 200, want: "password_enabled=true"},
		{name: "create: a digest", do: "POST /v1/users", body: `{"password_digest":"5f4dcc3b5aa765d61d8327deb882cf99","password_hasher":"md5"}`, status: 200, want: "password_enabled=true"},
		{name: "create: a digest without its hasher", do: "POST /v1/users", body: `{"password_digest":"canary"}`, status: 422, code: needsMore, param: "password_hasher"},
		{name: "create: an unknown hasher", do: "POST /v1/users", body: `{"password_digest":"canary","password_hasher":"rot13"}`, status: 422, code: wrong, param: "password_hasher"},
		{name: "create: a digest that is none", do: "POST /v1/users", body: `{"password_digest":"canary","password_hasher":"bcrypt"}`, status: 422, code: "form_password_digest_invalid_code", param: "password_digest"},
		{name: "create: metadata that is no object", do: "POST /v1/users", body: `{"public_metadata":[1]}`, status: 422, code: wrongType, param: "public_metadata"},
		{name: "create: metadata too large", do: "POST /v1/users", body: `{"unsafe_metadata":{"a":"` + strings.Repeat("x", 9000) + `"}}`, status: 422, code: "form_param_exceeds_allowed_size", param: "unsafe_metadata"},
		{name: "create: no time", do: "POST /v1/users", body: `{"created_at":"yesterday"}`, status: 422, code: "form_param_invalid_time", param: "created_at"},
		{name: "create: a second factor", do: "POST /v1/users", body: `{"totp_secret":"canary"}`, status: 403, code: "feature_not_enabled", param: "totp_secret"},
		{name: "create: unknown member", do: "POST /v1/users", body: `{"e_mail":"x"}`, status: 422, code: unknown, param: "e_mail"},
		{name: "create: names of members are to the letter", do: "POST /v1/users", body: `{"First_Name":"x"}`, status: 422, code: unknown, param: "First_Name"},
		{name: "create: one address that is no list", do: "POST /v1/users", body: `{"email_address":"a@example.com"}`, status: 422, code: wrong, param: "email_address"},
		{name: "create: everything null", do: "POST /v1/users", body: `{"first_name":null,"email_address":null,"password":null,"public_metadata":null,"banned":null,"created_at":null}`, status: 200, want: "public_metadata={}"},

		{name: "get", do: "GET /v1/users/{ada}", status: 200, want: "id={ada} username=ada_l email_addresses.#=3 primary_email_address_id={email} web3_wallets.#=1 private_metadata.note=~^canary public_metadata.seats.free=2 image_url=~"},
		{name: "get: unknown", do: "GET /v1/users/user_unknown", status: 404, code: notFound},

		{name: "update", do: "PATCH /v1/users/{ada}", body: `{"first_name":"Augusta","last_name":null,"username":""}`, status: 200, want: "first_name=Augusta last_name=null username=null locale=en-GB updated_at=1780315210123"},
		{name: "update: nothing", do: "PATCH /v1/users/{ada}", status: 200, want: "first_name=Ada"},
		{name: "update: metadata, before it was removed", do: "PATCH /v1/users/{ada}", body: `{"public_metadata":{"plan":"free"}}`, version: "2025-11-10", status: 200, want: `public_metadata={"plan":"free"}`},
		{name: "update: metadata, since it was removed", do: "PATCH /v1/users/{ada}", body: `{"public_metadata":{"plan":"free"}}`, version: "2026-05-12", status: 422, code: unknown, param: "public_metadata"},
		{name: "update: primary address", do: "PATCH /v1/users/{ada}", body: `{"primary_email_address_id":"{spare}"}`, status: 200, want: "primary_email_address_id={spare}"},
		{name: "update: primary address not verified", do: "PATCH /v1/users/{ada}", body: `{"primary_email_address_id":"{reserved}"}`, status: 422, code: "form_verification_needed", param: "primary_email_address_id"},
		{name: "update: primary address of another user", do: "PATCH /v1/users/{bob}", body: `{"primary_email_address_id":"{email}"}`, status: 422, code: noResource, param: "primary_email_address_id"},
		{name: "update: username of another user", do: "PATCH /v1/users/{bob}", body: `{"username":"Ada_L"}`, status: 422, code: taken, param: "username"},
		{name: "update: username of one's own", do: "PATCH /v1/users/{ada}", body: `{"username":"Ada_L"}`, status: 200, want: "username=Ada_L"},
		{name: "update: password, sessions stay", do: "PATCH /v1/users/{ada}", body: `{"password":"canary staple"}`, status: 200, want: "password_last_updated_at=1780315210123", check: sessionIs("active")},
		{name: "update: password, sessions end", do: "PATCH /v1/users/{ada}", body: `{"password":"canary staple","sign_out_of_other_sessions":true}`, status: 200, check: sessionIs("revoked")},
		{name: "update: unknown user", do: "PATCH /v1/users/user_unknown", body: `{"first_name":"x"}`, status: 404, code: notFound},
		{name: "update: unknown member", do: "PATCH /v1/users/{ada}", body: `{"email_address":["x"]}`, status: 422, code: unknown, param: "email_address"},

		{name: "delete", do: "DELETE /v1/users/{ada}", status: 200, want: "object=user id={ada} deleted=true external_id=ext_ada", check: checkDeleted},
		{name: "delete: without an external id", do: "DELETE /v1/users/{bob}", status: 200, want: "id={bob} external_id=absent"},
		{name: "delete: unknown", do: "DELETE /v1/users/user_unknown", status: 404, code: notFound},

		{name: "metadata: merge", do: "PATCH /v1/users/{ada}/metadata", body: `{"public_metadata":{"seats":{"used":null,"free":9},"new":[1]}}`, status: 200, want: `public_metadata={"new":[1],"plan":"pro","seats":{"free":9}}`},
		{name: "metadata: replace", do: "PUT /v1/users/{ada}/metadata", body: `{"public_metadata":{"new":null}}`, status: 200, want: `public_metadata={"new":null} private_metadata.note=~^canary`},
		{name: "metadata: nothing", do: "PATCH /v1/users/{ada}/metadata", status: 200, want: "public_metadata.plan=pro"},
		{name: "metadata: no object", do: "PUT /v1/users/{ada}/metadata", body: `{"public_metadata":"x"}`, status: 422, code: wrongType, param: "public_metadata"},
		{name: "metadata: unknown user", do: "PUT /v1/users/user_unknown/metadata", body: `{}`, status: 404, code: notFound},

		{name: "ban", do: "POST /v1/users/{ada}/ban", body: `null`, status: 200, want: "banned=true", check: sessionIs("revoked")},
		{name: "ban: unknown", do: "POST /v1/users/user_unknown/ban", status: 404, code: notFound},
		{name: "unban", do: "POST /v1/users/{banned}/unban", status: 200, want: "banned=false"},
		{name: "ban several", do: "POST /v1/users/ban", body: `{"user_ids":["{bob}","{ada}"]}`, status: 200, want: "#=2 0.id={bob} 0.banned=true 1.id={ada}", check: sessionIs("revoked")},
		{name: "ban several: one of them unknown", do: "POST /v1/users/ban", body: `{"user_ids":["{ada}","user_unknown"]}`, status: 404, code: notFound, check: sessionIs("active")},
		{name: "ban several: nobody", do: "POST /v1/users/ban", body: `{"user_ids":[]}`, status: 422, code: missing, param: "user_ids"},
		{name: "ban several: no body", do: "POST /v1/users/ban", status: 422, code: missing, param: "user_ids"},
		{name: "ban several: too many", do: "POST /v1/users/ban", body: `{"user_ids":[` + strings.Repeat(`"x",`, 50) + `"x"]}`, status: 422, code: "form_param_array_size_exceeded", param: "user_ids"},
		{name: "unban several", do: "POST /v1/users/unban", body: `{"user_ids":["{banned}"]}`, status: 200, want: "#=1 0.banned=false"},
		{name: "lock", do: "POST /v1/users/{ada}/lock", status: 200, want: "locked=true lockout_expires_in_seconds=null", check: sessionIs("active")},
		{name: "unlock", do: "POST /v1/users/{locked}/unlock", status: 200, want: "locked=false"},
		{name: "lock: unknown", do: "POST /v1/users/user_unknown/lock", status: 404, code: notFound},

		{name: "password: right", do: "POST /v1/users/{ada}/verify_password", body: `{"password":"` + password + `"}`, status: 200, want: "verified=true"},
		{name: "password: wrong", do: "POST /v1/users/{ada}/verify_password", body: `{"password":"canary"}`, status: 422, code: "incorrect_password", param: "password"},
		{name: "password: none given", do: "POST /v1/users/{ada}/verify_password", status: 422, code: missing, param: "password"},
		{name: "password: none set", do: "POST /v1/users/{bob}/verify_password", body: `{"password":"canary"}`, status: 400, code: "no_password_set"},
		{name: "password: unknown user", do: "POST /v1/users/user_unknown/verify_password", body: `{"password":"canary"}`, status: 404, code: notFound},
		{name: "password: remove", do: "POST /v1/users/{ada}/remove_password", status: 200, want: "password_enabled=false", check: sessionIs("active")},
		{name: "password: remove, sessions end", do: "POST /v1/users/{ada}/remove_password", body: `{"sign_out_of_other_sessions":true}`, status: 200, check: sessionIs("revoked")},
		{name: "password: remove what is not there", do: "POST /v1/users/{bob}/remove_password", status: 200, want: "password_enabled=false"},
		{name: "password: compromised", do: "POST /v1/users/{ada}/password/set_compromised", status: 200, check: sessionIs("active")},
		{name: "password: compromised, sessions end", do: "POST /v1/users/{ada}/password/set_compromised", body: `{"revoke_all_sessions":true}`, status: 200, check: sessionIs("revoked")},
		{name: "password: not compromised", do: "POST /v1/users/{ada}/password/unset_compromised", status: 200},
		{name: "password: compromised, unknown user", do: "POST /v1/users/user_unknown/password/set_compromised", status: 404, code: notFound},

		{name: "memberships", do: "GET /v1/users/{ada}/organization_memberships", status: 200, want: "data.#=0 total_count=0"},
		{name: "memberships: unknown user", do: "GET /v1/users/user_unknown/organization_memberships", status: 404, code: notFound},
	})
}

// TestEmailAddresses is the contract's section 6.1.6.
func TestEmailAddresses(t *testing.T) {
	conform(t, []row{
		{name: "create", do: "POST /v1/email_addresses", body: `{"user_id":"{bob}","email_address":"Bob@Example.com"}`, status: 200, want: "object=email_address email_address=bob@example.com verification=null reserved=false id=~^idn_[0-9A-Za-z]{27}$"},
		{name: "create: verified and primary", do: "POST /v1/email_addresses", body: `{"user_id":"{ada}","email_address":"new@example.com","verified":true,"primary":true}`, status: 200, want: "verification.status=verified", check: primaryEmailIsThis},
		{name: "create: no body", do: "POST /v1/email_addresses", status: 422, code: missing, param: "user_id"},
		{name: "create: no address", do: "POST /v1/email_addresses", body: `{"user_id":"{bob}"}`, status: 422, code: missing, param: "email_address"},
		{name: "create: nonsense", do: "POST /v1/email_addresses", body: `{"user_id":"{bob}","email_address":"x"}`, status: 422, code: badFormat, param: "email_address"},
		{name: "create: taken", do: "POST /v1/email_addresses", body: `{"user_id":"{bob}","email_address":"ada@example.com"}`, status: 422, code: taken, param: "email_address"},
		{name: "create: unknown user", do: "POST /v1/email_addresses", body: `{"user_id":"user_unknown","email_address":"x@example.com"}`, status: 404, code: notFound},
		{name: "get", do: "GET /v1/email_addresses/{email}", status: 200, want: "id={email} email_address=ada@example.com linked_to.#=0"},
		{name: "get: unknown", do: "GET /v1/email_addresses/idn_unknown", status: 404, code: notFound},
		{name: "update", do: "PATCH /v1/email_addresses/{spare}", body: `{"primary":true}`, status: 200, check: primaryEmailIsThis},
		{name: "update: verify", do: "PATCH /v1/email_addresses/{reserved}", body: `{"verified":true}`, status: 200, want: "verification.status=verified reserved=false"},
		{name: "update: primary without being verified", do: "PATCH /v1/email_addresses/{reserved}", body: `{"primary":true}`, status: 422, code: "form_verification_needed", param: "primary"},
		{name: "update: unknown", do: "PATCH /v1/email_addresses/idn_unknown", body: `{}`, status: 404, code: notFound},
		{name: "delete", do: "DELETE /v1/email_addresses/{email}", status: 200, want: "object=email_address id={email} deleted=true", check: primaryEmailIs("{spare}")},
		{name: "delete: unknown", do: "DELETE /v1/email_addresses/idn_unknown", status: 404, code: notFound},
		{name: "replace", do: "PUT /v1/users/{ada}/email_address", body: `{"email_address":"only@example.com"}`, status: 200, want: "email_address=only@example.com verification.status=verified", check: onlyEmail},
		{name: "replace: as reserved", do: "PUT /v1/users/{bob}/email_address", body: `{"email_address":"only@example.com","identification_status":"reserved"}`, status: 200, want: "reserved=true"},
		{name: "replace: unknown status", do: "PUT /v1/users/{bob}/email_address", body: `{"email_address":"only@example.com","identification_status":"maybe"}`, status: 422, code: wrong, param: "identification_status"},
		{name: "replace: no address", do: "PUT /v1/users/{bob}/email_address", body: `{}`, status: 422, code: missing, param: "email_address"},
		{name: "replace: taken", do: "PUT /v1/users/{bob}/email_address", body: `{"email_address":"ada@example.com"}`, status: 422, code: taken, param: "email_address"},
		{name: "replace: unknown user", do: "PUT /v1/users/user_unknown/email_address", body: `{"email_address":"only@example.com"}`, status: 404, code: notFound},
	})
}

// TestTheLastIdentifierStays keeps a user reachable.
func TestTheLastIdentifierStays(t *testing.T) {
	t.Parallel()
	w := serve(t)
	made := ok[api.User](t, w.post(t, "/v1/users", `{"email_address":["only@example.com"]}`))
	a := w.send(t, request{method: "DELETE", path: "/v1/email_addresses/" + made.EmailAddresses[0].ID})
	if code, _ := errorOf(a); a.status != 400 || code != "identification_deletion_failed" {
		t.Error(a)
	}
}

func sessionIs(status string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, _ answer) {
		w.expect(t, w.get(t, "/v1/sessions/{active}"), "status="+status)
		w.expect(t, w.get(t, "/v1/sessions/{ended}"), "status=ended")
	}
}

func primaryIsFirst(t *testing.T, _ *world, a answer) {
	if u := read[api.User](t, a); *u.PrimaryEmailAddressID != u.EmailAddresses[0].ID || *u.PrimaryPhoneNumberID != u.PhoneNumbers[0].ID {
		t.Error(a)
	}
}

func primaryEmailIs(id string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, _ answer) {
		w.expect(t, w.get(t, "/v1/users/{ada}"), "primary_email_address_id="+id)
	}
}

func primaryEmailIsThis(t *testing.T, w *world, a answer) {
	primaryEmailIs(read[api.EmailAddress](t, a).ID)(t, w, a)
}

func onlyEmail(t *testing.T, w *world, a answer) {
	w.expect(t, w.get(t, "/v1/users/{ada}"), "email_addresses.#=1 email_addresses.0.id="+read[api.EmailAddress](t, a).ID)
}

// checkDeleted checks that nothing of a deleted user can be reached.
func checkDeleted(t *testing.T, w *world, _ answer) {
	for _, path := range []string{"/v1/users/{ada}", "/v1/sessions/{active}", "/v1/email_addresses/{email}"} {
		if a := w.get(t, path); a.status != 404 {
			t.Error(a)
		}
	}
	if a := w.post(t, "/v1/sessions/{active}/tokens", ""); a.status != 404 {
		t.Error(a)
	}
	w.expect(t, w.get(t, "/v1/sessions?user_id={ada}"), "#=0")
	w.expect(t, w.get(t, "/v1/clients/{active.client}"), "sessions.#=0 last_active_session_id=null")
	freed, _ := json.Marshal(map[string]any{"email_address": []string{"ada@example.com"}, "username": "ada_l", "external_id": "ext_ada"})
	ok[api.User](t, w.post(t, "/v1/users", string(freed)))
	if a := w.post(t, "/v1/sign_in_tokens/{signin.ticket}/revoke", ""); a.status != 404 {
		t.Errorf("the ticket outlives its user: %s", fmt.Sprint(a))
	}
}
