package store

import (
	"context"
	"time"
)

// Code is what was mailed to prove an email address.
type Code struct {
	OwnerID  string // a sign-in, a sign-up or an email address
	Strategy string
	Hash     string
	Attempts int64 // that failed
	SentAt   time.Time
	ExpireAt time.Time
}

const codeColumns = `owner_id, strategy, hash, attempts, sent_at, expire_at`

func scanCode(r row) (Code, error) {
	var (
		v            Code
		sent, expire int64
	)
	err := r.Scan(&v.OwnerID, &v.Strategy, &v.Hash, &v.Attempts, &sent, &expire)
	v.SentAt, v.ExpireAt = moment(sent), moment(expire)
	return v, err
}

// PutCode makes v the code of its owner, in the place of the one before.
func (c Conn) PutCode(ctx context.Context, v Code) error {
	_, err := c.exec(ctx, `INSERT INTO codes (`+codeColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (owner_id) DO UPDATE SET strategy = excluded.strategy, hash = excluded.hash,
		attempts = excluded.attempts, sent_at = excluded.sent_at, expire_at = excluded.expire_at`,
		v.OwnerID, v.Strategy, v.Hash, v.Attempts, ms(v.SentAt), ms(v.ExpireAt))
	return err
}

// Code finds the code of an owner, or ErrNotFound.
func (c Conn) Code(ctx context.Context, ownerID string) (Code, error) {
	return one(ctx, c, scanCode, `SELECT `+codeColumns+` FROM codes WHERE owner_id = $1`, ownerID)
}

// CodeForUpdate is Code, and nobody else can try it until the transaction ends.
func (c Conn) CodeForUpdate(ctx context.Context, ownerID string) (Code, error) {
	return one(ctx, c, scanCode, `UPDATE codes SET attempts = attempts WHERE owner_id = $1 RETURNING `+codeColumns, ownerID)
}

// DeleteCode forgets the code of an owner.
func (c Conn) DeleteCode(ctx context.Context, ownerID string) error {
	_, err := c.exec(ctx, `DELETE FROM codes WHERE owner_id = $1`, ownerID)
	return err
}

// PurgeCodes deletes up to limit codes that expired before a moment.
func (c Conn) PurgeCodes(ctx context.Context, expiredBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM codes WHERE owner_id IN (SELECT owner_id FROM codes WHERE expire_at < $1 ORDER BY expire_at LIMIT $2)`,
		ms(expiredBefore), limit)
}
