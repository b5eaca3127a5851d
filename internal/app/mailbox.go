package app

import (
	"context"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/store"
)

const (
	mailRetention = 24 * time.Hour // in the mailbox
	maxMails      = 200            // in one answer
)

// Mailbox is the mailer of development instances: it keeps emails, to be shown to developers and their tests. What is
// sent is there to be read when Send returns. Like every mailer it is asked outside of transactions.
type Mailbox struct {
	Store     *store.DB
	Templates *mail.Templates
	Now       func() time.Time
	NewID     func(prefix string) string
}

// Send keeps an email.
func (b *Mailbox) Send(ctx context.Context, m mail.Message) error {
	email, err := b.Templates.Write(m)
	if err != nil {
		return err
	}
	kept := store.Mail{
		ID: b.NewID("mail_"), Recipient: email.To, Kind: string(email.Kind), Subject: email.Subject, Text: email.Text, HTML: email.HTML,
		CreatedAt: b.Now().UTC().Truncate(time.Millisecond),
	}
	if m.Kind.HasCode() {
		kept.Code = m.Code
	}
	return b.Store.Update(ctx, func(tx store.Conn) error { return tx.InsertMail(ctx, kept) })
}

// ListMails lists the newest emails in the mailbox.
func (a *App) ListMails(ctx context.Context, req *api.ListMails) (*api.Mails, error) {
	found, err := a.Store.Mails(ctx, req.To, maxMails)
	if err != nil {
		return nil, err
	}
	mails := &api.Mails{Data: make([]api.Mail, len(found))}
	for i, m := range found {
		mails.Data[i] = *mailView(m)
	}
	return mails, nil
}

// GetMail finds an email in the mailbox.
func (a *App) GetMail(ctx context.Context, req *api.MailRef) (*api.Mail, error) {
	m, err := a.Store.Mail(ctx, req.MailID)
	if err != nil {
		return nil, whenAbsent(err, fail(404, "resource_not_found", "Resource not found", "The mailbox holds no email with the id "+req.MailID+"."))
	}
	return mailView(m), nil
}

// ClearMailbox deletes all emails in the mailbox.
func (a *App) ClearMailbox(ctx context.Context, _ *api.None) (*api.Empty, error) {
	return &api.Empty{}, a.Store.Update(ctx, func(tx store.Conn) error { return tx.DeleteMails(ctx) })
}

func mailView(m store.Mail) *api.Mail {
	return &api.Mail{
		Object: "mail", ID: m.ID, Kind: m.Kind, To: m.Recipient, Subject: m.Subject, Code: pointer(m.Code), Text: m.Text, HTML: m.HTML,
		CreatedAt: m.CreatedAt.UnixMilli(),
	}
}
