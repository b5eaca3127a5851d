package httpapi

import (
	"errors"
	"net/http"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/signin"
)

// The steps of a sign-in, as the page shows them.
const (
	stepStart       = "start"
	stepCode        = "code"
	stepNewPassword = "new_password"
	stepTicket      = "ticket"
	stepSignedIn    = "signed_in"
)

// signInSight is what the sign-in page shows.
type signInSight struct {
	sight
	Email  string // to which the code went
	Reset  bool   // the code is for a new password
	Ticket string
	Who    string // is signed in here already
	After  string // where they can go on to
	Single bool   // nobody else can be signed in beside them
	Closed bool   // nobody can sign up
}

// showSignIn shows the step that the sign-in has come to. A ticket is used only when somebody presses the button:
// whoever follows a stranger's link is not to be signed in as somebody else.
func (s *stop) showSignIn() error {
	step := s.form.Get("step")
	switch {
	case s.form.Get("__clerk_ticket") != "":
		return s.signInAt(stepTicket)
	case !s.form.Has("plain") && s.components() != nil:
		return s.showComponents("Sign in")
	case step == stepStart:
		return s.signInAt(stepStart)
	case s.signInStep() != stepStart:
		return s.signInAt(s.signInStep())
	case s.signedIn():
		return s.signInAt(stepSignedIn)
	default:
		return s.signInAt(stepStart)
	}
}

// openSignIn is the sign-in that is on its way here; its ID is "" when there is none.
func (s *stop) openSignIn() api.SignIn {
	if s.client == nil || s.client.SignIn == nil {
		return api.SignIn{}
	}
	return *s.client.SignIn
}

// codeStrategy is how the open sign-in is being proved, if that is by a code.
func (s *stop) codeStrategy() signin.Strategy {
	verification := s.openSignIn().FirstFactorVerification
	if verification == nil || verification.Strategy == nil || !signin.Strategy(*verification.Strategy).ByCode() {
		return ""
	}
	return signin.Strategy(*verification.Strategy)
}

func (s *stop) signInStep() string {
	status := signin.Status(s.openSignIn().Status)
	switch {
	case status == signin.NeedsNewPassword:
		return stepNewPassword
	case status == signin.NeedsFirstFactor && s.codeStrategy() != "":
		return stepCode
	default:
		return stepStart
	}
}

func (s *stop) signInAt(step string) error {
	view := signInSight{
		sight: s.sight("Sign in", step), Ticket: s.form.Get("__clerk_ticket"), Reset: s.codeStrategy() == signin.ResetEmailCode,
		Single: s.a.Settings.Browsers.SingleSession, Closed: s.a.Settings.Browsers.SignUpRestricted, After: s.destination(),
	}
	if identifier := s.openSignIn().Identifier; identifier != nil {
		view.Email = *identifier
	}
	if step == stepNewPassword {
		view.Title = "Choose a new password"
	}
	if s.signedIn() {
		view.Who = nameOf(s.client.Sessions[len(s.client.Sessions)-1].PublicUserData)
	}
	if view.After == "" {
		view.After = "/" + app.UserPage
	}
	return s.show(app.SignInPage, view)
}

func nameOf(u *api.PublicUserData) string {
	if u == nil {
		return ""
	}
	return u.Identifier
}

// signIn takes the sign-in a step further.
func (s *stop) signIn() error {
	at, take := s.signInAction(s.form.Get("action"))
	if take == nil {
		return plain(http.StatusUnprocessableEntity, "form_param_value_invalid", "is invalid", "The form asks for what this page cannot do.")
	}
	view, err := take()
	if err != nil {
		if sessionID := alreadyIn(err); sessionID != "" {
			return s.finish(sessionID)
		}
		if err := s.refused(err); err != nil {
			return err
		}
		return s.signInAt(at)
	}
	switch {
	case view == nil: // something is missing
		return s.signInAt(at)
	case view.CreatedSessionID != nil:
		return s.finish(*view.CreatedSessionID)
	default:
		return s.goTo(s.link(app.SignInPage))
	}
}

// signInAction is what a button does, and the step at which it stands.
func (s *stop) signInAction(name string) (at string, take func() (*api.SignIn, error)) {
	ctx, ref := s.r.Context(), api.SignInRef{SignInID: s.openSignIn().ID}
	begin := func(strategy signin.Strategy) func() (*api.SignIn, error) {
		return func() (*api.SignIn, error) {
			if s.form.Get("identifier") == "" {
				s.needs("identifier", "Enter your email address.")
				return nil, nil //nolint:nilnil // nothing was done
			}
			req := &api.CreateSignIn{Identifier: s.given("identifier"), Strategy: api.Set(string(strategy))}
			if strategy == signin.Password {
				if req.Password = s.given("password"); !req.Password.Present() {
					s.needs("password", "Enter your password.")
					return nil, nil //nolint:nilnil // nothing was done
				}
			}
			return s.a.CreateSignIn(ctx, s.v, req)
		}
	}
	switch name {
	case "password":
		return stepStart, begin(signin.Password)
	case "email":
		return stepStart, begin(signin.EmailCode)
	case "reset":
		return stepStart, begin(signin.ResetEmailCode)
	case "code":
		return stepCode, func() (*api.SignIn, error) {
			return s.a.AttemptFirstFactor(ctx, s.v, &api.AttemptFirstFactor{SignInRef: ref, Strategy: api.Set(string(s.codeStrategy())), Code: s.given("code")})
		}
	case "resend":
		return stepCode, func() (*api.SignIn, error) {
			return s.a.PrepareFirstFactor(ctx, s.v, &api.PrepareFirstFactor{SignInRef: ref, Strategy: api.Set(string(s.codeStrategy()))})
		}
	case "new_password":
		return stepNewPassword, func() (*api.SignIn, error) {
			return s.a.ResetPassword(ctx, s.v, &api.ResetPassword{SignInRef: ref, Password: s.given("password"), SignOutOfOtherSessions: api.Set(s.form.Has("sign_out"))})
		}
	case "ticket":
		return stepStart, func() (*api.SignIn, error) {
			return s.a.CreateSignIn(ctx, s.v, &api.CreateSignIn{Strategy: api.Set(string(signin.Ticket)), Ticket: s.given("__clerk_ticket")})
		}
	default:
		return "", nil
	}
}

// alreadyIn is the session of whoever is signed in here already, if that is what a sign-in was refused for.
func alreadyIn(err error) string {
	if told, ok := errors.AsType[*api.Error](err); ok && told.Has("identifier_already_signed_in") && told.Errors[0].Meta != nil {
		return told.Errors[0].Meta.SessionID
	}
	return ""
}
