package app

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// person is a user who comes from elsewhere, as a file tells of them.
type person struct {
	line   int
	id     string         // as it was there
	req    api.CreateUser // the profile; identifiers and password are below
	emails addresses
	phones addresses
	wallet addresses

	digest, hasher           string
	lastSignInAt, lastActive api.Field[string] // RFC 3339
	lost                     []string          // what they had that cannot be kept
}

// addresses are a person's identifiers of one kind.
type addresses struct {
	primary string
	listed  []address
}

type address struct{ value, status string }

func (a *addresses) add(list, status string) error {
	for _, value := range splitList(list) {
		a.listed = append(a.listed, address{value, status})
	}
	return nil
}

// splitList reads the values of one cell. They are parted by commas or bars; a bar may also be part of an address.
func splitList(list string) []string {
	var values []string
	for part := range strings.SplitSeq(list, ",") {
		if strings.Count(part, "@") != 1 {
			values = append(values, strings.Split(part, "|")...)
			continue
		}
		values = append(values, part)
	}
	for i, value := range values {
		values[i] = strings.TrimSpace(value)
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}

// all answers every address once, the primary one first. Who lists addresses by status lists a primary one that is
// not verified as such; one that is not listed at all is verified.
func (a *addresses) all() []address {
	var all []address
	if a.primary != "" {
		all = append(all, address{a.primary, statusVerified})
		if at := slices.IndexFunc(a.listed, func(l address) bool { return strings.EqualFold(l.value, a.primary) }); at >= 0 {
			all[0] = a.listed[at]
		}
	}
	for _, l := range a.listed {
		if !slices.ContainsFunc(all, func(known address) bool { return strings.EqualFold(known.value, l.value) }) {
			all = append(all, l)
		}
	}
	return all
}

// account is a user on the way out.
type account struct {
	store.User
	ids []store.Identifier
}

// values lists the identifiers of a kind that are proved, or those that are not, the primary one first.
func (u account) values(kind store.Kind, are bool, primary string) string {
	var values []string
	for _, i := range u.ids {
		switch {
		case i.Kind != kind || proved(i) != are:
		case i.ID == primary:
			values = append([]string{i.Value}, values...)
		default:
			values = append(values, i.Value)
		}
	}
	return strings.Join(values, ",")
}

// personColumn is a column of a file of users: how a text in it is read, unless it is empty, and how it is written.
type personColumn struct {
	name string
	read func(p *person, text string) error
	show func(u account) string
}

// personColumns are those of the export of Clerk's Dashboard, in its order, and then what else its tools take.
var personColumns = []personColumn{
	{"id", func(p *person, v string) error { p.id = v; return nil }, func(u account) string { return u.ID }},
	{"first_name", func(p *person, v string) error { return set(&p.req.FirstName, v) }, func(u account) string { return u.FirstName }},
	{"last_name", func(p *person, v string) error { return set(&p.req.LastName, v) }, func(u account) string { return u.LastName }},
	{"username", func(p *person, v string) error { return set(&p.req.Username, v) }, func(u account) string { return u.Username }},
	{
		"primary_email_address", func(p *person, v string) error { p.emails.primary = v; return nil },
		func(u account) string { return identifierWith(u.ids, u.PrimaryEmailID).Value },
	},
	{
		"primary_phone_number", func(p *person, v string) error { p.phones.primary = v; return nil },
		func(u account) string { return identifierWith(u.ids, u.PrimaryPhoneID).Value },
	},
	{
		"verified_email_addresses", func(p *person, v string) error { return p.emails.add(v, statusVerified) },
		func(u account) string { return u.values(store.EmailAddress, true, u.PrimaryEmailID) },
	},
	{
		"unverified_email_addresses", func(p *person, v string) error { return p.emails.add(v, statusUnverified) },
		func(u account) string { return u.values(store.EmailAddress, false, u.PrimaryEmailID) },
	},
	{
		"verified_phone_numbers", func(p *person, v string) error { return p.phones.add(v, statusVerified) },
		func(u account) string { return u.values(store.PhoneNumber, true, u.PrimaryPhoneID) },
	},
	{
		"unverified_phone_numbers", func(p *person, v string) error { return p.phones.add(v, statusUnverified) },
		func(u account) string { return u.values(store.PhoneNumber, false, u.PrimaryPhoneID) },
	},
	{"totp_secret", func(p *person, _ string) error { return p.lose("totp_secret") }, func(account) string { return "" }},
	{"password_digest", func(p *person, v string) error { p.digest = v; return nil }, func(u account) string { return u.PasswordDigest }},
	{"password_hasher", func(p *person, v string) error { p.hasher = v; return nil }, func(u account) string { return u.PasswordHasher }},

	{"created_at", func(p *person, v string) error { return setTime("created_at", &p.req.CreatedAt, v) }, func(u account) string { return timeText(u.CreatedAt) }},
	{"legal_accepted_at", func(p *person, v string) error { return setTime("legal_accepted_at", &p.req.LegalAcceptedAt, v) }, func(u account) string { return timeText(u.LegalAcceptedAt) }},
	{"last_sign_in_at", func(p *person, v string) error { return setTime("last_sign_in_at", &p.lastSignInAt, v) }, func(u account) string { return timeText(u.LastSignInAt) }},
	{"last_active_at", func(p *person, v string) error { return setTime("last_active_at", &p.lastActive, v) }, func(u account) string { return timeText(u.LastActiveAt) }},
	{"banned", func(p *person, v string) error { return setFlag("banned", &p.req.Banned, v) }, func(u account) string { return flagText(u.Banned) }},
	{"locked", func(p *person, v string) error { return setFlag("locked", &p.req.Locked, v) }, func(u account) string { return flagText(u.Locked && u.LockedUntil.IsZero()) }},
	{"delete_self_enabled", func(p *person, v string) error { return setFlag("delete_self_enabled", &p.req.DeleteSelfEnabled, v) }, func(u account) string { return flagText(u.DeleteSelfEnabled) }},
	{"create_organization_enabled", func(p *person, v string) error {
		return setFlag("create_organization_enabled", &p.req.CreateOrganizationEnabled, v)
	}, func(u account) string { return flagText(u.CreateOrgEnabled) }},
	{"create_organizations_limit", readLimit, showLimit},
	{"bypass_client_trust", func(p *person, v string) error { return setFlag("bypass_client_trust", &p.req.BypassClientTrust, v) }, func(u account) string { return flagText(u.BypassClientTrust) }},
	{"external_id", func(p *person, v string) error { return set(&p.req.ExternalID, v) }, func(u account) string { return u.ExternalID }},
	{"locale", func(p *person, v string) error { return set(&p.req.Locale, v) }, func(u account) string { return u.Locale }},
	{
		"web3_wallets", func(p *person, v string) error { return p.wallet.add(v, statusVerified) },
		func(u account) string { return u.values(store.Web3Wallet, true, u.PrimaryWeb3ID) },
	},
	{"public_metadata", func(p *person, v string) error { return set(&p.req.PublicMetadata, json.RawMessage(v)) }, func(u account) string { return objectText(u.PublicMetadata) }},
	{"private_metadata", func(p *person, v string) error { return set(&p.req.PrivateMetadata, json.RawMessage(v)) }, func(u account) string { return objectText(u.PrivateMetadata) }},
	{"unsafe_metadata", func(p *person, v string) error { return set(&p.req.UnsafeMetadata, json.RawMessage(v)) }, func(u account) string { return objectText(u.UnsafeMetadata) }},
}

// lostFields are what Clerk keeps of users that there is nothing for here.
var lostFields = []string{
	"totp_secret", "totp_enabled", "backup_codes", "backup_codes_enabled", "backup_code_enabled", "passkeys",
	"external_accounts", "saml_accounts", "enterprise_accounts",
}

func (p *person) lose(what string) error {
	p.lost = append(p.lost, what+": this server has nothing to keep it in")
	return nil
}

func columnNamed(name string) (personColumn, bool) {
	at := slices.IndexFunc(personColumns, func(c personColumn) bool { return c.name == name })
	if at < 0 {
		return personColumn{}, false
	}
	return personColumns[at], true
}

func set[T any](field *api.Field[T], v T) error {
	*field = api.Set(v)
	return nil
}

func setFlag(param string, field *api.Field[bool], text string) error {
	v, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return badFormat(param, "true or false")
	}
	return set(field, v)
}

// timeForms are how exports write a moment, besides milliseconds since the Unix epoch.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02 15:04:05.999999999"}

func setTime(param string, field *api.Field[string], text string) error {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return set(field, timeText(time.UnixMilli(ms)))
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return set(field, timeText(t))
		}
	}
	return badTime(param)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func flagText(v bool) string { return strconv.FormatBool(v) }

func objectText(raw json.RawMessage) string {
	if string(raw) == string(noMetadata) {
		return ""
	}
	return string(raw)
}

func readLimit(p *person, text string) error {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return badFormat("create_organizations_limit", "a number")
	}
	return set(&p.req.CreateOrganizationsLimit, v)
}

func showLimit(u account) string {
	if u.CreateOrgLimit == nil {
		return ""
	}
	return strconv.FormatInt(*u.CreateOrgLimit, 10)
}
