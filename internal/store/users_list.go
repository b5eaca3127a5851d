package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// UserFilter selects users. Values within a field combine with OR, fields with AND; empty fields select all.
type UserFilter struct {
	Emails      []string // as identifiers are compared, as the two below
	Phones      []string
	Wallets     []string
	Usernames   []string // in any case
	IDs         Choice
	ExternalIDs Choice
	Nobody      bool // no user at all

	Query         string // a part of any identifier, username, id or name, as the parts below in any case
	EmailQuery    string
	PhoneQuery    string
	UsernameQuery string
	NameQuery     string

	Banned     *bool
	Created    Span
	LastActive Span
	LastSignIn Span
}

// Choice selects values by being listed, and by not being listed.
type Choice struct {
	Among    []string
	NotAmong []string
}

// Span selects times: after After, at Since or later, and before Before. Zero bounds are none.
type Span struct {
	After, Since, Before time.Time
}

func (f UserFilter) where() *where {
	w := &where{}
	if f.Nobody {
		w.and(`1 = 0`)
	}
	w.identified(EmailAddress, f.Emails)
	w.identified(PhoneNumber, f.Phones)
	w.identified(Web3Wallet, f.Wallets)
	if len(f.Usernames) > 0 {
		lowered := make([]string, len(f.Usernames))
		for i, name := range f.Usernames {
			lowered[i] = strings.ToLower(name)
		}
		w.in(`username_key`, lowered)
	}
	w.choice(`id`, f.IDs)
	w.choice(`external_id`, f.ExternalIDs)
	w.contains(`(`+anyIdentifierLike+` OR `+like(`username`)+` OR `+like(`id`)+` OR `+like(fullName)+`)`, f.Query)
	w.contains(identifierLike(EmailAddress), f.EmailQuery)
	w.contains(identifierLike(PhoneNumber), f.PhoneQuery)
	w.contains(like(`username`), f.UsernameQuery)
	w.contains(like(fullName), f.NameQuery)
	if f.Banned != nil {
		w.and(`banned = ?`, *f.Banned)
	}
	w.span(`created_at`, f.Created)
	w.span(`last_active_at`, f.LastActive)
	w.span(`last_sign_in_at`, f.LastSignIn)
	return w
}

func (w *where) identified(kind Kind, lookups []string) {
	if len(lookups) > 0 {
		w.and(fmt.Sprintf(`id IN (SELECT user_id FROM identifiers WHERE kind = '%s' AND lookup IN (%s))`, kind, w.list(lookups)))
	}
}

func (w *where) choice(column string, c Choice) {
	if len(c.Among) > 0 {
		w.in(column, c.Among)
	}
	if len(c.NotAmong) > 0 {
		w.and(fmt.Sprintf(`(%s IS NULL OR %s NOT IN (%s))`, column, column, w.list(c.NotAmong)))
	}
}

func (w *where) span(column string, s Span) {
	if !s.After.IsZero() {
		w.and(column+` > ?`, ms(s.After))
	}
	if !s.Since.IsZero() {
		w.and(column+` >= ?`, ms(s.Since))
	}
	if !s.Before.IsZero() {
		w.and(column+` < ?`, ms(s.Before))
	}
}

// fullName matches a first name, a last name and both.
const fullName = `COALESCE(first_name, '') || ' ' || COALESCE(last_name, '')`

// like compares in any case: in SQL on both sides, so that both sides are folded by the same rules.
func like(expression string) string { return `LOWER(` + expression + `) LIKE LOWER(?) ESCAPE '\'` }

var anyIdentifierLike = `EXISTS (SELECT 1 FROM identifiers i WHERE i.user_id = users.id AND ` + like(`i.value`) + `)`

func identifierLike(kind Kind) string {
	return `EXISTS (SELECT 1 FROM identifiers i WHERE i.user_id = users.id AND i.kind = '` + string(kind) + `' AND ` + like(`i.value`) + `)`
}

// contains adds a condition each of whose ? is the pattern of all text with part in it.
func (w *where) contains(condition, part string) {
	if part == "" {
		return
	}
	pattern := w.arg(`%` + likeEscaper.Replace(part) + `%`)
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, `?`, pattern))
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// UserOrder is how a list of users is ordered: by one of UserOrders, and by id among equals.
type UserOrder struct {
	By         string
	Descending bool
}

// ByCreation is the order that a list can be continued in after a user.
const ByCreation = "created_at"

// orders maps the names of the contract, section 6.1.3, to SQL. Where there can be NULL, it comes last on every engine.
var orders = []struct {
	name, expression string
	nullable         bool
}{
	{ByCreation, `created_at`, false},
	{"updated_at", `updated_at`, false},
	{"email_address", `(SELECT value FROM identifiers WHERE identifiers.id = users.primary_email_id)`, true},
	{"web3wallet", `(SELECT value FROM identifiers WHERE identifiers.id = users.primary_web3_id)`, true},
	{"first_name", `first_name`, true},
	{"last_name", `last_name`, true},
	{"phone_number", `(SELECT value FROM identifiers WHERE identifiers.id = users.primary_phone_id)`, true},
	{"username", `username_key`, true},
	{"last_active_at", `last_active_at`, true},
	{"last_sign_in_at", `last_sign_in_at`, true},
}

// UserOrders lists what users can be ordered by.
func UserOrders() []string {
	names := make([]string, len(orders))
	for i, o := range orders {
		names[i] = o.name
	}
	return names
}

func (o UserOrder) direction() (sql, beyond string) {
	if o.Descending {
		return ` DESC`, `<`
	}
	return ``, `>`
}

func (o UserOrder) sql() (string, error) {
	direction, _ := o.direction()
	for _, known := range orders {
		switch {
		case known.name != o.By:
		case known.nullable:
			return fmt.Sprintf(` ORDER BY %s IS NULL, %s%s, id%s`, known.expression, known.expression, direction, direction), nil
		default:
			return fmt.Sprintf(` ORDER BY %s%s, id%s`, known.expression, direction, direction), nil
		}
	}
	return "", fmt.Errorf("store: users cannot be ordered by %q", o.By)
}

// Users lists users. With after, an order by ByCreation goes on behind that user.
func (c Conn) Users(ctx context.Context, f UserFilter, order UserOrder, after *User, limit, offset int64) ([]User, error) {
	orderBy, err := order.sql()
	if err != nil {
		return nil, err
	}
	w := f.where()
	if after != nil {
		_, beyond := order.direction()
		w.and(`(created_at, id) `+beyond+` (?, ?)`, ms(after.CreatedAt), after.ID)
	}
	sql := `SELECT ` + userColumns + ` FROM users` + w.String() + orderBy + ` LIMIT ` + w.arg(limit) + ` OFFSET ` + w.arg(offset)
	return many(ctx, c, scanUser, sql, w.args...)
}

// CountUsers counts the users that Users would list without a limit.
func (c Conn) CountUsers(ctx context.Context, f UserFilter) (int64, error) {
	w := f.where()
	return one(ctx, c, scalar[int64], `SELECT COUNT(*) FROM users`+w.String(), w.args...)
}
