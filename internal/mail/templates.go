package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	html "html/template"
	"io/fs"
	netmail "net/mail"
	"os"
	"path"
	"slices"
	"strings"
	text "text/template"
	"time"
	"unicode"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

//go:embed templates
var own embed.FS

// Email is a message in words, ready to be delivered.
type Email struct {
	ID      string // the same in every attempt to deliver it
	Kind    Kind
	To      string
	Sender  string // the name to show when the operator's address has none
	Subject string
	Text    string
	HTML    string
	At      time.Time
}

// Format keeps the words and the address out of whatever prints an email.
func (e Email) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "%s to %s", e.Kind, Masked(e.To)) }

// Templates are the words of every kind of email.
type Templates struct {
	kinds map[Kind]words
}

// words are the templates of one kind.
type words struct {
	subject *text.Template
	text    *text.Template
	html    *html.Template
}

// layoutFile is what all HTML bodies are put into.
const layoutFile = "layout.html"

// ReadTemplates reads the templates: from dir those that are there, and our own for the rest. dir may be "". A template
// that does not work is refused here, not when somebody waits for a code.
func ReadTemplates(dir string) (*Templates, error) {
	built, err := fs.Sub(own, "templates")
	if err != nil {
		return nil, err
	}
	source := source{own: built}
	if dir != "" {
		source.operator = os.DirFS(dir)
		if err := source.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	t := &Templates{kinds: map[Kind]words{}}
	for _, kind := range Kinds {
		w, err := source.words(kind)
		if err != nil {
			return nil, err
		}
		t.kinds[kind] = w
	}
	return t, t.try()
}

// source is where templates are read from: the operator's files before our own.
type source struct{ operator, own fs.FS }

// check refuses files that nothing would read, since their names are probably misspelled.
func (s source) check() error {
	entries, err := fs.ReadDir(s.operator, ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ending := path.Ext(entry.Name()); ending != ".txt" && ending != ".html" {
			continue
		}
		if _, err := fs.Stat(s.own, entry.Name()); err != nil {
			return fmt.Errorf("%s is not the name of a template: want %s", entry.Name(), strings.Join(s.names(), ", "))
		}
	}
	return nil
}

func (s source) names() []string {
	entries, err := fs.ReadDir(s.own, ".")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

func (s source) read(name string) (string, error) {
	if s.operator != nil {
		raw, err := fs.ReadFile(s.operator, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return string(raw), err
		}
	}
	raw, err := fs.ReadFile(s.own, name)
	return string(raw), err
}

func (s source) words(kind Kind) (words, error) {
	name := string(kind) + ".txt"
	plain, err := s.read(name)
	if err != nil {
		return words{}, err
	}
	w := words{}
	first, body, _ := strings.Cut(plain, "\n")
	subject, ok := strings.CutPrefix(first, "Subject:")
	if !ok {
		return w, fmt.Errorf("%s: the first line must be the subject, as in: Subject: Your code", name)
	}
	if w.subject, err = text.New(name).Parse(strings.TrimSpace(subject)); err != nil {
		return w, err
	}
	if w.text, err = text.New(name).Parse("\n" + body); err != nil { // the line keeps the numbers of the others right
		return w, err
	}
	w.html, err = s.html(string(kind) + ".html")
	return w, err
}

func (s source) html(name string) (*html.Template, error) {
	layout, err := s.read(layoutFile)
	if err != nil {
		return nil, err
	}
	content, err := s.read(name)
	if err != nil {
		return nil, err
	}
	t, err := html.New(layoutFile).Parse(layout)
	if err != nil {
		return nil, err
	}
	if _, err := t.New(name).Parse(content); err != nil {
		return nil, err
	}
	_, err = t.New("content").Parse(`{{template "` + name + `" .}}`)
	return t, err
}

// try writes one email of each kind.
func (t *Templates) try() error {
	const code = "735192"
	for _, kind := range Kinds {
		e, err := t.Write(Message{
			Kind: kind, To: "maria@example.com", Application: "Example", Code: code, Minutes: 10,
			At: time.Unix(0, 0), Origin: "https://app.example.com", Device: "Firefox on Linux", Place: "Utrecht, Netherlands",
		})
		switch {
		case err != nil:
			return err
		case e.Subject == "":
			return fmt.Errorf("%s.txt: the subject is empty", kind)
		case kind.HasCode() && !strings.Contains(e.Text, code):
			return fmt.Errorf("%s.txt: the code is not in the text: write {{.Code}} where it should be", kind)
		case kind.HasCode() && !strings.Contains(strings.ReplaceAll(e.HTML, html.HTMLEscapeString(e.Subject), ""), code):
			return fmt.Errorf("%s.html: the code is not in the text: write {{.Code}} where it should be", kind)
		}
	}
	return nil
}

// facts are what templates can name.
type facts struct {
	To          string
	Application string
	Code        string
	Minutes     int
	Time        string
	Origin      string
	Device      string
	Place       string
	Subject     string // in HTML only
}

// Write puts a message into words.
func (t *Templates) Write(m Message) (Email, error) {
	w, ok := t.kinds[m.Kind]
	if !ok {
		return Email{}, fmt.Errorf("mail: there is no kind %q", string(m.Kind))
	}
	if err := CheckAddress(m.To); err != nil {
		return Email{}, err
	}
	f := facts{
		To: m.To, Application: line(m.Application), Code: line(m.Code), Minutes: m.Minutes,
		Time: m.At.UTC().Format("2 January 2006, 15:04 UTC"), Origin: line(m.Origin), Device: line(m.Device), Place: line(m.Place),
	}
	var subject, plain, rich bytes.Buffer
	if err := w.subject.Execute(&subject, f); err != nil {
		return Email{}, err
	}
	f.Subject = line(subject.String())
	if err := errors.Join(w.text.Execute(&plain, f), w.html.Execute(&rich, f)); err != nil {
		return Email{}, err
	}
	return Email{
		ID: secret.NewHex(16), Kind: m.Kind, To: m.To, Sender: f.Application, At: m.At, Subject: f.Subject,
		Text: strings.TrimSpace(plain.String()) + "\n", HTML: strings.TrimSpace(rich.String()) + "\n",
	}, nil
}

// maxLine is what a header or a fact may have, in characters: strangers choose some of them.
const maxLine = 200

// line makes one line of s, so that it can stand in a header, and bounds it.
func line(s string) string {
	one := strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar
	}), " ")
	runes := []rune(one)
	return string(runes[:min(len(runes), maxLine)])
}

var errAddress = errors.New("mail: not an email address that can be written to")

// CheckAddress refuses what is not one bare email address. The error does not repeat it.
func CheckAddress(address string) error {
	parsed, err := netmail.ParseAddress(address)
	if err != nil || parsed.Name != "" || parsed.Address != address || slices.ContainsFunc([]rune(address), unicode.IsControl) {
		return errAddress
	}
	return nil
}
