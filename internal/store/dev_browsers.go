package store

import (
	"context"
	"time"
)

// DevBrowser is a browser of a development instance that names itself in each request.
type DevBrowser struct {
	Hash      string // of the id that the browser holds
	ClientID  string // of the client that it is; the client itself may not have begun
	CreatedAt time.Time
}

// InsertDevBrowser writes a new dev browser.
func (c Conn) InsertDevBrowser(ctx context.Context, b DevBrowser) error {
	_, err := c.exec(ctx, `INSERT INTO dev_browsers (hash, client_id, created_at) VALUES ($1, $2, $3)`, b.Hash, b.ClientID, ms(b.CreatedAt))
	return err
}

// DevBrowser finds a dev browser, or ErrNotFound.
func (c Conn) DevBrowser(ctx context.Context, hash string) (DevBrowser, error) {
	return one(ctx, c, func(r row) (DevBrowser, error) {
		b, created := DevBrowser{Hash: hash}, int64(0)
		err := r.Scan(&b.ClientID, &created)
		b.CreatedAt = moment(created)
		return b, err
	}, `SELECT client_id, created_at FROM dev_browsers WHERE hash = $1`, hash)
}

// PurgeDevBrowsers deletes up to limit dev browsers that were made before a moment and whose clients are gone.
func (c Conn) PurgeDevBrowsers(ctx context.Context, madeBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM dev_browsers WHERE hash IN (SELECT d.hash FROM dev_browsers d
		WHERE d.created_at < $1 AND NOT EXISTS (SELECT 1 FROM clients c WHERE c.id = d.client_id) ORDER BY d.created_at LIMIT $2)`, ms(madeBefore), limit)
}
