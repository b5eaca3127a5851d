package httpapi

import (
	"net/http"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/signin"
)

// signUpSight is what the sign-up page shows.
type signUpSight struct {
	sight
	Email     string // to which the code went
	Passwords bool   // a password is required
	Least     int    // characters of one
	Closed    bool   // nobody can sign up
}

// showSignUp shows the step that the sign-up has come to.
func (s *stop) showSignUp() error {
	switch {
	case s.form.Get("__clerk_ticket") != "": // tickets are for users that exist
		return s.goTo(pathWith("/"+app.SignInPage, s.form))
	case !s.form.Has("plain") && s.components() != nil:
		return s.showComponents("Sign up")
	case s.form.Get("step") != stepStart && s.waitsForCode():
		return s.signUpAt(stepCode)
	default:
		return s.signUpAt(stepStart)
	}
}

// openSignUp is the sign-up that is on its way here; its ID is "" when there is none.
func (s *stop) openSignUp() api.SignUp {
	if s.client == nil || s.client.SignUp == nil {
		return api.SignUp{}
	}
	return *s.client.SignUp
}

func (s *stop) waitsForCode() bool {
	open := s.openSignUp()
	verification := open.Verifications.EmailAddress
	return len(open.MissingFields) == 0 && verification != nil && verification.NextAction == "needs_attempt"
}

func (s *stop) signUpAt(step string) error {
	browsers := s.a.Settings.Browsers
	view := signUpSight{
		sight: s.sight("Sign up", step), Passwords: !browsers.PasswordOptional,
		Least: s.a.Settings.PasswordMin, Closed: browsers.SignUpRestricted,
	}
	if email := s.openSignUp().EmailAddress; email != nil {
		view.Email = *email
	}
	return s.show(app.SignUpPage, view)
}

// signUp takes the sign-up a step further.
func (s *stop) signUp() error {
	at, take := s.signUpAction(s.form.Get("action"))
	if take == nil {
		return plain(http.StatusUnprocessableEntity, "form_param_value_invalid", "is invalid", "The form asks for what this page cannot do.")
	}
	view, err := take()
	if err != nil {
		if err := s.refused(err); err != nil {
			return err
		}
		return s.signUpAt(at)
	}
	switch {
	case view == nil: // something is missing
		return s.signUpAt(at)
	case view.CreatedSessionID != nil:
		return s.finish(*view.CreatedSessionID)
	default:
		return s.goTo(s.link(app.SignUpPage))
	}
}

// signUpAction is what a button does, and the step at which it stands.
func (s *stop) signUpAction(name string) (at string, take func() (*api.SignUp, error)) {
	ctx, ref, byCode := s.r.Context(), api.SignUpRef{SignUpID: s.openSignUp().ID}, api.Set(string(signin.EmailCode))
	switch name {
	case "start":
		return stepStart, s.beginSignUp
	case "code":
		return stepCode, func() (*api.SignUp, error) {
			return s.a.AttemptVerification(ctx, s.v, &api.AttemptVerification{SignUpRef: ref, Strategy: byCode, Code: s.given("code")})
		}
	case "resend":
		return stepCode, func() (*api.SignUp, error) {
			return s.a.PrepareVerification(ctx, s.v, &api.PrepareVerification{SignUpRef: ref, Strategy: byCode})
		}
	default:
		return "", nil
	}
}

func (s *stop) beginSignUp() (*api.SignUp, error) {
	switch {
	case s.form.Get("email_address") == "":
		s.needs("email_address", "Enter your email address.")
		return nil, nil //nolint:nilnil // nothing was done
	case s.form.Get("password") == "" && !s.a.Settings.Browsers.PasswordOptional:
		s.needs("password", "Choose a password.")
		return nil, nil //nolint:nilnil // nothing was done
	}
	ctx := s.r.Context()
	begun, err := s.a.CreateSignUp(ctx, s.v, &api.CreateSignUp{SignUpFields: api.SignUpFields{
		EmailAddress: s.given("email_address"), Password: s.given("password"), FirstName: s.given("first_name"), LastName: s.given("last_name"),
	}})
	if err != nil {
		return nil, err
	}
	return s.a.PrepareVerification(ctx, s.v, &api.PrepareVerification{
		SignUpRef: api.SignUpRef{SignUpID: begun.ID}, Strategy: api.Set(string(signin.EmailCode)),
	})
}
