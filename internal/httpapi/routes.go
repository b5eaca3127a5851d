package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
)

// Route is one operation of the Backend API.
type Route struct {
	Pattern string // as net/http.ServeMux reads it
	handler http.Handler
}

// Routes is the whole Backend API, a line for each operation.
func Routes(a *app.App) []Route {
	return []Route{
		route(a, "GET /v1/sessions", a.ListSessions),
		route(a, "POST /v1/sessions", a.CreateSession),
		route(a, "GET /v1/sessions/{session_id}", a.GetSession),
		route(a, "POST /v1/sessions/{session_id}/revoke", a.RevokeSession),
		route(a, "POST /v1/sessions/{session_id}/verify", a.VerifySession),
		route(a, "POST /v1/sessions/{session_id}/refresh", a.RefreshSession),
		route(a, "POST /v1/sessions/{session_id}/tokens", a.CreateToken),
		route(a, "POST /v1/sessions/{session_id}/tokens/{template_name}", a.CreateTokenFromTemplate),

		route(a, "GET /v1/users", a.ListUsers),
		route(a, "POST /v1/users", a.CreateUser),
		route(a, "GET /v1/users/count", a.CountUsers),
		route(a, "POST /v1/users/ban", a.BanUsers),
		route(a, "POST /v1/users/unban", a.UnbanUsers),
		route(a, "GET /v1/users/{user_id}", a.GetUser),
		route(a, "PATCH /v1/users/{user_id}", a.UpdateUser),
		route(a, "DELETE /v1/users/{user_id}", a.DeleteUser),
		route(a, "PATCH /v1/users/{user_id}/metadata", a.MergeUserMetadata),
		route(a, "PUT /v1/users/{user_id}/metadata", a.ReplaceUserMetadata),
		route(a, "PUT /v1/users/{user_id}/email_address", a.ReplaceEmailAddress),
		route(a, "POST /v1/users/{user_id}/ban", a.BanUser),
		route(a, "POST /v1/users/{user_id}/unban", a.UnbanUser),
		route(a, "POST /v1/users/{user_id}/lock", a.LockUser),
		route(a, "POST /v1/users/{user_id}/unlock", a.UnlockUser),
		route(a, "POST /v1/users/{user_id}/verify_password", a.VerifyPassword),
		route(a, "POST /v1/users/{user_id}/remove_password", a.RemovePassword),
		route(a, "POST /v1/users/{user_id}/password/set_compromised", a.SetPasswordCompromised),
		route(a, "POST /v1/users/{user_id}/password/unset_compromised", a.UnsetPasswordCompromised),
		route(a, "GET /v1/users/{user_id}/organization_memberships", a.ListMemberships),

		route(a, "POST /v1/email_addresses", a.CreateEmailAddress),
		route(a, "GET /v1/email_addresses/{email_address_id}", a.GetEmailAddress),
		route(a, "PATCH /v1/email_addresses/{email_address_id}", a.UpdateEmailAddress),
		route(a, "DELETE /v1/email_addresses/{email_address_id}", a.DeleteEmailAddress),

		listClients(a),
		route(a, "POST /v1/clients/verify", a.VerifyClient),
		route(a, "GET /v1/clients/handshake_payload", a.GetHandshakePayload),
		route(a, "GET /v1/clients/{client_id}", a.GetClient),

		route(a, "GET /v1/jwt_templates", a.ListTemplates),
		route(a, "POST /v1/jwt_templates", a.CreateTemplate),
		route(a, "GET /v1/jwt_templates/{template_id}", a.GetTemplate),
		route(a, "PATCH /v1/jwt_templates/{template_id}", a.UpdateTemplate),
		route(a, "DELETE /v1/jwt_templates/{template_id}", a.DeleteTemplate),

		route(a, "POST /v1/sign_in_tokens", a.CreateSignInToken),
		route(a, "POST /v1/sign_in_tokens/{sign_in_token_id}/revoke", a.RevokeSignInToken),
		route(a, "POST /v1/actor_tokens", a.CreateActorToken),
		route(a, "POST /v1/actor_tokens/{actor_token_id}/revoke", a.RevokeActorToken),
		route(a, "POST /v1/testing_tokens", a.CreateTestingToken),

		route(a, "GET /v1/events", a.ListEvents),
		route(a, "GET /v1/events/{event_id}", a.GetEvent),

		route(a, "GET /v1/webhook_endpoints", a.ListWebhookEndpoints),
		route(a, "POST /v1/webhook_endpoints", a.CreateWebhookEndpoint),
		route(a, "GET /v1/webhook_endpoints/{endpoint_id}", a.GetWebhookEndpoint),
		route(a, "PATCH /v1/webhook_endpoints/{endpoint_id}", a.UpdateWebhookEndpoint),
		route(a, "DELETE /v1/webhook_endpoints/{endpoint_id}", a.DeleteWebhookEndpoint),
		route(a, "GET /v1/webhook_endpoints/{endpoint_id}/secret", a.GetWebhookSecret),
		route(a, "POST /v1/webhook_endpoints/{endpoint_id}/secret/rotate", a.RotateWebhookSecret),
		route(a, "GET /v1/webhook_endpoints/{endpoint_id}/deliveries", a.ListWebhookDeliveries),
		route(a, "POST /v1/webhook_endpoints/{endpoint_id}/redeliver", a.RedeliverWebhooks),
		route(a, "POST /v1/webhook_endpoints/{endpoint_id}/test", a.TestWebhookEndpoint),

		route(a, "GET /v1/jwks", a.JWKS),
		route(a, "GET /v1/instance", a.GetInstance),
		route(a, "PATCH /v1/instance", a.UpdateInstance),
	}
}

func route[Req, Res any](a *app.App, pattern string, operation func(context.Context, *Req) (Res, error)) Route {
	return Route{Pattern: pattern, handler: endpoint(a, pattern, operation)}
}

// listClients makes up for the official Go SDK, which reads the envelope here but does not ask for it.
func listClients(a *app.App) Route {
	r := route(a, "GET /v1/clients", a.ListClients)
	plain := r.handler
	r.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.UserAgent(), "clerk/clerk-sdk-go") && !strings.Contains(req.URL.RawQuery, "paginated=") {
			u := *req.URL
			u.RawQuery = strings.TrimPrefix(u.RawQuery+"&paginated=true", "&")
			req = req.WithContext(req.Context())
			req.URL = &u
		}
		plain.ServeHTTP(w, req)
	})
	return r
}
