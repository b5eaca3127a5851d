package app

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sojourn-auth/sojourn/api"
)

// people reads the persons of a file one by one, and io.EOF after the last. A *rowError is about one of them and the
// next can be read; any other error is about the file.
type people interface {
	next() (*person, error)
}

// rowError says what is wrong with a person of a file.
type rowError struct {
	line int
	id   string
	err  error
}

func (e *rowError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *rowError) Unwrap() error { return e.err }

// readPeople tells the forms apart: JSON begins with a bracket, and everything else is CSV. ignored hears of each
// column or field that nothing is done with, once.
func readPeople(r io.Reader, ignored func(line int, name string)) (people, error) {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\uFEFF" {
		_, _ = in.Discard(3) // peeked
	}
	for {
		first, err := in.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("the file is empty")
		case err != nil:
			return nil, err
		case first[0] == '{' || first[0] == '[':
			return newJSONPeople(in, ignored)
		case !bytes.ContainsAny(first, " \t\r\n"):
			return newCSVPeople(in, ignored)
		}
		_, _ = in.Discard(1) // peeked
	}
}

// csvPeople reads the CSV of Clerk's Dashboard.
type csvPeople struct {
	csv     *csv.Reader
	columns []func(p *person, text string) error // nil where nothing is done
}

func newCSVPeople(r io.Reader, ignored func(line int, name string)) (*csvPeople, error) {
	p := &csvPeople{csv: csv.NewReader(r)}
	p.csv.ReuseRecord = true
	header, err := p.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	for n, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		column, ok := columnNamed(name)
		switch {
		case slices.Contains(header[:n], name):
			return nil, fmt.Errorf("the column %q is there twice", name)
		case ok:
		case slices.Contains(lostFields, name):
			column.read = func(p *person, text string) error { return loseText(p, name, text) }
		default:
			ignored(1, name)
		}
		p.columns = append(p.columns, column.read)
	}
	if !slices.ContainsFunc(p.columns, func(read func(*person, string) error) bool { return read != nil }) {
		return nil, errors.New("the first line names no column of Clerk's user export, such as id or primary_email_address")
	}
	return p, nil
}

func loseText(p *person, name, text string) error {
	if text == "false" || text == "[]" || text == "0" {
		return nil
	}
	return p.lose(name)
}

func (c *csvPeople) next() (*person, error) {
	record, err := c.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		return nil, &rowError{line: broken.StartLine, err: broken.Err}
	case err != nil:
		return nil, err
	}
	line, _ := c.csv.FieldPos(0)
	p := &person{line: line}
	for n, text := range record {
		if text = unguarded(text); text == "" || c.columns[n] == nil {
			continue
		}
		if err := c.columns[n](p, text); err != nil {
			return nil, &rowError{line: line, id: p.id, err: err}
		}
	}
	return p, nil
}

// Spreadsheets run a cell that begins with one of these as a formula. Clerk's exports put a tab before it, and so do
// ours; a tab before a tab keeps the two apart.
const formulaStarts = "=+-@\t＝＋－＠"

func guarded(text string) string {
	if text != "" && strings.ContainsRune(formulaStarts, []rune(text)[0]) {
		return "\t" + text
	}
	return text
}

func unguarded(text string) string {
	if rest, ok := strings.CutPrefix(text, "\t"); ok && guarded(rest) != rest {
		return rest
	}
	return text
}

// jsonPeople reads user objects as the Backend API answers them, in an array or one after the other.
type jsonPeople struct {
	lines   *lineCounter
	json    *json.Decoder
	array   bool
	ignored func(line int, name string)
	told    map[string]bool
}

func newJSONPeople(r *bufio.Reader, ignored func(line int, name string)) (*jsonPeople, error) {
	first, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	lines := &lineCounter{r: r}
	p := &jsonPeople{lines: lines, json: json.NewDecoder(lines), array: first[0] == '[', ignored: ignored, told: map[string]bool{}}
	if p.array {
		_, err = p.json.Token()
	}
	return p, err
}

func (j *jsonPeople) next() (*person, error) {
	if !j.json.More() {
		return nil, j.end()
	}
	var raw json.RawMessage
	if err := j.json.Decode(&raw); err != nil {
		return nil, fmt.Errorf("line %d or later: %w", j.lines.at(j.json.InputOffset()), err)
	}
	line := j.lines.at(j.json.InputOffset() - int64(len(raw)))
	p, err := j.person(line, raw)
	if err != nil {
		return nil, &rowError{line: line, id: p.id, err: err}
	}
	return p, nil
}

func (j *jsonPeople) end() error {
	if j.array {
		if _, err := j.json.Token(); err != nil {
			return errors.New("the list has no end: the file is cut off")
		}
	}
	if _, err := j.json.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something else stands behind the users", j.lines.at(j.json.InputOffset()))
	}
	return io.EOF
}

// quietFields say nothing that is to be kept, or are read together with others.
var quietFields = []string{
	"object", "image_url", "profile_image_url", "has_image", "password_enabled", "password_last_updated_at",
	"two_factor_enabled", "mfa_enabled_at", "mfa_disabled_at", "updated_at", "lockout_expires_in_seconds",
	"verification_attempts_remaining", "email_addresses", "phone_numbers", "primary_email_address_id",
	"primary_phone_number_id", "primary_web3_wallet_id", "deprovisioned", "requires_password_reset",
}

func (j *jsonPeople) person(line int, raw json.RawMessage) (*person, error) {
	p := &person{line: line}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return p, errors.New("want an object for each user")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text, plain := jsonText(fields[name])
		column, known := columnNamed(name)
		switch {
		case text == "" || name == "web3_wallets" && !plain || slices.Contains(quietFields, name):
		case slices.Contains(lostFields, name):
			_ = loseText(p, name, text) // never fails
		case !known && !j.told[name]:
			j.told[name] = true
			j.ignored(line, name)
		case known && !plain:
			return p, badFormat(name, "a plain value")
		case known:
			if err := column.read(p, text); err != nil {
				return p, err
			}
		}
	}
	return p, p.readAPI(raw)
}

// jsonText is a value as a cell of CSV holds it; plain says that it is none of several objects.
func jsonText(raw json.RawMessage) (text string, plain bool) {
	var s string
	var list []string
	switch {
	case string(raw) == "null":
		return "", true
	case raw[0] == '"':
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case raw[0] == '[' && json.Unmarshal(raw, &list) == nil:
		return strings.Join(list, ","), true
	default:
		return string(raw), raw[0] != '['
	}
}

// readAPI reads what the Backend API's user objects have that cells cannot hold.
func (p *person) readAPI(raw json.RawMessage) error {
	var u struct {
		EmailAddresses []api.EmailAddress `json:"email_addresses"`
		PhoneNumbers   []api.PhoneNumber  `json:"phone_numbers"`
		Web3Wallets    json.RawMessage    `json:"web3_wallets"`
		PrimaryEmail   string             `json:"primary_email_address_id"`
		PrimaryPhone   string             `json:"primary_phone_number_id"`
		PrimaryWeb3    string             `json:"primary_web3_wallet_id"`
		LockoutSeconds *int64             `json:"lockout_expires_in_seconds"`
		HasPassword    bool               `json:"password_enabled"`
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return errors.New("its fields are not of the types that the Backend API answers")
	}
	for _, e := range u.EmailAddresses {
		p.emails.addObject(e.ID, u.PrimaryEmail, e.EmailAddress, e.Reserved, e.Verification)
	}
	for _, n := range u.PhoneNumbers {
		p.phones.addObject(n.ID, u.PrimaryPhone, n.PhoneNumber, n.Reserved, n.Verification)
	}
	var wallets []api.Web3Wallet
	if json.Unmarshal(u.Web3Wallets, &wallets) == nil {
		for _, w := range wallets {
			p.wallet.addObject(w.ID, u.PrimaryWeb3, w.Web3Wallet, false, w.Verification)
		}
	}
	if u.LockoutSeconds != nil { // a lock that ends by itself does so on the way
		p.req.Locked = api.Field[bool]{}
	}
	if u.HasPassword && p.digest == "" {
		p.lost = append(p.lost, "password: the file holds no digest of it")
	}
	return nil
}

func (a *addresses) addObject(id, primary, value string, reserved bool, v *api.Verification) {
	status := statusUnverified
	switch {
	case v != nil && v.Status == statusVerified:
		status = statusVerified
	case reserved:
		status = statusReserved
	}
	a.listed = append(a.listed, address{value, status})
	if id != "" && id == primary {
		a.primary = value
	}
}

// lineCounter remembers where the lines end that are not behind its user yet.
type lineCounter struct {
	r      io.Reader
	ends   []int64
	read   int64
	passed int
}

func (l *lineCounter) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	for i, c := range b[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// at is the line of an offset, which never goes back.
func (l *lineCounter) at(offset int64) int {
	for len(l.ends) > 0 && l.ends[0] < offset {
		l.ends = l.ends[1:]
		l.passed++
	}
	return l.passed + 1
}
