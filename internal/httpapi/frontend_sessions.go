package httpapi

import (
	"net/http"

	"github.com/sojourn-auth/sojourn/internal/app"
)

// browserSessionRoutes are what visitors do with the sessions of their browser.
func browserSessionRoutes(a *app.App) []FrontendRoute {
	return []FrontendRoute{
		ofClient(a, "DELETE /v1/client/sessions", a.EndAllSessions),
		ofClient(a, "DELETE /v1/client", a.DeleteBrowserClient),
		wrapped(a, "GET /v1/client/sessions/{session_id}", a.GetBrowserSession),
		wrapped(a, "POST /v1/client/sessions/{session_id}/touch", a.TouchSession),
		wrapped(a, "POST /v1/client/sessions/{session_id}/end", a.EndBrowserSession),
		wrapped(a, "POST /v1/client/sessions/{session_id}/remove", a.RemoveBrowserSession),
		bare(a, "POST /v1/client/sessions/{session_id}/tokens", a.CreateBrowserToken),
		bare(a, "POST /v1/client/sessions/{session_id}/tokens/{template_name}", a.CreateBrowserToken),
	}
}

// meRoutes are what visitors do as the user of a session.
func meRoutes(a *app.App) []FrontendRoute {
	return []FrontendRoute{
		bare(a, "GET /v1/me/sessions/active", a.ListActiveSessions),
		wrapped(a, "POST /v1/me/sessions/{session_id}/revoke", a.RevokeOwnSession),

		wrapped(a, "GET /v1/me", a.GetMe),
		wrapped(a, "PATCH /v1/me", a.UpdateMe),
		wrapped(a, "DELETE /v1/me", a.DeleteMe),
		wrapped(a, "PATCH /v1/me/metadata", a.MergeMyMetadata),
		wrapped(a, "POST /v1/me/change_password", a.ChangePassword),
		wrapped(a, "POST /v1/me/remove_password", a.RemoveMyPassword),
		unread(wrapped(a, "POST /v1/me/profile_image", a.SetMyImage)),
		wrapped(a, "DELETE /v1/me/profile_image", a.SetMyImage),
		wrapped(a, "GET /v1/me/organization_memberships", a.ListMyMemberships),

		bare(a, "GET /v1/me/email_addresses", a.ListMyEmailAddresses),
		wrapped(a, "POST /v1/me/email_addresses", a.AddMyEmailAddress),
		wrapped(a, "GET /v1/me/email_addresses/{email_address_id}", a.GetMyEmailAddress),
		wrapped(a, "DELETE /v1/me/email_addresses/{email_address_id}", a.DeleteMyEmailAddress),
		wrapped(a, "POST /v1/me/email_addresses/{email_address_id}/prepare_verification", a.PrepareMyEmailAddress),
		wrapped(a, "POST /v1/me/email_addresses/{email_address_id}/attempt_verification", a.AttemptMyEmailAddress),
	}
}

// unread is a route that passes over the body of requests, which is of a type that nothing here reads.
func unread(route FrontendRoute) FrontendRoute {
	read := route.handler
	route.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.NoBody
		read.ServeHTTP(w, r)
	})
	return route
}
