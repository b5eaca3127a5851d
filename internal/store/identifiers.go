package store

import (
	"context"
	"encoding/json"
	"time"
)

// Kind is what an identifier is.
type Kind string

// The kinds of identifiers, by their names on the wire.
const (
	EmailAddress Kind = "email_address"
	PhoneNumber  Kind = "phone_number"
	Web3Wallet   Kind = "web3_wallet"
)

// Identifier is an address, number or wallet that names one user.
type Identifier struct {
	ID           string
	UserID       string
	Kind         Kind
	Value        string          // as shown
	Lookup       string          // as compared; one of its kind belongs to one user
	Reserved     bool            // kept for the user, and not verified
	Verification json.RawMessage // how it was proved; nil when it never was
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Position     int64 // the order in which a user's were given
}

const identifierColumns = `id, user_id, kind, value, lookup, reserved, verification, created_at, updated_at, position`

func scanIdentifier(r row) (Identifier, error) {
	var (
		i                  Identifier
		kind, verification string
		created, updated   int64
	)
	err := r.Scan(&i.ID, &i.UserID, &kind, &i.Value, &i.Lookup, &i.Reserved, &verification, &created, &updated, &i.Position)
	i.Kind, i.CreatedAt, i.UpdatedAt = Kind(kind), moment(created), moment(updated)
	if verification != jsonNull {
		i.Verification = json.RawMessage(verification)
	}
	return i, err
}

const jsonNull = "null"

func (i Identifier) args() []any {
	verification := jsonNull
	if i.Verification != nil {
		verification = string(i.Verification)
	}
	return []any{i.ID, i.UserID, string(i.Kind), i.Value, i.Lookup, i.Reserved, verification, ms(i.CreatedAt), ms(i.UpdatedAt), i.Position}
}

// InsertIdentifier writes a new identifier; ErrExists when it belongs to somebody already.
func (c Conn) InsertIdentifier(ctx context.Context, i Identifier) error {
	_, err := c.exec(ctx, `INSERT INTO identifiers (`+identifierColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, i.args()...)
	return err
}

// Identifier finds an identifier of a kind by id, or ErrNotFound.
func (c Conn) Identifier(ctx context.Context, kind Kind, id string) (Identifier, error) {
	return one(ctx, c, scanIdentifier, `SELECT `+identifierColumns+` FROM identifiers WHERE id = $1 AND kind = $2`, id, string(kind))
}

// IdentifierNamed finds the identifier of a kind that compares as lookup, or ErrNotFound.
func (c Conn) IdentifierNamed(ctx context.Context, kind Kind, lookup string) (Identifier, error) {
	return one(ctx, c, scanIdentifier, `SELECT `+identifierColumns+` FROM identifiers WHERE kind = $1 AND lookup = $2`, string(kind), lookup)
}

// Identifiers lists the identifiers of users, those of one user together and in the order they were given.
func (c Conn) Identifiers(ctx context.Context, userIDs ...string) ([]Identifier, error) {
	if len(userIDs) == 0 {
		return nil, nil
	}
	w := &where{}
	w.in(`user_id`, userIDs)
	return many(ctx, c, scanIdentifier, `SELECT `+identifierColumns+` FROM identifiers`+w.String()+` ORDER BY user_id, position, id`, w.args...)
}

// UpdateIdentifier writes the whole row; ErrExists when its new value belongs to somebody already.
func (c Conn) UpdateIdentifier(ctx context.Context, i Identifier) error {
	return c.execOne(ctx, `UPDATE identifiers SET (`+identifierColumns+`) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE id = $1`, i.args()...)
}

// DeleteIdentifier deletes one identifier.
func (c Conn) DeleteIdentifier(ctx context.Context, id string) error {
	return c.execOne(ctx, `DELETE FROM identifiers WHERE id = $1`, id)
}

// DeleteUnproved deletes an identifier that nobody has proved; ErrNotFound when it has been proved by now.
func (c Conn) DeleteUnproved(ctx context.Context, id string) error {
	return c.execOne(ctx, `DELETE FROM identifiers WHERE id = $1 AND verification = '`+jsonNull+`' AND reserved = FALSE`, id)
}

// DeleteIdentifiers deletes all identifiers of a user.
func (c Conn) DeleteIdentifiers(ctx context.Context, userID string) error {
	_, err := c.exec(ctx, `DELETE FROM identifiers WHERE user_id = $1`, userID)
	return err
}
