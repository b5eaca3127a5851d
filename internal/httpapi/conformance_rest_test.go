package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// TestClients is the contract's section 6.2.
func TestClients(t *testing.T) {
	goSDK := map[string]string{"User-Agent": "clerk/clerk-sdk-go@v2.0.0"}
	conform(t, []row{
		{name: "list: newest first, a bare array", do: "GET /v1/clients?limit=500", status: 200, want: "#=10 0.id={active.client} 9.id={abandoned.client} 0.object=client"},
		{name: "list: with a total", do: "GET /v1/clients?paginated=true&limit=1&offset=1", status: 200, want: "data.#=1 total_count=10 data.0.id={orphan.client}"},
		{name: "list: the Go SDK reads an object", do: "GET /v1/clients?paginated=true", header: goSDK, status: 200, want: "total_count=10"},
		{name: "list: limit", do: "GET /v1/clients?limit=-1", status: 422, code: wrong, param: "limit"},
		{name: "get", do: "GET /v1/clients/{active.client}", status: 200, want: "id={active.client} session_ids.0={active} sessions.0.id={active} last_active_session_id={active} sign_in_id=null sign_up_id=null"},
		{name: "get: its session was revoked", do: "GET /v1/clients/{revoked.client}", status: 200, want: "sessions.#=1 sessions.0.status=revoked last_active_session_id=null"},
		{name: "get: its session was removed", do: "GET /v1/clients/{removed.client}", status: 200, want: "sessions.#=0 session_ids.#=0"},
		{name: "get: its session expired", do: "GET /v1/clients/{expired.client}", status: 200, want: "sessions.0.status=expired last_active_session_id=null"},
		{name: "get: unknown", do: "GET /v1/clients/client_unknown", status: 404, code: notFound},
		{name: "verify", do: "POST /v1/clients/verify", body: `{"token":"{token.client}"}`, status: 200, want: "id={active.client}"},
		{name: "verify: an older token of the client", do: "POST /v1/clients/verify", body: `{"token":"{token.client.stale}"}`, status: 400, code: "cookie_invalid"},
		{name: "verify: a client that is gone", do: "POST /v1/clients/verify", body: `{"token":"{token.client.gone}"}`, status: 400, code: "client_not_found"},
		{name: "verify: an expired token", do: "POST /v1/clients/verify", body: `{"token":"{token.client}"}`, given: after(2 * time.Hour), status: 400, code: "cookie_invalid"},
		{name: "verify: a session token", do: "POST /v1/clients/verify", body: `{"token":"{token.session}"}`, status: 400, code: "cookie_invalid"},
		{name: "verify: nonsense", do: "POST /v1/clients/verify", body: `{"token":"canary"}`, status: 400, code: "cookie_invalid"},
		{name: "verify: nothing", do: "POST /v1/clients/verify", status: 422, code: missing, param: "token"},
		{name: "verify: unknown member", do: "POST /v1/clients/verify", body: `{"cookie":"x"}`, status: 422, code: unknown, param: "cookie"},
	})
}

// TestGoSDKListsClients is the one answer that depends on who asks.
func TestGoSDKListsClients(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	w.version = "2025-04-10" // Clerk has no file for it, and no description of this
	a := w.send(t, request{method: "GET", path: "/v1/clients?limit=1", header: map[string]string{"User-Agent": "clerk/clerk-sdk-go@v2.0.0"}})
	w.expect(t, a, "data.#=1 total_count=10")
}

// TestTemplates is the contract's section 5.3.
func TestTemplates(t *testing.T) {
	body := func(name, more string) string {
		return fmt.Sprintf(`{"name":%q,"claims":{"a":"{{user.id}}"}%s}`, name, more)
	}
	conform(t, []row{
		{name: "list: a bare array", do: "GET /v1/jwt_templates", status: 200, want: "#=2 0.object=jwt_template"},
		{name: "list: with a total", do: "GET /v1/jwt_templates?paginated=true&limit=1", status: 200, want: "data.#=1 total_count=2"},
		{name: "list: limit", do: "GET /v1/jwt_templates?limit=501", status: 422, code: tooLarge, param: "limit"},
		{name: "get", do: "GET /v1/jwt_templates/{template}", status: 200, want: "id={template} name=greeting lifetime=120 allowed_clock_skew=5 custom_signing_key=false signing_algorithm=RS256 claims.plan={{user.public_metadata.plan}}"},
		{name: "get: by name", do: "GET /v1/jwt_templates/greeting", status: 404, code: notFound},
		{name: "create", do: "POST /v1/jwt_templates", body: body("new", ""), status: 200, want: "object=jwt_template id=~^jtmpl_[0-9A-Za-z]{27}$ name=new lifetime=60 allowed_clock_skew=5 claims.a={{user.id}} signing_algorithm=RS256"},
		{name: "create: with all", do: "POST /v1/jwt_templates", body: body("new", `,"lifetime":30,"allowed_clock_skew":0,"custom_signing_key":false,"signing_algorithm":"RS256"`), status: 200, want: "lifetime=30 allowed_clock_skew=0"},
		{name: "create: null means default", do: "POST /v1/jwt_templates", body: body("new", `,"lifetime":null,"allowed_clock_skew":null`), status: 200, want: "lifetime=60 allowed_clock_skew=5"},
		{name: "create: with a key of its own", do: "POST /v1/jwt_templates", body: body("new", `,"custom_signing_key":true,"signing_algorithm":"HS256","signing_key":"canary-0123456789-0123456789-0123456789"`), status: 200, want: "custom_signing_key=true signing_algorithm=HS256 signing_key=absent"},
		{name: "create: its key is missing", do: "POST /v1/jwt_templates", body: body("new", `,"custom_signing_key":true,"signing_algorithm":"HS256"`), status: 422, code: needsMore, param: "signing_key"},
		{name: "create: its algorithm is missing", do: "POST /v1/jwt_templates", body: body("new", `,"custom_signing_key":true,"signing_key":"canary"`), status: 422, code: needsMore, param: "signing_algorithm"},
		{name: "create: unknown algorithm", do: "POST /v1/jwt_templates", body: body("new", `,"custom_signing_key":true,"signing_algorithm":"none","signing_key":"canary"`), status: 422, code: wrong, param: "signing_algorithm"},
		{name: "create: a key that does not fit", do: "POST /v1/jwt_templates", body: body("new", `,"custom_signing_key":true,"signing_algorithm":"ES256","signing_key":"canary"`), status: 422, code: badFormat, param: "signing_key"},
		{name: "create: no body", do: "POST /v1/jwt_templates", status: 422, code: missing, param: "name"},
		{name: "create: no claims", do: "POST /v1/jwt_templates", body: `{"name":"new"}`, status: 422, code: missing, param: "claims"},
		{name: "create: name taken", do: "POST /v1/jwt_templates", body: body("greeting", ""), status: 422, code: "form_already_exists", param: "name"},
		{name: "create: name for no path", do: "POST /v1/jwt_templates", body: body("a/b", ""), status: 422, code: badFormat, param: "name"},
		{name: "create: name too long", do: "POST /v1/jwt_templates", body: body(strings.Repeat("a", 129), ""), status: 422, code: "form_param_max_length_exceeded", param: "name"},
		{name: "create: lifetime short", do: "POST /v1/jwt_templates", body: body("new", `,"lifetime":29`), status: 422, code: wrong, param: "lifetime"},
		{name: "create: lifetime long", do: "POST /v1/jwt_templates", body: body("new", `,"lifetime":315360001`), status: 422, code: tooLarge, param: "lifetime"},
		{name: "create: clock skew", do: "POST /v1/jwt_templates", body: body("new", `,"allowed_clock_skew":301`), status: 422, code: tooLarge, param: "allowed_clock_skew"},
		{name: "create: reserved claim", do: "POST /v1/jwt_templates", body: `{"name":"new","claims":{"iss":"x"}}`, status: 400, code: "jwt_template_reserved_claim", param: "claims"},
		{name: "create: claims that are no object", do: "POST /v1/jwt_templates", body: `{"name":"new","claims":[]}`, status: 422, code: wrong, param: "claims"},
		{name: "create: a shortcode that cannot be read", do: "POST /v1/jwt_templates", body: `{"name":"new","claims":{"a":"{{user.id ||}}"}}`, status: 422, code: wrong, param: "claims"},
		{name: "update", do: "PATCH /v1/jwt_templates/{template}", body: body("hello", ""), status: 200, want: "id={template} name=hello lifetime=120 claims.plan=absent updated_at=1780315210123"},
		{name: "update: no name", do: "PATCH /v1/jwt_templates/{template}", body: `{"claims":{}}`, status: 422, code: missing, param: "name"},
		{name: "update: no claims", do: "PATCH /v1/jwt_templates/{template}", body: `{"name":"x"}`, status: 422, code: missing, param: "claims"},
		{name: "update: name taken", do: "PATCH /v1/jwt_templates/{template}", body: body("a.b-c_d", ""), status: 422, code: "form_already_exists", param: "name"},
		{name: "update: unknown", do: "PATCH /v1/jwt_templates/jtmpl_unknown", body: body("new", ""), status: 404, code: notFound},
		{name: "delete", do: "DELETE /v1/jwt_templates/{template}", status: 200, want: "object=jwt_template id={template} deleted=true"},
		{name: "delete: unknown", do: "DELETE /v1/jwt_templates/jtmpl_unknown", status: 404, code: notFound},
	})
}

// TestTickets is the contract's sections 6.3 to 6.5.
func TestTickets(t *testing.T) {
	conform(t, []row{
		{name: "sign-in", do: "POST /v1/sign_in_tokens", body: `{"user_id":"{ada}"}`, status: 200, want: "object=sign_in_token status=pending user_id={ada} token=~^ey url=~^https://clerk.sojourn.test/", check: ticketClaims("st=sign_in_token exp=1782907210")},
		{name: "sign-in: with an age", do: "POST /v1/sign_in_tokens", body: `{"user_id":"{ada}","expires_in_seconds":1,"org_id":null}`, status: 200, check: ticketClaims("exp=1780315211")},
		{name: "sign-in: without one", do: "POST /v1/sign_in_tokens", body: `{"user_id":"{ada}","expires_in_seconds":0}`, status: 422, code: wrong, param: "expires_in_seconds"},
		{name: "sign-in: no user", do: "POST /v1/sign_in_tokens", status: 422, code: missing, param: "user_id"},
		{name: "sign-in: unknown user", do: "POST /v1/sign_in_tokens", body: `{"user_id":"user_unknown"}`, status: 404, code: notFound},
		{name: "sign-in: unknown organization", do: "POST /v1/sign_in_tokens", body: `{"user_id":"{ada}","org_id":"org_1"}`, status: 404, code: notFound},
		{name: "sign-in: revoke", do: "POST /v1/sign_in_tokens/{signin.ticket}/revoke", status: 200, want: "id={signin.ticket} status=revoked token=absent url=null"},
		{name: "sign-in: revoke again", do: "POST /v1/sign_in_tokens/{signin.ticket.revoked}/revoke", status: 400, code: "sign_in_token_cannot_be_revoked_code"},
		{name: "sign-in: revoke an actor token", do: "POST /v1/sign_in_tokens/{actor.ticket}/revoke", status: 404, code: notFound},
		{name: "sign-in: revoke an unknown one", do: "POST /v1/sign_in_tokens/sit_unknown/revoke", status: 404, code: notFound},

		{name: "actor", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}","actor":{"sub":"user_support","why":"ticket 7"}}`, status: 200, want: "object=actor_token status=pending actor.sub=user_support user_id={ada} id=~^act_", check: ticketClaims("st=actor_token exp=1780318810")},
		{name: "actor: nobody acts", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}"}`, status: 422, code: missing, param: "actor"},
		{name: "actor: nobody acts in it", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}","actor":{"name":"x"}}`, status: 422, code: missing, param: "actor.sub"},
		{name: "actor: no object", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}","actor":"x"}`, status: 422, code: wrongType, param: "actor"},
		{name: "actor: too large", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}","actor":{"sub":"` + strings.Repeat("x", 5000) + `"}}`, status: 422, code: "form_param_exceeds_allowed_size", param: "actor"},
		{name: "actor: session too short", do: "POST /v1/actor_tokens", body: `{"user_id":"{ada}","actor":{"sub":"x"},"session_max_duration_in_seconds":0}`, status: 422, code: wrong, param: "session_max_duration_in_seconds"},
		{name: "actor: unknown user", do: "POST /v1/actor_tokens", body: `{"user_id":"user_unknown","actor":{"sub":"x"}}`, status: 404, code: notFound},
		{name: "actor: unknown member", do: "POST /v1/actor_tokens", body: `{"user":"x"}`, status: 422, code: unknown, param: "user"},
		{name: "actor: revoke", do: "POST /v1/actor_tokens/{actor.ticket}/revoke", status: 200, want: "status=revoked actor.sub=user_support token=absent"},
		{name: "actor: revoke again", do: "POST /v1/actor_tokens/{actor.ticket.revoked}/revoke", status: 400, code: "actor_token_cannot_be_revoked_code"},
		{name: "actor: revoke an unknown one", do: "POST /v1/actor_tokens/act_unknown/revoke", status: 404, code: notFound},

		{name: "testing: in seconds", do: "POST /v1/testing_tokens", status: 200, want: "object=testing_token expires_at=1780318810 token=~^1780318810-c_[0-9A-Za-z]+$"},
	})
}

// TestInstance is the contract's sections 5.1 and 6.6.
func TestInstance(t *testing.T) {
	const path = "PATCH /v1/instance"
	conform(t, []row{
		{name: "get", do: "GET /v1/instance", status: 200, want: "object=instance environment_type=development allowed_origins=null workspace_id=null id=~^ins_[0-9A-Za-z]{27}$"},
		{name: "get: production", do: "GET /v1/instance", given: production, status: 200, want: "environment_type=production"},
		{name: "update", do: path, body: `{"allowed_origins":["` + appOrigin + `"],"support_email":"x@example.com","test_mode":true,"hibp":false}`, status: 204, check: originsAre(`["` + appOrigin + `"]`)},
		{name: "update: nothing", do: path, status: 204, check: originsAre("null")},
		{name: "update: what is no origin", do: path, body: `{"allowed_origins":["https://example.com/path"]}`, status: 422, code: badFormat, param: "allowed_origins"},
		{name: "update: no list", do: path, body: `{"allowed_origins":"x"}`, status: 422, code: wrong, param: "allowed_origins"},
		{name: "update: a feature that is not here", do: path, body: `{"hibp":true}`, status: 403, code: "feature_not_enabled", param: "hibp"},
		{name: "keys", do: "GET /v1/jwks", status: 200, want: "keys.#=1 keys.0.use=sig keys.0.kty=RSA keys.0.alg=RS256 keys.0.e=AQAB keys.0.kid=~^ins_[0-9A-Za-z]{27}$"},
	})
}

// TestKeysOverlapWhileTheyRotate publishes a new key before it signs, and the old one as long as it may have signed.
func TestKeysOverlapWhileTheyRotate(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	old := ok[api.JWKS](t, w.get(t, "/v1/jwks")).Keys[0].Kid
	fresh, err := w.app.RotateKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, w.get(t, "/v1/jwks"), "keys.#=2 keys.0.kid="+old+" keys.1.kid="+fresh)
	claims("", "kid="+old)(t, w, w.post(t, "/v1/sessions/{active}/tokens", ""))
	w.clock.advance(34 * time.Second)
	claims("", "kid="+old)(t, w, w.post(t, "/v1/sessions/{active}/tokens", ""))
	w.clock.advance(2 * time.Second)
	claims("", "kid="+fresh)(t, w, w.post(t, "/v1/sessions/{active}/tokens", ""))
	ok[any](t, w.post(t, "/v1/sessions/{active}/verify", `{"token":"{token.session}"}`))
	if err := w.app.RetireKey(bg, old); err != nil {
		t.Fatal(err)
	}
	w.expect(t, w.get(t, "/v1/jwks"), "keys.#=1 keys.0.kid="+fresh)
	if a := w.post(t, "/v1/sessions/{active}/verify", `{"token":"{token.session}"}`); a.status != 400 {
		t.Errorf("a token of the retired key: %v", a)
	}
}

func originsAre(want string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, _ answer) {
		w.expect(t, w.get(t, "/v1/instance"), "allowed_origins="+want)
	}
}

var ticketInURL = regexp.MustCompile(`ticket=([^&]+)`)

// ticketClaims compares claims of a ticket, and that the URL carries the same ticket.
func ticketClaims(want string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, a answer) {
		ticket := read[struct{ ID, Token, URL string }](t, a)
		if m := ticketInURL.FindStringSubmatch(ticket.URL); m == nil || m[1] != ticket.Token {
			t.Errorf("the URL has another ticket: %v", a)
		}
		asToken, _ := json.Marshal(map[string]string{"jwt": ticket.Token})
		a.body = asToken
		claims(want+" jti="+ticket.ID+" iss="+issuer+" uid={ada}", "cat=sojourn_ticket")(t, w, a)
	}
}

// TestWebhookEndpoints are operations of ours: who is told by webhook, and what was sent.
func TestWebhookEndpoints(t *testing.T) {
	const list, one = "/v1/webhook_endpoints", "/v1/webhook_endpoints/{endpoint}"
	url := func(url string) string { return fmt.Sprintf(`{"url":%q}`, url) }
	short, long := "whsec_"+strings.Repeat("YQ", 11)+"YQ==", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 65))
	conform(t, []row{
		{name: "list", do: "GET " + list, status: 200, want: "#=2 0.object=webhook_endpoint 0.secret=absent"},
		{name: "list: with a total", do: "GET " + list + "?paginated=true&limit=1&offset=1", status: 200, want: "data.#=1 total_count=2"},
		{name: "list: far on", do: "GET " + list + "?offset=9", status: 200, want: "#=0"},
		{name: "get", do: "GET " + one, status: 200, want: "id={endpoint} url=https://hooks.example.com/in enabled=true event_types.#=0 failures=0 failing_since=null open_until=null disabled_reason=null secret=absent old_secret_expire=null"},
		{name: "get: unknown", do: "GET " + list + "/ep_unknown", status: 404, code: notFound},
		{name: "create", do: "POST " + list, body: url("https://example.com/"), status: 200, want: "id=~^ep_[0-9A-Za-z]{27}$ enabled=true description= event_types.#=0 created_at=1780315210123"},
		{name: "create: with all", do: "POST " + list, body: `{"url":"https://example.com/","description":"x","event_types":["session.ended","session.expired"],"enabled":false,"secret":"` + webhookSecret + `"}`, status: 200, want: "enabled=false description=x event_types.1=session.expired secret=absent"},
		{name: "create: null means default", do: "POST " + list, body: `{"url":"https://example.com/","description":null,"event_types":null,"enabled":null,"secret":null}`, status: 200, want: "enabled=true event_types.#=0"},
		{name: "create: no URL", do: "POST " + list, status: 422, code: missing, param: "url"},
		{name: "create: what is no URL", do: "POST " + list, body: url("canary"), status: 422, code: badFormat, param: "url"},
		{name: "create: another scheme", do: "POST " + list, body: url("ftp://example.com/"), status: 422, code: badFormat, param: "url"},
		{name: "create: with a password", do: "POST " + list, body: url("https://me:canary@example.com/"), status: 422, code: badFormat, param: "url"},
		{name: "create: plain HTTP", do: "POST " + list, body: url("http://example.com/"), given: production, status: 422, code: badFormat, param: "url"},
		{name: "create: this machine", do: "POST " + list, body: url("https://127.0.0.1/"), given: production, status: 422, code: badFormat, param: "url"},
		{name: "create: metadata of a cloud", do: "POST " + list, body: url("https://169.254.169.254/"), status: 422, code: badFormat, param: "url"},
		{name: "create: this machine, in development", do: "POST " + list, body: url("http://127.0.0.1:3000/"), given: development, status: 200},
		{name: "create: a URL that is too long", do: "POST " + list, body: url("https://example.com/" + strings.Repeat("x", 2048)), status: 422, code: "form_param_max_length_exceeded", param: "url"},
		{name: "create: a description that is too long", do: "POST " + list, body: `{"url":"https://example.com/","description":"` + strings.Repeat("x", 501) + `"}`, status: 422, code: "form_param_max_length_exceeded", param: "description"},
		{name: "create: unknown type", do: "POST " + list, body: `{"url":"https://example.com/","event_types":["session.made"]}`, status: 422, code: wrong, param: "event_types"},
		{name: "create: a type twice", do: "POST " + list, body: `{"url":"https://example.com/","event_types":["user.deleted","user.deleted"]}`, status: 422, code: "form_param_duplicate", param: "event_types"},
		{name: "create: a secret that is short", do: "POST " + list, body: `{"url":"https://example.com/","secret":"` + short + `"}`, status: 422, code: badFormat, param: "secret"},
		{name: "create: a secret that is long", do: "POST " + list, body: `{"url":"https://example.com/","secret":"` + long + `"}`, status: 422, code: badFormat, param: "secret"},
		{name: "create: a secret that is none", do: "POST " + list, body: `{"url":"https://example.com/","secret":"canary"}`, status: 422, code: badFormat, param: "secret"},
		{name: "create: unknown member", do: "POST " + list, body: `{"uri":"https://example.com/"}`, status: 422, code: unknown, param: "uri"},
		{name: "create: one too many", do: "POST " + list, body: url("https://example.com/"), given: manyEndpoints, status: 422, code: "quota_exceeded"},
		{name: "update", do: "PATCH " + one, body: `{"url":"https://example.com/new","description":"","event_types":["user.created"],"enabled":false}`, status: 200, want: "id={endpoint} url=https://example.com/new description= event_types.0=user.created enabled=false updated_at=1780315210123"},
		{name: "update: nothing", do: "PATCH " + one, status: 200, want: "url=https://hooks.example.com/in enabled=true"},
		{name: "get: disabled by the server", do: "GET " + one, given: failing, status: 200, want: "enabled=false disabled_reason=gone failures=12 failing_since=1780315200000 open_until=1780315260000"},
		{name: "update: enabled again", do: "PATCH " + one, body: `{"enabled":true}`, given: failing, status: 200, want: "enabled=true disabled_reason=null failures=0 failing_since=null open_until=null"},
		{name: "update: sent elsewhere", do: "PATCH " + one, body: `{"url":"https://example.com/new"}`, given: failing, status: 200, want: "enabled=false disabled_reason=gone failures=0 open_until=null"},
		{name: "update: described", do: "PATCH " + one, body: `{"description":"x"}`, given: failing, status: 200, want: "enabled=false failures=12"},
		{name: "update: no URL", do: "PATCH " + one, body: `{"url":null}`, status: 422, code: badFormat, param: "url"},
		{name: "update: unknown", do: "PATCH " + list + "/ep_unknown", body: `{"enabled":true}`, status: 404, code: notFound},
		{name: "delete", do: "DELETE " + one, status: 200, want: "object=webhook_endpoint id={endpoint} deleted=true"},
		{name: "delete: unknown", do: "DELETE " + list + "/ep_unknown", status: 404, code: notFound},
		{name: "secret", do: "GET " + one + "/secret", status: 200, want: "object=webhook_secret secret=" + webhookSecret},
		{name: "secret: unknown", do: "GET " + list + "/ep_unknown/secret", status: 404, code: notFound},
		{name: "rotate", do: "POST " + one + "/secret/rotate", status: 200, want: "secret=~^whsec_[0-9A-Za-z+/]{32}$", check: oldSecretExpires("1780401610123")},
		{name: "rotate: to a secret of one's own, at once", do: "POST " + one + "/secret/rotate", body: `{"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","expire_old_secret_after_seconds":0}`, status: 200, want: "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", check: oldSecretExpires("1780315210123")},
		{name: "rotate: for too long", do: "POST " + one + "/secret/rotate", body: `{"expire_old_secret_after_seconds":604801}`, status: 422, code: tooLarge, param: "expire_old_secret_after_seconds"},
		{name: "rotate: to what is none", do: "POST " + one + "/secret/rotate", body: `{"secret":"whsec_canary"}`, status: 422, code: badFormat, param: "secret"},
		{name: "rotate: unknown", do: "POST " + list + "/ep_unknown/secret/rotate", status: 404, code: notFound},
		{name: "deliveries", do: "GET " + one + "/deliveries", status: 200, want: "#=1 0.object=webhook_delivery 0.event_id={event} 0.event_type=user.updated 0.status=waiting 0.attempts.#=0 0.endpoint_id={endpoint}"},
		{name: "deliveries: with a total", do: "GET " + one + "/deliveries?paginated=true&event_id={event}&status=waiting&since=2026-01-01T00:00:00Z&until=1790000000000", status: 200, want: "data.#=1 total_count=1"},
		{name: "deliveries: of another status", do: "GET " + one + "/deliveries?status=failed", status: 200, want: "#=0"},
		{name: "deliveries: of another time", do: "GET " + one + "/deliveries?until=2026-01-01T00:00:00Z", status: 200, want: "#=0"},
		{name: "deliveries: to another endpoint", do: "GET " + list + "/{endpoint.off}/deliveries", status: 200, want: "#=0"},
		{name: "deliveries: of no status", do: "GET " + one + "/deliveries?status=sent", status: 422, code: wrong, param: "status"},
		{name: "deliveries: of no time", do: "GET " + one + "/deliveries?since=today", status: 422, code: "form_param_invalid_time", param: "since"},
		{name: "deliveries: unknown", do: "GET " + list + "/ep_unknown/deliveries", status: 404, code: notFound},
		{name: "redeliver: an event", do: "POST " + one + "/redeliver", body: `{"event_id":"{event}"}`, status: 200, want: "object=webhook_redelivery count=1"},
		{name: "redeliver: those of a time", do: "POST " + one + "/redeliver", body: `{"since":"2026-01-01T00:00:00Z","until":"2027-01-01T00:00:00Z","status":"waiting"}`, status: 200, want: "count=1"},
		{name: "redeliver: what failed", do: "POST " + one + "/redeliver", body: `{"since":"0","status":"failed"}`, status: 200, want: "count=0"},
		{name: "redeliver: an unknown event", do: "POST " + one + "/redeliver", body: `{"event_id":"evt_unknown"}`, status: 200, want: "count=0"},
		{name: "redeliver: nothing", do: "POST " + one + "/redeliver", status: 422, code: missing, param: "event_id"},
		{name: "redeliver: both", do: "POST " + one + "/redeliver", body: `{"event_id":"{event}","since":"0"}`, status: 422, code: "form_conditional_param_disallowed", param: "event_id"},
		{name: "redeliver: of no status", do: "POST " + one + "/redeliver", body: `{"event_id":"{event}","status":"sent"}`, status: 422, code: wrong, param: "status"},
		{name: "test", do: "POST " + one + "/test", status: 200, want: "object=webhook_delivery endpoint_id={endpoint} event_type=webhook_endpoint.test status=waiting next_attempt_at=1780315210123 attempts.#=0"},
		{name: "test: disabled", do: "POST " + list + "/{endpoint.off}/test", status: 422, code: "webhook_endpoint_disabled"},
		{name: "test: unknown", do: "POST " + list + "/ep_unknown/test", status: 404, code: notFound},
		{name: "redeliver: unknown", do: "POST " + list + "/ep_unknown/redeliver", body: `{"event_id":"{event}"}`, status: 404, code: notFound},
	})
}

// development is what the server's policy for URLs makes of a development instance.
func development(w *world) { w.app.Settings.Egress.Development = true }

// failing is an endpoint that the server has disabled.
func failing(w *world) {
	since := time.UnixMilli(1780315200000)
	err := w.app.Store.Update(bg, func(tx store.Conn) error {
		e, err := tx.EndpointForUpdate(bg, w.names["endpoint"])
		if err != nil {
			return err
		}
		e.Enabled, e.DisabledReason = false, "gone"
		e.Circuit = store.Circuit{Failures: 12, FailingSince: since, Openings: 1, OpenUntil: since.Add(time.Minute)}
		return tx.UpdateEndpoint(bg, e)
	})
	if err != nil {
		panic(err)
	}
}

func manyEndpoints(w *world) {
	for range 48 {
		if _, err := w.app.CreateWebhookEndpoint(bg, &api.CreateWebhookEndpoint{URL: api.Set("https://example.com/")}); err != nil {
			panic(err)
		}
	}
}

func oldSecretExpires(want string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, _ answer) {
		w.expect(t, w.get(t, "/v1/webhook_endpoints/{endpoint}"), "old_secret_expire="+want)
	}
}
