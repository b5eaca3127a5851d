package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/store"
)

func TestMails(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		mail := func(id, to string, at time.Time) store.Mail {
			return store.Mail{
				ID: id, Recipient: to, Kind: "verification_code", Subject: "Your code", Code: "817263",
				Text: "817263\n", HTML: "<b>817263</b>", CreatedAt: at,
			}
		}
		old, fresh, other := mail("mail_1", "ann@example.com", start), mail("mail_2", "ann@example.com", start.Add(time.Second)), mail("mail_3", "bea@example.com", start.Add(time.Second))
		other.Code = ""
		update(t, db, func(tx store.Conn) error {
			typed := old
			typed.Recipient = "Ann@Example.com"
			return errors.Join(tx.InsertMail(t.Context(), typed), tx.InsertMail(t.Context(), fresh), tx.InsertMail(t.Context(), other))
		})
		list := func(to string, limit int64, want ...store.Mail) {
			t.Helper()
			got, err := db.Mails(t.Context(), to, limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("to %q (-want +got):\n%s", to, diff)
			}
		}
		list("", 10, other, fresh, old)
		list("", 1, other)
		list("ANN@example.com", 10, fresh, old)
		list("nobody@example.com", 10)

		got, err := db.Mail(t.Context(), "mail_1")
		if diff := cmp.Diff(old, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if _, err := db.Mail(t.Context(), "mail_4"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown email: %v", err)
		}

		update(t, db, func(tx store.Conn) error {
			n, err := tx.PurgeMails(t.Context(), fresh.CreatedAt, 10)
			if n != 1 {
				t.Errorf("purged %d, want 1", n)
			}
			return err
		})
		list("", 10, other, fresh)
		update(t, db, func(tx store.Conn) error { return tx.DeleteMails(t.Context()) })
		list("", 10)
	})
}
