package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/client"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/clerk/clerk-sdk-go/v2/jwttemplate"
	"github.com/clerk/clerk-sdk-go/v2/session"
	"github.com/clerk/clerk-sdk-go/v2/testingtoken"
	"github.com/clerk/clerk-sdk-go/v2/user"
)

// clerkGo is the official Go SDK, pointed at one server.
type clerkGo struct {
	users     *user.Client
	sessions  *session.Client
	clients   *client.Client
	templates *jwttemplate.Client
	keys      *jwks.Client
	testing   *testingtoken.Client
}

func newClerkGo(s *server, key string) clerkGo {
	config := &clerk.ClientConfig{BackendConfig: clerk.BackendConfig{Key: &key, URL: new(s.BackendURL + "/v1")}}
	return clerkGo{
		users:     user.NewClient(config),
		sessions:  session.NewClient(config),
		clients:   client.NewClient(config),
		templates: jwttemplate.NewClient(config),
		keys:      jwks.NewClient(config),
		testing:   testingtoken.NewClient(config),
	}
}

func (c clerkGo) newUser(t *testing.T, email string) *clerk.User {
	t.Helper()
	metadata := json.RawMessage(`{"plan":"gold"}`)
	created, err := c.users.Create(t.Context(), &user.CreateParams{
		EmailAddresses: &[]string{email},
		FirstName:      new("Maria"),
		Password:       new("a long enough secret"),
		PublicMetadata: &metadata,
	})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func (c clerkGo) newSession(t *testing.T, userID string) *clerk.Session {
	t.Helper()
	created, err := c.sessions.Create(t.Context(), &session.CreateParams{UserID: userID})
	if err != nil {
		t.Fatal(err)
	}
	if created.Status != "active" || created.UserID != userID {
		t.Fatalf("created session is %s of %s, want active of %s", created.Status, created.UserID, userID)
	}
	return created
}

func (c clerkGo) newToken(t *testing.T, params session.CreateTokenParams) string {
	t.Helper()
	token, err := c.sessions.CreateToken(t.Context(), &params)
	if err != nil {
		t.Fatal(err)
	}
	return token.JWT
}

// TestGoSDK drives the server through github.com/clerk/clerk-sdk-go/v2, unmodified.
func TestGoSDK(t *testing.T) {
	t.Parallel()
	s := start(t)
	sdk := newClerkGo(s, s.SecretKey)
	maria := sdk.newUser(t, "maria@example.com")
	mine := sdk.newSession(t, maria.ID)

	t.Run("users", func(t *testing.T) { sdk.testUsers(t, maria) })
	t.Run("sessions are listed with their total", func(t *testing.T) { sdk.testList(t, mine) })
	t.Run("clients are listed though the SDK forgets to ask for the envelope", func(t *testing.T) {
		list, err := sdk.clients.List(t.Context(), &client.ListParams{}) //nolint:staticcheck // deprecated, but apps still call it
		if err != nil {
			t.Fatal(err)
		}
		known := slices.ContainsFunc(list.Clients, func(c *clerk.Client) bool { return c.ID == mine.ClientID })
		if !known || list.TotalCount != int64(len(list.Clients)) {
			t.Errorf("got %d of %d clients, want all with the one of the session", len(list.Clients), list.TotalCount)
		}
	})
	t.Run("tokens are verified", func(t *testing.T) { sdk.testTokens(t, s, mine) })
	t.Run("tokens from a template", func(t *testing.T) { sdk.testTemplateTokens(t, s, mine) })
	t.Run("verify judges the state, since the SDK never sends the token", func(t *testing.T) {
		params := &session.VerifyParams{ID: mine.ID, Token: new("ignored")}
		verified, err := sdk.sessions.Verify(t.Context(), params) //nolint:staticcheck // deprecated, but apps still call it
		if err != nil || verified.ID != mine.ID {
			t.Fatalf("verify: %v, %v", verified, err)
		}
	})
	t.Run("a testing token", func(t *testing.T) {
		token, err := sdk.testing.Create(t.Context())
		if err != nil || token.Token == "" {
			t.Fatalf("testing token: %+v, %v", token, err)
		}
	})
	t.Run("revoking", func(t *testing.T) { sdk.testRevoke(t, mine) })
	t.Run("documented errors", func(t *testing.T) { sdk.testErrors(t, newClerkGo(s, "sk_test_wrong")) })
}

func (c clerkGo) testUsers(t *testing.T, maria *clerk.User) {
	ctx := t.Context()
	found, err := c.users.List(ctx, &user.ListParams{EmailAddresses: []string{"maria@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if found.TotalCount != 1 || len(found.Users) != 1 || found.Users[0].ID != maria.ID {
		t.Errorf("list by address: %d of %d, want maria", len(found.Users), found.TotalCount)
	}
	updated, err := c.users.Update(ctx, maria.ID, &user.UpdateParams{LastName: new("Doe")})
	if err != nil || updated.LastName == nil || *updated.LastName != "Doe" {
		t.Errorf("update: %+v, %v", updated, err)
	}
	level := json.RawMessage(`{"level":3}`)
	merged, err := c.users.UpdateMetadata(ctx, maria.ID, &user.UpdateMetadataParams{PublicMetadata: &level})
	if err != nil || string(merged.PublicMetadata) != `{"level":3,"plan":"gold"}` {
		t.Errorf("merged metadata: %+v, %v", merged, err)
	}
	right, err := c.users.VerifyPassword(ctx, &user.VerifyPasswordParams{UserID: maria.ID, Password: "a long enough secret"})
	if err != nil || !right.Verified {
		t.Errorf("verify password: %+v, %v", right, err)
	}

	other := c.newUser(t, "nils@example.com")
	theirs := c.newSession(t, other.ID)
	if banned, err := c.users.Ban(ctx, other.ID); err != nil || !banned.Banned {
		t.Errorf("ban: %+v, %v", banned, err)
	}
	if ended, err := c.sessions.Get(ctx, theirs.ID); err != nil || ended.Status != "revoked" {
		t.Errorf("session of a banned user: %+v, %v, want revoked", ended, err)
	}
	if gone, err := c.users.Delete(ctx, other.ID); err != nil || !gone.Deleted {
		t.Errorf("delete: %+v, %v", gone, err)
	}
}

func (c clerkGo) testList(t *testing.T, oldest *clerk.Session) {
	ctx := t.Context()
	second := c.newSession(t, oldest.UserID)
	eventually(t, "another millisecond", func() bool { return time.Now().UnixMilli() > second.CreatedAt })
	c.newSession(t, oldest.UserID)
	page, err := c.sessions.List(ctx, &session.ListParams{
		ListParams: clerk.ListParams{Limit: new(int64(2)), Offset: new(int64(1))},
		UserID:     &oldest.UserID,
		Status:     new("active"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if page.TotalCount != 3 || len(page.Sessions) != 2 {
		t.Fatalf("got %d of %d sessions, want 2 of 3", len(page.Sessions), page.TotalCount)
	}
	if page.Sessions[0].ID != second.ID || page.Sessions[1].ID != oldest.ID {
		t.Errorf("got %s, %s; want newest first, from the second on", page.Sessions[0].ID, page.Sessions[1].ID)
	}
}

func (c clerkGo) testTokens(t *testing.T, s *server, mine *clerk.Session) {
	ctx := t.Context()
	pem, err := clerk.JSONWebKeyFromPEM(s.JWTKey)
	if err != nil {
		t.Fatal(err)
	}
	token := c.newToken(t, session.CreateTokenParams{ID: mine.ID})
	for name, params := range map[string]*jwt.VerifyParams{
		"by JWKS": {Token: token, ProxyURL: &s.FrontendURL, JWKSClient: c.keys},
		"by PEM":  {Token: token, ProxyURL: &s.FrontendURL, JWK: pem},
	} {
		claims, err := jwt.Verify(ctx, params)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if claims.Subject != mine.UserID || claims.SessionID != mine.ID || claims.Issuer != s.FrontendURL {
			t.Errorf("%s: sub %s, sid %s, iss %s", name, claims.Subject, claims.SessionID, claims.Issuer)
		}
		if lifetime := *claims.Expiry - *claims.IssuedAt; lifetime != 60 {
			t.Errorf("%s: lifetime %d s, want 60", name, lifetime)
		}
	}
	if _, err := jwt.Verify(ctx, &jwt.VerifyParams{Token: token, JWK: pem}); err == nil {
		t.Error("a token of an issuer that is not Clerk was accepted without ProxyURL")
	}

	long := c.newToken(t, session.CreateTokenParams{ID: mine.ID, ExpiresInSeconds: new(int64(600))})
	claims, err := jwt.Verify(ctx, &jwt.VerifyParams{Token: long, JWK: pem, ProxyURL: &s.FrontendURL})
	if err != nil {
		t.Fatal(err)
	}
	if lifetime := *claims.Expiry - *claims.IssuedAt; lifetime != 600 {
		t.Errorf("lifetime %d s, want the 600 asked for", lifetime)
	}
}

func (c clerkGo) testTemplateTokens(t *testing.T, s *server, mine *clerk.Session) {
	ctx := t.Context()
	_, err := c.templates.Create(ctx, &jwttemplate.CreateParams{
		Name:   new("greeter"),
		Claims: json.RawMessage(`{"greeting":"Hi {{user.first_name}}","plan":"{{user.public_metadata.plan}}"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.templates.List(ctx, &jwttemplate.ListParams{})
	if err != nil || list.TotalCount != 1 || list.JWTTemplates[0].Name != "greeter" {
		t.Errorf("list templates: %+v, %v", list, err)
	}
	token := c.newToken(t, session.CreateTokenParams{ID: mine.ID, TemplateName: "greeter"})
	decoded, err := jwt.Decode(ctx, &jwt.DecodeParams{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if decoded.Extra["greeting"] != "Hi Maria" || decoded.Extra["plan"] != "gold" || decoded.Extra["sid"] != nil {
		t.Errorf("claims %v", decoded.Extra)
	}
	if _, err := jwt.Verify(ctx, &jwt.VerifyParams{Token: token, ProxyURL: &s.FrontendURL, JWKSClient: c.keys}); err != nil {
		t.Error(err)
	}
}

func (c clerkGo) testRevoke(t *testing.T, mine *clerk.Session) {
	ctx := t.Context()
	revoked, err := c.sessions.Revoke(ctx, &session.RevokeParams{ID: mine.ID})
	if err != nil || revoked.Status != "revoked" {
		t.Fatalf("revoke: %+v, %v", revoked, err)
	}
	_, err = c.sessions.CreateToken(ctx, &session.CreateTokenParams{ID: mine.ID})
	wantAPIError(t, err, http.StatusUnauthorized, "authentication_invalid", "")
	_, err = c.sessions.Verify(ctx, &session.VerifyParams{ID: mine.ID}) //nolint:staticcheck // as above
	wantAPIError(t, err, http.StatusUnauthorized, "authentication_invalid", "")
}

func (c clerkGo) testErrors(t *testing.T, stranger clerkGo) {
	ctx := t.Context()
	unknown := "sess_" + strings.Repeat("0", 27)
	_, err := c.sessions.Get(ctx, unknown)
	wantAPIError(t, err, http.StatusNotFound, "resource_not_found", "")
	_, err = c.sessions.CreateToken(ctx, &session.CreateTokenParams{ID: unknown, TemplateName: "greeter"})
	wantAPIError(t, err, http.StatusNotFound, "resource_not_found", "")
	_, err = c.sessions.Create(ctx, &session.CreateParams{UserID: "user_unknown"})
	wantAPIError(t, err, http.StatusNotFound, "resource_not_found", "")
	_, err = c.sessions.List(ctx, &session.ListParams{Status: new("asleep")})
	wantAPIError(t, err, http.StatusUnprocessableEntity, "form_param_value_invalid", "status")
	_, err = c.users.Create(ctx, &user.CreateParams{EmailAddresses: &[]string{"maria@example.com"}})
	wantAPIError(t, err, http.StatusUnprocessableEntity, "form_identifier_exists", "email_address")
	_, err = stranger.sessions.Get(ctx, unknown)
	wantAPIError(t, err, http.StatusUnauthorized, "clerk_key_invalid", "")
	_, err = stranger.keys.Get(ctx, &jwks.GetParams{})
	wantAPIError(t, err, http.StatusUnauthorized, "clerk_key_invalid", "")
}

func wantAPIError(t *testing.T, err error, status int, code, param string) {
	t.Helper()
	var answer *clerk.APIErrorResponse
	if !errors.As(err, &answer) {
		t.Errorf("got %v, want an API error %d %s", err, status, code)
		return
	}
	if answer.HTTPStatusCode != status || len(answer.Errors) == 0 || answer.Errors[0].Code != code {
		t.Errorf("got %v, want %d %s", answer, status, code)
		return
	}
	if answer.TraceID == "" || answer.Response.Header.Get("Clerk-Trace-Id") != answer.TraceID {
		t.Errorf("%s: trace %q in the body, %q in the header", code, answer.TraceID, answer.Response.Header.Get("Clerk-Trace-Id"))
	}
	if param != "" && !strings.Contains(string(answer.Errors[0].Meta), `"param_name":"`+param+`"`) {
		t.Errorf("%s: meta %s, want param_name %s", code, answer.Errors[0].Meta, param)
	}
}
