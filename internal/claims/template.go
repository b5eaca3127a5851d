// Package claims is the template language of token claims. A template is a JSON object whose strings may hold
// shortcodes such as {{user.first_name}}. It is parsed once, when it is saved, and evaluated on the JSON tree at each
// mint: what a shortcode yields is data and is never read again as a template. The package knows nothing of users.
package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a template.
const (
	MaxSize  = 16 << 10 // bytes of JSON
	MaxDepth = 32       // of nested arrays and objects
)

// Reserved are the claims that the server writes itself.
var Reserved = []string{"act", "azp", "exp", "fea", "fva", "iat", "iss", "jti", "nbf", "o", "pla", "sid", "sts", "sub", "v"}

// roots are where shortcode paths may begin; anything else stays literal text.
var roots = []string{"user", "org", "org_membership", "session"}

// Template is a parsed template. It may be used by many goroutines at once.
type Template struct{ root object }

// Lookup answers a path whose first step is a known root, or nil.
type Lookup func(path []string) any

// Error says what is wrong with a template, and where.
type Error struct {
	Path     string // e.g. ".a[0].b"; "" for the whole template
	Reserved string // the reserved claim that the template sets, or ""
	Reason   string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Parse reads a template. Errors are *Error.
func Parse(raw []byte) (*Template, error) {
	if len(raw) > MaxSize {
		return nil, &Error{Reason: fmt.Sprintf("a template takes at most %d bytes", MaxSize)}
	}
	p := parser{json.NewDecoder(bytes.NewReader(raw))}
	p.UseNumber() // numbers keep their text
	root, err := p.value("", 0)
	if err != nil {
		return nil, err
	}
	o, ok := root.(object)
	if !ok {
		return nil, &Error{Reason: "a template is a JSON object"}
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Reason: "the template goes on after its object"}
	}
	return &Template{root: o}, nil
}

// CheckReserved refuses a template that sets a reserved claim.
func (t *Template) CheckReserved() error {
	for _, m := range t.root {
		if slices.Contains(Reserved, m.name) {
			return &Error{Path: "." + m.name, Reserved: m.name, Reason: m.name + " is a reserved claim"}
		}
	}
	return nil
}

// Eval fills the template in. The result is fresh, but for values that look answered; it may be larger than the
// template by any factor, so callers bound the token that they make of it.
func (t *Template) Eval(look Lookup) map[string]any {
	claims := make(map[string]any, len(t.root))
	for _, m := range t.root {
		claims[m.name] = m.value.eval(look)
	}
	return claims
}

// Dig descends into nested objects. A step that is missing yields nil.
func Dig(v any, path []string) any {
	for _, step := range path {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[step]
	}
	return v
}

type parser struct{ *json.Decoder }

var errJSON = &Error{Reason: "not valid JSON"}

func (p parser) value(path string, depth int) (node, error) {
	t, err := p.Token()
	if err != nil {
		return nil, errJSON
	}
	switch t := t.(type) {
	case string:
		return parseText(path, t)
	case json.Delim:
		if depth >= MaxDepth {
			return nil, &Error{Path: path, Reason: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
		}
		if t == '{' {
			return p.object(path, depth)
		}
		return p.array(path, depth)
	default: // a number, true, false or null
		return literal{t}, nil
	}
}

func (p parser) object(path string, depth int) (node, error) {
	o := object{}
	seen := map[string]bool{}
	for p.More() {
		t, err := p.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		inner := path + "." + name
		if seen[name] {
			return nil, &Error{Path: inner, Reason: "stands here twice"}
		}
		seen[name] = true
		v, err := p.value(inner, depth+1)
		if err != nil {
			return nil, err
		}
		o = append(o, member{name, v})
	}
	if _, err := p.Token(); err != nil {
		return nil, errJSON
	}
	return o, nil
}

func (p parser) array(path string, depth int) (node, error) {
	a := array{}
	for i := 0; p.More(); i++ {
		v, err := p.value(fmt.Sprintf("%s[%d]", path, i), depth+1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	if _, err := p.Token(); err != nil {
		return nil, errJSON
	}
	return a, nil
}

// parseText splits a string into plain text and shortcodes. A string that is one shortcode keeps the type of its value.
func parseText(where, s string) (node, error) {
	var parts text
	for rest := s; rest != ""; {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			parts = append(parts, literal{before})
		}
		if !found {
			break
		}
		code, tail, closed := cutShortcode(after)
		if !closed {
			return nil, &Error{Path: where, Reason: "{{ is not closed by }}"}
		}
		n, err := parseShortcode(where, code)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		rest = tail
	}
	switch len(parts) {
	case 0:
		return literal{""}, nil
	case 1:
		return parts[0], nil
	default:
		return parts, nil
	}
}

// cutShortcode cuts at the closing braces; braces within 'single quotes' do not close.
func cutShortcode(s string) (code, tail string, closed bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(s[i:], "}}"):
			return s[:i], s[i+2:], true
		}
	}
	return "", "", false
}
