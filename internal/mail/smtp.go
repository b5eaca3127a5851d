package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

// SMTP delivers emails to one server, the operator's relay.
type SMTP struct {
	Host     string
	Port     int
	Implicit bool // TLS from the first byte, rather than STARTTLS
	User     string
	Password secret.Text
	From     netmail.Address
	Roots    *x509.CertPool // nil for the system's

	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil for the network
}

// The ports of message submission (RFC 6409, RFC 8314).
const (
	submissionPort  = 587
	submissionsPort = 465
)

// ParseSMTP reads smtp://USER:PASSWORD@HOST:PORT or smtps://…, and the address that emails come from. Errors do not
// repeat the URL.
func ParseSMTP(server secret.Text, from string) (*SMTP, error) {
	u, err := url.Parse(server.Reveal())
	if err != nil {
		return nil, errors.New("not a URL: want smtp://USER:PASSWORD@HOST:PORT, with special characters in USER and PASSWORD percent-encoded")
	}
	s := &SMTP{Host: u.Hostname(), Port: submissionPort, Implicit: u.Scheme == "smtps", User: u.User.Username()}
	if s.Implicit {
		s.Port = submissionsPort
	}
	password, _ := u.User.Password()
	s.Password = secret.Text(password)
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("want a URL that begins with smtp:// or smtps://")
	case s.Host == "":
		return nil, errors.New("the URL names no host")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("nothing may follow the host and port in the URL")
	case (s.User == "") != (password == ""):
		return nil, errors.New("the URL must have both a user and a password, or neither")
	}
	if u.Port() != "" {
		if s.Port, err = strconv.Atoi(u.Port()); err != nil || s.Port < 1 || s.Port > 65535 {
			return nil, errors.New("the URL's port is not a port")
		}
	}
	address, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender %q is not an email address", from)
	}
	s.From = *address
	return s, nil
}

// Deliver hands an email to the server. When it answers nil, the server has it.
func (s *SMTP) Deliver(ctx context.Context, e Email) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // which closes the connection
	client, err := gomail.NewClient(s.Host, s.options(ctx)...)
	if err != nil {
		return err
	}
	message := s.message(e)
	if err := client.DialAndSendWithContext(ctx, message); err != nil && !message.IsDelivered() {
		return told(err)
	}
	return nil // even if taking leave of the server failed: another attempt would deliver twice
}

func (s *SMTP) options(ctx context.Context) []gomail.Option {
	policy := gomail.TLSMandatory
	if s.local() {
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(attemptTimeout), gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.tls()), gomail.WithDialContextFunc(s.dialer(ctx)),
	}
	if s.Implicit {
		options = append(options, gomail.WithSSL()) // which the dialer has seen to: no STARTTLS
	}
	if _, domain, ok := strings.Cut(s.From.Address, "@"); ok {
		options = append(options, gomail.WithHELO(domain)) // some servers refuse a machine's bare name
	}
	if s.User != "" {
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return options
}

// local reports whether the server is on this machine, where nobody stands in between.
func (s *SMTP) local() bool {
	ip := net.ParseIP(s.Host)
	return s.Host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{
		ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: s.local() && !s.Implicit, //nolint:gosec // where plain text is fine too, and certificates name another host
	}
}

// dialer makes a connection that ends with ctx: the library heeds a context only while it dials.
func (s *SMTP) dialer(ctx context.Context) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		dial := s.dial
		if dial == nil {
			dial = (&net.Dialer{}).DialContext
		}
		conn, err := dial(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if !s.Implicit {
			return conn, nil
		}
		secured := tls.Client(conn, s.tls())
		return secured, secured.HandshakeContext(dialing)
	}
}

func (s *SMTP) message(e Email) *gomail.Msg {
	from := s.From
	if from.Name == "" {
		from.Name = e.Sender
	}
	_, domain, _ := strings.Cut(s.From.Address, "@")
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&from)
	m.ToMailAddress(&netmail.Address{Address: e.To})
	m.Subject(e.Subject)
	m.SetMessageIDWithValue(e.ID + "@" + domain)
	if !e.At.IsZero() {
		m.SetDateWithValue(e.At)
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody is away from this mailbox
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	m.SetBodyString(gomail.TypeTextPlain, e.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, e.HTML)
	return m
}

// told is an error that a log may have. Servers repeat addresses in their answers, so only the codes are kept of them.
func told(err error) error {
	var (
		sending  *gomail.SendError
		answered *textproto.Error
	)
	switch {
	case errors.As(err, &sending) && sending.ErrorCode() != 0:
		return refusal(sending.Reason.String(), sending.ErrorCode(), sending.EnhancedStatusCode())
	case errors.As(err, &sending):
		return fmt.Errorf("%s: the connection failed", sending.Reason)
	case errors.As(err, &answered):
		return refusal("connecting and signing in", answered.Code, "")
	default:
		return err
	}
}

func refusal(stage string, code int, enhanced string) error {
	answer := strings.TrimSpace(strconv.Itoa(code) + " " + enhanced)
	if code >= 500 {
		return fmt.Errorf("%s: %w by the server with %s", stage, ErrRefused, answer)
	}
	return fmt.Errorf("%s: the server answered %s", stage, answer)
}
