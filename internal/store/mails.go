package store

import (
	"context"
	"strings"
	"time"
)

// Mail is an email in the development mailbox.
type Mail struct {
	ID        string
	Recipient string
	Kind      string
	Subject   string
	Code      string // "" in those without
	Text      string
	HTML      string
	CreatedAt time.Time
}

const mailColumns = `id, recipient, kind, subject, code, text_body, html_body, created_at`

func scanMail(r row) (Mail, error) {
	var (
		m       Mail
		code    *string
		created int64
	)
	err := r.Scan(&m.ID, &m.Recipient, &m.Kind, &m.Subject, &code, &m.Text, &m.HTML, &created)
	m.Code, m.CreatedAt = text(code), moment(created)
	return m, err
}

// InsertMail writes a new email.
func (c Conn) InsertMail(ctx context.Context, m Mail) error {
	_, err := c.exec(ctx, `INSERT INTO mails (`+mailColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		m.ID, strings.ToLower(m.Recipient), m.Kind, m.Subject, optional(m.Code), m.Text, m.HTML, ms(m.CreatedAt))
	return err
}

// Mails lists emails, newest first; to everybody when to is "".
func (c Conn) Mails(ctx context.Context, to string, limit int64) ([]Mail, error) {
	w := &where{}
	if to != "" {
		w.and("recipient = ?", strings.ToLower(to))
	}
	return many(ctx, c, scanMail, `SELECT `+mailColumns+` FROM mails`+w.String()+` ORDER BY created_at DESC, id DESC LIMIT `+w.arg(limit), w.args...)
}

// Mail finds an email, or ErrNotFound.
func (c Conn) Mail(ctx context.Context, id string) (Mail, error) {
	return one(ctx, c, scanMail, `SELECT `+mailColumns+` FROM mails WHERE id = $1`, id)
}

// DeleteMails deletes all emails.
func (c Conn) DeleteMails(ctx context.Context) error {
	_, err := c.exec(ctx, `DELETE FROM mails`)
	return err
}

// PurgeMails deletes up to limit emails that were written before a moment.
func (c Conn) PurgeMails(ctx context.Context, writtenBefore time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE created_at < $1 ORDER BY created_at LIMIT $2)`,
		ms(writtenBefore), limit)
}
