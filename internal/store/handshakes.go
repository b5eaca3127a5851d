package store

import (
	"context"
	"encoding/base64"
	"time"
)

// Handshake is what a server-rendered app fetches with the nonce that a browser brought it.
type Handshake struct {
	Hash     string // of the nonce
	Sealed   []byte // the cookies to set
	ExpireAt time.Time
}

// InsertHandshake writes a new handshake.
func (c Conn) InsertHandshake(ctx context.Context, h Handshake) error {
	_, err := c.exec(ctx, `INSERT INTO handshakes (hash, directives, expire_at) VALUES ($1, $2, $3)`,
		h.Hash, base64.StdEncoding.EncodeToString(h.Sealed), ms(h.ExpireAt))
	return err
}

// Handshake finds a handshake, or ErrNotFound.
func (c Conn) Handshake(ctx context.Context, hash string) (Handshake, error) {
	return one(ctx, c, func(r row) (Handshake, error) {
		h, sealed, expire := Handshake{Hash: hash}, "", int64(0)
		if err := r.Scan(&sealed, &expire); err != nil {
			return h, err
		}
		h.ExpireAt = moment(expire)
		var err error
		h.Sealed, err = base64.StdEncoding.DecodeString(sealed)
		return h, err
	}, `SELECT directives, expire_at FROM handshakes WHERE hash = $1`, hash)
}

// PurgeHandshakes deletes up to limit handshakes that expired before a moment.
func (c Conn) PurgeHandshakes(ctx context.Context, expiredBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM handshakes WHERE hash IN (SELECT hash FROM handshakes WHERE expire_at < $1 ORDER BY expire_at LIMIT $2)`,
		ms(expiredBefore), limit)
}

// RefreshToken lets an app's server trade an expired session token for a new one.
type RefreshToken struct {
	Hash      string
	SessionID string
	ExpireAt  time.Time
}

// InsertRefreshToken writes a new refresh token.
func (c Conn) InsertRefreshToken(ctx context.Context, t RefreshToken) error {
	_, err := c.exec(ctx, `INSERT INTO refresh_tokens (hash, session_id, expire_at) VALUES ($1, $2, $3)`, t.Hash, t.SessionID, ms(t.ExpireAt))
	return err
}

// RefreshToken finds a refresh token, or ErrNotFound.
func (c Conn) RefreshToken(ctx context.Context, hash string) (RefreshToken, error) {
	return one(ctx, c, func(r row) (RefreshToken, error) {
		t, expire := RefreshToken{Hash: hash}, int64(0)
		err := r.Scan(&t.SessionID, &expire)
		t.ExpireAt = moment(expire)
		return t, err
	}, `SELECT session_id, expire_at FROM refresh_tokens WHERE hash = $1`, hash)
}

// RetireRefreshToken lets a refresh token expire at a moment, unless it does so earlier.
func (c Conn) RetireRefreshToken(ctx context.Context, hash string, at time.Time) error {
	_, err := c.exec(ctx, `UPDATE refresh_tokens SET expire_at = $2 WHERE hash = $1 AND expire_at > $2`, hash, ms(at))
	return err
}

// PurgeRefreshTokens deletes up to limit refresh tokens that expired before a moment.
func (c Conn) PurgeRefreshTokens(ctx context.Context, expiredBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expire_at < $1 ORDER BY expire_at LIMIT $2)`,
		ms(expiredBefore), limit)
}
