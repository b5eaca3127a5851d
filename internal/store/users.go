package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// User is an account as it is stored. Empty strings and zero times are NULL.
type User struct {
	ID                  string
	ExternalID          string
	Username            string // as given; compared without regard to case
	FirstName           string
	LastName            string
	Locale              string
	PrimaryEmailID      string // of an Identifier, as the two below
	PrimaryPhoneID      string
	PrimaryWeb3ID       string
	PasswordHasher      string
	PasswordDigest      string
	PasswordUpdatedAt   time.Time
	PasswordCompromised bool
	PublicMetadata      json.RawMessage // objects, never empty
	PrivateMetadata     json.RawMessage
	UnsafeMetadata      json.RawMessage
	Banned              bool
	Locked              bool
	LockedUntil         time.Time // zero while locked: until unlocked
	FailedAttempts      int64
	DeleteSelfEnabled   bool
	CreateOrgEnabled    bool
	CreateOrgLimit      *int64
	LegalAcceptedAt     time.Time
	BypassClientTrust   bool
	LastSignInAt        time.Time
	LastActiveAt        time.Time // start of the day, UTC
	CreatedAt           time.Time
	UpdatedAt           time.Time
	Events              int64 // how many have been written of them
}

const (
	userColumns = `id, external_id, username, username_key, first_name, last_name, locale,
	primary_email_id, primary_phone_id, primary_web3_id, password_hasher, password_digest, password_updated_at,
	password_compromised, public_metadata, private_metadata, unsafe_metadata, banned, locked, locked_until,
	failed_attempts, delete_self_enabled, create_org_enabled, create_org_limit, legal_accepted_at,
	bypass_client_trust, last_sign_in_at, last_active_at, created_at, updated_at, event_count`
	userValues = `($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
	$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)`
)

func scanUser(r row) (User, error) {
	var (
		u                                                      User
		external, username, key, first, last, locale           *string
		email, phone, web3, hasher, digest                     *string
		public, private, unsafe                                string
		passwordAt, lockedUntil, legal, lastSignIn, lastActive *int64
		created, updated                                       int64
	)
	err := r.Scan(&u.ID, &external, &username, &key, &first, &last, &locale,
		&email, &phone, &web3, &hasher, &digest, &passwordAt,
		&u.PasswordCompromised, &public, &private, &unsafe, &u.Banned, &u.Locked, &lockedUntil,
		&u.FailedAttempts, &u.DeleteSelfEnabled, &u.CreateOrgEnabled, &u.CreateOrgLimit, &legal,
		&u.BypassClientTrust, &lastSignIn, &lastActive, &created, &updated, &u.Events)
	u.ExternalID, u.Username, u.FirstName, u.LastName, u.Locale = text(external), text(username), text(first), text(last), text(locale)
	u.PrimaryEmailID, u.PrimaryPhoneID, u.PrimaryWeb3ID = text(email), text(phone), text(web3)
	u.PasswordHasher, u.PasswordDigest, u.PasswordUpdatedAt = text(hasher), text(digest), optionalMoment(passwordAt)
	u.PublicMetadata, u.PrivateMetadata, u.UnsafeMetadata = json.RawMessage(public), json.RawMessage(private), json.RawMessage(unsafe)
	u.LockedUntil, u.LegalAcceptedAt = optionalMoment(lockedUntil), optionalMoment(legal)
	u.LastSignInAt, u.LastActiveAt = optionalMoment(lastSignIn), optionalMoment(lastActive)
	u.CreatedAt, u.UpdatedAt = moment(created), moment(updated)
	return u, err
}

// args are the values of userColumns.
func (u User) args() []any {
	return []any{
		u.ID, optional(u.ExternalID), optional(u.Username), optional(strings.ToLower(u.Username)),
		optional(u.FirstName), optional(u.LastName), optional(u.Locale),
		optional(u.PrimaryEmailID), optional(u.PrimaryPhoneID), optional(u.PrimaryWeb3ID),
		optional(u.PasswordHasher), optional(u.PasswordDigest), optionalMS(u.PasswordUpdatedAt), u.PasswordCompromised,
		string(u.PublicMetadata), string(u.PrivateMetadata), string(u.UnsafeMetadata),
		u.Banned, u.Locked, optionalMS(u.LockedUntil), u.FailedAttempts,
		u.DeleteSelfEnabled, u.CreateOrgEnabled, u.CreateOrgLimit, optionalMS(u.LegalAcceptedAt),
		u.BypassClientTrust, optionalMS(u.LastSignInAt), optionalMS(u.LastActiveAt), ms(u.CreatedAt), ms(u.UpdatedAt), u.Events,
	}
}

// InsertUser writes a new user; ErrExists when its username or external id is taken.
func (c Conn) InsertUser(ctx context.Context, u User) error {
	_, err := c.exec(ctx, `INSERT INTO users (`+userColumns+`) VALUES `+userValues, u.args()...)
	return err
}

// User finds a user by id, or ErrNotFound.
func (c Conn) User(ctx context.Context, id string) (User, error) {
	return one(ctx, c, scanUser, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

// UserWithUsername finds a user by username in any case, or ErrNotFound.
func (c Conn) UserWithUsername(ctx context.Context, username string) (User, error) {
	return one(ctx, c, scanUser, `SELECT `+userColumns+` FROM users WHERE username_key = $1`, strings.ToLower(username))
}

// UserWithExternalID finds a user by external id, or ErrNotFound.
func (c Conn) UserWithExternalID(ctx context.Context, externalID string) (User, error) {
	return one(ctx, c, scanUser, `SELECT `+userColumns+` FROM users WHERE external_id = $1`, externalID)
}

// UserForUpdate reads a user whom nobody else can change until the transaction ends, or ErrNotFound.
// Writing a column onto itself takes the row on every engine; SQLite knows no SELECT … FOR UPDATE.
func (c Conn) UserForUpdate(ctx context.Context, id string) (User, error) {
	return one(ctx, c, scanUser, `UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING `+userColumns, id)
}

// UpdateUser writes the whole row. Read it with UserForUpdate in the same transaction, or the changes of others are lost.
func (c Conn) UpdateUser(ctx context.Context, u User) error {
	return c.execOne(ctx, `UPDATE users SET (`+userColumns+`) = `+userValues+` WHERE id = $1`, u.args()...)
}

// DeleteUser deletes the row of a user and nothing else of theirs.
func (c Conn) DeleteUser(ctx context.Context, id string) error {
	return c.execOne(ctx, `DELETE FROM users WHERE id = $1`, id)
}

// UserSignedIn notes that a user begins a session; ErrNotFound when there is no such user or they are banned.
// It takes the user's row: a ban at the same time comes wholly before or wholly after the rest of the transaction.
func (c Conn) UserSignedIn(ctx context.Context, id string, now time.Time) (User, error) {
	return one(ctx, c, scanUser, `UPDATE users SET last_sign_in_at = $2, last_active_at = $3
		WHERE id = $1 AND banned = FALSE RETURNING `+userColumns, id, ms(now), ms(now.UTC().Truncate(24*time.Hour)))
}

// ForgetFailures ends the count of a user's failed verifications, and a lock that came of it.
func (c Conn) ForgetFailures(ctx context.Context, id string) error {
	return c.execOne(ctx, `UPDATE users SET failed_attempts = 0, locked = FALSE, locked_until = NULL WHERE id = $1`, id)
}

// ReplaceDigest puts a new digest of the same password in the place of an old one; ErrNotFound when the old one is
// not the user's any more.
func (c Conn) ReplaceDigest(ctx context.Context, id, oldDigest, hasher, digest string) error {
	return c.execOne(ctx, `UPDATE users SET password_hasher = $3, password_digest = $4 WHERE id = $1 AND password_digest = $2`,
		id, oldDigest, hasher, digest)
}
