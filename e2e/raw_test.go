package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// raw is a client shaped like the generated C# SDK of the page the project starts from: it sends no API
// version, always limit=10&offset=0, and reads lists as bare arrays.
type raw struct {
	server *server
	key    string
	origin string // sent as Origin when not empty
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (r raw) call(t *testing.T, method, path, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.server.BackendURL+"/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", "speakeasy-sdk/csharp 0.3.0 2.506.0 v1 Clerk.BackendAPI")
	request.Header.Set("Accept", "application/json")
	if r.key != "" {
		request.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.origin != "" {
		request.Header.Set("Origin", r.origin)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: content}
	if got := a.header.Values("Content-Type"); len(got) != 1 || got[0] != "application/json" {
		t.Errorf("%s %s: Content-Type %q, want exactly application/json", method, path, got)
	}
	return a
}

// object calls, wants 200 and an object, and returns it.
func (r raw) object(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	a := r.call(t, method, path, body)
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: status %d, body %s", method, path, a.status, a.body)
	}
	var object map[string]any
	if err := json.Unmarshal(a.body, &object); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
	}
	return object
}

func (r raw) newSession(t *testing.T) (sessionID, userID string) {
	t.Helper()
	userID = r.object(t, "POST", "/users", `{"first_name":"Maria"}`)["id"].(string)
	return r.object(t, "POST", "/sessions", `{"user_id":"`+userID+`"}`)["id"].(string), userID
}

func (r raw) status(t *testing.T, sessionID string) string {
	t.Helper()
	return r.object(t, "GET", "/sessions/"+sessionID, "")["status"].(string)
}

// TestRawClient does what the seed page of the C# SDK shows, by hand.
func TestRawClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := raw{server: s, key: s.SecretKey}

	t.Run("lists are bare arrays", func(t *testing.T) {
		mine, userID := api.newSession(t)
		for path, want := range map[string]string{
			"/sessions?user_id=" + userID + "&status=active&limit=10&offset=0": mine,
			"/users?user_id=" + userID + "&limit=10&offset=0":                  userID,
		} {
			a := api.call(t, "GET", path, "")
			var list []map[string]any
			if err := json.Unmarshal(a.body, &list); err != nil {
				t.Fatalf("%s: %v in %s", path, err, a.body)
			}
			if len(list) != 1 || list[0]["id"] != want {
				t.Errorf("%s: %s, want only %s", path, a.body, want)
			}
		}
		for _, path := range []string{"/clients?limit=10&offset=0", "/jwt_templates?limit=10&offset=0"} {
			var list []any
			if a := api.call(t, "GET", path, ""); json.Unmarshal(a.body, &list) != nil || list == nil {
				t.Errorf("%s: %s, want an array", path, a.body)
			}
		}
	})
	t.Run("a POST without parameters has no body, null or an empty object", api.testEmptyBodies)
	t.Run("a session has every member, times in whole milliseconds", api.testSessionShape)
	t.Run("verify works without an API version", func(t *testing.T) {
		mine, _ := api.newSession(t)
		token := api.object(t, "POST", "/sessions/"+mine+"/tokens", "")["jwt"].(string)
		if verified := api.object(t, "POST", "/sessions/"+mine+"/verify", `{"token":"`+token+`"}`); verified["id"] != mine {
			t.Errorf("verified %v, want %s", verified["id"], mine)
		}
	})
	t.Run("the Origin of a request becomes azp", func(t *testing.T) {
		mine, _ := api.newSession(t)
		browser := raw{server: s, key: s.SecretKey, origin: "https://app.example.com"}
		token := browser.object(t, "POST", "/sessions/"+mine+"/tokens", "")["jwt"].(string)
		if azp := verified(t, s, token)["azp"]; azp != "https://app.example.com" {
			t.Errorf("azp %v, want the origin", azp)
		}
	})
	t.Run("refresh has no refresh token to find", api.testRefresh)
	t.Run("the key set is the same on both listeners", func(t *testing.T) {
		backend := api.call(t, "GET", "/jwks", "")
		status, public := get(t, s.JWKSURL)
		if status != http.StatusOK || string(public) != string(backend.body) {
			t.Errorf("public: %d %s\nbackend: %s", status, public, backend.body)
		}
	})
	t.Run("errors", api.testErrors)
}

func (r raw) testEmptyBodies(t *testing.T) {
	for _, body := range []string{"", "null", "{}"} {
		mine, userID := r.newSession(t)
		if token := r.object(t, "POST", "/sessions/"+mine+"/tokens", body); token["object"] != "token" {
			t.Errorf("token with body %q: %v", body, token)
		}
		for _, path := range []string{"/ban", "/unban", "/lock", "/unlock"} {
			if user := r.object(t, "POST", "/users/"+userID+path, body); user["object"] != "user" {
				t.Errorf("%s with body %q: %v", path, body, user)
			}
		}
		again := r.object(t, "POST", "/sessions", `{"user_id":"`+userID+`"}`)["id"].(string)
		if revoked := r.object(t, "POST", "/sessions/"+again+"/revoke", body); revoked["status"] != "revoked" {
			t.Errorf("revoke with body %q: %v", body, revoked)
		}
		if ticket := r.object(t, "POST", "/testing_tokens", body); ticket["object"] != "testing_token" {
			t.Errorf("testing token with body %q: %v", body, ticket)
		}
	}
}

func (r raw) testSessionShape(t *testing.T) {
	mine, _ := r.newSession(t)
	a := r.call(t, "GET", "/sessions/"+mine, "")
	var members map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"object", "id", "user_id", "client_id", "actor", "status", "last_active_organization_id"} {
		if _, ok := members[name]; !ok {
			t.Errorf("no %s in %s", name, a.body)
		}
	}
	milliseconds := regexp.MustCompile(`^[0-9]{13}$`)
	for _, name := range []string{"last_active_at", "expire_at", "abandon_at", "created_at", "updated_at"} {
		if !milliseconds.Match(members[name]) {
			t.Errorf("%s is %s, want integer milliseconds", name, members[name])
		}
	}
}

func (r raw) testRefresh(t *testing.T) {
	mine, _ := r.newSession(t)
	browser := raw{server: r.server, key: r.key, origin: "https://app.example.com"}
	token := browser.object(t, "POST", "/sessions/"+mine+"/tokens", "")["jwt"].(string)
	body := func(origin string) string {
		return `{"expired_token":"` + token + `","refresh_token":"none","request_origin":"` + origin + `"}`
	}
	wantError(t, r.call(t, "POST", "/sessions/"+mine+"/refresh", body("https://app.example.com")),
		http.StatusUnauthorized, "refresh_token_not_found")
	wantError(t, r.call(t, "POST", "/sessions/"+mine+"/refresh", body("https://evil.example.com")),
		http.StatusUnauthorized, "refresh_request_origin_azp_mismatch")
}

func (r raw) testErrors(t *testing.T) {
	mine, userID := r.newSession(t)
	ended, _ := r.newSession(t)
	r.object(t, "POST", "/sessions/"+ended+"/revoke", "")
	const unknown = "sess_000000000000000000000000000"
	stranger, nobody := raw{server: r.server, key: "sk_test_wrong"}, raw{server: r.server}

	for _, c := range []struct {
		name         string
		client       raw
		method, path string
		body         string
		status       int
		code         string
	}{
		{"list: bad status", r, "GET", "/sessions?status=asleep", "", 422, "form_param_value_invalid"},
		{"list: limit of letters", r, "GET", "/sessions?limit=ten", "", 422, "form_param_type_invalid"},
		{"list: wrong key", stranger, "GET", "/sessions", "", 401, "clerk_key_invalid"},
		{"list: no key", nobody, "GET", "/sessions", "", 401, "authorization_header_format_invalid"},
		{"create: no body", r, "POST", "/sessions", "", 422, "form_param_missing"},
		{"create: null", r, "POST", "/sessions", "null", 422, "form_param_missing"},
		{"create: broken JSON", r, "POST", "/sessions", `{"user_id":`, 400, "request_body_invalid"},
		{"create: wrong type", r, "POST", "/sessions", `{"user_id":7}`, 422, "form_param_value_invalid"},
		{"create: unknown user", r, "POST", "/sessions", `{"user_id":"user_x"}`, 404, "resource_not_found"},
		{"create: wrong key", stranger, "POST", "/sessions", `{"user_id":"` + userID + `"}`, 401, "clerk_key_invalid"},
		{"get: unknown", r, "GET", "/sessions/" + unknown, "", 404, "resource_not_found"},
		{"get: any shape", r, "GET", "/sessions/%00%ff..%2f", "", 404, "resource_not_found"},
		{"get: wrong key", stranger, "GET", "/sessions/" + mine, "", 401, "clerk_key_invalid"},
		{"revoke: unknown", r, "POST", "/sessions/" + unknown + "/revoke", "", 404, "resource_not_found"},
		{"revoke: no key", nobody, "POST", "/sessions/" + mine + "/revoke", "", 401, "authorization_header_format_invalid"},
		{"verify: bad token", r, "POST", "/sessions/" + mine + "/verify", `{"token":"x"}`, 400, "invalid_session_token"},
		{"verify: unknown", r, "POST", "/sessions/" + unknown + "/verify", `{"token":"x"}`, 404, "resource_not_found"},
		{"verify: ended", r, "POST", "/sessions/" + ended + "/verify", "null", 401, "authentication_invalid"},
		{"token: unknown", r, "POST", "/sessions/" + unknown + "/tokens", "", 404, "resource_not_found"},
		{"token: ended", r, "POST", "/sessions/" + ended + "/tokens", "", 401, "authentication_invalid"},
		{"token: too short", r, "POST", "/sessions/" + mine + "/tokens", `{"expires_in_seconds":1}`, 422, "form_param_value_invalid"},
		{"template token: unknown template", r, "POST", "/sessions/" + mine + "/tokens/nope", "", 404, "resource_not_found"},
		{"template token: unknown", r, "POST", "/sessions/" + unknown + "/tokens/nope", "", 404, "resource_not_found"},
		{"refresh: nothing given", r, "POST", "/sessions/" + mine + "/refresh", "{}", 400, "form_param_missing"},
		{"unknown path", r, "GET", "/no/such/thing", "", 404, "resource_not_found"},
		{"unknown path without a key", nobody, "GET", "/no/such/thing", "", 401, "authorization_header_format_invalid"},
		{"wrong method", r, "PUT", "/sessions/" + mine, "", 404, "resource_not_found"},
		{"unknown API version", r, "GET", "/sessions?__clerk_api_version=1999-01-01", "", 400, "api_version_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, c.client.call(t, c.method, c.path, c.body), c.status, c.code)
		})
	}
	if status := r.status(t, mine); status != "active" {
		t.Errorf("after all these errors the session is %s, want active", status)
	}
}

// wantError checks the envelope as well: texts, and one trace id in the body and both headers.
func wantError(t *testing.T, a answer, status int, code string) {
	t.Helper()
	var envelope struct {
		Errors []struct {
			Message     string `json:"message"`
			LongMessage string `json:"long_message"`
			Code        string `json:"code"`
		} `json:"errors"`
		TraceID string `json:"clerk_trace_id"`
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatalf("status %d: %v in %s", a.status, err, a.body)
	}
	if a.status != status || len(envelope.Errors) == 0 || envelope.Errors[0].Code != code {
		t.Fatalf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
	if first := envelope.Errors[0]; first.Message == "" || first.LongMessage == "" {
		t.Errorf("texts are missing in %s", a.body)
	}
	trace := envelope.TraceID
	if len(trace) != 32 || a.header.Get("Clerk-Trace-Id") != trace || a.header.Get("X-Clerk-Trace-Id") != trace {
		t.Errorf("trace id %q in the body, %q and %q in the headers", trace,
			a.header.Get("Clerk-Trace-Id"), a.header.Get("X-Clerk-Trace-Id"))
	}
}
