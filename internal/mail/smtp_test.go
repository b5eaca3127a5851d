package mail_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/secret"
)

// host is the server's name in its certificate. Tests reach it on loopback.
const host = "mail.example.test"

// relay is an SMTP server.
type relay struct {
	server  *smtp.Server
	address string
	roots   *x509.CertPool

	mu       sync.Mutex
	received []delivery
	refuse   func() error  // asked for every recipient
	hang     chan struct{} // the answer to a recipient waits for it
}

// delivery is what the server was given.
type delivery struct {
	from, to, user string
	secured        bool
	data           []byte
}

// startRelay starts a server. The options change it before.
func startRelay(t *testing.T, options ...func(*relay)) *relay {
	t.Helper()
	r := &relay{}
	r.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &relaySession{relay: r, conn: c}, nil
	}))
	r.server.Domain = host
	r.server.EnableSMTPUTF8 = true
	r.server.ErrorLog = quiet{}
	certificate, roots := newCertificate(t)
	r.roots = roots
	r.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	for _, option := range options {
		option(r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = r.server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = r.server.Close()
		<-stopped
	})
	return r
}

func withoutSTARTTLS(r *relay) { r.server.TLSConfig = nil }

func insecureAuth(r *relay) { r.server.AllowInsecureAuth = true }

// quiet drops what the server would log of connections that were cut.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// relaySession is one connection.
type relaySession struct {
	relay *relay
	conn  *smtp.Conn
	now   delivery
	user  string
}

func (s *relaySession) Reset()        { s.now = delivery{} }
func (s *relaySession) Logout() error { return nil }

func (s *relaySession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *relaySession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "sojourn" || password != "p@ss:word" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *relaySession) Mail(from string, _ *smtp.MailOptions) error {
	s.now.from = from
	return nil
}

func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.relay.hang != nil {
		<-s.relay.hang
	}
	s.now.to += to
	if s.relay.refuse != nil {
		return s.relay.refuse()
	}
	return nil
}

func (s *relaySession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, secured := s.conn.TLSConnectionState()
	s.now.data, s.now.secured, s.now.user = data, secured, s.user
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.received = append(s.relay.received, s.now)
	return nil
}

// smtpTo is the client for a server as a URL names it; @HOST stands for loopback with the server's port.
func smtpTo(t *testing.T, r *relay, rawURL string) *mail.SMTP {
	t.Helper()
	s, err := mail.ParseSMTP(secret.Text(strings.ReplaceAll(rawURL, "@HOST", r.address)), "no-reply@example.com")
	if err != nil {
		t.Fatal(err)
	}
	s.Roots = r.roots
	s.DialWith(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, r.address)
	})
	return s
}

func (r *relay) only(t *testing.T) delivery {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.received) != 1 {
		t.Fatalf("the server has %d emails, want 1", len(r.received))
	}
	return r.received[0]
}

func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		url     string
		options []func(*relay)
		user    string
		secured bool
	}{
		"with STARTTLS":                         {url: "smtp://" + host, secured: true},
		"with STARTTLS and a password":          {url: "smtp://sojourn:p%40ss%3Aword@" + host, user: "sojourn", secured: true},
		"in plain text on loopback":             {url: "smtp://@HOST", options: []func(*relay){withoutSTARTTLS}},
		"with a password on loopback":           {url: "smtp://sojourn:p%40ss%3Aword@@HOST", options: []func(*relay){withoutSTARTTLS, insecureAuth}, user: "sojourn"},
		"with STARTTLS of any host on loopback": {url: "smtp://@HOST", secured: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, c.options...)
			if err := smtpTo(t, r, c.url).Deliver(t.Context(), write(t, message(mail.VerificationCode))); err != nil {
				t.Fatal(err)
			}
			got := r.only(t)
			if got.from != "no-reply@example.com" || got.to != "ann.lee@example.com" || got.user != c.user || got.secured != c.secured {
				t.Errorf("from %s to %s by %q, secured %v; want user %q, secured %v", got.from, got.to, got.user, got.secured, c.user, c.secured)
			}
		})
	}
}

func TestDeliveryWithTLSFromTheStart(t *testing.T) {
	r := startRelay(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", r.server.TLSConfig)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.server.Serve(l) }()
	r.address = l.Addr().String()
	if err := smtpTo(t, r, "smtps://sojourn:p%40ss%3Aword@"+host).Deliver(t.Context(), write(t, message(mail.VerificationCode))); err != nil {
		t.Fatal(err)
	}
	if got := r.only(t); !got.secured || got.user != "sojourn" {
		t.Errorf("secured %v, user %q", got.secured, got.user)
	}
	err = smtpTo(t, r, "smtps://@HOST").Deliver(t.Context(), write(t, message(mail.VerificationCode)))
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of another host was taken: %v", err)
	}
}

func TestDeliveryIsRefused(t *testing.T) {
	answer := func(code int) func(*relay) {
		return func(r *relay) {
			r.refuse = func() error {
				return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "<ann.lee@example.com> unknown"}
			}
		}
	}
	for name, c := range map[string]struct {
		url     string
		options []func(*relay)
		final   bool
		want    string
	}{
		"for good":                        {url: "smtp://" + host, options: []func(*relay){answer(550)}, final: true, want: "RCPT TO command: refused by the server with 550 5.1.1"},
		"for now":                         {url: "smtp://" + host, options: []func(*relay){answer(451)}, want: "RCPT TO command: the server answered 451 4.1.1"},
		"for the password":                {url: "smtp://sojourn:wrong@" + host, final: true, want: "signing in: refused by the server with 535"},
		"by us, without STARTTLS":         {url: "smtp://" + host, options: []func(*relay){withoutSTARTTLS}, want: "does not support STARTTLS"},
		"by us, for the certificate":      {url: "smtp://other.example.test", want: "certificate"},
		"by us, for a missing AUTH":       {url: "smtp://sojourn:wrong@@HOST", options: []func(*relay){withoutSTARTTLS}, want: "AUTH"},
		"by us, without TLS for password": {url: "smtp://sojourn:wrong@" + host, options: []func(*relay){withoutSTARTTLS, insecureAuth}, want: "does not support STARTTLS"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, c.options...)
			err := smtpTo(t, r, c.url).Deliver(t.Context(), write(t, message(mail.VerificationCode)))
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, mail.ErrRefused) != c.final {
				t.Fatalf("got %v, final %v; want %q, final %v", err, errors.Is(err, mail.ErrRefused), c.want, c.final)
			}
			for _, hidden := range []string{"ann.lee", "817263", "wrong", "sojourn:"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("the error has %q: %v", hidden, err)
				}
			}
			if len(r.received) != 0 {
				t.Errorf("the server has %d emails", len(r.received))
			}
		})
	}
}

func TestDeliveryEndsWithItsContext(t *testing.T) {
	r := startRelay(t, func(r *relay) { r.hang = make(chan struct{}) })
	defer close(r.hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := smtpTo(t, r, "smtp://"+host).Deliver(ctx, write(t, message(mail.VerificationCode))); err == nil {
		t.Error("a server that never answers has the email")
	}
	if err := smtpTo(t, r, "smtp://"+host).Deliver(ctx, write(t, message(mail.VerificationCode))); err == nil {
		t.Error("a delivery that was over began")
	}
}

func TestQueueDeliversOverSMTP(t *testing.T) {
	var log bytes.Buffer
	r := startRelay(t)
	s := smtpTo(t, r, "smtp://sojourn:p%40ss%3Aword@"+host)
	q := mail.NewQueue(templates(t), s.Deliver, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	send(t, q)
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.only(t)
	if text := log.String(); strings.Contains(text, "817263") || strings.Contains(text, "ann.lee") || strings.Contains(text, "p@ss") {
		t.Errorf("the log has a secret:\n%s", text)
	}
}

// parts are the headers and the bodies of an email by content type.
func parts(t *testing.T, raw []byte) (netmail.Header, map[string]string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	bodies := map[string]string{}
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		bodies[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

func TestEmailsOnTheWire(t *testing.T) {
	r := startRelay(t)
	m := message(mail.VerificationCode)
	m.Application, m.To = "Häfen & \"Söhne\", Inc.", "élodie@example.com"
	e := write(t, m)
	if err := smtpTo(t, r, "smtp://"+host).Deliver(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	header, bodies := parts(t, r.only(t).data)
	decoded := func(name string) string {
		text, err := (&mime.WordDecoder{}).DecodeHeader(header.Get(name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	from, err := netmail.ParseAddress(header.Get("From"))
	if err != nil || from.Name != m.Application || from.Address != "no-reply@example.com" {
		t.Errorf("From %q: %v", header.Get("From"), err)
	}
	for name, want := range map[string]string{
		"Subject": e.Subject, "To": "<élodie@example.com>", "Message-Id": "<" + e.ID + "@example.com>",
		"Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "",
	} {
		if got := decoded(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if bodies["text/plain"] != e.Text || bodies["text/html"] != e.HTML {
		t.Errorf("the bodies changed on the way: %q", bodies)
	}
}

// Even an email that was made by hand cannot write headers or commands.
func TestHeadersCannotBeInjected(t *testing.T) {
	const evil = "x\r\nBcc: all@example.com\r\n\r\n.\r\nRSET\r\n"
	for name, change := range map[string]func(*mail.Email){
		"by the subject": func(e *mail.Email) { e.Subject = evil },
		"by the sender":  func(e *mail.Email) { e.Sender = evil },
		"by the id":      func(e *mail.Email) { e.ID = evil },
		"by the address": func(e *mail.Email) { e.To = "ann@example.com>\r\nBcc: all@example.com" },
		"by the text":    func(e *mail.Email) { e.Text = evil + "\r\n.\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t)
			e := write(t, message(mail.VerificationCode))
			change(&e)
			if err := smtpTo(t, r, "smtp://"+host).Deliver(t.Context(), e); err != nil {
				return // refused is fine too
			}
			header, bodies := parts(t, r.only(t).data)
			if _, ok := header["Bcc"]; ok || len(bodies) != 2 {
				t.Errorf("injected:\n%s", r.only(t).data)
			}
		})
	}
}

func TestParseSMTP(t *testing.T) {
	for rawURL, want := range map[string]mail.SMTP{
		"smtp://mail.example.com":                   {Host: "mail.example.com", Port: 587},
		"smtps://mail.example.com":                  {Host: "mail.example.com", Port: 465, Implicit: true},
		"smtp://u%40d:p%40%2Fw@mail.example.com:25": {Host: "mail.example.com", Port: 25, User: "u@d", Password: "p@/w"},
		"smtp://[::1]:1025/":                        {Host: "::1", Port: 1025},
	} {
		got, err := mail.ParseSMTP(secret.Text(rawURL), "Sojourn <no-reply@example.com>")
		if err != nil {
			t.Errorf("%s: %v", rawURL, err)
			continue
		}
		if got.Host != want.Host || got.Port != want.Port || got.Implicit != want.Implicit || got.User != want.User || got.Password != want.Password || got.From.Name != "Sojourn" {
			t.Errorf("%s: got %s:%d %v %s %s", rawURL, got.Host, got.Port, got.Implicit, got.User, got.Password.Reveal())
		}
	}
	for rawURL, want := range map[string]string{
		"https://example.com":            "smtp://",
		"mail.example.com:25":            "smtp://",
		"smtp://":                        "no host",
		"smtp://canary@example.com":      "both a user and a password",
		"smtp://:canary@example.com":     "both a user and a password",
		"smtp://u:canary@example.com/x":  "nothing may follow",
		"smtp://u:canary@example.com:0":  "port",
		"smtp://u:canary@example.com?x":  "nothing may follow",
		"smtp://u:can%ary@example.com":   "percent-encoded",
		"smtp://u:canary@example.com:xy": "percent-encoded",
		"smtp://u:canary@h:99999":        "port",
		"":                               "smtp://",
	} {
		_, err := mail.ParseSMTP(secret.Text(rawURL), "no-reply@example.com")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %q", rawURL, err, want)
		}
	}
	for _, from := range []string{"", "nobody", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com"} {
		if _, err := mail.ParseSMTP("smtp://mail.example.com", from); err == nil {
			t.Errorf("sender %q was taken", from)
		}
	}
}
