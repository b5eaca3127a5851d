package app

import (
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

func (d *door) signUpBegun(t *testing.T, b *tab, email string) *api.SignUp {
	t.Helper()
	s, err := ask(t.Context(), b, d.CreateSignUp, &api.CreateSignUp{SignUpFields: api.SignUpFields{EmailAddress: api.Set(email), Password: api.Set(doorPassword)}})
	if err != nil {
		t.Fatalf("sign up: %s", told(err))
	}
	return s
}

func (d *door) update(t *testing.T, b *tab, id string, fields api.SignUpFields) (*api.SignUp, error) {
	t.Helper()
	return ask(t.Context(), b, d.UpdateSignUp, &api.UpdateSignUp{SignUpRef: api.SignUpRef{SignUpID: id}, SignUpFields: fields})
}

func (d *door) prepareSignUp(t *testing.T, b *tab, id string) (*api.SignUp, error) {
	t.Helper()
	return ask(t.Context(), b, d.PrepareVerification, &api.PrepareVerification{SignUpRef: api.SignUpRef{SignUpID: id}, Strategy: api.Set("email_code")})
}

func (d *door) verify(t *testing.T, b *tab, id, code string) (*api.SignUp, error) {
	t.Helper()
	return ask(t.Context(), b, d.AttemptVerification, verificationOfCode(id, code))
}

func verificationOfCode(id, code string) *api.AttemptVerification {
	return &api.AttemptVerification{SignUpRef: api.SignUpRef{SignUpID: id}, Strategy: api.Set("email_code"), Code: api.Set(code)}
}

// TestACodeProvesItsOwnAddress: who gets a code at one address cannot say another one afterwards.
func TestACodeProvesItsOwnAddress(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	b := new(tab)
	s := d.signUpBegun(t, b, "attacker@example.com")
	_, err := d.prepareSignUp(t, b, s.ID)
	must(t, err)
	code := d.mailed(t, "attacker@example.com")
	changed, err := d.update(t, b, s.ID, api.SignUpFields{EmailAddress: api.Set("victim@example.com")})
	must(t, err)
	if v := changed.Verifications.EmailAddress; v.Status != nil || v.NextAction != "needs_prepare" {
		t.Errorf("the verification of the new address is %+v", v)
	}
	_, err = d.verify(t, b, s.ID, code)
	expect(t, "the code of the address before", err, "400 verification_missing")
	_, err = d.prepareSignUp(t, b, s.ID) // at once: a typing error costs no wait
	must(t, err)
	if next := d.mailed(t, "victim@example.com"); next != code {
		_, err = d.verify(t, b, s.ID, code)
		expect(t, "the code of the address before, once more", err, "422 form_code_incorrect code")
	}
	done, err := d.verify(t, b, s.ID, d.mailed(t, "victim@example.com"))
	if err != nil || done.Status != "complete" {
		t.Errorf("the sign-up is %v, %s", done, told(err))
	}
}

// TestTheAddressIsTakenMeanwhile: of two who sign up with one address, the second is told when they prove it.
func TestTheAddressIsTakenMeanwhile(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	first, second := new(tab), new(tab)
	one, two := d.signUpBegun(t, first, testersEmail), d.signUpBegun(t, second, testersEmail)
	for b, s := range map[*tab]*api.SignUp{first: one, second: two} {
		_, err := d.prepareSignUp(t, b, s.ID)
		must(t, err)
	}
	_, err := d.verify(t, first, one.ID, testCode)
	must(t, err)
	for range 2 {
		_, err = d.verify(t, second, two.ID, testCode)
		expect(t, "the second", err, "422 form_identifier_exists email_address")
	}
	_, err = d.update(t, second, two.ID, api.SignUpFields{EmailAddress: api.Set(strings.ToUpper(testersEmail))})
	expect(t, "the address once more", err, "422 form_identifier_exists email_address")
}

// TestSignUpFields: what somebody says of themselves is checked as everywhere, and kept.
func TestSignUpFields(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	for name, test := range map[string]struct{ request, want string }{
		"no address":         {`{"email_address":"nobody"}`, "422 form_param_format_invalid email_address"},
		"a long name":        {`{"first_name":"` + strings.Repeat("x", 257) + `"}`, "422 form_param_max_length_exceeded first_name"},
		"a short password":   {`{"password":"short"}`, "422 form_password_length_too_short password"},
		"a long password":    {`{"password":"` + strings.Repeat("x", 257) + `"}`, "422 form_password_length_too_long password"},
		"no object":          {`{"unsafe_metadata":[1]}`, "422 form_param_type_invalid unsafe_metadata"},
		"too much metadata":  {`{"unsafe_metadata":{"a":"` + strings.Repeat("x", maxMetadata) + `"}}`, "422 form_param_exceeds_allowed_size unsafe_metadata"},
		"a short username":   {`{"username":"abc"}`, "422 form_username_invalid_length username"},
		"a ticket":           {`{"strategy":"ticket","ticket":"x"}`, "400 ticket_invalid_code ticket"},
		"another strategy":   {`{"strategy":"oauth_google"}`, "400 verification_strategy_invalid strategy"},
		"nothing":            {`{}`, ""},
		"a made-up language": {`{"locale":"?!"}`, ""}, // the browser says it, not the person
	} {
		t.Run(name, func(t *testing.T) {
			b := new(tab)
			_, err := ask(t.Context(), b, d.CreateSignUp, parse[api.CreateSignUp](t, test.request))
			expect(t, "create", err, test.want)
			_, err = ask(t.Context(), b, d.UpdateSignUp, &api.UpdateSignUp{SignUpRef: api.SignUpRef{SignUpID: d.signUpBegun(t, b, testersEmail).ID}, SignUpFields: *parse[api.SignUpFields](t, test.request)})
			expect(t, "update", err, test.want)
		})
	}

	b := new(tab)
	s, err := ask(t.Context(), b, d.CreateSignUp, parse[api.CreateSignUp](t, `{"email_address":"Maria+clerk_test@Example.com","password":"`+doorPassword+`",
		"first_name":"María","last_name":"<b>","username":"maria_1","unsafe_metadata":{"a":1},"locale":"es-ES","legal_accepted":true}`))
	must(t, err)
	_, err = d.prepareSignUp(t, b, s.ID)
	must(t, err)
	done, err := d.verify(t, b, s.ID, testCode)
	must(t, err)
	u := getUser(t, d.App, *done.CreatedUserID)
	if got := jsonOf(t, []any{u.FirstName, u.LastName, u.Username, u.UnsafeMetadata, u.Locale, u.LegalAcceptedAt, u.EmailAddresses[0].EmailAddress, u.PasswordEnabled}); got !=
		`["María","\u003cb\u003e","maria_1",{"a":1},"es-ES",1767323045678,"maria+clerk_test@example.com",true]` {
		t.Errorf("the user is %s", got)
	}
	_, err = d.begin(t, new(tab), "MARIA_1", "", doorPassword)
	expect(t, "a sign-in by username", err, "")
	_, err = d.update(t, b, s.ID, api.SignUpFields{FirstName: api.Set("Other")})
	expect(t, "a sign-up that is over", err, "400 client_state_invalid")
}

// TestSignUpsCloseAtOnce: one that is on its way when the operator closes them gets no further.
func TestSignUpsCloseAtOnce(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	b := new(tab)
	s := d.signUpBegun(t, b, testersEmail)
	_, err := d.prepareSignUp(t, b, s.ID)
	must(t, err)
	d.Settings.Browsers.SignUpRestricted = true
	_, err = d.verify(t, b, s.ID, testCode)
	expect(t, "a sign-up on its way", err, "403 sign_up_mode_restricted")
}

// TestSignUpBesideASession: where a client holds one session, a sign-up cannot take its place, at no step.
func TestSignUpBesideASession(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	d.Settings.Browsers.SingleSession = true
	d.user(t, doorEmail)
	b := new(tab)
	s := d.signUpBegun(t, b, testersEmail)
	_, err := d.prepareSignUp(t, b, s.ID)
	must(t, err)
	_, err = d.begin(t, b, doorEmail, "", doorPassword)
	must(t, err)
	_, err = d.verify(t, b, s.ID, testCode)
	expect(t, "the end of a sign-up", err, "400 session_exists")
	_, err = ask(t.Context(), b, d.CreateSignUp, &api.CreateSignUp{})
	expect(t, "another sign-up", err, "400 session_exists")
}
