package httpapi

import (
	"bytes"
	"embed"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

//go:embed pages
var pages embed.FS

var mailboxPage = template.Must(template.New("mailbox.html").Funcs(template.FuncMap{
	"moment": func(ms int64) time.Time { return time.UnixMilli(ms).UTC() },
}).ParseFS(pages, "pages/mailbox.html"))

// The mailbox runs no scripts, and shows the HTML of emails in frames that may load nothing: emails of tests come from
// anywhere.
const (
	mailboxPolicy = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	emailPolicy   = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox"
)

// mailbox shows the emails of a development instance to developers and their tests. They need no secret key, so
// whatever a browser could be lured into is refused.
func mailbox(a *app.App) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mailbox", func(w http.ResponseWriter, r *http.Request) { showMailbox(a, w, r) })
	mux.HandleFunc("GET /mailbox/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pages, "pages/mailbox.css")
	})
	list, show, clearAll := "GET /mailbox/messages", "GET /mailbox/messages/{mail_id}", "DELETE /mailbox/messages"
	mux.Handle(list, endpoint(a, list, a.ListMails))
	mux.Handle(show, endpoint(a, show, a.GetMail))
	mux.Handle(clearAll, endpoint(a, clearAll, a.ClearMailbox))
	mux.HandleFunc("GET /mailbox/messages/{mail_id}/html", func(w http.ResponseWriter, r *http.Request) { showEmail(a, w, r) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(a, w, r, noSuchURL()) })
	return forDevelopers(a, mux)
}

// forDevelopers lets only those requests pass that no page on the web can have made: there is no mailbox in production,
// a page cannot change anything from another origin, and it cannot read by calling our address its own (DNS rebinding).
func forDevelopers(a *app.App, next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !a.Settings.Development():
			fail(a, w, r, noSuchURL())
		case !ownHost(a, r.Host):
			fail(a, w, r, plain(http.StatusForbidden, "host_invalid", "Unknown host", "Open the mailbox as localhost, or under the host of SOJOURN_BACKEND_ADDR or SOJOURN_FRONTEND_URL."))
		case foreign.Check(r) != nil:
			fail(a, w, r, plain(http.StatusForbidden, "origin_invalid", "Foreign origin", "Pages of other origins cannot change the mailbox."))
		default:
			h := w.Header()
			h.Set("Content-Security-Policy", mailboxPolicy)
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Referrer-Policy", "no-referrer")
			next.ServeHTTP(w, r)
		}
	})
}

// ownHost reports whether a Host header names this machine, or what the operator calls it.
func ownHost(a *app.App, header string) bool {
	host := strings.ToLower(strings.TrimSuffix((&url.URL{Host: header}).Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	public, err := url.Parse(a.Settings.Issuer)
	return host != "" && (strings.EqualFold(host, a.Settings.BackendHost) || err == nil && strings.EqualFold(host, public.Hostname()))
}

func showMailbox(a *app.App, w http.ResponseWriter, r *http.Request) {
	request := &api.ListMails{To: storable(r.URL.Query().Get("to"))}
	mails, err := a.ListMails(r.Context(), request)
	if err != nil {
		fail(a, w, r, err)
		return
	}
	var page bytes.Buffer
	if err := mailboxPage.Execute(&page, struct {
		To    string
		Mails []api.Mail
	}{request.To, mails.Data}); err != nil {
		fail(a, w, r, err)
		return
	}
	sendHTML(w, page.Bytes())
}

// showEmail shows the HTML body of an email, as a document that may do nothing.
func showEmail(a *app.App, w http.ResponseWriter, r *http.Request) {
	m, err := a.GetMail(r.Context(), &api.MailRef{MailID: storable(r.PathValue("mail_id"))})
	if err != nil {
		fail(a, w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", emailPolicy)
	sendHTML(w, []byte(m.HTML))
}

func sendHTML(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h["Cache-Control"] = noStore
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the reader is gone; nothing to tell anybody
}
