package httpapi

import "github.com/sojourn-auth/sojourn/internal/app"

// signRoutes are how visitors sign in and up.
func signRoutes(a *app.App) []FrontendRoute {
	return []FrontendRoute{
		wrapped(a, "POST /v1/client/sign_ins", a.CreateSignIn),
		wrapped(a, "GET /v1/client/sign_ins/{sign_in_id}", a.GetSignIn),
		wrapped(a, "POST /v1/client/sign_ins/{sign_in_id}/prepare_first_factor", a.PrepareFirstFactor),
		wrapped(a, "POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor", a.AttemptFirstFactor),
		wrapped(a, "POST /v1/client/sign_ins/{sign_in_id}/reset_password", a.ResetPassword),

		wrapped(a, "POST /v1/client/sign_ups", a.CreateSignUp),
		wrapped(a, "GET /v1/client/sign_ups/{sign_up_id}", a.GetSignUp),
		wrapped(a, "PATCH /v1/client/sign_ups/{sign_up_id}", a.UpdateSignUp),
		wrapped(a, "POST /v1/client/sign_ups/{sign_up_id}/prepare_verification", a.PrepareVerification),
		wrapped(a, "POST /v1/client/sign_ups/{sign_up_id}/attempt_verification", a.AttemptVerification),
	}
}
