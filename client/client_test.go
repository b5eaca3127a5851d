package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/client"
)

const key = "sk_test_canary"

// exchange is a request as a server received it.
type exchange struct{ method, target, body, origin string }

// fake answers one canned answer, and remembers what was asked.
func fake(t *testing.T, status int, answer string, header ...string) (*client.Client, *exchange) {
	t.Helper()
	seen := &exchange{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*seen = exchange{r.Method, r.RequestURI, string(body), r.Header.Get("Origin")}
		if r.Header.Get("Authorization") != "Bearer "+key || r.Header.Get("Clerk-API-Version") != client.DefaultAPIVersion {
			t.Errorf("headers: %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(key, client.WithURL(server.URL), client.WithMaxRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	return c, seen
}

func TestRequests(t *testing.T) {
	raw := client.Set(json.RawMessage(`{"a":1}`))
	for _, c := range []struct {
		call                       func(ctx context.Context, c *client.Client) error
		method, target, body, resp string
	}{
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.List(ctx, client.ListSessions{UserID: "u", Status: "active", Page: client.Page{Limit: 5, Offset: 10}})
			return err
		}, "GET", "/v1/sessions?limit=5&offset=10&paginated=true&status=active&user_id=u", "", `{"data":[],"total_count":0}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Create(ctx, client.CreateSession{UserID: client.Set("u")})
			return err
		}, "POST", "/v1/sessions", `{"user_id":"u"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Sessions.Get(ctx, "a/b ?"); return err }, "GET", "/v1/sessions/a%2Fb%20%3F", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Sessions.Revoke(ctx, "s"); return err }, "POST", "/v1/sessions/s/revoke", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Verify(ctx, "s", "t")
			return err
		}, "POST", "/v1/sessions/s/verify", `{"token":"t"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.CreateToken(ctx, "s", client.CreateToken{})
			return err
		}, "POST", "/v1/sessions/s/tokens", `{}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.CreateTokenFromTemplate(ctx, "s", "my t", client.CreateToken{ExpiresInSeconds: client.Set(int64(60))})
			return err
		}, "POST", "/v1/sessions/s/tokens/my%20t", `{"expires_in_seconds":60}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Refresh(ctx, "s", client.RefreshSession{ExpiredToken: client.Set("e"), RefreshToken: client.Set("r"), RequestOrigin: client.Set("o")})
			return err
		}, "POST", "/v1/sessions/s/refresh", `{"expired_token":"e","refresh_token":"r","request_origin":"o"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.List(ctx, client.ListUsers{UserFilter: client.UserFilter{EmailAddress: []string{"a", "b"}, Banned: client.Set(false), CreatedAtAfter: client.Set(int64(0))}, OrderBy: "+created_at"})
			return err
		}, "GET", "/v1/users?banned=false&created_at_after=0&email_address=a&email_address=b&order_by=%2Bcreated_at", "", `[]`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.Count(ctx, client.UserFilter{Query: "x"})
			return err
		}, "GET", "/v1/users/count?query=x", "", `{"total_count":1}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.Create(ctx, client.CreateUser{EmailAddress: []string{"a@b.c"}, PublicMetadata: raw})
			return err
		}, "POST", "/v1/users", `{"email_address":["a@b.c"],"public_metadata":{"a":1}}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Get(ctx, "u"); return err }, "GET", "/v1/users/u", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.Update(ctx, "u", client.UpdateUser{FirstName: client.Null[string](), LastName: client.Set("")})
			return err
		}, "PATCH", "/v1/users/u", `{"first_name":null,"last_name":""}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Delete(ctx, "u"); return err }, "DELETE", "/v1/users/u", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.MergeMetadata(ctx, "u", client.UserMetadata{UnsafeMetadata: raw})
			return err
		}, "PATCH", "/v1/users/u/metadata", `{"unsafe_metadata":{"a":1}}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.ReplaceMetadata(ctx, "u", client.UserMetadata{PrivateMetadata: raw})
			return err
		}, "PUT", "/v1/users/u/metadata", `{"private_metadata":{"a":1}}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.ReplaceEmailAddress(ctx, "u", client.ReplaceEmailAddress{EmailAddress: client.Set("a@b.c")})
			return err
		}, "PUT", "/v1/users/u/email_address", `{"email_address":"a@b.c"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Ban(ctx, "u"); return err }, "POST", "/v1/users/u/ban", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Unban(ctx, "u"); return err }, "POST", "/v1/users/u/unban", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Lock(ctx, "u"); return err }, "POST", "/v1/users/u/lock", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.Unlock(ctx, "u"); return err }, "POST", "/v1/users/u/unlock", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.BanMany(ctx, "u", "v")
			return err
		}, "POST", "/v1/users/ban", `{"user_ids":["u","v"]}`, `[]`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Users.UnbanMany(ctx, "u"); return err }, "POST", "/v1/users/unban", `{"user_ids":["u"]}`, `[]`},
		{func(ctx context.Context, c *client.Client) error { return c.Users.VerifyPassword(ctx, "u", "p") }, "POST", "/v1/users/u/verify_password", `{"password":"p"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.RemovePassword(ctx, "u", client.RemovePassword{SignOutOfOtherSessions: client.Set(true)})
			return err
		}, "POST", "/v1/users/u/remove_password", `{"sign_out_of_other_sessions":true}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.SetPasswordCompromised(ctx, "u", client.SetPasswordCompromised{})
			return err
		}, "POST", "/v1/users/u/password/set_compromised", `{}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Users.UnsetPasswordCompromised(ctx, "u")
			return err
		}, "POST", "/v1/users/u/password/unset_compromised", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.EmailAddresses.Create(ctx, client.CreateEmailAddress{UserID: client.Set("u"), Verified: client.Set(false)})
			return err
		}, "POST", "/v1/email_addresses", `{"user_id":"u","verified":false}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.EmailAddresses.Get(ctx, "e")
			return err
		}, "GET", "/v1/email_addresses/e", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.EmailAddresses.Update(ctx, "e", client.UpdateEmailAddress{Primary: client.Set(true)})
			return err
		}, "PATCH", "/v1/email_addresses/e", `{"primary":true}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.EmailAddresses.Delete(ctx, "e")
			return err
		}, "DELETE", "/v1/email_addresses/e", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Events.List(ctx, client.ListEvents{Types: []string{"a", "b"}, SessionID: "s", UserID: "u", Since: "1"})
			return err
		}, "GET", "/v1/events?paginated=true&session_id=s&since=1&type=a&type=b&user_id=u", "", `[]`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Events.Get(ctx, "e"); return err }, "GET", "/v1/events/e", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.List(ctx, client.Page{Limit: 5})
			return err
		}, "GET", "/v1/webhook_endpoints?limit=5&paginated=true", "", `[]`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Get(ctx, "e")
			return err
		}, "GET", "/v1/webhook_endpoints/e", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Create(ctx, client.CreateWebhookEndpoint{URL: client.Set("https://a"), EventTypes: client.Set([]string{"t"})})
			return err
		}, "POST", "/v1/webhook_endpoints", `{"url":"https://a","event_types":["t"]}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Update(ctx, "e", client.UpdateWebhookEndpoint{Enabled: client.Set(true)})
			return err
		}, "PATCH", "/v1/webhook_endpoints/e", `{"enabled":true}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Delete(ctx, "e")
			return err
		}, "DELETE", "/v1/webhook_endpoints/e", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Secret(ctx, "e")
			return err
		}, "GET", "/v1/webhook_endpoints/e/secret", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.RotateSecret(ctx, "e", client.RotateWebhookSecret{ExpireOldSecretAfterSeconds: client.Set(int64(0))})
			return err
		}, "POST", "/v1/webhook_endpoints/e/secret/rotate", `{"expire_old_secret_after_seconds":0}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Deliveries(ctx, "e", client.ListWebhookDeliveries{Status: "failed", EventID: "v"})
			return err
		}, "GET", "/v1/webhook_endpoints/e/deliveries?event_id=v&paginated=true&status=failed", "", `[]`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Redeliver(ctx, "e", client.RedeliverWebhooks{Since: client.Set("0")})
			return err
		}, "POST", "/v1/webhook_endpoints/e/redeliver", `{"since":"0"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WebhookEndpoints.Test(ctx, "e")
			return err
		}, "POST", "/v1/webhook_endpoints/e/test", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Clients.List(ctx, client.ListClients{})
			return err
		}, "GET", "/v1/clients?paginated=true", "", `{"data":[],"total_count":0}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Clients.Get(ctx, "c"); return err }, "GET", "/v1/clients/c", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Clients.Verify(ctx, "t"); return err }, "POST", "/v1/clients/verify", `{"token":"t"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Clients.HandshakePayload(ctx, "a b")
			return err
		}, "GET", "/v1/clients/handshake_payload?nonce=a+b", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.JWTTemplates.List(ctx, client.ListTemplates{})
			return err
		}, "GET", "/v1/jwt_templates?paginated=true", "", `{"data":[],"total_count":0}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.JWTTemplates.Create(ctx, client.WriteTemplate{Name: client.Set("n"), Claims: raw})
			return err
		}, "POST", "/v1/jwt_templates", `{"name":"n","claims":{"a":1}}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.JWTTemplates.Get(ctx, "t"); return err }, "GET", "/v1/jwt_templates/t", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.JWTTemplates.Update(ctx, "t", client.WriteTemplate{Lifetime: client.Set(int64(30))})
			return err
		}, "PATCH", "/v1/jwt_templates/t", `{"lifetime":30}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.JWTTemplates.Delete(ctx, "t")
			return err
		}, "DELETE", "/v1/jwt_templates/t", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.SignInTokens.Create(ctx, client.CreateSignInToken{UserID: client.Set("u")})
			return err
		}, "POST", "/v1/sign_in_tokens", `{"user_id":"u"}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.SignInTokens.Revoke(ctx, "t")
			return err
		}, "POST", "/v1/sign_in_tokens/t/revoke", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.ActorTokens.Create(ctx, client.CreateActorToken{UserID: client.Set("u"), Actor: raw})
			return err
		}, "POST", "/v1/actor_tokens", `{"user_id":"u","actor":{"a":1}}`, `{}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.ActorTokens.Revoke(ctx, "t")
			return err
		}, "POST", "/v1/actor_tokens/t/revoke", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.TestingTokens.Create(ctx); return err }, "POST", "/v1/testing_tokens", "", `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Instance.Get(ctx); return err }, "GET", "/v1/instance", "", `{}`},
		{func(ctx context.Context, c *client.Client) error {
			return c.Instance.Update(ctx, client.UpdateInstance{TestMode: client.Set(true)})
		}, "PATCH", "/v1/instance", `{"test_mode":true}`, `{}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.JWKS.Get(ctx); return err }, "GET", "/v1/jwks", "", `{"keys":[]}`},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			sdk, seen := fake(t, 200, c.resp)
			if err := c.call(t.Context(), sdk); err != nil {
				t.Fatal(err)
			}
			if want := (exchange{c.method, c.target, c.body, ""}); *seen != want {
				t.Errorf("got  %v\nwant %v", *seen, want)
			}
		})
	}
}

func TestOriginBecomesAHeader(t *testing.T) {
	c, seen := fake(t, 200, `{"object":"token","jwt":"x"}`)
	token, err := c.Sessions.CreateToken(t.Context(), "s", client.CreateToken{Origin: "https://app.example.com"})
	if err != nil || token.JWT != "x" || seen.origin != "https://app.example.com" || seen.body != "{}" {
		t.Errorf("%v %v %v", token, err, seen)
	}
}

func TestNoContent(t *testing.T) {
	c, _ := fake(t, 204, "")
	if err := c.Instance.Update(t.Context(), client.UpdateInstance{}); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	const envelope = `{"errors":[{"message":"m","long_message":"l","code":"the_code","meta":{"param_name":"p"}}],"clerk_trace_id":"abc"}`
	for status, want := range map[int]error{
		400: client.ErrInvalid, 422: client.ErrInvalid, 401: client.ErrUnauthorized, 403: client.ErrForbidden, 404: client.ErrNotFound,
		409: client.ErrConflict, 410: client.ErrGone, 429: client.ErrRateLimited, 500: client.ErrUnavailable, 503: client.ErrUnavailable,
	} {
		c, _ := fake(t, status, envelope, "Retry-After", "7")
		_, err := c.Sessions.Get(t.Context(), "s")
		var told *client.APIError
		if !errors.Is(err, want) || !errors.As(err, &told) || told.Status != status || !told.Has("the_code") || told.TraceID != "abc" ||
			told.RetryAfter != 7*time.Second || told.Errors[0].Meta.ParamName != "p" {
			t.Errorf("%d: %v", status, err)
		}
		if status != 404 && errors.Is(err, client.ErrNotFound) {
			t.Errorf("%d is ErrNotFound", status)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		body, kind  string
		unavailable bool
	}{
		"HTML of a proxy":          {502, "<html>" + strings.Repeat("x", 1000), "text/html", true},
		"HTML that says 200":       {200, "<html>", "text/html", false},
		"half an object":           {200, `{"id":`, "application/json", false},
		"an error without errors":  {400, `{}`, "application/json", false},
		"an error with none in it": {400, `{"errors":[]}`, "application/json", false},
		"nothing":                  {500, ``, "", true},
	} {
		sdk, _ := fake(t, c.status, c.body, "Content-Type", c.kind)
		_, err := sdk.Sessions.Get(t.Context(), "s")
		var unexpected *client.UnexpectedResponseError
		if !errors.As(err, &unexpected) || unexpected.Status != c.status || len(unexpected.Body) > 512 || errors.Is(err, client.ErrUnavailable) != c.unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRetries(t *testing.T) {
	getting := func(c *client.Client) error { _, err := c.Sessions.Get(context.Background(), "s"); return err }
	creating := func(c *client.Client) error {
		_, err := c.Sessions.Create(context.Background(), client.CreateSession{})
		return err
	}
	revoking := func(c *client.Client) error { _, err := c.Sessions.Revoke(context.Background(), "s"); return err }
	for _, c := range []struct {
		name       string
		call       func(*client.Client) error
		status     int
		retryAfter string
		attempts   int64
		wait       time.Duration // of the first, when the server asks for one
	}{
		{"a read of a server that is down", getting, 503, "", 3, 0},
		{"a read behind a bad gateway", getting, 502, "", 3, 0},
		{"a read that fails for good", getting, 500, "", 1, 0},
		{"a read that is not found", getting, 404, "", 1, 0},
		{"a read that is one too many", getting, 429, "3", 3, 3 * time.Second},
		{"a wait that is too long is cut", getting, 429, "3600", 3, 30 * time.Second},
		{"a write of a server that is down", creating, 503, "", 1, 0},
		{"a write behind a bad gateway", creating, 502, "", 1, 0},
		{"a write that was surely not done", creating, 503, "1", 3, time.Second},
		{"a write that is one too many", creating, 429, "1", 3, time.Second},
		{"a revoke is as good as a read", revoking, 502, "", 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var attempts atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				attempts.Add(1)
				w.Header().Set("Content-Type", "application/json")
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, `{"errors":[{"code":"x","message":"","long_message":""}]}`)
			}))
			defer server.Close()
			var waits []time.Duration
			sdk, err := client.New(key, client.WithURL(server.URL+"/v1/"), client.WithSleep(func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.call(sdk); err == nil {
				t.Error("no error")
			}
			if attempts.Load() != c.attempts || (c.wait > 0 && waits[0] != c.wait) {
				t.Errorf("%d attempts, waits %v", attempts.Load(), waits)
			}
		})
	}
}

func TestWaitsStayBetweenTheirBounds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer server.Close()
	waits := 0
	sdk, err := client.New(key, client.WithURL(server.URL), client.WithMaxRetries(100), client.WithSleep(func(_ context.Context, d time.Duration) error {
		if waits++; d < 100*time.Millisecond || d > 30*time.Second {
			t.Errorf("wait %d: %v", waits, d)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.Sessions.Get(t.Context(), "s"); err == nil || waits != 100 {
		t.Errorf("%d waits, %v", waits, err)
	}
}

func TestACancelledCallerIsNotRetried(t *testing.T) {
	c, _ := fake(t, 503, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Sessions.Get(ctx, "s"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRedirectsDoNotCarryTheKeyAway(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed with %v", r.Header)
	}))
	defer thief.Close()
	c, _ := fake(t, 307, "", "Location", thief.URL)
	_, err := c.Sessions.Get(t.Context(), "s")
	var unexpected *client.UnexpectedResponseError
	if !errors.As(err, &unexpected) || unexpected.Status != 307 {
		t.Error(err)
	}
}

func TestTheKeyDoesNotPrint(t *testing.T) {
	c, _ := fake(t, 500, "")
	_, err := c.Sessions.Get(t.Context(), "s")
	closed, errClosed := client.New(key, client.WithURL("http://127.0.0.1:1"), client.WithMaxRetries(0))
	if errClosed != nil {
		t.Fatal(errClosed)
	}
	_, errConnect := closed.Sessions.Get(t.Context(), "s")
	for _, out := range []string{fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%v %+v", c.Sessions, c.Users), fmt.Sprint(err), fmt.Sprint(errConnect), c.LogValue().String()} {
		if strings.Contains(out, key) {
			t.Errorf("printed: %s", out)
		}
	}
}

func TestAllGoesThroughThePages(t *testing.T) {
	const total = 230
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var offset, limit int
		_, _ = fmt.Sscan(r.URL.Query().Get("offset")+" 0", &offset)
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		var data []client.Session
		for i := offset; i < min(total, offset+limit); i++ {
			data = append(data, client.Session{ID: fmt.Sprint(i)})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(client.List[client.Session]{Data: data, TotalCount: total, Enveloped: true})
	}))
	defer server.Close()
	c, err := client.New(key, client.WithURL(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s, err := range c.Sessions.All(t.Context(), client.ListSessions{UserID: "u"}) {
		if err != nil || s.ID != fmt.Sprint(n) {
			t.Fatalf("%d: %v %v", n, s, err)
		}
		n++
	}
	if n != total {
		t.Errorf("%d of %d", n, total)
	}
	for range c.Sessions.All(t.Context(), client.ListSessions{}) {
		n++
		break
	}
	if n != total+1 {
		t.Error("a loop that breaks goes on")
	}
}

func TestAllTellsErrors(t *testing.T) {
	c, _ := fake(t, 401, `{"errors":[{"code":"clerk_key_invalid","message":"","long_message":""}]}`)
	n := 0
	for s, err := range c.Users.All(t.Context(), client.ListUsers{}) {
		if n++; s != nil || !errors.Is(err, client.ErrUnauthorized) || n > 1 {
			t.Fatalf("%v %v", s, err)
		}
	}
	if n != 1 {
		t.Error("the error was not told")
	}
}

func TestIDsThatAreNone(t *testing.T) {
	c, seen := fake(t, 200, "{}")
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.Users.Delete(t.Context(), id); err == nil || seen.method != "" {
			t.Errorf("%q was sent: %v", id, *seen)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct{ key, url string }{
		"no key":         {"", client.DefaultURL},
		"key with space": {"sk_test a", client.DefaultURL},
		"no URL":         {key, ""},
		"no scheme":      {key, "api.example.com"},
		"another scheme": {key, "ftp://api.example.com"},
	} {
		if _, err := client.New(c.key, client.WithURL(c.url)); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
