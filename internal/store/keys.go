package store

import (
	"context"
	"encoding/base64"
	"errors"
	"time"
)

// SigningKey is a stored signing key. The private half is sealed; this package cannot read it.
type SigningKey struct {
	ID        string // kid
	Public    []byte // SPKI DER
	Sealed    []byte // PKCS#8 DER, sealed with the master key
	CreatedAt time.Time
	SignsFrom time.Time
	RetiredAt time.Time // zero while it is published
}

func scanSigningKey(r row) (SigningKey, error) {
	var (
		k                  SigningKey
		public, private    string
		created, signsFrom int64
		retired            *int64
	)
	if err := r.Scan(&k.ID, &public, &private, &created, &signsFrom, &retired); err != nil {
		return k, err
	}
	k.CreatedAt, k.SignsFrom, k.RetiredAt = moment(created), moment(signsFrom), optionalMoment(retired)
	var err1, err2 error
	k.Public, err1 = base64.StdEncoding.DecodeString(public)
	k.Sealed, err2 = base64.StdEncoding.DecodeString(private)
	return k, errors.Join(err1, err2)
}

// SigningKeys lists all signing keys, retired ones too, newest first.
func (c Conn) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	return many(ctx, c, scanSigningKey, `SELECT kid, public_key, private_key, created_at, signs_from, retired_at
		FROM signing_keys ORDER BY signs_from DESC, kid DESC`)
}

// InsertSigningKey writes a new key.
func (c Conn) InsertSigningKey(ctx context.Context, k SigningKey) error {
	_, err := c.exec(ctx, `INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from, retired_at)
		VALUES ($1, $2, $3, $4, $5, NULL)`, k.ID, base64.StdEncoding.EncodeToString(k.Public),
		base64.StdEncoding.EncodeToString(k.Sealed), ms(k.CreatedAt), ms(k.SignsFrom))
	return err
}

// RetireSigningKey takes a key out of publication; ErrNotFound when it is unknown or retired already.
func (c Conn) RetireSigningKey(ctx context.Context, kid string, now time.Time) error {
	return c.execOne(ctx, `UPDATE signing_keys SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL`, kid, ms(now))
}

// SecretKeyHashes lists the hex hashes of all secret keys.
func (c Conn) SecretKeyHashes(ctx context.Context) ([]string, error) {
	return many(ctx, c, scalar[string], `SELECT hash FROM secret_keys ORDER BY created_at, hash`)
}

// SetSecretKey makes the key with this hash the only one, and reports whether it was not.
func (c Conn) SetSecretKey(ctx context.Context, hash string, now time.Time) (changed bool, err error) {
	gone, err := c.exec(ctx, `DELETE FROM secret_keys WHERE hash <> $1`, hash)
	if err != nil {
		return false, err
	}
	added, err := c.exec(ctx, `INSERT INTO secret_keys (hash, created_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash, ms(now))
	return gone+added > 0, err
}

// Setting reads a stored setting, or ErrNotFound.
func (c Conn) Setting(ctx context.Context, name string) (string, error) {
	return one(ctx, c, scalar[string], `SELECT value FROM settings WHERE name = $1`, name)
}

// SetSetting writes a stored setting.
func (c Conn) SetSetting(ctx context.Context, name, value string) error {
	_, err := c.exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// AddSetting writes a stored setting unless it is there, and answers the one that is there now.
func (c Conn) AddSetting(ctx context.Context, name, value string) (string, error) {
	if _, err := c.exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value); err != nil {
		return "", err
	}
	return c.Setting(ctx, name)
}
