package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/mail"
)

// setMail chooses who delivers emails: the operator's mail server where there is one. Without it development keeps them
// in its mailbox, and production sends none.
func setMail(c *config.Config, a *app.App, log *slog.Logger) error {
	templates, err := mail.ReadTemplates(c.MailTemplates)
	if err != nil {
		return fmt.Errorf("SOJOURN_MAIL_TEMPLATES: %w", err)
	}
	switch {
	case c.SMTPURL != "":
		server, err := mail.ParseSMTP(c.SMTPURL, c.MailFrom)
		if err != nil {
			return fmt.Errorf("SOJOURN_SMTP_URL: %w", err)
		}
		a.Mail = mail.NewQueue(templates, server.Deliver, log)
	case a.Settings.Development():
		a.Mail = &app.Mailbox{Store: a.Store, Templates: templates, Now: a.Now, NewID: a.NewID}
	default:
		a.Mail = mail.Nowhere{}
		log.Warn("no emails can be sent, so nobody can sign up or in with a code: set SOJOURN_SMTP_URL and SOJOURN_MAIL_FROM")
	}
	return nil
}

// drainMail delivers what waits to be sent, within the time that stopping may take.
func drainMail(c *config.Config, a *app.App) error {
	queue, ok := a.Mail.(*mail.Queue)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	return queue.Close(ctx)
}

// mailboxURL is where a developer reads emails; "" when they are delivered.
func mailboxURL(a *app.App, backendURL string) string {
	if _, ok := a.Mail.(*app.Mailbox); !ok {
		return ""
	}
	return backendURL + "/mailbox"
}
