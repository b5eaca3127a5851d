package app

import (
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const (
	maxFilterValues = 100 // of one filter
	maxQuery        = 256 // characters; SQLite refuses patterns of more than 50 000 bytes
)

// userFilter reads the filters of the contract, section 6.1.3.
func userFilter(f *api.UserFilter) (store.UserFilter, error) {
	for _, list := range []struct {
		param  string
		values []string
	}{
		{"email_address", f.EmailAddress},
		{"phone_number", f.PhoneNumber},
		{"username", f.Username},
		{"web3_wallet", f.Web3Wallet},
		{"external_id", f.ExternalID},
		{"user_id", f.UserID},
		{"organization_id", f.OrganizationID},
		{"provider_user_id", f.ProviderUserID},
	} {
		if len(list.values) > maxFilterValues {
			return store.UserFilter{}, tooMany(list.param, maxFilterValues)
		}
	}
	for _, part := range []struct{ param, value string }{
		{"query", f.Query},
		{"email_address_query", f.EmailAddressQuery},
		{"phone_number_query", f.PhoneNumberQuery},
		{"username_query", f.UsernameQuery},
		{"name_query", f.NameQuery},
	} {
		if err := checkText(part.param, part.value, maxQuery); err != nil {
			return store.UserFilter{}, err
		}
	}
	switch {
	case f.Provider != "" && len(f.ProviderUserID) == 0:
		return store.UserFilter{}, needsAlso("provider_user_id", "provider")
	case f.Provider == "" && len(f.ProviderUserID) > 0:
		return store.UserFilter{}, needsAlso("provider", "provider_user_id")
	}
	filter := store.UserFilter{
		Emails:      mapped(f.EmailAddress, strings.ToLower),
		Phones:      mapped(f.PhoneNumber, plusForSpace),
		Wallets:     mapped(f.Web3Wallet, walletLookup),
		Usernames:   f.Username,
		IDs:         choice(f.UserID),
		ExternalIDs: choice(f.ExternalID),
		// There are no organizations and no external accounts: nobody is among theirs.
		Nobody:        len(choice(f.OrganizationID).Among) > 0 || f.Provider != "",
		Query:         f.Query,
		EmailQuery:    f.EmailAddressQuery,
		PhoneQuery:    plusForSpace(f.PhoneNumberQuery),
		UsernameQuery: f.UsernameQuery,
		NameQuery:     f.NameQuery,
		Created:       span(f.CreatedAtAfter, f.CreatedAtBefore),
		LastActive:    span(f.LastActiveAtAfter, f.LastActiveAtBefore),
		LastSignIn:    span(f.LastSignInAtAfter, f.LastSignInAtBefore),
	}
	if banned, ok := f.Banned.Get(); ok {
		filter.Banned = &banned
	}
	if since, ok := f.LastActiveAtSince.Get(); ok { // to the day, as activity is kept
		filter.LastActive.Since = time.UnixMilli(since).UTC().Truncate(24 * time.Hour)
	}
	return filter, nil
}

// choice splits values into those with + or nothing before them, and those with -.
func choice(values []string) store.Choice {
	var c store.Choice
	for _, v := range values {
		v = plusForSpace(v)
		if excluded, ok := strings.CutPrefix(v, "-"); ok {
			c.NotAmong = append(c.NotAmong, excluded)
		} else {
			c.Among = append(c.Among, strings.TrimPrefix(v, "+"))
		}
	}
	return c
}

// plusForSpace restores a leading + that was not encoded: in a query string it reads as a space.
func plusForSpace(v string) string {
	if rest, ok := strings.CutPrefix(v, " "); ok {
		return "+" + rest
	}
	return v
}

func mapped(values []string, f func(string) string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

func span(after, before api.Field[int64]) store.Span {
	return store.Span{After: milliseconds(after), Before: milliseconds(before)}
}

func milliseconds(f api.Field[int64]) time.Time {
	v, ok := f.Get()
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(v)
}

// userOrder reads order_by, and whether the list can go on after a user.
func userOrder(req *api.ListUsers) (store.UserOrder, error) {
	by := plusForSpace(req.OrderBy)
	if by == "" {
		by = "-" + store.ByCreation
	}
	name, descending := strings.CutPrefix(by, "-")
	if !descending {
		name = strings.TrimPrefix(by, "+")
	}
	order := store.UserOrder{By: name, Descending: descending}
	switch {
	case !slices.Contains(store.UserOrders(), name):
		return order, notAllowed("order_by", req.OrderBy, store.UserOrders()...)
	case req.StartingAfter != "" && name != store.ByCreation:
		return order, notTogether("starting_after", "order_by other than "+store.ByCreation)
	case req.StartingAfter != "" && req.Offset > 0:
		return order, notTogether("starting_after", "offset")
	default:
		return order, nil
	}
}
