package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/mail"
)

// withMailbox makes a world keep its emails.
func withMailbox(w *world) {
	templates, err := mail.ReadTemplates("")
	if err != nil {
		panic(err)
	}
	w.app.Mail = &app.Mailbox{Store: w.app.Store, Templates: templates, Now: w.clock.now, NewID: w.app.NewID}
}

func (w *world) mail(t testing.TB, to, application string) {
	t.Helper()
	m := mail.Message{Kind: mail.VerificationCode, To: to, Application: application, Code: "817263", Minutes: 10, At: w.clock.now()}
	if err := w.app.Mail.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Second)
}

// visit asks the Backend listener without a secret key, by the name that host gives it.
func (w *world) visit(method, path, host string, header ...string) answer {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorded := httptest.NewRecorder()
	w.handler.ServeHTTP(recorded, r)
	return answer{request: request{method: method, path: path}, status: recorded.Code, header: recorded.Header(), body: recorded.Body.Bytes()}
}

const here = "localhost:4000"

func (w *world) mails(t testing.TB, query string) []api.Mail {
	t.Helper()
	return ok[api.Mails](t, w.visit(http.MethodGet, "/mailbox/messages"+query, here)).Data
}

func TestMailboxForTests(t *testing.T) {
	w := serve(t, withMailbox)
	if got := w.visit(http.MethodGet, "/mailbox/messages", here); string(got.body) != `{"data":[]}` {
		t.Errorf("an empty mailbox: %s", got)
	}
	w.mail(t, "ann@example.com", "Example")
	w.mail(t, "bea@example.com", "Example")
	all := w.mails(t, "")
	if len(all) != 2 || all[0].To != "bea@example.com" || all[0].Code == nil || *all[0].Code != "817263" {
		t.Fatalf("got %+v, want the email to Bea and that to Ann", all)
	}
	if got := w.mails(t, "?to=ann%40example.com"); len(got) != 1 || got[0].ID != all[1].ID {
		t.Errorf("to Ann: %+v", got)
	}
	if got := ok[api.Mail](t, w.visit(http.MethodGet, "/mailbox/messages/"+all[0].ID, here)); got.Subject != all[0].Subject || got.HTML != all[0].HTML {
		t.Errorf("one email: %+v", got)
	}
	for path, want := range map[string]int{
		"/mailbox/messages/mail_none":      http.StatusNotFound,
		"/mailbox/messages/mail_none/html": http.StatusNotFound,
		"/mailbox/messages/%00":            http.StatusNotFound,
		"/mailbox/messages/%ff/html":       http.StatusNotFound,
		"/mailbox/elsewhere":               http.StatusNotFound,
		"/mailbox/":                        http.StatusNotFound,
		"/mailbox/messages?to=%00%ff":      http.StatusUnprocessableEntity,
		"/mailbox?to=%00%ff":               http.StatusOK,
		"/mailbox?to=%zz":                  http.StatusOK,
	} {
		if got := w.visit(http.MethodGet, path, here); got.status != want {
			t.Errorf("want %d: %s", want, got)
		}
	}
	if got := w.visit(http.MethodDelete, "/mailbox/messages", here); got.status != http.StatusNoContent {
		t.Errorf("clear: %s", got)
	}
	if got := w.mails(t, ""); len(got) != 0 {
		t.Errorf("the mailbox was cleared and has %+v", got)
	}
}

func TestMailboxForPeople(t *testing.T) {
	w := serve(t, withMailbox)
	if got := w.visit(http.MethodGet, "/mailbox", here); !strings.Contains(string(got.body), "No emails.") {
		t.Errorf("an empty mailbox: %s", got)
	}
	w.mail(t, "ann@example.com", `<script>alert(1)</script>`)
	w.mail(t, "bea@example.com", "Example")
	got := w.visit(http.MethodGet, "/mailbox", here)
	page := string(got.body)
	for _, want := range []string{
		"ann@example.com", "bea@example.com", ">817263<", "817263 is your verification code for Example", "1 June 2026, 12:00:00 UTC",
		`<html lang="en">`, `<iframe sandbox `, w.mails(t, "")[0].ID + "/html",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") {
		t.Errorf("the page runs scripts:\n%s", page)
	}
	if filtered := string(w.visit(http.MethodGet, "/mailbox?to=bea@example.com", here).body); strings.Contains(filtered, "ann@") {
		t.Errorf("only emails to Bea were asked for:\n%s", filtered)
	}

	body := w.visit(http.MethodGet, "/mailbox/messages/"+w.mails(t, "")[1].ID+"/html", here)
	for path, c := range map[string]struct {
		answer answer
		policy string
	}{
		"the page":  {got, "default-src 'none'; style-src 'self'; frame-src 'self'"},
		"the email": {body, "sandbox"},
	} {
		if c.answer.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(c.answer.header.Get("Content-Security-Policy"), c.policy) {
			t.Errorf("%s: %v", path, c.answer.header)
		}
		if c.answer.header.Get("Access-Control-Allow-Origin") != "" || c.answer.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, c.answer.header)
		}
	}
	if strings.Contains(string(body.body), "<script") || !strings.Contains(string(body.body), "&lt;script&gt;") {
		t.Errorf("the email runs scripts:\n%s", body.body)
	}
	if style := w.visit(http.MethodGet, "/mailbox/style.css", here); style.status != http.StatusOK || style.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the style: %s %v", style, style.header)
	}
}

func TestMailboxKnowsItsHost(t *testing.T) {
	w := serve(t, withMailbox, func(w *world) { w.app.Settings.BackendHost = "192.168.1.5" })
	for host, want := range map[string]int{
		"localhost":                http.StatusOK,
		"LocalHost.:4000":          http.StatusOK,
		"app.localhost:4000":       http.StatusOK,
		"127.0.0.1:4000":           http.StatusOK,
		"[::1]:4000":               http.StatusOK,
		"192.168.1.5:4000":         http.StatusOK,
		"clerk.sojourn.test:4000":  http.StatusOK, // of the issuer
		"evil.test":                http.StatusForbidden,
		"localhost.evil.test":      http.StatusForbidden,
		"127.0.0.1.evil.test:4000": http.StatusForbidden,
		"evillocalhost":            http.StatusForbidden,
		"192.168.1.6:4000":         http.StatusForbidden,
		"[::2]:4000":               http.StatusForbidden,
		"":                         http.StatusForbidden,
		"localhost@evil.test":      http.StatusForbidden,
	} {
		for _, path := range []string{"/mailbox", "/mailbox/messages"} {
			if got := w.visit(http.MethodGet, path, host); got.status != want {
				t.Errorf("as %q: want %d: %s", host, want, got)
			}
		}
	}
	w.app.Settings.BackendHost = ""
	if got := w.visit(http.MethodGet, "/mailbox", ""); got.status != http.StatusForbidden {
		t.Errorf("no host, and no particular one: %s", got)
	}
}

func TestForeignPagesCannotClearTheMailbox(t *testing.T) {
	w := serve(t, withMailbox)
	w.mail(t, "ann@example.com", "Example")
	for name, header := range map[string][]string{
		"another site":         {"Sec-Fetch-Site", "cross-site"},
		"another port":         {"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"},
		"an older browser":     {"Origin", "http://evil.test"},
		"a page in a sandbox":  {"Origin", "null"},
		"another port, older":  {"Origin", "http://localhost:3000"},
		"an origin that lies":  {"Origin", "http://localhost:4000.evil.test"},
		"an origin of garbage": {"Origin", "::"},
	} {
		if got := w.visit(http.MethodDelete, "/mailbox/messages", here, header...); got.status != http.StatusForbidden {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := w.mails(t, ""); len(got) != 1 {
		t.Errorf("the mailbox has %+v", got)
	}
	if got := w.visit(http.MethodDelete, "/mailbox/messages", here, "Origin", "http://localhost:4000"); got.status != http.StatusNoContent {
		t.Errorf("our own page: %s", got)
	}
}

func TestProductionHasNoMailbox(t *testing.T) {
	w := serve(t, withMailbox, func(w *world) { w.app.Settings.Environment = app.Production })
	w.mail(t, "ann@example.com", "Example")
	for _, path := range []string{"/mailbox", "/mailbox/messages", "/mailbox/style.css", "/mailbox/nothing"} {
		for _, header := range [][]string{nil, {"Authorization", "Bearer " + secretKey}} {
			if got := w.visit(http.MethodGet, path, here, header...); got.status != http.StatusNotFound || strings.Contains(string(got.body), "ann@") {
				t.Errorf("%s", got)
			}
		}
	}
	if got := w.visit(http.MethodDelete, "/mailbox/messages", here); got.status != http.StatusNotFound {
		t.Errorf("%s", got)
	}
}
