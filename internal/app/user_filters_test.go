package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

// crowd makes four users, a second apart: ana, bob, cid and dee, and answers their names by id.
func crowd(t *testing.T, a *App) (names map[string]string, ids map[string]string) {
	t.Helper()
	names, ids = map[string]string{}, map[string]string{}
	for i, request := range []string{
		`{"first_name":"Ana","last_name":"Zed","username":"anna_1","external_id":"ext_a","email_address":["ana@one.test","ana@two.test"],"phone_number":["+12025550101"]}`,
		`{"first_name":"Bob","last_name":"Yan","username":"b0b-by","email_address":["BOB@one.test"],"external_id":"ext_b"}`,
		`{"first_name":"Cid","email_address":["cid@three.test"],"web3_wallet":["0xABCDEF0123456789abcdef0123456789abcdef01"],"banned":true}`,
		`{}`,
	} {
		a.Now = func() time.Time { return usersStart.Add(time.Duration(i) * time.Second) }
		name := []string{"ana", "bob", "cid", "dee"}[i]
		u := createUser(t, a, request)
		names[u.ID], ids[name] = name, u.ID
	}
	return names, ids
}

func TestFiltersSelect(t *testing.T) {
	a := usersApp(t)
	names, ids := crowd(t, a)
	activeSessions(t, a, ids["bob"], 1) // bob signs in at start + 3 s
	at := func(seconds int) api.Field[int64] {
		return api.Set(usersStart.Add(time.Duration(seconds) * time.Second).UnixMilli())
	}
	for _, c := range []struct {
		name   string
		filter api.UserFilter
		want   string
	}{
		{"nothing", api.UserFilter{}, "dee cid bob ana"},
		{"an address in any case", api.UserFilter{EmailAddress: []string{"Ana@ONE.test"}}, "ana"},
		{"an address that is not primary", api.UserFilter{EmailAddress: []string{"ana@two.test"}}, "ana"},
		{"one of several addresses, unknown ones aside", api.UserFilter{EmailAddress: []string{"ana@one.test", "bob@one.test", "no@one.test"}}, "bob ana"},
		{"a number", api.UserFilter{PhoneNumber: []string{"+12025550101"}}, "ana"},
		{"a number whose + was not encoded", api.UserFilter{PhoneNumber: []string{" 12025550101"}}, "ana"},
		{"a wallet in any case", api.UserFilter{Web3Wallet: []string{"0xabcdef0123456789ABCDEF0123456789abcdef01"}}, "cid"},
		{"a username in any case", api.UserFilter{Username: []string{"ANNA_1"}}, "ana"},
		{"filters combine with and", api.UserFilter{Username: []string{"anna_1"}, EmailAddress: []string{"bob@one.test"}}, ""},
		{"ids", api.UserFilter{UserID: []string{ids["ana"], "+" + ids["bob"], " " + ids["cid"]}}, "cid bob ana"},
		{"not an id", api.UserFilter{UserID: []string{"-" + ids["ana"]}}, "dee cid bob"},
		{"ids and not ids", api.UserFilter{UserID: []string{ids["ana"], ids["bob"], "-" + ids["ana"]}}, "bob"},
		{"an external id", api.UserFilter{ExternalID: []string{"ext_a"}}, "ana"},
		{"not an external id, none being another", api.UserFilter{ExternalID: []string{"-ext_a"}}, "dee cid bob"},
		{"in an organization", api.UserFilter{OrganizationID: []string{"org_1"}}, ""},
		{"in an organization, with +", api.UserFilter{OrganizationID: []string{" org_1"}}, ""},
		{"not in an organization", api.UserFilter{OrganizationID: []string{"-org_1"}}, "dee cid bob ana"},
		{"of a provider", api.UserFilter{Provider: "google", ProviderUserID: []string{"1"}}, ""},
		{"part of an address", api.UserFilter{Query: "ONE.te"}, "bob ana"},
		{"part of a number", api.UserFilter{Query: "5550101"}, "ana"},
		{"part of a username", api.UserFilter{Query: "0B-"}, "bob"},
		{"part of a wallet", api.UserFilter{Query: "0xabc"}, "cid"},
		{"part of an id", api.UserFilter{Query: ids["dee"][1:]}, "dee"},
		{"part of a first and last name", api.UserFilter{Query: "na ze"}, "ana"},
		{"a wildcard is a character", api.UserFilter{Query: "%"}, ""},
		{"as is the other", api.UserFilter{UsernameQuery: "a_1"}, "ana"},
		{"which matches nothing else", api.UserFilter{UsernameQuery: "b_by"}, ""},
		{"nor does the escape", api.UserFilter{Query: `\`}, ""},
		{"a question mark", api.UserFilter{Query: "?"}, ""},
		{"email query", api.UserFilter{EmailAddressQuery: "TWO"}, "ana"},
		{"phone query", api.UserFilter{PhoneNumberQuery: " 1202"}, "ana"},
		{"name query", api.UserFilter{NameQuery: "y"}, "bob"},
		{"banned", api.UserFilter{Banned: api.Set(true)}, "cid"},
		{"not banned", api.UserFilter{Banned: api.Set(false)}, "dee bob ana"},
		{"created between", api.UserFilter{CreatedAtAfter: at(0), CreatedAtBefore: at(3)}, "cid bob"},
		{"created since 1970", api.UserFilter{CreatedAtAfter: api.Set(int64(0))}, "dee cid bob ana"},
		{"signed in after", api.UserFilter{LastSignInAtAfter: at(2)}, "bob"},
		{"signed in before", api.UserFilter{LastSignInAtBefore: at(3)}, ""},
		{"active on the day", api.UserFilter{LastActiveAtSince: at(9)}, "bob"},
		{"active before", api.UserFilter{LastActiveAtBefore: at(0)}, "bob"},
		{"active after", api.UserFilter{LastActiveAtAfter: at(0)}, ""},
	} {
		list, err := a.ListUsers(t.Context(), &api.ListUsers{UserFilter: c.filter, Limit: 10})
		if got := namesOf(list, names); err != nil || got != c.want || list == nil {
			t.Errorf("%s: got %q, want %q (%v)", c.name, got, c.want, err)
		}
		n, err := a.CountUsers(t.Context(), &api.CountUsers{UserFilter: c.filter})
		if err != nil || n.TotalCount != int64(len(strings.Fields(c.want))) || n.Object != "total_count" {
			t.Errorf("%s: counted %+v (%v)", c.name, n, err)
		}
	}
}

func namesOf(list []api.User, names map[string]string) string {
	found := make([]string, len(list))
	for i, u := range list {
		found[i] = names[u.ID]
	}
	return strings.Join(found, " ")
}

func TestOrdersPutWhoHasNothingLast(t *testing.T) {
	a := usersApp(t)
	names, ids := crowd(t, a)
	activeSessions(t, a, ids["bob"], 1)
	for by, want := range map[string]string{
		"":                 "dee cid bob ana",
		"created_at":       "ana bob cid dee",
		"+created_at":      "ana bob cid dee",
		" created_at":      "ana bob cid dee",
		"-created_at":      "dee cid bob ana",
		"updated_at":       "ana bob cid dee",
		"email_address":    "ana bob cid dee",
		"-email_address":   "cid bob ana dee",
		"web3wallet":       "cid ana bob dee",
		"-web3wallet":      "cid dee bob ana",
		"phone_number":     "ana bob cid dee",
		"first_name":       "ana bob cid dee",
		"-first_name":      "cid bob ana dee",
		"last_name":        "bob ana cid dee",
		"username":         "ana bob cid dee",
		"-username":        "bob ana dee cid",
		"last_active_at":   "bob ana cid dee",
		"-last_sign_in_at": "bob dee cid ana",
	} {
		list, err := a.ListUsers(t.Context(), &api.ListUsers{OrderBy: by, Limit: 10})
		if got := namesOf(list, names); err != nil || got != want {
			t.Errorf("%q: got %q, want %q (%v)", by, got, want, err)
		}
	}
}

func TestPagesMeetWithoutGapsOrRepeats(t *testing.T) {
	a := usersApp(t)
	for range 7 { // all at the same moment: only the id tells them apart
		createUser(t, a, `{}`)
	}
	for _, by := range []string{"created_at", "-created_at"} {
		whole, err := a.ListUsers(t.Context(), &api.ListUsers{OrderBy: by, Limit: 500})
		if err != nil || len(whole) != 7 {
			t.Fatal(len(whole), err)
		}
		var byKey, byOffset []api.User
		for len(byKey) < 7 {
			req := api.ListUsers{OrderBy: by, Limit: 2}
			if len(byKey) > 0 {
				req.StartingAfter = byKey[len(byKey)-1].ID
			}
			page, err := a.ListUsers(t.Context(), &req)
			if err != nil || len(page) == 0 {
				t.Fatal(len(page), err)
			}
			byKey = append(byKey, page...)
			page, err = a.ListUsers(t.Context(), &api.ListUsers{OrderBy: by, Limit: 2, Offset: int64(len(byOffset))})
			if err != nil {
				t.Fatal(err)
			}
			byOffset = append(byOffset, page...)
		}
		if jsonOf(t, byKey) != jsonOf(t, whole) || jsonOf(t, byOffset) != jsonOf(t, whole) {
			t.Errorf("%s: the pages are not the list", by)
		}
	}
}

func TestListsRefuseWhatTheyCannotDo(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	many := slices.Repeat([]string{"x"}, 101)
	for name, c := range map[string]struct {
		req  api.ListUsers
		want string
	}{
		"an unknown order":         {api.ListUsers{OrderBy: "password_digest"}, "422 form_param_value_invalid order_by"},
		"two signs":                {api.ListUsers{OrderBy: "--created_at"}, "422 form_param_value_invalid order_by"},
		"after, in another order":  {api.ListUsers{OrderBy: "username", StartingAfter: u.ID}, "422 form_conditional_param_disallowed starting_after"},
		"after, with an offset":    {api.ListUsers{Offset: 1, StartingAfter: u.ID}, "422 form_conditional_param_disallowed starting_after"},
		"after nobody":             {api.ListUsers{StartingAfter: "user_none"}, "422 form_resource_not_found starting_after"},
		"too many values":          {api.ListUsers{UserFilter: api.UserFilter{EmailAddress: many}}, "422 form_param_array_size_exceeded email_address"},
		"too many organizations":   {api.ListUsers{UserFilter: api.UserFilter{OrganizationID: many}}, "422 form_param_array_size_exceeded organization_id"},
		"a long query":             {api.ListUsers{UserFilter: api.UserFilter{NameQuery: strings.Repeat("x", 257)}}, "422 form_param_max_length_exceeded name_query"},
		"a provider without users": {api.ListUsers{UserFilter: api.UserFilter{Provider: "google"}}, "422 form_conditional_param_missing provider_user_id"},
		"users without a provider": {api.ListUsers{UserFilter: api.UserFilter{ProviderUserID: many[:1]}}, "422 form_conditional_param_missing provider"},
	} {
		c.req.Limit = 10
		_, err := a.ListUsers(t.Context(), &c.req)
		expect(t, name, err, c.want)
	}
}
