package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

// TestSessions is the contract's section 3.1 to 3.5, and 2.6: what each operation does in each state.
func TestSessions(t *testing.T) {
	conform(t, []row{
		{name: "list: newest first, a bare array", do: "GET /v1/sessions", status: 200, want: "#=10 0.id={active} 1.id={orphan} 2.id={impersonated} 3.id={pending} 8.id={expired} 9.id={abandoned} 0.object=session"},
		{name: "list: with a total", do: "GET /v1/sessions?paginated=true&limit=2", status: 200, want: "data.#=2 total_count=10 data.0.id={active} object=absent has_more=absent"},
		{name: "list: an array when asked", do: "GET /v1/sessions?paginated=false", status: 200, want: "#=10"},
		{name: "list: as the C# SDK asks", do: "GET /v1/sessions?user_id={ada}&limit=10&offset=0", status: 200, want: "#=8"},
		{name: "list: the total is of the filter", do: "GET /v1/sessions?paginated=true&user_id={ada}&limit=1", status: 200, want: "data.#=1 total_count=8"},
		{name: "list: pages", do: "GET /v1/sessions?limit=2&offset=2", status: 200, want: "#=2 0.id={impersonated} 1.id={pending}"},
		{name: "list: beyond the end", do: "GET /v1/sessions?offset=100", status: 200, want: "#=0"},
		{name: "list: beyond the end, with a total", do: "GET /v1/sessions?offset=100&paginated=true", status: 200, want: "data.#=0 total_count=10"},
		{name: "list: by client", do: "GET /v1/sessions?client_id={pending.client}", status: 200, want: "#=1 0.id={pending}"},
		{name: "list: filters combine", do: "GET /v1/sessions?client_id={pending.client}&user_id={bob}", status: 200, want: "#=0"},
		{name: "list: unknown user", do: "GET /v1/sessions?user_id=user_unknown", status: 200, want: "#=0"},
		{name: "list: unknown client", do: "GET /v1/sessions?client_id=client_unknown", status: 200, want: "#=0"},
		{name: "list: active ones", do: "GET /v1/sessions?status=active", status: 200, want: "#=3 0.id={active} 1.id={orphan} 2.id={impersonated}"},
		{name: "list: pending ones", do: "GET /v1/sessions?status=pending", status: 200, want: "#=1 0.id={pending}"},
		{name: "list: revoked ones", do: "GET /v1/sessions?status=revoked", status: 200, want: "#=1 0.id={revoked}"},
		{name: "list: ended ones", do: "GET /v1/sessions?status=ended", status: 200, want: "#=1 0.id={ended}"},
		{name: "list: removed ones", do: "GET /v1/sessions?status=removed", status: 200, want: "#=1 0.id={removed}"},
		{name: "list: replaced ones", do: "GET /v1/sessions?status=replaced", status: 200, want: "#=1 0.id={replaced}"},
		{name: "list: expired ones", do: "GET /v1/sessions?status=expired&paginated=true", status: 200, want: "data.#=1 total_count=1 data.0.id={expired}"},
		{name: "list: abandoned ones", do: "GET /v1/sessions?status=abandoned", status: 200, want: "#=1 0.id={abandoned} 0.status=abandoned"},
		{name: "list: active ones when time is up", do: "GET /v1/sessions?status=active", given: after(8 * 24 * time.Hour), status: 200, want: "#=0"},
		{name: "list: unknown status", do: "GET /v1/sessions?status=sleeping", status: 422, code: wrong, param: "status"},
		{name: "list: limit 0", do: "GET /v1/sessions?limit=0", status: 422, code: wrong, param: "limit"},
		{name: "list: limit 500", do: "GET /v1/sessions?limit=500", status: 200},
		{name: "list: limit 501", do: "GET /v1/sessions?limit=501", status: 422, code: tooLarge, param: "limit"},
		{name: "list: limit without a number", do: "GET /v1/sessions?limit=ten", status: 422, code: wrongType, param: "limit"},
		{name: "list: negative offset", do: "GET /v1/sessions?offset=-1", status: 422, code: wrong, param: "offset"},
		{name: "list: huge offset", do: "GET /v1/sessions?offset=99999999999999999999", status: 422, code: tooLarge, param: "offset"},
		{name: "list: paginated without a boolean", do: "GET /v1/sessions?paginated=yes", status: 422, code: wrongType, param: "paginated"},
		{name: "list: strict, without a filter", do: "GET /v1/sessions", given: strictList, status: 400, code: "missing_query_parameter"},
		{name: "list: strict, with a filter", do: "GET /v1/sessions?user_id={ada}", given: strictList, status: 200, want: "#=8"},

		{name: "create", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, status: 200, want: "object=session status=active user_id={ada} actor=null last_active_organization_id=null latest_activity=absent tasks=absent id=~^sess_[0-9A-Za-z]{27}$ client_id=~^client_[0-9A-Za-z]{27}$", check: checkCreated},
		{name: "create: no body", do: "POST /v1/sessions", status: 422, code: missing, param: "user_id"},
		{name: "create: body null", do: "POST /v1/sessions", body: `null`, status: 422, code: missing, param: "user_id"},
		{name: "create: body {}", do: "POST /v1/sessions", body: `{}`, status: 422, code: missing, param: "user_id"},
		{name: "create: user null", do: "POST /v1/sessions", body: `{"user_id":null}`, status: 422, code: missing, param: "user_id"},
		{name: "create: user empty", do: "POST /v1/sessions", body: `{"user_id":""}`, status: 422, code: missing, param: "user_id"},
		{name: "create: user of another type", do: "POST /v1/sessions", body: `{"user_id":7}`, status: 422, code: wrong, param: "user_id"},
		{name: "create: unknown user", do: "POST /v1/sessions", body: `{"user_id":"user_unknown"}`, status: 404, code: "resource_not_found"},
		{name: "create: banned user", do: "POST /v1/sessions", body: `{"user_id":"{banned}"}`, status: 403, code: "user_banned"},
		{name: "create: locked user", do: "POST /v1/sessions", body: `{"user_id":"{locked}"}`, status: 200},
		{name: "create: no organization", do: "POST /v1/sessions", body: `{"user_id":"{ada}","active_organization_id":null}`, status: 200},
		{name: "create: unknown organization", do: "POST /v1/sessions", body: `{"user_id":"{ada}","active_organization_id":"org_1"}`, status: 404, code: "organization_not_found_or_unauthorized"},
		{name: "create: in production", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, given: production, status: 400, code: "request_invalid_for_environment"},
		{name: "create: in a production that allows it", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, given: productionThatCreates, status: 200},

		{name: "get: active", do: "GET /v1/sessions/{active}", status: 200, want: "id={active} status=active user_id={ada} client_id={active.client} actor=null"},
		{name: "get: pending", do: "GET /v1/sessions/{pending}", status: 200, want: "status=pending"},
		{name: "get: revoked", do: "GET /v1/sessions/{revoked}", status: 200, want: "status=revoked"},
		{name: "get: ended", do: "GET /v1/sessions/{ended}", status: 200, want: "status=ended"},
		{name: "get: removed", do: "GET /v1/sessions/{removed}", status: 200, want: "status=removed"},
		{name: "get: replaced", do: "GET /v1/sessions/{replaced}", status: 200, want: "status=replaced"},
		{name: "get: expired", do: "GET /v1/sessions/{expired}", status: 200, want: "status=expired"},
		{name: "get: abandoned", do: "GET /v1/sessions/{abandoned}", status: 200, want: "status=abandoned"},
		{name: "get: impersonated, with the device", do: "GET /v1/sessions/{impersonated}", status: 200, want: "actor.sub=user_support latest_activity.browser_name=Firefox latest_activity.ip_address=absent"},
		{name: "get: unknown", do: "GET /v1/sessions/sess_unknown", status: 404, code: "resource_not_found"},

		{name: "revoke: active", do: "POST /v1/sessions/{active}/revoke", status: 200, want: "id={active} status=revoked", check: checkRevoked},
		{name: "revoke: pending", do: "POST /v1/sessions/{pending}/revoke", body: `null`, status: 200, want: "status=revoked"},
		{name: "revoke: revoked", do: "POST /v1/sessions/{revoked}/revoke", body: `{}`, status: 200, want: "status=revoked", check: unchanged},
		{name: "revoke: ended", do: "POST /v1/sessions/{ended}/revoke", status: 200, want: "status=ended", check: unchanged},
		{name: "revoke: removed", do: "POST /v1/sessions/{removed}/revoke", status: 200, want: "status=removed", check: unchanged},
		{name: "revoke: replaced", do: "POST /v1/sessions/{replaced}/revoke", status: 200, want: "status=replaced", check: unchanged},
		{name: "revoke: expired", do: "POST /v1/sessions/{expired}/revoke", status: 200, want: "status=expired", check: unchanged},
		{name: "revoke: abandoned", do: "POST /v1/sessions/{abandoned}/revoke", status: 200, want: "status=abandoned", check: unchanged},
		{name: "revoke: expired meanwhile", do: "POST /v1/sessions/{active}/revoke", given: after(8 * 24 * time.Hour), status: 200, want: "status=expired", check: unchanged},
		{name: "revoke: unknown", do: "POST /v1/sessions/sess_unknown/revoke", status: 404, code: "resource_not_found"},

		{name: "verify: its token", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.session}"}`, status: 200, want: "id={active} status=active"},
		{name: "verify: no token, as the Go SDK does", do: "POST /v1/sessions/{active}/verify", body: `null`, status: 200, want: "id={active}"},
		{name: "verify: token null", do: "POST /v1/sessions/{active}/verify", body: `{"token":null}`, status: 200},
		{name: "verify: a token just expired", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.session}"}`, given: after(54 * time.Second), status: 200},
		{name: "verify: an expired token", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.session}"}`, given: after(2 * time.Minute), status: 400, code: "invalid_session_token"},
		{name: "verify: another session's token", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.other}"}`, status: 400, code: "invalid_session_token"},
		{name: "verify: a template token", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.template}"}`, status: 400, code: "invalid_session_token"},
		{name: "verify: a client token", do: "POST /v1/sessions/{active}/verify", body: `{"token":"{token.client}"}`, status: 400, code: "invalid_session_token"},
		{name: "verify: no token at all", do: "POST /v1/sessions/{active}/verify", body: `{"token":"canary"}`, status: 400, code: "invalid_session_token"},
		{name: "verify: token empty", do: "POST /v1/sessions/{active}/verify", body: `{"token":""}`, status: 400, code: "invalid_session_token"},
		{name: "verify: pending", do: "POST /v1/sessions/{pending}/verify", status: 401, code: "authentication_invalid"},
		{name: "verify: revoked, its token", do: "POST /v1/sessions/{revoked}/verify", body: `{"token":"{token.revoked}"}`, status: 401, code: "authentication_invalid"},
		{name: "verify: expired", do: "POST /v1/sessions/{expired}/verify", status: 401, code: "authentication_invalid"},
		{name: "verify: unknown", do: "POST /v1/sessions/sess_unknown/verify", status: 404, code: "resource_not_found"},
		{name: "verify: unknown member", do: "POST /v1/sessions/{active}/verify", body: `{"tokens":"x"}`, status: 422, code: "form_param_unknown", param: "tokens"},
		{name: "verify: strict, in a version that has it", do: "POST /v1/sessions/{active}/verify", given: strictVerify, version: "2025-03-12", status: 200},
		{name: "verify: strict, in the first version without it", do: "POST /v1/sessions/{active}/verify", given: strictVerify, version: "2025-04-10", status: 410, code: "operation_deprecated"},
		{name: "verify: strict, in the newest version", do: "POST /v1/sessions/{active}/verify", given: strictVerify, version: "2026-05-12", status: 410, code: "operation_deprecated"},
	})
}

// TestSessionTokens is the contract's sections 3.6 to 3.8 and 4.
func TestSessionTokens(t *testing.T) {
	const inactive = "authentication_invalid"
	conform(t, []row{
		{name: "token", do: "POST /v1/sessions/{active}/tokens", status: 200, want: "object=token", check: claims("iss="+issuer+" sub={ada} sid={active} iat=1780315210 nbf=1780315200 exp=1780315270 sts=active v=2 fva.0=0 fva.1=-1 azp=absent act=absent jti=~^.{20,}$", "alg=RS256 typ=JWT kid=~^ins_ cat=cl_B7d4PD111AAA")},
		{name: "token: for an origin", do: "POST /v1/sessions/{active}/tokens", header: map[string]string{"Origin": appOrigin}, status: 200, check: claims("azp="+appOrigin, "")},
		{name: "token: for an origin that is none", do: "POST /v1/sessions/{active}/tokens", header: map[string]string{"Origin": "null"}, status: 200, check: claims("azp=absent", "")},
		{name: "token: impersonated", do: "POST /v1/sessions/{impersonated}/tokens", status: 200, check: claims("act.sub=user_support sub={bob} fva.0=60", "")},
		{name: "token: with an age", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":30}`, status: 200, check: claims("iat=1780315210 exp=1780315240", "")},
		{name: "token: ten years", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":315360000}`, status: 200, check: claims("exp=2095675210", "")},
		{name: "token: age null", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":null}`, status: 200, check: claims("exp=1780315270", "")},
		{name: "token: too young", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":29}`, status: 422, code: "form_param_value_invalid", param: "expires_in_seconds"},
		{name: "token: too old", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":315360001}`, status: 422, code: "form_param_value_too_large", param: "expires_in_seconds"},
		{name: "token: age as text", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":"60"}`, status: 422, code: "form_param_value_invalid", param: "expires_in_seconds"},
		{name: "token: age with a fraction", do: "POST /v1/sessions/{active}/tokens", body: `{"expires_in_seconds":60.5}`, status: 422, code: "form_param_value_invalid", param: "expires_in_seconds"},
		{name: "token: pending says so", do: "POST /v1/sessions/{pending}/tokens", status: 200, check: claims("sts=pending", "")},
		{name: "token: revoked", do: "POST /v1/sessions/{revoked}/tokens", status: 401, code: inactive},
		{name: "token: ended", do: "POST /v1/sessions/{ended}/tokens", status: 401, code: inactive},
		{name: "token: removed", do: "POST /v1/sessions/{removed}/tokens", status: 401, code: inactive},
		{name: "token: replaced", do: "POST /v1/sessions/{replaced}/tokens", status: 401, code: inactive},
		{name: "token: expired", do: "POST /v1/sessions/{expired}/tokens", status: 401, code: inactive},
		{name: "token: abandoned", do: "POST /v1/sessions/{abandoned}/tokens", status: 401, code: inactive},
		{name: "token: expired meanwhile", do: "POST /v1/sessions/{active}/tokens", given: after(7 * 24 * time.Hour), status: 401, code: inactive},
		{name: "token: unknown session", do: "POST /v1/sessions/sess_unknown/tokens", status: 404, code: "resource_not_found"},

		{name: "template", do: "POST /v1/sessions/{active}/tokens/greeting", status: 200, check: claims("aud=https://api.example.com plan=pro age=30 sub={ada} iat=1780315210 nbf=1780315205 exp=1780315330 sid=absent v=absent sts=absent azp=absent", "cat=cl_B7d4PD222AAA alg=RS256")},
		{name: "template: with an age", do: "POST /v1/sessions/{active}/tokens/greeting", body: `{"expires_in_seconds":60}`, status: 200, check: claims("exp=1780315270", "")},
		{name: "template: for an origin", do: "POST /v1/sessions/{active}/tokens/greeting", header: map[string]string{"Origin": appOrigin}, status: 200, check: claims("azp="+appOrigin, "")},
		{name: "template: name with marks", do: "POST /v1/sessions/{active}/tokens/a.b-c_d", status: 200, want: "object=token"},
		{name: "template: name in escapes", do: "POST /v1/sessions/{active}/tokens/%67reeting", status: 200},
		{name: "template: by id", do: "POST /v1/sessions/{active}/tokens/{template}", status: 404, code: "resource_not_found", want: "errors.0.message=~^JWT"},
		{name: "template: unknown", do: "POST /v1/sessions/{active}/tokens/unknown", status: 404, code: "resource_not_found", want: "errors.0.message=~^JWT"},
		{name: "template: unknown, of an unknown session", do: "POST /v1/sessions/sess_unknown/tokens/unknown", status: 404, code: "resource_not_found", want: "errors.0.message=~^Session"},
		{name: "template: too young", do: "POST /v1/sessions/{active}/tokens/greeting", body: `{"expires_in_seconds":1}`, status: 422, code: "form_param_value_invalid", param: "expires_in_seconds"},
		{name: "template: pending", do: "POST /v1/sessions/{pending}/tokens/greeting", status: 401, code: inactive},
		{name: "template: revoked", do: "POST /v1/sessions/{revoked}/tokens/greeting", status: 401, code: inactive},
		{name: "template: expired", do: "POST /v1/sessions/{expired}/tokens/greeting", status: 401, code: inactive},

		refresh("with all in order", "{active}", "{token.old}", appOrigin, 401, "refresh_token_not_found", ""),
		refresh("with a token that is still young", "{active}", "{token.session}", appOrigin, 401, "refresh_token_not_found", ""),
		refresh("from no origin", "{active}", "{token.old}", "nowhere", 401, "refresh_request_origin_invalid", ""),
		refresh("with no token", "{active}", "canary", appOrigin, 401, "expired_session_token_invalid", ""),
		refresh("with a template token", "{active}", "{token.template}", appOrigin, 401, "expired_session_token_invalid", ""),
		refresh("with a token without origin", "{active}", "{token.no.azp}", appOrigin, 401, "expired_session_token_missing_azp", ""),
		refresh("from another origin", "{active}", "{token.old}", "https://evil.example.com", 401, "refresh_request_origin_azp_mismatch", ""),
		refresh("with a token without session", "{active}", "{token.no.sid}", appOrigin, 401, "expired_session_token_missing_sid", ""),
		refresh("with another session's token", "{active}", "{token.other}", appOrigin, 401, "refresh_sid_mismatch", ""),
		refresh("of an unknown session", "sess_nowhere", "{token.nowhere}", appOrigin, 401, "session_refresh_session_not_found", ""),
		refresh("of a revoked session", "{revoked}", "{token.revoked}", appOrigin, 401, "session_refresh_inactive_session", ""),
		refresh("of a session without a user", "{orphan}", "{token.orphan}", appOrigin, 401, "session_refresh_user_not_found", ""),
		refresh("without the token", "{active}", "", appOrigin, 400, "form_param_missing", "expired_token"),
		refresh("without the origin", "{active}", "{token.old}", "", 400, "form_param_missing", "request_origin"),
		{name: "refresh: no body", do: "POST /v1/sessions/{active}/refresh", status: 400, code: "form_param_missing", param: "expired_token"},
		{name: "refresh: no refresh token", do: "POST /v1/sessions/{active}/refresh", body: `{"expired_token":"x","request_origin":"x"}`, status: 400, code: "form_param_missing", param: "refresh_token"},
		{name: "refresh: unknown format", do: "POST /v1/sessions/{active}/refresh", body: `{"expired_token":"x","refresh_token":"x","request_origin":"x","format":"xml"}`, status: 400, code: "form_param_value_invalid", param: "format"},
		{name: "refresh: unknown member", do: "POST /v1/sessions/{active}/refresh", body: `{"x":1}`, status: 422, code: "form_param_unknown", param: "x"},
		{name: "refresh: headers of another type", do: "POST /v1/sessions/{active}/refresh", body: `{"request_headers":{"a":"b"}}`, status: 422, code: "form_param_value_invalid", param: "request_headers"},
	})
}

func refresh(name, session, expired, origin string, status int, code, param string) row {
	body, _ := json.Marshal(map[string]any{
		"expired_token": expired, "refresh_token": "canary", "request_origin": origin, "format": "token",
		"request_headers": map[string][]string{"Origin": {origin}}, "request_originating_ip": nil,
	})
	return row{name: "refresh: " + name, do: "POST /v1/sessions/" + session + "/refresh?suffixed_cookies=true", body: string(body), status: status, code: code, param: param}
}

// claims compares members of a token's payload and header.
func claims(payload, header string) func(*testing.T, *world, answer) {
	return func(t *testing.T, w *world, a answer) {
		parts := strings.Split(ok[api.Token](t, a).JWT, ".")
		for i, want := range []string{header, payload} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err != nil {
				t.Fatal(err)
			}
			decoded := a
			decoded.body = raw
			w.expect(t, decoded, want)
		}
	}
}

func checkCreated(t *testing.T, w *world, a answer) {
	s, now := read[api.Session](t, a), w.clock.now()
	if s.CreatedAt != now.UnixMilli() || s.UpdatedAt != s.CreatedAt || s.LastActiveAt != s.CreatedAt ||
		s.ExpireAt != now.Add(7*24*time.Hour).UnixMilli() || s.AbandonAt != now.Add(30*24*time.Hour).UnixMilli() {
		t.Errorf("times %v", a)
	}
	w.names["new"], w.names["new.client"] = s.ID, s.ClientID
	w.expect(t, w.get(t, "/v1/clients/{new.client}"), "sessions.#=1 session_ids.0={new} last_active_session_id={new}")
	w.expect(t, w.get(t, "/v1/sessions?limit=1"), "0.id={new}")
	if u := ok[api.User](t, w.get(t, "/v1/users/{ada}")); u.LastSignInAt == nil || *u.LastSignInAt != now.UnixMilli() {
		t.Errorf("the user does not show the sign-in: %v", u.LastSignInAt)
	}
}

func checkRevoked(t *testing.T, w *world, a answer) {
	if s := read[api.Session](t, a); s.UpdatedAt != w.clock.now().UnixMilli() {
		t.Errorf("updated_at does not move: %v", a)
	}
	w.expect(t, w.get(t, "/v1/sessions/{active}"), "status=revoked")
	w.expect(t, w.get(t, "/v1/clients/{active.client}"), "last_active_session_id=null session_ids.#=1")
	w.expect(t, w.post(t, "/v1/sessions/{active}/tokens", ""), "errors.0.code=authentication_invalid")
}

// unchanged checks that an operation on a session answered it as it was and is.
func unchanged(t *testing.T, w *world, a answer) {
	path, _, _ := strings.Cut(a.path, "/revoke")
	if now := w.get(t, path); string(now.body) != string(a.body) {
		t.Errorf("answered %s, is %s", a.body, now.body)
	}
	if s := read[api.Session](t, a); s.UpdatedAt == w.clock.now().UnixMilli() {
		t.Errorf("updated_at moved: %v", a)
	}
}

// TestTimeEndsSessions moves the clock to both sides of each deadline. Whether a sweeper came by shows nowhere.
func TestTimeEndsSessions(t *testing.T) {
	t.Parallel()
	for _, sweep := range []bool{false, true} {
		w := servePeopled(t)
		w.app.Settings.Retention = 365 * 24 * time.Hour
		before := ok[api.Session](t, w.get(t, "/v1/sessions/{active}"))
		for _, c := range []struct {
			at      int64
			status  string
			updated int64
		}{
			{before.ExpireAt - 1, "active", before.UpdatedAt},
			{before.ExpireAt, "expired", before.ExpireAt},
			{before.AbandonAt - 1, "expired", before.ExpireAt},
			{before.AbandonAt, "abandoned", before.AbandonAt},
		} {
			w.clock.ms.Store(c.at)
			if sweep {
				if err := w.app.Sweep(bg); err != nil {
					t.Fatal(err)
				}
			}
			got := ok[api.Session](t, w.get(t, "/v1/sessions/{active}"))
			if got.Status != c.status || got.UpdatedAt != c.updated {
				t.Errorf("at %d (swept %v): %s since %d, want %s since %d", c.at, sweep, got.Status, got.UpdatedAt, c.status, c.updated)
			}
			listed := ok[[]api.Session](t, w.get(t, "/v1/sessions?client_id={active.client}&status="+c.status))
			if len(listed) != 1 {
				t.Errorf("at %d (swept %v): the list of %s ones has %d", c.at, sweep, c.status, len(listed))
			}
		}
	}
}
