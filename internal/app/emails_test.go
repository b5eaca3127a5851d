package app

import (
	"context"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

func addEmail(t *testing.T, a *App, request string) (*api.EmailAddress, error) {
	t.Helper()
	return a.CreateEmailAddress(t.Context(), parse[api.CreateEmailAddress](t, request))
}

func getUser(t *testing.T, a *App, id string) *api.User {
	t.Helper()
	u, err := a.GetUser(t.Context(), &api.UserRef{UserID: id})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// emailsOf writes a user's addresses in order: * for primary, ! for not verified.
func emailsOf(u *api.User) string {
	var all []string
	for _, e := range u.EmailAddresses {
		name, _, _ := strings.Cut(e.EmailAddress, "@")
		if u.PrimaryEmailAddressID != nil && *u.PrimaryEmailAddressID == e.ID {
			name = "*" + name
		}
		if e.Verification == nil {
			name += "!"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestAddressesAreAdded(t *testing.T) {
	a := usersApp(t)
	createUser(t, a, `{"email_address":["taken@b.test"]}`)
	u := createUser(t, a, `{}`)
	id := `"user_id":"` + u.ID + `"`
	for _, c := range []struct{ request, want, then string }{
		{`{` + id + `}`, "422 form_param_missing email_address", ""},
		{`{"email_address":"a@b.test"}`, "422 form_param_missing user_id", ""},
		{`{"user_id":"user_none","email_address":"a@b.test"}`, "404 resource_not_found", ""},
		{`{` + id + `,"email_address":"TAKEN@b.test"}`, "422 form_identifier_exists email_address", ""},
		{`{` + id + `,"email_address":"a b"}`, "422 form_param_format_invalid email_address", ""},
		{`{` + id + `,"email_address":"a@b.test","primary":true}`, "422 form_verification_needed primary", ""},
		{`{` + id + `,"email_address":"A@b.test"}`, "", "*a!"},
		{`{` + id + `,"email_address":"a@b.test"}`, "422 form_identifier_exists email_address", "*a!"},
		{`{` + id + `,"email_address":"c@b.test","verified":true,"notify_primary_email_address_changed":true}`, "", "*a! c"},
		{`{` + id + `,"email_address":"d@b.test","verified":true,"primary":true}`, "", "a! c *d"},
	} {
		_, err := addEmail(t, a, c.request)
		expect(t, c.request, err, c.want)
		if got := emailsOf(getUser(t, a, u.ID)); got != c.then {
			t.Errorf("%s: then %q, want %q", c.request, got, c.then)
		}
	}
}

func TestAnAddressAnswersAsTheContractHasIt(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	e, err := addEmail(t, a, `{"user_id":"`+u.ID+`","email_address":"a@b.test","verified":true}`)
	want := `{"id":"idn_0003","object":"email_address","email_address":"a@b.test","reserved":false,` +
		`"verification":{"object":"verification_admin","status":"verified","strategy":"admin","attempts":null,"expire_at":null},` +
		`"linked_to":[],"created_at":1767323045678,"updated_at":1767323045678}`
	if err != nil || jsonOf(t, e) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, jsonOf(t, e), want)
	}
	read, err := a.GetEmailAddress(t.Context(), &api.EmailAddressRef{EmailAddressID: e.ID})
	if err != nil || jsonOf(t, read) != want {
		t.Errorf("%v %s", err, jsonOf(t, read))
	}
}

func TestAddressesChange(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"email_address":["a@b.test","r@b.test"],"email_address_identification_status":["verified","reserved"],"phone_number":["+12025550123"]}`)
	second := u.EmailAddresses[1].ID
	for _, c := range []struct{ id, request, want, then string }{
		{second, `{"primary":true}`, "422 form_verification_needed primary", "*a r!"},
		{second, `{"verified":false}`, "", "*a r!"},
		{second, `{"verified":true,"primary":true}`, "", "a *r"},
		{second, `{"primary":false,"verified":null}`, "", "a *r"},
		{second, `{"verified":false}`, "", "a *r!"},
		{second, `{"verified":false,"primary":true}`, "422 form_verification_needed primary", "a *r!"},
		{"idn_none", `{"verified":true}`, "404 resource_not_found", "a *r!"},
		{u.PhoneNumbers[0].ID, `{"verified":true}`, "404 resource_not_found", "a *r!"},
	} {
		req := parse[api.UpdateEmailAddress](t, c.request)
		req.EmailAddressID = c.id
		_, err := a.UpdateEmailAddress(t.Context(), req)
		expect(t, c.request, err, c.want)
		if got := emailsOf(getUser(t, a, u.ID)); got != c.then {
			t.Errorf("%s: then %q, want %q", c.request, got, c.then)
		}
	}
}

func TestDeletingThePrimaryAddressMakesTheNextVerifiedOnePrimary(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"email_address":["a@b.test","r@b.test","c@b.test"],"email_address_identification_status":["verified","reserved","verified"]}`)
	for _, c := range []struct {
		n          int
		want, then string
	}{
		{0, "", "r! *c"},
		{0, "404 resource_not_found", "r! *c"},
		{2, "", "r!"},
		{1, "400 identification_deletion_failed", "r!"},
	} {
		ref := &api.EmailAddressRef{EmailAddressID: u.EmailAddresses[c.n].ID}
		gone, err := a.DeleteEmailAddress(t.Context(), ref)
		expect(t, u.EmailAddresses[c.n].EmailAddress, err, c.want)
		if err == nil && jsonOf(t, gone) != `{"object":"email_address","id":"`+ref.EmailAddressID+`","deleted":true}` {
			t.Errorf("%s", jsonOf(t, gone))
		}
		if got := emailsOf(getUser(t, a, u.ID)); got != c.then {
			t.Errorf("then %q, want %q", got, c.then)
		}
	}
}

func TestTheLastAddressGoesWhenSomethingElseIdentifiesTheUser(t *testing.T) {
	a := usersApp(t)
	for _, other := range []string{`"username":"maria"`, `"phone_number":["+12025550123"]`, `"web3_wallet":["0xabcdef0123456789abcdef0123456789abcdef01"]`} {
		u := createUser(t, a, `{"email_address":["a@b.test"],`+other+`}`)
		if _, err := a.DeleteEmailAddress(t.Context(), &api.EmailAddressRef{EmailAddressID: u.EmailAddresses[0].ID}); err != nil {
			t.Errorf("%s: %v", other, err)
		}
		if got := getUser(t, a, u.ID); got.PrimaryEmailAddressID != nil {
			t.Errorf("%s: primary is still %s", other, *got.PrimaryEmailAddressID)
		}
	}
}

func TestReplacingMakesAnAddressTheOnlyOne(t *testing.T) {
	a := usersApp(t)
	createUser(t, a, `{"email_address":["taken@b.test"]}`)
	u := createUser(t, a, `{"email_address":["a@b.test","c@b.test"],"phone_number":["+12025550123"]}`)
	for _, c := range []struct{ user, request, want, then string }{
		{u.ID, `{"email_address":"taken@b.test"}`, "422 form_identifier_exists email_address", "*a c"},
		{u.ID, `{"email_address":"x@b.test","identification_status":"maybe"}`, "422 form_param_value_invalid identification_status", "*a c"},
		{u.ID, `{}`, "422 form_param_missing email_address", "*a c"},
		{"user_none", `{"email_address":"x@b.test"}`, "404 resource_not_found", "*a c"},
		{u.ID, `{"email_address":"C@b.test"}`, "", "*c"},
		{u.ID, `{"email_address":"c@b.test","identification_status":"unverified"}`, "", "*c!"},
		{u.ID, `{"email_address":"d@b.test","identification_status":"reserved"}`, "", "*d!"},
		{u.ID, `{"email_address":"e@b.test","identification_status":null}`, "", "*e"},
	} {
		req := parse[api.ReplaceEmailAddress](t, c.request)
		req.UserID = c.user
		_, err := a.ReplaceEmailAddress(t.Context(), req)
		expect(t, c.request, err, c.want)
		if got := emailsOf(getUser(t, a, u.ID)); got != c.then {
			t.Errorf("%s: then %q, want %q", c.request, got, c.then)
		}
	}
	if got := getUser(t, a, u.ID); len(got.PhoneNumbers) != 1 {
		t.Error("the number is gone")
	}
	createUser(t, a, `{"email_address":["a@b.test"]}`) // the addresses that went are free
}

func TestAnAddressKeepsItsIDWhenItReplacesTheOthers(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"email_address":["a@b.test","c@b.test"]}`)
	e, err := a.ReplaceEmailAddress(t.Context(), &api.ReplaceEmailAddress{UserRef: api.UserRef{UserID: u.ID}, EmailAddress: api.Set("c@b.test")})
	if err != nil || e.ID != u.EmailAddresses[1].ID {
		t.Errorf("%s, want %s (%v)", jsonOf(t, e), u.EmailAddresses[1].ID, err)
	}
}

func TestOneUserCanBeGivenAnAddressByManyAtOnce(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	won := 0
	for _, err := range racing(50, func(int) error {
		_, err := a.CreateEmailAddress(context.Background(), &api.CreateEmailAddress{UserID: api.Set(u.ID), EmailAddress: api.Set("a@b.test")})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		expect(t, "a loser", err, "422 form_identifier_exists email_address")
	}
	if got := emailsOf(getUser(t, a, u.ID)); won != 1 || got != "*a!" {
		t.Errorf("%d won, addresses %q", won, got)
	}
}
