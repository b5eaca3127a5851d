package app

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// The statuses that an identifier can be given.
const (
	statusVerified   = "verified"
	statusReserved   = "reserved"
	statusUnverified = "unverified"
)

// provedByAdmin is the verification of what the holder of the secret key says is verified.
var provedByAdmin = json.RawMessage(`{"object":"verification_admin","status":"verified","strategy":"admin","attempts":null,"expire_at":null}`)

func verificationOf(i store.Identifier) *api.Verification {
	if i.Verification == nil {
		return nil
	}
	var v api.Verification
	if err := json.Unmarshal(i.Verification, &v); err != nil {
		return nil
	}
	return &v
}

// proved reports whether an identifier is known to be its user's.
func proved(i store.Identifier) bool {
	v := verificationOf(i)
	return v != nil && v.Status == statusVerified
}

// newIdentifiers makes what the request gives u, and makes the first of each kind primary.
func (a *App) newIdentifiers(req *api.CreateUser, u *store.User, now time.Time) ([]store.Identifier, error) {
	var all []store.Identifier
	for _, k := range []struct {
		kind     store.Kind
		values   []string
		statuses []string
		lookup   func(param, given string) (string, *api.Error)
		primary  *string
	}{
		{store.EmailAddress, req.EmailAddress, req.EmailAddressIdentificationStatus, emailAddress, &u.PrimaryEmailID},
		{store.PhoneNumber, req.PhoneNumber, req.PhoneNumberIdentificationStatus, phoneNumber, &u.PrimaryPhoneID},
		{store.Web3Wallet, req.Web3Wallet, nil, web3Wallet, &u.PrimaryWeb3ID},
	} {
		param := string(k.kind)
		if len(k.values) > maxIdentifiers {
			return nil, tooMany(param, maxIdentifiers)
		}
		statuses, err := identificationStatuses(param, k.statuses, len(k.values))
		if err != nil {
			return nil, err
		}
		var ids []store.Identifier
		for n, value := range k.values {
			lookup, err := k.lookup(param, value)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(ids, func(i store.Identifier) bool { return i.Lookup == lookup }) {
				return nil, duplicate(param)
			}
			ids = append(ids, a.newIdentifier(u.ID, k.kind, value, lookup, statuses[n], now))
		}
		*k.primary = firstOf(ids)
		all = append(all, ids...)
	}
	for n := range all {
		all[n].Position = int64(n)
	}
	return all, nil
}

func (a *App) newIdentifier(userID string, kind store.Kind, value, lookup, status string, now time.Time) store.Identifier {
	i := store.Identifier{ID: a.NewID("idn_"), UserID: userID, Kind: kind, Value: value, Lookup: lookup, CreatedAt: now, UpdatedAt: now}
	if kind == store.EmailAddress {
		i.Value = lookup
	}
	setStatus(&i, status)
	return i
}

func setStatus(i *store.Identifier, status string) {
	i.Reserved, i.Verification = status == statusReserved, nil
	if status == statusVerified {
		i.Verification = provedByAdmin
	}
}

// identificationStatuses are the statuses of n identifiers: verified when the request does not say.
func identificationStatuses(param string, given []string, n int) ([]string, error) {
	if len(given) == 0 {
		return slices.Repeat([]string{statusVerified}, n), nil
	}
	param += "_identification_status"
	if len(given) != n {
		return nil, at(param, fail(422, "form_param_array_length_mismatch", "wrong length", param+" needs as many items as there are identifiers."))
	}
	for _, status := range given {
		if status != statusVerified && status != statusReserved {
			return nil, notAllowed(param, status, statusVerified, statusReserved)
		}
	}
	return given, nil
}

// firstProved is the id of the first verified identifier, or "".
func firstProved(ids []store.Identifier) string {
	for _, i := range ids {
		if proved(i) {
			return i.ID
		}
	}
	return ""
}

// firstOf is the id of the first verified identifier, or of the first when none is, or "".
func firstOf(ids []store.Identifier) string {
	if id := firstProved(ids); id != "" || len(ids) == 0 {
		return id
	}
	return ids[0].ID
}

func emailsAmong(ids []store.Identifier) []store.Identifier {
	var found []store.Identifier
	for _, i := range ids {
		if i.Kind == store.EmailAddress {
			found = append(found, i)
		}
	}
	return found
}
