package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sojourn-auth/sojourn/api"
)

const (
	maxBody  = 256 << 10 // bytes
	maxDepth = 32        // of nested arrays and objects
)

// plan says where each field of a request comes from. It is made once for each route.
type plan struct {
	path, header, query []field
	body                map[string]int // JSON member -> index into members
	members             []field
	closed              bool // unknown members are refused
	forms               bool // the body may be a form, and an empty text is none
	emptyClears         bool // but an empty text is null
}

type field struct {
	name      string
	index     []int
	min, max  int64 // of an integer
	otherwise int64 // an integer's value when it is absent
}

func planOf[Req any]() plan {
	t := reflect.TypeFor[Req]()
	p := plan{body: map[string]int{}}
	_, p.closed = any(*new(Req)).(interface{ Closed() })
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		where := field{index: f.Index, min: number(f, "min"), max: number(f, "max"), otherwise: number(f, "default")}
		if name, ok := f.Tag.Lookup("path"); ok {
			p.path = append(p.path, where.named(name))
		}
		if name, ok := f.Tag.Lookup("header"); ok {
			p.header = append(p.header, where.named(name))
		}
		if name, ok := f.Tag.Lookup("query"); ok {
			p.query = append(p.query, where.named(name))
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			p.body[name] = len(p.members)
			p.members = append(p.members, where.named(name))
		}
	}
	return p
}

func (f field) named(name string) field {
	f.name = name
	return f
}

func number(f reflect.StructField, tag string) int64 {
	n, _ := strconv.ParseInt(f.Tag.Get(tag), 10, 64)
	return n
}

// read fills req, a pointer to the plan's request. Members in refused count as unknown.
func (p *plan) read(w http.ResponseWriter, r *http.Request, req any, refused []string) error {
	v := reflect.ValueOf(req).Elem()
	for _, f := range p.path {
		v.FieldByIndex(f.index).SetString(storable(r.PathValue(f.name)))
	}
	for _, f := range p.header {
		v.FieldByIndex(f.index).SetString(r.Header.Get(f.name))
	}
	if err := p.readQuery(r, v); err != nil {
		return err
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil // clients send a content type here, but the contract knows no body
	}
	return p.readBody(w, r, v, refused)
}

// storable is an id as a database can look for it: no id holds NUL or bytes that are not UTF-8, so one that does is as
// unknown as any other.
func storable(id string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(id, "\uFFFD"), "\x00", "\uFFFD")
}

func (p *plan) readQuery(r *http.Request, v reflect.Value) error {
	if r.URL.RawQuery == "" && len(p.query) == 0 {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return plain(http.StatusBadRequest, "malformed_request_parameters", "Malformed request parameters", "The query string cannot be read.")
	}
	for _, f := range p.query {
		if err := f.setQuery(v.FieldByIndex(f.index), values[f.name]); err != nil {
			return err
		}
	}
	return nil
}

func (f field) setQuery(v reflect.Value, given []string) error {
	for _, s := range given {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return param(f.name, plain(http.StatusUnprocessableEntity, "form_param_format_invalid", "is invalid", f.name+" is not valid text."))
		}
	}
	if len(given) == 0 {
		if f.otherwise != 0 {
			v.SetInt(f.otherwise)
		}
		return nil
	}
	switch target := v.Addr().Interface().(type) {
	case *string:
		*target = given[0]
	case *[]string:
		*target = given
	case *int64:
		n, err := f.integer(given[0])
		*target = n
		return err
	case *bool:
		b, err := f.boolean(given[0])
		*target = b
		return err
	case *api.Field[int64]:
		n, err := f.integer(given[0])
		*target = api.Set(n)
		return err
	case *api.Field[bool]:
		b, err := f.boolean(given[0])
		*target = api.Set(b)
		return err
	}
	return nil
}

func (f field) integer(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && strings.HasPrefix(s, "-"), err == nil && f.max != 0 && n < f.min:
		return 0, param(f.name, plain(http.StatusUnprocessableEntity, "form_param_value_invalid", "is invalid", fmt.Sprintf("%s must be %d or more.", f.name, f.min)))
	case errors.Is(err, strconv.ErrRange), err == nil && f.max != 0 && n > f.max:
		return 0, param(f.name, plain(http.StatusUnprocessableEntity, "form_param_value_too_large", "value too large", fmt.Sprintf("%s must be %d or less.", f.name, f.max)))
	case err != nil:
		return 0, f.wrongType("integer")
	}
	return n, nil
}

func (f field) boolean(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, f.wrongType("boolean")
	}
}

func (f field) wrongType(want string) error {
	return param(f.name, plain(http.StatusUnprocessableEntity, "form_param_type_invalid", "is invalid", fmt.Sprintf("%s must be of type %s.", f.name, want)))
}

func (p *plan) readBody(w http.ResponseWriter, r *http.Request, v reflect.Value, refused []string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return plain(http.StatusRequestEntityTooLarge, "request_body_too_large", "Request body too large", fmt.Sprintf("The request body cannot be larger than %d bytes.", maxBody))
	case err != nil:
		return malformed("The request body could not be read.")
	}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil
	}
	members, err := p.parseBody(r, v, body)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := p.set(v, m, refused); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) parseBody(r *http.Request, v reflect.Value, body []byte) ([]member, error) {
	if p.forms && isForm(r) {
		return p.parseForm(v, body)
	}
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	return parseObject(body)
}

func (p *plan) set(v reflect.Value, m member, refused []string) error {
	i, known := p.body[m.name] // to the letter: encoding/json alone would match any case
	switch {
	case !known && !p.closed:
		return nil
	case !known, slices.Contains(refused, m.name):
		return param(m.name, plain(http.StatusUnprocessableEntity, "form_param_unknown", "is unknown", m.name+" is not a parameter of this request."))
	case m.nul:
		return param(m.name, plain(http.StatusUnprocessableEntity, "form_param_format_invalid", "is invalid", m.name+" cannot contain the character NUL."))
	}
	if p.forms && string(m.raw) == `""` {
		if !p.emptyClears {
			return nil
		}
		m.raw = json.RawMessage("null")
	}
	target := v.FieldByIndex(p.members[i].index)
	if err := json.Unmarshal(m.raw, target.Addr().Interface()); err != nil {
		return param(m.name, plain(http.StatusUnprocessableEntity, "form_param_value_invalid", "is invalid", m.name+" has the wrong type: "+wanted(err)+"."))
	}
	return nil
}

// wanted tells what a member should have been, without repeating its value.
func wanted(err error) string {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return "it cannot be read"
	}
	got, _, _ := strings.Cut(mismatch.Value, " ")
	switch mismatch.Type.Kind() {
	case reflect.Bool:
		return "want a boolean, got " + got
	case reflect.Int64:
		return "want an integer, got " + got
	case reflect.String:
		return "want a string, got " + got
	case reflect.Slice:
		return "want an array, got " + got
	default:
		return "want an object, got " + got
	}
}

func checkContentType(r *http.Request) error {
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(given); err == nil && kind == "application/json" {
		return nil
	}
	return plain(http.StatusUnsupportedMediaType, "unsupported_content_type", "Content-Type is unsupported", "Send application/json.")
}

func malformed(long string) *api.Error {
	return plain(http.StatusBadRequest, "request_body_invalid", "Request body invalid", long)
}

// member is one member of a JSON object; nul tells that a string in it holds the character NUL, which no
// database column takes.
type member struct {
	name string
	raw  json.RawMessage
	nul  bool
}

// parseObject splits a JSON object into its members, in order. It is stricter than encoding/json: the text must be
// valid UTF-8, no object may name a member twice, and nesting is bounded. The body null is an empty object.
func parseObject(body []byte) ([]member, error) {
	switch {
	case !utf8.Valid(body):
		return nil, malformed("The request body is not valid UTF-8.")
	case string(body) == "null":
		return nil, nil
	case body[0] != '{':
		return nil, malformed("The request body must be a JSON object.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return nil, malformed("The request body is not valid JSON.")
	}
	var members []member
	seen := map[string]bool{}
	for d.More() {
		name, err := memberName(d, seen)
		if err != nil {
			return nil, err
		}
		start := d.InputOffset()
		nul, err := skipValue(d, 1)
		if err != nil {
			return nil, err
		}
		raw := bytes.TrimSpace(bytes.TrimLeft(body[start:d.InputOffset()], ": \t\r\n"))
		members = append(members, member{name: name, raw: raw, nul: nul})
	}
	if _, err := d.Token(); err != nil {
		return nil, malformed("The request body is not valid JSON.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("The request body goes on after its JSON object.")
	}
	return members, nil
}

func memberName(d *json.Decoder, seen map[string]bool) (string, error) {
	t, err := d.Token()
	name, ok := t.(string)
	switch {
	case err != nil || !ok:
		return "", malformed("The request body is not valid JSON.")
	case seen[name]:
		return "", malformed("The request body names a member twice.")
	}
	seen[name] = true
	return name, nil
}

// skipValue reads one value and reports whether a string in it holds NUL.
func skipValue(d *json.Decoder, depth int) (nul bool, err error) {
	t, err := d.Token()
	if err != nil {
		return false, malformed("The request body is not valid JSON.")
	}
	switch t := t.(type) {
	case string:
		return strings.ContainsRune(t, 0), nil
	case json.Delim:
		return skipNested(d, t, depth)
	default:
		return false, nil
	}
}

func skipNested(d *json.Decoder, open json.Delim, depth int) (nul bool, err error) {
	if depth >= maxDepth {
		return false, malformed(fmt.Sprintf("The request body is nested deeper than %d levels.", maxDepth))
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := memberName(d, seen)
			if err != nil {
				return false, err
			}
			nul = nul || strings.ContainsRune(name, 0)
		}
		inner, err := skipValue(d, depth+1)
		if err != nil {
			return false, err
		}
		nul = nul || inner
	}
	if _, err := d.Token(); err != nil {
		return false, malformed("The request body is not valid JSON.")
	}
	return nul, nil
}
