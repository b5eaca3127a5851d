package app

import (
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// Limits of the fields of a user, in characters unless said otherwise.
const (
	maxName        = 256
	maxExternalID  = 256
	minUsername    = 4
	maxUsername    = 64
	maxEmail       = 254 // RFC 5321, section 4.5.3.1.3, without the angle brackets
	maxIdentifiers = 100 // of a kind
)

// profile is what creating and updating a user have in common.
type profile struct {
	externalID, firstName, lastName, locale, username api.Field[string]
	legalAcceptedAt, createdAt                        api.Field[string] // RFC 3339
	public, private, unsafe                           api.Field[json.RawMessage]
	deleteSelf, createOrg, bypassClientTrust          api.Field[bool]
	createOrgLimit                                    api.Field[int64]
}

func createdProfile(r *api.CreateUser) profile {
	return profile{
		r.ExternalID, r.FirstName, r.LastName, r.Locale, r.Username, r.LegalAcceptedAt, r.CreatedAt,
		r.PublicMetadata, r.PrivateMetadata, r.UnsafeMetadata,
		r.DeleteSelfEnabled, r.CreateOrganizationEnabled, r.BypassClientTrust, r.CreateOrganizationsLimit,
	}
}

func updatedProfile(r *api.UpdateUser) profile {
	return profile{
		r.ExternalID, r.FirstName, r.LastName, r.Locale, r.Username, r.LegalAcceptedAt, r.CreatedAt,
		r.PublicMetadata, r.PrivateMetadata, r.UnsafeMetadata,
		r.DeleteSelfEnabled, r.CreateOrganizationEnabled, r.BypassClientTrust, r.CreateOrganizationsLimit,
	}
}

// apply checks what is present and writes it to u. Null and "" clear what can be empty, and leave the rest.
func (p profile) apply(u *store.User) error {
	for _, f := range []struct {
		param string
		given api.Field[string]
		to    *string
		check func(param, value string) *api.Error
	}{
		{"external_id", p.externalID, &u.ExternalID, atMost(maxExternalID)},
		{"first_name", p.firstName, &u.FirstName, atMost(maxName)},
		{"last_name", p.lastName, &u.LastName, atMost(maxName)},
		{"locale", p.locale, &u.Locale, checkLocale},
		{"username", p.username, &u.Username, checkUsername},
	} {
		if !f.given.Present() {
			continue
		}
		value := f.given.Or("")
		if value != "" {
			if err := f.check(f.param, value); err != nil {
				return err
			}
		}
		*f.to = value
	}
	if err := p.applyTimes(u); err != nil {
		return err
	}
	if limit, ok := p.createOrgLimit.Get(); ok {
		if err := within("create_organizations_limit", limit, 0, math.MaxInt32); err != nil {
			return err
		}
	}
	change(&u.CreateOrgLimit, p.createOrgLimit)
	u.DeleteSelfEnabled = p.deleteSelf.Or(u.DeleteSelfEnabled)
	u.CreateOrgEnabled = p.createOrg.Or(u.CreateOrgEnabled)
	u.BypassClientTrust = p.bypassClientTrust.Or(u.BypassClientTrust)
	return replaceMetadata(u, p.public, p.private, p.unsafe)
}

func (p profile) applyTimes(u *store.User) error {
	if p.legalAcceptedAt.Present() {
		accepted, err := moment("legal_accepted_at", p.legalAcceptedAt)
		if err != nil {
			return err
		}
		u.LegalAcceptedAt = accepted
	}
	created, err := moment("created_at", p.createdAt)
	if err != nil {
		return err
	}
	if !created.IsZero() {
		u.CreatedAt = created
	}
	return nil
}

// moment reads a time as in RFC 3339; the zero time for null and "".
func moment(param string, given api.Field[string]) (time.Time, error) {
	value := given.Or("")
	if value == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return t, badTime(param)
	}
	return t.UTC().Truncate(time.Millisecond), nil
}

// checkText refuses what the database cannot hold and what is too long.
func checkText(param, value string, most int) *api.Error {
	switch {
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return badFormat(param, "text without the character NUL")
	case utf8.RuneCountInString(value) > most:
		return tooLong(param, most)
	default:
		return nil
	}
}

func atMost(most int) func(param, value string) *api.Error {
	return func(param, value string) *api.Error { return checkText(param, value, most) }
}

// The shape of a language tag, RFC 5646, section 2.1: a language and subtags of up to eight letters and digits.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

func checkLocale(param, value string) *api.Error {
	if len(value) > 64 || !languageTag.MatchString(value) {
		return badFormat(param, "a BCP 47 language tag such as en-US")
	}
	return nil
}

var (
	usernameCharacters = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	digitsOnly         = regexp.MustCompile(`^[0-9]+$`)
)

func checkUsername(param, value string) *api.Error {
	switch n := utf8.RuneCountInString(value); {
	case n < minUsername || n > maxUsername:
		return at(param, fail(422, "form_username_invalid_length", "is invalid", fmt.Sprintf("%s takes %d to %d characters.", param, minUsername, maxUsername)))
	case !usernameCharacters.MatchString(value):
		return at(param, fail(422, "form_username_invalid_character", "is invalid", param+" takes Latin letters, digits, _ and - only."))
	case digitsOnly.MatchString(value):
		return at(param, fail(422, "form_username_needs_non_number_char", "is invalid", param+" needs a character that is not a digit."))
	default:
		return nil
	}
}

// emailAddress is an address in the form it is stored and compared in. It must be an address alone (RFC 5322,
// section 3.4.1), without a name, comments or quotes.
func emailAddress(param, given string) (string, *api.Error) {
	if err := checkText(param, given, maxEmail); err != nil {
		return "", err
	}
	parsed, err := mail.ParseAddress(given)
	if err != nil || parsed.Address != given || strings.HasSuffix(given, "]") {
		return "", badFormat(param, "an email address")
	}
	return strings.ToLower(given), nil
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func phoneNumber(param, given string) (string, *api.Error) {
	if !e164.MatchString(given) {
		return "", badFormat(param, "a phone number in E.164 form such as +12025550123")
	}
	return given, nil
}

var (
	hexWallet    = regexp.MustCompile(`^0[xX][0-9a-fA-F]{40}$`)
	base58Wallet = regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{32,44}$`)
)

func web3Wallet(param, given string) (string, *api.Error) {
	if !hexWallet.MatchString(given) && !base58Wallet.MatchString(given) {
		return "", badFormat(param, "a wallet address")
	}
	return walletLookup(given), nil
}

// walletLookup folds the case of addresses in hexadecimal, where it is only a checksum (EIP-55).
func walletLookup(wallet string) string {
	if hexWallet.MatchString(wallet) {
		return strings.ToLower(wallet)
	}
	return wallet
}
