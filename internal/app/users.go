package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// ListUsers lists users, newest first unless the request says otherwise.
func (a *App) ListUsers(ctx context.Context, req *api.ListUsers) ([]api.User, error) {
	filter, err := userFilter(&req.UserFilter)
	if err != nil {
		return nil, err
	}
	order, err := userOrder(req)
	if err != nil {
		return nil, err
	}
	var after *store.User
	if req.StartingAfter != "" {
		u, err := a.Store.User(ctx, req.StartingAfter)
		if err != nil {
			return nil, whenAbsent(err, notTheirs("starting_after"))
		}
		after = &u
	}
	found, err := a.Store.Users(ctx, filter, order, after, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	return a.userViews(ctx, found)
}

// CountUsers counts the users that ListUsers lists without a limit.
func (a *App) CountUsers(ctx context.Context, req *api.CountUsers) (*api.Count, error) {
	filter, err := userFilter(&req.UserFilter)
	if err != nil {
		return nil, err
	}
	n, err := a.Store.CountUsers(ctx, filter)
	return &api.Count{Object: "total_count", TotalCount: n}, err
}

// CreateUser makes a user. Nothing is required of them: a user may have no identifier and no password.
func (a *App) CreateUser(ctx context.Context, req *api.CreateUser) (*api.User, error) {
	now := a.now()
	u, err := a.newUser(req, now)
	if err != nil {
		return nil, err
	}
	ids, err := a.newIdentifiers(req, &u, now)
	if err != nil {
		return nil, err
	}
	if err := secondFactorsOff(req.TOTPSecret, req.BackupCodes); err != nil {
		return nil, err
	}
	digest, err := a.newDigest(ctx, newPassword{req.Password, req.PasswordDigest, req.PasswordHasher, req.SkipPasswordChecks.Or(false)})
	if err != nil {
		return nil, err
	}
	setPassword(&u, digest, now)
	if err := a.insertUser(ctx, u, ids, session.ByBackend, now); err != nil {
		return nil, err
	}
	return a.userView(u, ids), nil
}

// newUser is the user that a request describes, without identifiers and password.
func (a *App) newUser(req *api.CreateUser, now time.Time) (store.User, error) {
	u := store.User{
		ID: a.NewID("user_"), PublicMetadata: noMetadata, PrivateMetadata: noMetadata, UnsafeMetadata: noMetadata,
		DeleteSelfEnabled: true, CreateOrgEnabled: true, Banned: req.Banned.Or(false), Locked: req.Locked.Or(false),
		CreatedAt: now, UpdatedAt: now,
	}
	err := createdProfile(req).apply(&u)
	return u, err
}

// insertUser writes a new user with their identifiers, or names what belongs to somebody else.
func (a *App) insertUser(ctx context.Context, u store.User, ids []store.Identifier, by string, now time.Time) error {
	return a.Store.Update(ctx, func(tx store.Conn) error { return a.insertUserRows(ctx, tx, u, ids, by, now) })
}

// GetUser finds a user.
func (a *App) GetUser(ctx context.Context, req *api.UserRef) (*api.User, error) {
	u, err := a.Store.User(ctx, req.UserID)
	if err != nil {
		return nil, whenAbsent(err, userNotFound(req.UserID))
	}
	ids, err := a.Store.Identifiers(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	return a.userView(u, ids), nil
}

// UpdateUser changes what is present in the request.
func (a *App) UpdateUser(ctx context.Context, req *api.UpdateUser) (*api.User, error) {
	profile := updatedProfile(req)
	if err := profile.apply(&store.User{}); err != nil {
		return nil, err
	}
	if req.ProfileImageID.Or("") != "" {
		return nil, featureOff("profile_image_id")
	}
	if err := secondFactorsOff(req.TOTPSecret, req.BackupCodes); err != nil {
		return nil, err
	}
	if _, err := a.Store.User(ctx, req.UserID); err != nil { // before a password is hashed for nobody
		return nil, whenAbsent(err, userNotFound(req.UserID))
	}
	digest, err := a.newDigest(ctx, newPassword{req.Password, req.PasswordDigest, req.PasswordHasher, req.SkipPasswordChecks.Or(false)})
	if err != nil {
		return nil, err
	}
	now := a.now()
	return a.changeUser(ctx, req.UserID, now, func(tx store.Conn, u *store.User) error {
		if err := profile.apply(u); err != nil {
			return err
		}
		if err := setPrimaries(ctx, tx, u, req); err != nil {
			return err
		}
		setPassword(u, digest, now)
		if digest != nil && req.SignOutOfOtherSessions.Or(false) {
			if err := a.signOut(ctx, tx, u, session.ReasonPasswordChanged, now); err != nil {
				return err
			}
		}
		return checkUnique(ctx, tx, *u)
	})
}

// changeUser lets apply change a user whom nobody else changes meanwhile, and answers the user after it.
func (a *App) changeUser(ctx context.Context, id string, now time.Time, apply func(store.Conn, *store.User) error) (*api.User, error) {
	var u store.User
	var ids []store.Identifier
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		if u, err = a.changeRow(ctx, tx, id, session.ByBackend, now, apply); err != nil {
			return err
		}
		ids, err = tx.Identifiers(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.userView(u, ids), nil
}

// errUnchanged is what apply says when it has nothing to change.
var errUnchanged = errors.New("unchanged")

// changeRow is changeUser within a transaction. by is who does it.
func (a *App) changeRow(ctx context.Context, tx store.Conn, id, by string, now time.Time, apply func(store.Conn, *store.User) error) (store.User, error) {
	u, err := tx.UserForUpdate(ctx, id)
	if err != nil {
		return u, whenAbsent(err, userNotFound(id))
	}
	before := u
	idsBefore, err := tx.Identifiers(ctx, id)
	if err != nil {
		return u, err
	}
	u.UpdatedAt = now // before apply, which may tell of other changes that come of this one
	switch err := apply(tx, &u); {
	case errors.Is(err, errUnchanged):
		return before, nil
	case err != nil:
		return u, err
	}
	idsAfter, err := tx.Identifiers(ctx, id)
	if err != nil {
		return u, err
	}
	return u, a.updateUser(ctx, tx, &u, by, now, changedFields(before, u, idsBefore, idsAfter)...)
}

// DeleteUser deletes a user with all that is theirs, and ends their sessions, which stay for the record only.
func (a *App) DeleteUser(ctx context.Context, req *api.UserRef) (*api.Deleted, error) {
	now := a.now()
	var u store.User
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		if u, err = tx.UserForUpdate(ctx, req.UserID); err != nil {
			return whenAbsent(err, userNotFound(req.UserID))
		}
		return a.deleteUser(ctx, tx, u, session.ByBackend, now)
	})
	if err != nil {
		return nil, err
	}
	return &api.Deleted{Object: "user", ID: u.ID, Deleted: true, ExternalID: pointer(u.ExternalID)}, nil
}

// signOut ends all sessions of a user for the backend, in the transaction that changes the user.
func (a *App) signOut(ctx context.Context, tx store.Conn, u *store.User, reason session.Reason, now time.Time) error {
	return a.endSessions(ctx, tx, u, "", session.Ending{Reason: reason, By: session.ByBackend, At: now})
}

// ListMemberships lists the organizations of a user, of which there are none here.
func (a *App) ListMemberships(ctx context.Context, req *api.ListMemberships) (*api.List[json.RawMessage], error) {
	if _, err := a.Store.User(ctx, req.UserID); err != nil {
		return nil, whenAbsent(err, userNotFound(req.UserID))
	}
	return &api.List[json.RawMessage]{Enveloped: true}, nil
}

// setPrimaries makes the identifiers that the request names primary. Null changes nothing: who has identifiers of a
// kind has a primary one.
func setPrimaries(ctx context.Context, tx store.Conn, u *store.User, req *api.UpdateUser) error {
	var ids []store.Identifier
	for _, p := range []struct {
		param string
		given api.Field[string]
		kind  store.Kind
		to    *string
	}{
		{"primary_email_address_id", req.PrimaryEmailAddressID, store.EmailAddress, &u.PrimaryEmailID},
		{"primary_phone_number_id", req.PrimaryPhoneNumberID, store.PhoneNumber, &u.PrimaryPhoneID},
		{"primary_web3_wallet_id", req.PrimaryWeb3WalletID, store.Web3Wallet, &u.PrimaryWeb3ID},
	} {
		id, ok := p.given.Get()
		if !ok {
			continue
		}
		if ids == nil {
			var err error
			if ids, err = tx.Identifiers(ctx, u.ID); err != nil {
				return err
			}
		}
		at := slices.IndexFunc(ids, func(i store.Identifier) bool { return i.ID == id && i.Kind == p.kind })
		if at < 0 {
			return notTheirs(p.param)
		}
		if !proved(ids[at]) {
			return notProved(p.param)
		}
		*p.to = id
	}
	return nil
}

// checkUnique names what is taken; the database refuses it too, but does not tell what it was.
func checkUnique(ctx context.Context, tx store.Conn, u store.User) error {
	if u.Username != "" {
		if err := whenOthers(u, "username")(tx.UserWithUsername(ctx, u.Username)); err != nil {
			return err
		}
	}
	if u.ExternalID != "" {
		return whenOthers(u, "external_id")(tx.UserWithExternalID(ctx, u.ExternalID))
	}
	return nil
}

// whenOthers refuses a param when the user who was found with its value is another one than u.
func whenOthers(u store.User, param string) func(store.User, error) error {
	return func(found store.User, err error) error {
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case found.ID != u.ID:
			return taken(param)
		default:
			return nil
		}
	}
}

// whenUserTaken answers a conflict that checkUnique could not see: the other transaction committed after it.
func whenUserTaken(err error, u store.User) error {
	switch {
	case !errors.Is(err, store.ErrExists):
		return err
	case u.Username != "":
		return taken("username")
	default:
		return taken("external_id")
	}
}

func whenTaken(err error, kind store.Kind) error {
	if errors.Is(err, store.ErrExists) {
		return taken(string(kind))
	}
	return err
}

func notTheirs(param string) *api.Error {
	return at(param, fail(422, "form_resource_not_found", "is missing", param+" names nothing that there is."))
}

func notProved(param string) *api.Error {
	return at(param, fail(422, "form_verification_needed", "needs verification", param+" must name something that is verified."))
}

func secondFactorsOff(totpSecret api.Field[string], backupCodes []string) error {
	if totpSecret.Or("") != "" {
		return featureOff("totp_secret")
	}
	if len(backupCodes) > 0 {
		return featureOff("backup_codes")
	}
	return nil
}
