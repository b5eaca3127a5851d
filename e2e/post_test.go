package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// post is a mail server that remembers the last code for each address.
type post struct {
	addr string

	mu    sync.Mutex
	codes map[string]string
	came  chan struct{} // closed when the next email has come
}

func startPost(t *testing.T) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{addr: l.Addr().String(), codes: map[string]string{}, came: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postman{post: p}, nil }))
	s.EnableSMTPUTF8 = true
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-stopped
	})
	return p
}

// postman brings the emails of one connection.
type postman struct {
	post *post
	to   string
}

func (m *postman) Reset()                               { m.to = "" }
func (m *postman) Logout() error                        { return nil }
func (m *postman) Mail(string, *smtp.MailOptions) error { return nil }
func (m *postman) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = to
	return nil
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

func (m *postman) Data(r io.Reader) error {
	text, err := plainText(r)
	if err != nil {
		return err
	}
	code := sixDigits.Find(text)
	if code == nil {
		return nil // an email without a code
	}
	m.post.mu.Lock()
	defer m.post.mu.Unlock()
	m.post.codes[m.to] = string(code)
	close(m.post.came)
	m.post.came = make(chan struct{})
	return nil
}

// plainText is the first part of an email: what programs that show no HTML show.
func plainText(r io.Reader) ([]byte, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	part, err := multipart.NewReader(message.Body, params["boundary"]).NextPart()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(part)
	return bytes.TrimSpace(text), err
}

// hand answers the code for an address, once, and waits for it when it has not come yet.
func (p *post) hand(w http.ResponseWriter, r *http.Request) {
	to, late := r.URL.Query().Get("to"), time.After(patience)
	for {
		p.mu.Lock()
		code, came := p.codes[to], p.came
		delete(p.codes, to)
		p.mu.Unlock()
		if code != "" {
			_, _ = io.WriteString(w, code)
			return
		}
		select {
		case <-came:
		case <-late:
			http.Error(w, "no email came for "+to, http.StatusGatewayTimeout)
			return
		}
	}
}
