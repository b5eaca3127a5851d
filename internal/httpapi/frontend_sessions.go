package httpapi

import "github.com/sojourn-auth/sojourn/internal/app"

// browserSessionRoutes are what visitors do with the sessions of their browser.
func browserSessionRoutes(a *app.App) []FrontendRoute {
	return []FrontendRoute{
		ofClient(a, "DELETE /v1/client/sessions", a.EndAllSessions),
		ofClient(a, "DELETE /v1/client", a.DeleteBrowserClient),
		wrapped(a, "GET /v1/client/sessions/{session_id}", a.GetBrowserSession),
		wrappedWithTokens(a, "POST /v1/client/sessions/{session_id}/touch", a.TouchSession),
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
	}
}
