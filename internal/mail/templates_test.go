package mail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/mail"
)

var asked = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func message(kind mail.Kind) mail.Message {
	return mail.Message{
		Kind: kind, To: "ann.lee@example.com", Application: "Harbour & Sons", Code: "817263", Minutes: 10, At: asked,
		Origin: "https://app.example.com", Device: "Firefox on Linux", Place: "Utrecht, Netherlands",
	}
}

func templates(t *testing.T) *mail.Templates {
	t.Helper()
	found, err := mail.ReadTemplates("")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, m mail.Message) mail.Email {
	t.Helper()
	e, err := templates(t).Write(m)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEmailsSayWhatPeopleNeed(t *testing.T) {
	for kind, subject := range map[mail.Kind]string{
		mail.VerificationCode:  "817263 is your verification code for Harbour & Sons",
		mail.ResetPasswordCode: "817263 is your code to choose a new password for Harbour & Sons",
		mail.PasswordChanged:   "Your password for Harbour & Sons was changed",
	} {
		e := write(t, message(kind))
		if e.Subject != subject {
			t.Errorf("%s: subject %q, want %q", kind, e.Subject, subject)
		}
		facts := []string{"4 March 2026, 05:06 UTC", "https://app.example.com", "Firefox on Linux", "Utrecht, Netherlands"}
		if kind.HasCode() {
			facts = append(facts, "817263", "10 minutes")
		}
		for _, fact := range facts {
			if !strings.Contains(e.Text, fact) || !strings.Contains(e.HTML, fact) {
				t.Errorf("%s: %q is missing in the text or the HTML:\n%s\n%s", kind, fact, e.Text, e.HTML)
			}
		}
		if !strings.Contains(e.HTML, "Harbour &amp; Sons") || strings.Contains(e.Text, "&amp;") {
			t.Errorf("%s: HTML is not escaped, or text is:\n%s\n%s", kind, e.Text, e.HTML)
		}
	}
}

func TestWhatNobodyKnowsIsLeftOut(t *testing.T) {
	e := write(t, mail.Message{Kind: mail.VerificationCode, To: "ann@example.com", Code: "817263", Minutes: 10, At: asked})
	if want := "817263 is your verification code"; e.Subject != want {
		t.Errorf("subject %q, want %q", e.Subject, want)
	}
	if want := "It was asked for on 4 March 2026, 05:06 UTC.\n"; !strings.Contains(e.Text, want) {
		t.Errorf("want %q in:\n%s", want, e.Text)
	}
}

func TestStrangersAddNoLines(t *testing.T) {
	m := message(mail.VerificationCode)
	m.Application = "Evil\r\nBcc: all@example.com\u2028\u202e" + strings.Repeat("x", 1000)
	m.Device = "<script>alert(1)</script>\r\n.\r\nMAIL FROM:<x@example.com>"
	e := write(t, m)
	if strings.ContainsAny(e.Subject+e.Sender, "\r\n\u2028\u202e") || len(e.Subject) > 200 || len(e.Sender) > 200 {
		t.Errorf("subject %q, sender %q", e.Subject, e.Sender)
	}
	if strings.Contains(e.HTML, "<script>") || strings.Contains(e.Text, "\nMAIL") || strings.Contains(e.Text, "\n.\n") {
		t.Errorf("a stranger wrote markup or lines:\n%s\n%s", e.Text, e.HTML)
	}
}

func TestAddressesThatCannotBe(t *testing.T) {
	for _, address := range []string{
		"", "ann", "@example.com", "ann@", "Ann <ann@example.com>", "<ann@example.com>", "a@example.com, b@example.com",
		"ann@example.com\r\nBcc: b@example.com", "\"a\r\nb\"@example.com", "ann@example.com\n", "ann@exa\x00mple.com", " ann@example.com",
	} {
		m := message(mail.VerificationCode)
		m.To = address
		_, err := templates(t).Write(m)
		if err == nil {
			t.Errorf("%q was taken", address)
		} else if address != "" && strings.Contains(err.Error(), address) {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
	for _, address := range []string{"ann@example.com", "ann.o'neil+tag@sub.example.com", "élodie@exämple.com"} {
		if err := mail.CheckAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	if _, err := templates(t).Write(mail.Message{Kind: "newsletter", To: "ann@example.com"}); err == nil {
		t.Error("an email of an unknown kind was written")
	}
}

func TestOperatorsTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // in the error
	}{
		"one text":                    {files: map[string]string{"verification_code.txt": "Subject: Hi from {{.Application}}\n\n{{.Code}}"}},
		"the layout":                  {files: map[string]string{"layout.html": `<b>{{template "content" .}}</b>`}},
		"other files":                 {files: map[string]string{"README.md": "ours", "logo.png": "x"}},
		"a misspelled name":           {files: map[string]string{"verificaton_code.txt": "Subject: x\n{{.Code}}"}, want: "verificaton_code.txt is not the name of a template: want layout.html, password_changed.html"},
		"no subject":                  {files: map[string]string{"password_changed.txt": "Hello"}, want: "password_changed.txt: the first line must be the subject"},
		"an empty subject":            {files: map[string]string{"password_changed.txt": "Subject: \nHello"}, want: "password_changed.txt: the subject is empty"},
		"a text without the code":     {files: map[string]string{"reset_password_code.txt": "Subject: x\nHello"}, want: "reset_password_code.txt: the code is not in the text"},
		"HTML without the code":       {files: map[string]string{"reset_password_code.html": "Hello"}, want: "reset_password_code.html: the code is not in the text"},
		"a layout without content":    {files: map[string]string{"layout.html": "Hello"}, want: "verification_code.html: the code is not in the text"},
		"a syntax error":              {files: map[string]string{"verification_code.txt": "Subject: x\n\n{{.Code}"}, want: "verification_code.txt:3"},
		"a syntax error in a subject": {files: map[string]string{"verification_code.txt": "Subject: {{.Code\n"}, want: "verification_code.txt:1"},
		"a fact that is none":         {files: map[string]string{"verification_code.txt": "Subject: x\n{{.Code}} {{.Password}}"}, want: "verification_code.txt:2"},
		"HTML that ends in a tag":     {files: map[string]string{"verification_code.html": `{{.Code}}<a href="`}, want: "layout.html"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := mail.ReadTemplates(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := mail.ReadTemplates(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that is not there was taken")
	}
}

func TestOperatorsWordsAreUsed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "verification_code.txt"), []byte("Subject: Ahoi\r\n\r\nDein Code: {{.Code}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := mail.ReadTemplates(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := found.Write(message(mail.VerificationCode))
	if err != nil {
		t.Fatal(err)
	}
	if e.Subject != "Ahoi" || e.Text != "Dein Code: 817263\n" {
		t.Errorf("got %q %q", e.Subject, e.Text)
	}
	if !strings.Contains(e.HTML, "Your verification code") {
		t.Errorf("our own HTML is gone:\n%s", e.HTML)
	}
}
