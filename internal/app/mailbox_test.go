package app

import (
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
)

// mailboxApp is an instance that keeps its emails, and the means to move its clock.
func mailboxApp(t *testing.T) (*App, func(time.Duration)) {
	t.Helper()
	a := usersApp(t)
	now := usersStart
	a.Now = func() time.Time { return now }
	templates, err := mail.ReadTemplates("")
	if err != nil {
		t.Fatal(err)
	}
	a.Mail = &Mailbox{Store: a.Store, Templates: templates, Now: a.Now, NewID: a.NewID}
	return a, func(by time.Duration) { now = now.Add(by) }
}

func mailTo(t *testing.T, a *App, kind mail.Kind, to string) {
	t.Helper()
	if err := a.Mail.Send(t.Context(), mail.Message{Kind: kind, To: to, Application: "Example", Code: "817263", Minutes: 10, At: a.now()}); err != nil {
		t.Fatal(err)
	}
}

// mailIDs are those of the emails to an address, newest first.
func mailIDs(t *testing.T, a *App, to string) (ids []string) {
	t.Helper()
	mails, err := a.ListMails(t.Context(), &api.ListMails{To: to})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails.Data {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestMailboxKeepsWhatIsSent(t *testing.T) {
	a, advance := mailboxApp(t)
	mailTo(t, a, mail.VerificationCode, "Ann@example.com")
	advance(time.Second)
	mailTo(t, a, mail.PasswordChanged, "bea@example.com")

	if got := mailIDs(t, a, ""); len(got) != 2 || got[0] != "mail_0002" || got[1] != "mail_0001" {
		t.Errorf("all emails: %v, want the second and the first", got)
	}
	mails, err := a.ListMails(t.Context(), &api.ListMails{To: "ann@Example.com"})
	if err != nil || len(mails.Data) != 1 {
		t.Fatalf("%v, %v; want one email to Ann", mails, err)
	}
	m := mails.Data[0]
	if m.Kind != "verification_code" || m.Code == nil || *m.Code != "817263" || m.Subject != "817263 is your verification code for Example" || m.CreatedAt != usersStart.UnixMilli() {
		t.Errorf("got %+v", m)
	}
	other, err := a.GetMail(t.Context(), &api.MailRef{MailID: "mail_0002"})
	if err != nil || other.Code != nil || other.To != "bea@example.com" {
		t.Errorf("got %+v, %v; want no code in what needs none", other, err)
	}
	if _, err := a.GetMail(t.Context(), &api.MailRef{MailID: "mail_0003"}); told(err) != "404 resource_not_found" {
		t.Errorf("an unknown email: %q", told(err))
	}
	if err := a.Mail.Send(t.Context(), mail.Message{Kind: mail.VerificationCode, To: "nobody"}); err == nil {
		t.Error("an email to nobody was kept")
	}
}

func TestMailboxForgetsAfterADay(t *testing.T) {
	a, advance := mailboxApp(t)
	mailTo(t, a, mail.VerificationCode, "ann@example.com")
	advance(24 * time.Hour)
	mailTo(t, a, mail.VerificationCode, "ann@example.com")
	for _, want := range []int{2, 1} {
		if err := a.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := mailIDs(t, a, ""); len(got) != want {
			t.Errorf("the mailbox has %v, want %d", got, want)
		}
		advance(time.Second)
	}
}

func TestClearMailbox(t *testing.T) {
	a, _ := mailboxApp(t)
	mailTo(t, a, mail.VerificationCode, "ann@example.com")
	for range 2 {
		if _, err := a.ClearMailbox(t.Context(), &api.None{}); err != nil {
			t.Fatal(err)
		}
		if got := mailIDs(t, a, ""); len(got) != 0 {
			t.Errorf("the mailbox has %v", got)
		}
	}
}
