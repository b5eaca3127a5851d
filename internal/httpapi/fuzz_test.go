package httpapi_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequest sends anything to the whole server: it never fails, never panics, and answers as our document says.
func FuzzRequest(f *testing.F) {
	w := servePeopled(f)
	for _, seed := range []request{
		{method: "GET", path: "/v1/sessions?limit=10&paginated=true&status=active"},
		{method: "POST", path: "/v1/sessions", body: `{"user_id":"{ada}"}`},
		{method: "POST", path: "/v1/sessions/{active}/tokens/greeting", body: `{"expires_in_seconds":60}`},
		{method: "POST", path: "/v1/sessions/{active}/verify", body: `{"token":"{token.session}"}`},
		{method: "POST", path: "/v1/sessions/{active}/refresh", body: `{"expired_token":"{token.old}","refresh_token":"x","request_origin":"` + appOrigin + `"}`},
		{method: "GET", path: "/v1/users?user_id=%2B{ada}&order_by=-created_at&starting_after={bob}&banned=false&query=a"},
		{method: "POST", path: "/v1/users", body: `{"email_address":["a@example.com"],"public_metadata":{"a":[1]},"created_at":"2020-01-01T00:00:00Z"}`},
		{method: "PATCH", path: "/v1/users/{ada}", body: `{"username":null,"primary_email_address_id":"{spare}"}`},
		{method: "PATCH", path: "/v1/users/{ada}/metadata", body: `{"public_metadata":{"a":null,"b":{"c":1}}}`},
		{method: "POST", path: "/v1/users", body: `{"password_hasher":"argon2id","password_digest":"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA"}`},
		{method: "POST", path: "/v1/users/ban", body: `{"user_ids":["{banned}"]}`},
		{method: "PUT", path: "/v1/users/{bob}/email_address", body: `{"email_address":"b@example.com","identification_status":"reserved"}`},
		{method: "POST", path: "/v1/clients/verify", body: `{"token":"{token.client}"}`},
		{method: "POST", path: "/v1/jwt_templates", body: `{"name":"t","claims":{"a":"{{user.id || 'x'}}"},"lifetime":60}`},
		{method: "POST", path: "/v1/actor_tokens", body: `{"user_id":"{ada}","actor":{"sub":"x"}}`},
		{method: "PATCH", path: "/v1/instance", body: `{"allowed_origins":["https://a.example.com"]}`},
		{method: "GET", path: "/v1/sessions/%2e%2e/x?__clerk_api_version=2026-05-12"},
		{method: "DELETE", path: "/v1/email_addresses/{spare}"},
	} {
		f.Add(seed.method, seed.path, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		r := request{method: method, path: w.fill(path), body: w.fill(body)}
		req, err := http.NewRequestWithContext(bg, method, "http://localhost"+r.path, strings.NewReader(r.body))
		if err != nil || req.URL.Host != "localhost" || method == "" || method == http.MethodConnect {
			return // nothing that a client could send
		}
		req.Header = http.Header{"Authorization": {"Bearer " + secretKey}, "Content-Type": {"application/json"}}
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, req)
		a := answer{request: r, status: recorder.Code, header: maps.Clone(recorder.Header()), body: recorder.Body.Bytes()}
		if a.status >= 500 {
			t.Fatal(a)
		}
		if method != http.MethodHead && req.URL.Query().Get("__clerk_api_version") == "" {
			judge(t, a)
		}
	})
}
