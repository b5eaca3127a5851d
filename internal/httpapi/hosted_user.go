package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

// userSight is what the user page shows.
type userSight struct {
	sight
	User    *api.BrowserUser
	Email   string
	Emails  []emailSight
	Least   int // characters of a password
	Devices []deviceSight
	Others  []otherSight // users who are signed in here too
	Single  bool
	Saved   bool
	After   string // a page to go back to; "" for none
}

type emailSight struct {
	ID, Address       string
	Verified, Primary bool
	Coded             bool // a code was sent, and can be tried
}

type deviceSight struct {
	SessionID  string
	Name       string
	Place      string
	LastActive int64
	Here       bool
}

type otherSight struct{ SessionID, Name string }

// showUser shows people their account, if they are signed in.
func (s *stop) showUser() error {
	if !s.signedIn() {
		return s.goTo(s.link(app.SignInPage, "redirect_url", s.self(app.UserPage)))
	}
	if !s.form.Has("plain") && s.components() != nil {
		return s.showComponents("Your account")
	}
	return s.showAccount()
}

// session is the session that the page is about: the one used last, or the newest.
func (s *stop) session() api.BrowserSession {
	n := slices.IndexFunc(s.client.Sessions, func(b api.BrowserSession) bool {
		return s.client.LastActiveSessionID != nil && b.ID == *s.client.LastActiveSessionID
	})
	if n < 0 {
		n = len(s.client.Sessions) - 1
	}
	return s.client.Sessions[n]
}

func (s *stop) showAccount() error {
	current := s.session()
	s.v.SessionID = current.ID
	sessions, err := s.a.ListActiveSessions(s.r.Context(), s.v, &api.None{})
	if err != nil {
		return err
	}
	view := userSight{
		sight: s.sight("Your account", ""), User: current.User, Email: nameOf(current.PublicUserData),
		Single: s.a.Settings.Browsers.SingleSession, Saved: s.form.Has("saved"), After: s.destination(),
	}
	view.Least = s.a.Settings.PasswordMin
	for _, email := range current.User.EmailAddresses {
		view.Emails = append(view.Emails, emailOf(email, current.User.PrimaryEmailAddressID))
	}
	for _, device := range sessions {
		view.Devices = append(view.Devices, seen(device, current.ID))
	}
	for _, other := range s.client.Sessions {
		if other.ID != current.ID {
			view.Others = append(view.Others, otherSight{SessionID: other.ID, Name: nameOf(other.PublicUserData)})
		}
	}
	return s.show(app.UserPage, view)
}

func emailOf(email api.BrowserEmail, primary *string) emailSight {
	e := emailSight{ID: email.ID, Address: email.EmailAddress, Primary: primary != nil && *primary == email.ID}
	if v := email.Verification; v != nil && v.Status != nil {
		e.Verified, e.Coded = *v.Status == "verified", *v.Status == "unverified"
	}
	return e
}

// seen is a session in words for people.
func seen(device api.SessionWithActivity, current string) deviceSight {
	d := deviceSight{SessionID: device.ID, Name: "Unknown device", LastActive: device.LastActiveAt, Here: device.ID == current}
	activity := device.LatestActivity
	if activity == nil {
		return d
	}
	if name := joined(" on ", activity.BrowserName, activity.DeviceType); name != "" {
		d.Name = name
	}
	d.Place = joined(", ", activity.City, activity.Country, activity.IPAddress)
	return d
}

func joined(by string, parts ...*string) string {
	var known []string
	for _, part := range parts {
		if part != nil && *part != "" {
			known = append(known, *part)
		}
	}
	return strings.Join(known, by)
}

// changeUser does what the buttons of the user page say.
func (s *stop) changeUser() error {
	if !s.signedIn() {
		return s.goTo(s.link(app.SignInPage, "redirect_url", s.self(app.UserPage)))
	}
	ctx, target := s.r.Context(), api.SessionRef{SessionID: s.form.Get("session_id")}
	s.v.SessionID = s.session().ID
	done := s.link(app.UserPage)
	var err error
	switch action := s.form.Get("action"); action {
	case "revoke":
		_, err = s.a.RevokeOwnSession(ctx, s.v, &target)
	case "switch":
		_, err = s.a.TouchSession(ctx, s.v, &api.TouchSession{SessionRef: target})
	case "sign_out":
		if _, err = s.a.RemoveBrowserSession(ctx, s.v, &api.SessionRef{SessionID: s.v.SessionID}); err == nil {
			return s.leave(app.SignInPage)
		}
	default:
		done = s.link(app.UserPage, "saved", "1")
		err = s.changeAccount(action)
	}
	if err == nil {
		return s.goTo(done)
	}
	if told, ok := errors.AsType[*api.Error](err); ok && told.Status == http.StatusUnauthorized { // signed out meanwhile
		return s.goTo(s.link(app.SignInPage))
	}
	if err := s.refused(err); err != nil {
		return err
	}
	return s.showAccount()
}

// changeAccount does what the forms of the user page ask of the account itself.
func (s *stop) changeAccount(action string) (err error) {
	ctx, email := s.r.Context(), api.EmailAddressRef{EmailAddressID: s.form.Get("email_address_id")}
	switch action {
	case "profile":
		_, err = s.a.UpdateMe(ctx, s.v, &api.UpdateMe{FirstName: orNull(s.form.Get("first_name")), LastName: orNull(s.form.Get("last_name"))})
	case "password":
		_, err = s.a.ChangePassword(ctx, s.v, &api.ChangePassword{
			CurrentPassword: orNull(s.form.Get("current_password")), NewPassword: orNull(s.form.Get("new_password")),
			SignOutOfOtherSessions: api.Set(s.form.Has("sign_out_of_other_sessions")),
		})
	case "add_email":
		var added *api.BrowserEmail
		if added, err = s.a.AddMyEmailAddress(ctx, s.v, &api.AddMyEmailAddress{EmailAddress: orNull(s.form.Get("email_address"))}); err == nil {
			email.EmailAddressID = added.ID
			err = s.sendCode(email)
		}
	case "send_code":
		err = s.sendCode(email)
	case "verify_email":
		_, err = s.a.AttemptMyEmailAddress(ctx, s.v, &api.AttemptMyEmailAddress{EmailAddressRef: email, Code: orNull(s.form.Get("code"))})
	case "primary_email":
		_, err = s.a.UpdateMe(ctx, s.v, &api.UpdateMe{PrimaryEmailAddressID: api.Set(email.EmailAddressID)})
	case "delete_email":
		_, err = s.a.DeleteMyEmailAddress(ctx, s.v, &email)
	default:
		err = plain(http.StatusUnprocessableEntity, "form_param_value_invalid", "is invalid", "The form asks for what this page cannot do.")
	}
	return err
}

func (s *stop) sendCode(email api.EmailAddressRef) error {
	_, err := s.a.PrepareMyEmailAddress(s.r.Context(), s.v, &api.PrepareMyEmailAddress{EmailAddressRef: email, Strategy: api.Set("email_code")})
	return err
}

// orNull clears what is empty.
func orNull(text string) api.Field[string] {
	if text == "" {
		return api.Null[string]()
	}
	return api.Set(text)
}
