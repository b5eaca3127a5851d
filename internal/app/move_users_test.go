package app

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const (
	clerkHeader = "id,first_name,last_name,username,primary_email_address,primary_phone_number,verified_email_addresses," +
		"unverified_email_addresses,verified_phone_numbers,unverified_phone_numbers,totp_secret,password_digest,password_hasher\n"
	bcryptOfTest = "$2b$04$ANHrGSfnGa9YhM.UMgkw0OVmY3v.Vj0V5tDdzk3SPHYB6RyRkfWLS" // a digest's form is all that counts here
)

// someID is an id of Clerk's shape.
func someID(n int) string { return fmt.Sprintf("user_2abcDEF%020d", n) }

// arrive imports a file and answers what was told of it.
func arrive(t *testing.T, a *App, file string, strict bool) (UserTally, []string) {
	t.Helper()
	var notes []string
	tally, err := a.ImportUsers(t.Context(), strings.NewReader(file), strict, func(n UserNote) { notes = append(notes, n.String()) })
	must(t, err)
	return tally, notes
}

func theUser(t *testing.T, a *App, id string) *api.User {
	t.Helper()
	u, err := a.GetUser(t.Context(), &api.UserRef{UserID: id})
	must(t, err)
	return u
}

// identifiersOf writes a user's identifiers in their order: the verified ones with +, the primary one in brackets.
func identifiersOf(u *api.User) string {
	var all []string
	mark := func(id, value string, v *api.Verification, primary *string) {
		if v != nil && v.Status == statusVerified {
			value += "+"
		}
		if primary != nil && *primary == id {
			value = "[" + value + "]"
		}
		all = append(all, value)
	}
	for _, e := range u.EmailAddresses {
		mark(e.ID, e.EmailAddress, e.Verification, u.PrimaryEmailAddressID)
	}
	for _, p := range u.PhoneNumbers {
		mark(p.ID, p.PhoneNumber, p.Verification, u.PrimaryPhoneNumberID)
	}
	for _, w := range u.Web3Wallets {
		mark(w.ID, w.Web3Wallet, w.Verification, u.PrimaryWeb3WalletID)
	}
	return strings.Join(all, " ")
}

// TestClerkIdentifiers reads the addresses of Clerk's exports: what is verified and what is primary stays so.
func TestClerkIdentifiers(t *testing.T) {
	id := someID(1)
	for name, c := range map[string]struct{ file, want string }{
		"none":                    {clerkHeader + id + ",,,,,,,,,,,,\n", ""},
		"a verified primary":      {clerkHeader + id + ",,,,a@x.dev,,a@x.dev,,,,,,\n", "[a@x.dev+]"},
		"listed as primary only":  {clerkHeader + id + ",,,,a@x.dev,,,,,,,,\n", "[a@x.dev+]"},
		"an unverified primary":   {clerkHeader + id + ",,,,a@x.dev,,,a@x.dev,,,,,\n", "[a@x.dev]"},
		"no primary":              {clerkHeader + id + ",,,,,,,a@x.dev,,,,,\n", "a@x.dev"},
		"the primary is second":   {clerkHeader + id + `,,,,b@x.dev,,"a@x.dev,b@x.dev",c@x.dev,,,,,` + "\n", "[b@x.dev+] a@x.dev+ c@x.dev"},
		"parted by bars":          {clerkHeader + id + ",,,,,,a@x.dev|b@x.dev,,,,,,\n", "[a@x.dev+] b@x.dev+"},
		"a bar in an address":     {clerkHeader + id + ",,,,,,a|b@x.dev,,,,,,\n", "[a|b@x.dev+]"},
		"in other cases":          {clerkHeader + id + ",,,,A@x.dev,,a@X.dev,,,,,,\n", "[a@x.dev+]"},
		"phones with tabs":        {clerkHeader + id + ",,,,,\t+12025550123,\t,,\t+12025550123,\t+12025550124,,,\n", "[+12025550123+] +12025550124"},
		"columns in other orders": {"primary_email_address,ID\na@x.dev," + id + "\n", "[a@x.dev+]"},
		"with a byte order mark":  {"\uFEFFid,primary_email_address\n" + id + ",a@x.dev\n", "[a@x.dev+]"},
		"JSON of the API": {
			`[{"id":"` + id + `","primary_email_address_id":"idn_2","email_addresses":[
			{"id":"idn_1","email_address":"a@x.dev","verification":{"status":"unverified","strategy":"email_code"}},
			{"id":"idn_2","email_address":"b@x.dev","verification":{"status":"verified","strategy":"email_code","attempts":1,"expire_at":2}},
			{"id":"idn_3","email_address":"c@x.dev","verification":null}],"phone_numbers":[],
			"web3_wallets":[{"id":"w","web3_wallet":"0x0123456789012345678901234567890123456789","verification":{"status":"verified","strategy":"s"}}]}]`,
			"[b@x.dev+] a@x.dev c@x.dev [0x0123456789012345678901234567890123456789+]",
		},
		"JSON of the tools": {
			`{"id":"` + id + `","primary_email_address":"a@x.dev","verified_email_addresses":["b@x.dev"],"unverified_phone_numbers":["+12025550123"]}`,
			"[a@x.dev+] b@x.dev+ +12025550123",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := usersApp(t)
			tally, notes := arrive(t, a, c.file, true)
			if len(notes) > 0 || tally.Imported != 1 {
				t.Fatalf("%s: %q", tally, notes)
			}
			if got := identifiersOf(theUser(t, a, id)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestClerkProfile reads what else there is of a user, from a cell and from JSON alike.
func TestClerkProfile(t *testing.T) {
	for name, file := range map[string]string{
		"CSV": "id,username,first_name,created_at,legal_accepted_at,last_sign_in_at,banned,public_metadata,private_metadata,create_organizations_limit,external_id,locale\n" +
			someID(1) + `,Maria_1,"María, ""M""",2024-01-01T00:00:00.123Z,2024-01-02 00:00:00,2024-01-03 01:00:00 +0100 CET,true,"{""a"": [1, ""b""]}",{},3,ext-1,es-ES` + "\n",
		"JSON": `{"id":"` + someID(1) + `","object":"user","username":"Maria_1","first_name":"María, \"M\"","last_name":null,"created_at":1704067200123,
			"legal_accepted_at":1704153600000,"last_sign_in_at":1704240000000,"banned":true,"locked":true,"lockout_expires_in_seconds":60,
			"public_metadata":{"a":[1,"b"]},"private_metadata":{},"create_organizations_limit":3,"external_id":"ext-1","locale":"es-ES",
			"password_enabled":false,"totp_enabled":false,"passkeys":[],"external_accounts":[],"two_factor_enabled":false}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := usersApp(t)
			if tally, notes := arrive(t, a, file, true); len(notes) > 0 || tally.Imported != 1 {
				t.Fatalf("%s: %q", tally, notes)
			}
			u := theUser(t, a, someID(1))
			got := []any{*u.Username, *u.FirstName, u.CreatedAt, *u.LegalAcceptedAt, *u.LastSignInAt, u.Banned, u.Locked, string(u.PublicMetadata), *u.CreateOrganizationsLimit, *u.ExternalID, *u.Locale}
			want := []any{"Maria_1", `María, "M"`, int64(1704067200123), int64(1704153600000), int64(1704240000000), true, false, `{"a":[1,"b"]}`, int64(3), "ext-1", "es-ES"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClerkPasswords takes the digests that this server knows and tells of the others, but not what they are.
func TestClerkPasswords(t *testing.T) {
	row := func(digest, hasher, totp string) string {
		return clerkHeader + someID(1) + ",,,,a@x.dev,,,,,," + totp + "," + digest + "," + hasher + "\n"
	}
	for name, c := range map[string]struct {
		file, lost string
		enabled    bool
	}{
		"none":              {row("", "", ""), "", false},
		"a hasher only":     {row("", "bcrypt", ""), "", false},
		"bcrypt":            {row(bcryptOfTest, "bcrypt", ""), "", true},
		"an unknown hasher": {row("s3cr3tdigest", "awscognito", ""), "password", false},
		"no hasher":         {row(bcryptOfTest, "", ""), "password", false},
		"another's digest":  {row("s3cr3tdigest", "bcrypt", ""), "password", false},
		"a second factor":   {row(bcryptOfTest, "bcrypt", "s3cr3tTOTP"), "totp_secret", true},
		"JSON without it":   {`{"id":"` + someID(1) + `","password_enabled":true}`, "password", false},
		"JSON with it":      {`{"id":"` + someID(1) + `","password_enabled":true,"password_digest":"` + bcryptOfTest + `","password_hasher":"bcrypt"}`, "", true},
		"JSON with Google":  {`{"id":"` + someID(1) + `","external_accounts":[{"id":"eac_1"}]}`, "external_accounts", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := usersApp(t)
			tally, notes := arrive(t, a, c.file, false)
			said := strings.Join(notes, "\n")
			if tally.Imported != 1 || theUser(t, a, someID(1)).PasswordEnabled != c.enabled {
				t.Errorf("%s: %s", tally, said)
			}
			if (c.lost != "") != (tally.Reduced == 1) || !strings.Contains(said, c.lost) || strings.Contains(said, "s3cr3t") || strings.Contains(said, bcryptOfTest) {
				t.Errorf("%s: told %q, want %q", tally, said, c.lost)
			}
			if c.lost == "" {
				return
			}
			tally, notes = arrive(t, usersApp(t), c.file, true)
			if tally.Refused != 1 || tally.Imported != 0 || !strings.Contains(notes[0], "line ") || !strings.Contains(notes[0], someID(1)) {
				t.Errorf("strict: %s: %q", tally, notes)
			}
		})
	}
}

// TestClerkBadRows refuses rows by their lines, changes nothing for them, and reads on.
func TestClerkBadRows(t *testing.T) {
	file := "id,username,primary_email_address,verified_email_addresses,created_at,banned,mood\n" +
		someID(1) + ",maria,a@x.dev,,,,\n" +
		someID(2) + ",Maria,b@x.dev,,,,\n" + // line 3: the username is taken
		someID(3) + ",,c@x.dev,A@x.dev,,,\n" + // line 4: an address is taken
		someID(4) + ",,not an address,,,,\n" +
		someID(5) + ",,e@x.dev\n" + // line 6: cells are missing
		someID(6) + ",,f@x.dev,,yesterday,,\n" +
		someID(7) + ",,g@x.dev,,,perhaps,\n" +
		someID(1) + ",maria,a@x.dev,,,,\n" + // there already
		"41,,h@x.dev,,,,\n" + // an id of another shape
		"\"" + someID(8) + "\",\"two\nlines\",,,,,\n" +
		someID(9) + ",,i@x.dev,,,,fine\n"
	a := usersApp(t)
	tally, notes := arrive(t, a, file, false)
	if want := (UserTally{Imported: 3, Present: 1, Refused: 7}); tally != want {
		t.Errorf("got %s, want %s", tally, want)
	}
	var where []string
	for _, note := range notes {
		where = append(where, strings.Join(strings.SplitN(note, ": ", 3)[:2], ": "))
	}
	want := []string{
		"line 1: mood is ignored", "line 3: " + someID(2), "line 4: " + someID(3), "line 5: " + someID(4), "line 6: refused",
		"line 7: " + someID(6), "line 8: " + someID(7), "line 11: " + someID(8),
	}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Errorf("notes (-want +got):\n%s\n%s", diff, strings.Join(notes, "\n"))
	}
	for n := range 7 {
		if _, err := a.Store.User(t.Context(), someID(n+2)); n != 7 && err == nil {
			t.Errorf("the refused user %d is there", n+2)
		}
	}
	if u, err := a.Store.UserWithExternalID(t.Context(), "41"); err != nil || u.ID == "41" {
		t.Errorf("the user with another id: %v", err)
	}
	again, _ := arrive(t, a, file, false)
	if want := (UserTally{Present: 4, Refused: 7}); again != want {
		t.Errorf("a second run: %s, want %s", again, want)
	}
}

// TestClerkBadFiles gives up on files that are not what they should be, and says where.
func TestClerkBadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file, want string
		refused    int
	}{
		"empty":            {" \n", "empty", 0},
		"other columns":    {"name,mail\na,b\n", "names no column", 0},
		"a column twice":   {"id,id\na,b\n", "twice", 0},
		"a broken quote":   {"id,first_name\nuser,\"a\"b\n", "", 1},
		"half a list":      {`[{"id":"` + someID(1) + `"}`, "no end", 0},
		"half an object":   {"[\n\n{\"id\":", "line 3", 0},
		"a list of texts":  {`["a","b"]`, "", 2},
		"fields of others": {"[\n{},\n{\"email_addresses\":{}},\n{\"username\":{\"a\":1}},{\"locale\":[1]}]", "", 4},
		"an envelope":      {`{"data":[{"id":"` + someID(1) + `"}],"total_count":1}`, "", 1},
		"more than users":  {`{"id":"` + someID(1) + `"} } {}`, "something else", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var notes []string
			tally, err := usersApp(t).ImportUsers(t.Context(), strings.NewReader(c.file), false, func(n UserNote) { notes = append(notes, n.String()) })
			if tally.Refused != c.refused || (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %v: %q", tally, err, notes)
			}
		})
	}
}

// TestUsersThereAndBack exports users, imports them elsewhere and exports them again.
func TestUsersThereAndBack(t *testing.T) {
	a := usersApp(t)
	a.NewID = NewID
	createUser(t, a, `{"username":"Maria_1","first_name":"=María","last_name":"\t-tab","email_address":["b@x.dev","a|b@x.dev"],"phone_number":["+12025550123"],
		"web3_wallet":["0x0123456789012345678901234567890123456789"],"password":"`+movedPassword+`","public_metadata":{"a":"\"1,2\"\n"},
		"private_metadata":{"b":1},"unsafe_metadata":{"c":null},"created_at":"2020-02-03T04:05:06.789Z","locale":"de","external_id":"e,1",
		"create_organizations_limit":5,"delete_self_enabled":false,"legal_accepted_at":"2021-01-01T00:00:00Z","bypass_client_trust":true}`)
	createUser(t, a, `{"banned":true,"locked":true}`)
	second := createUser(t, a, `{"email_address":["first@x.dev","second@x.dev"],"create_organization_enabled":false}`)
	_, err := a.UpdateEmailAddress(t.Context(), &api.UpdateEmailAddress{EmailAddressRef: api.EmailAddressRef{EmailAddressID: second.EmailAddresses[1].ID}, Primary: api.Set(true)})
	must(t, err)
	_, err = a.CreateEmailAddress(t.Context(), &api.CreateEmailAddress{UserID: api.Set(second.ID), EmailAddress: api.Set("third@x.dev")})
	must(t, err)
	activeSessions(t, a, second.ID, 1)

	there := exportedUsers(t, a)
	b := usersApp(t)
	if tally, notes := arrive(t, b, there, true); tally.Imported != 3 || len(notes) > 0 {
		t.Fatalf("%s: %q", tally, notes)
	}
	if diff := cmp.Diff(strings.Split(there, "\n"), strings.Split(exportedUsers(t, b), "\n")); diff != "" {
		t.Errorf("the users are others (-there +back):\n%s", diff)
	}
	if !strings.HasPrefix(there, strings.TrimSpace(clerkHeader)+",") {
		t.Errorf("the header does not begin as Clerk's does: %s", there)
	}
	maria, err := b.Store.UserWithUsername(t.Context(), "maria_1")
	must(t, err)
	_, err = b.VerifyPassword(t.Context(), &api.VerifyPassword{UserRef: api.UserRef{UserID: maria.ID}, Password: api.Set(movedPassword)})
	expect(t, "the password", err, "")
}

func exportedUsers(t *testing.T, a *App) string {
	t.Helper()
	var b bytes.Buffer
	n, err := a.ExportUsers(t.Context(), &b, quiet)
	must(t, err)
	if all, err := a.Store.CountUsers(t.Context(), store.UserFilter{}); int64(n) != all || err != nil {
		t.Errorf("exported %d of %d users, %v", n, all, err)
	}
	return b.String()
}
