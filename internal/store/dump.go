package store

import (
	"context"
	"fmt"
	"strings"
)

// Table is a table that moves with an instance. Its first column is its primary key, a text.
type Table struct {
	Name    string
	Columns []Column
}

// Column is a column of a table.
type Column struct {
	Name string
	Kind ColumnKind
}

// ColumnKind is the type of a column, by its name in SQL.
type ColumnKind string

// The types of columns. All but BOOLEAN may be null.
const (
	TextColumn   ColumnKind = "TEXT"
	NumberColumn ColumnKind = "BIGINT"
	FlagColumn   ColumnKind = "BOOLEAN"
)

// DumpTables are all tables that move with an instance, in the order in which they do: what refers comes before what
// it refers to, so that a row read while the server works finds what it names further on. The settings come last:
// without them there is no instance. What lasts for minutes (rate_limits, attempts, codes, handshakes), what nobody
// waits for any more (mails) and what belongs to a database (its schema versions) stays behind.
var DumpTables = []Table{
	table("delivery_attempts", `id TEXT, delivery_id TEXT, at BIGINT, took_ms BIGINT, status_code BIGINT, error TEXT`),
	table("deliveries", `id TEXT, endpoint_id TEXT, event_id TEXT, event_type TEXT, status TEXT, attempts BIGINT,
		next_at BIGINT, created_at BIGINT, updated_at BIGINT`),
	table("events", `id TEXT, type TEXT, at BIGINT, subject TEXT, position BIGINT, session_id TEXT, user_id TEXT,
		reason TEXT, caused_by TEXT, changes TEXT, operation TEXT, trace TEXT, address TEXT, user_agent TEXT,
		tokens_until BIGINT, body TEXT`),
	table("endpoints", `id TEXT, kind TEXT, url TEXT, description TEXT, event_types TEXT, enabled BOOLEAN,
		disabled_reason TEXT, secret TEXT, old_secret TEXT, old_secret_until BIGINT, failures BIGINT,
		failing_since BIGINT, openings BIGINT, open_until BIGINT, created_at BIGINT, updated_at BIGINT`),
	table("refresh_tokens", `hash TEXT, session_id TEXT, expire_at BIGINT`),
	table("sessions", `id TEXT, user_id TEXT, client_id TEXT, status TEXT, actor TEXT, last_active_organization_id TEXT,
		last_active_at BIGINT, activity TEXT, expire_at BIGINT, max_expire_at BIGINT, abandon_at BIGINT,
		inactivity_ms BIGINT, created_at BIGINT, updated_at BIGINT, end_reason TEXT, ended_by TEXT, ended_at BIGINT,
		event_count BIGINT, tokens_until BIGINT`),
	table("dev_browsers", `hash TEXT, client_id TEXT, created_at BIGINT`),
	table("clients", `id TEXT, rotating_token_hash TEXT, previous_token_hash TEXT, previous_token_until BIGINT,
		last_active_session_id TEXT, last_strategy TEXT, sign_in_id TEXT, sign_up_id TEXT, created_at BIGINT,
		updated_at BIGINT`),
	table("tickets", `id TEXT, kind TEXT, user_id TEXT, actor TEXT, status TEXT, expire_at BIGINT,
		session_max_ms BIGINT, created_at BIGINT, updated_at BIGINT`),
	table("identifiers", `id TEXT, user_id TEXT, kind TEXT, value TEXT, lookup TEXT, reserved BOOLEAN,
		verification TEXT, created_at BIGINT, updated_at BIGINT, position BIGINT`),
	table("users", `id TEXT, external_id TEXT, username TEXT, username_key TEXT, first_name TEXT, last_name TEXT,
		locale TEXT, primary_email_id TEXT, primary_phone_id TEXT, primary_web3_id TEXT, password_hasher TEXT,
		password_digest TEXT, password_updated_at BIGINT, password_compromised BOOLEAN, public_metadata TEXT,
		private_metadata TEXT, unsafe_metadata TEXT, banned BOOLEAN, locked BOOLEAN, locked_until BIGINT,
		failed_attempts BIGINT, delete_self_enabled BOOLEAN, create_org_enabled BOOLEAN, create_org_limit BIGINT,
		legal_accepted_at BIGINT, bypass_client_trust BOOLEAN, last_sign_in_at BIGINT, last_active_at BIGINT,
		created_at BIGINT, updated_at BIGINT, event_count BIGINT`),
	table("jwt_templates", `id TEXT, name TEXT, claims TEXT, lifetime_s BIGINT, skew_s BIGINT, algorithm TEXT,
		signing_key TEXT, created_at BIGINT, updated_at BIGINT`),
	table("secret_keys", `hash TEXT, created_at BIGINT`),
	table("signing_keys", `kid TEXT, public_key TEXT, private_key TEXT, created_at BIGINT, signs_from BIGINT,
		retired_at BIGINT`),
	table(SettingsTable, `name TEXT, value TEXT`),
}

// SettingsTable is the name of the table of settings.
const SettingsTable = "settings"

// table reads columns written as in SQL.
func table(name, columns string) Table {
	t := Table{Name: name}
	for column := range strings.SplitSeq(columns, ",") {
		words := strings.Fields(column)
		t.Columns = append(t.Columns, Column{Name: words[0], Kind: ColumnKind(words[1])})
	}
	return t
}

func (t Table) key() string { return t.Columns[0].Name }

func (t Table) names() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// DumpRows reads a page of a table: the rows whose keys come after a key, in the order of keys, which is the engine's.
// A value is a string, an int64, a bool or nil; they stand in the order of the table's columns.
func (c Conn) DumpRows(ctx context.Context, t Table, after string, limit int64) ([][]any, error) {
	return many(ctx, c, t.scan, `SELECT `+t.names()+` FROM `+t.Name+` WHERE `+t.key()+` > $1 ORDER BY `+t.key()+` LIMIT $2`, after, limit)
}

func (t Table) scan(r row) ([]any, error) {
	dest := make([]any, len(t.Columns))
	for i, column := range t.Columns {
		switch column.Kind {
		case NumberColumn:
			dest[i] = new(*int64)
		case FlagColumn:
			dest[i] = new(bool)
		default:
			dest[i] = new(*string)
		}
	}
	if err := r.Scan(dest...); err != nil {
		return nil, err
	}
	for i, d := range dest {
		dest[i] = scanned(d)
	}
	return dest, nil
}

// scanned is what a destination of a scan holds.
func scanned(dest any) any {
	switch d := dest.(type) {
	case **string:
		if *d != nil {
			return **d
		}
	case **int64:
		if *d != nil {
			return **d
		}
	case *bool:
		return *d
	}
	return nil
}

// RestoreRows writes rows in one statement, and nothing when one of their keys is there: ErrExists. columns are those
// that the rows have values of; the others get what the schema gives them.
func (c Conn) RestoreRows(ctx context.Context, t Table, columns []Column, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	w := &where{}
	values := make([]string, len(rows))
	for i, r := range rows {
		values[i] = w.row(r...)
	}
	_, err := c.exec(ctx, fmt.Sprintf(`INSERT INTO %s (%s) VALUES %s`,
		t.Name, Table{Columns: columns}.names(), strings.Join(values, ", ")), w.args...)
	return err
}

// HasRows reports whether a table holds anything.
func (c Conn) HasRows(ctx context.Context, t Table) (bool, error) {
	found, err := many(ctx, c, scalar[string], `SELECT `+t.key()+` FROM `+t.Name+` LIMIT 1`)
	return len(found) > 0, err
}

// CountRows counts the rows of a table.
func (c Conn) CountRows(ctx context.Context, t Table) (int64, error) {
	return one(ctx, c, scalar[int64], `SELECT COUNT(*) FROM `+t.Name)
}

// DeleteSetting deletes a stored setting, if it is there.
func (c Conn) DeleteSetting(ctx context.Context, name string) error {
	_, err := c.exec(ctx, `DELETE FROM settings WHERE name = $1`, name)
	return err
}

// UsersAfter reads a page of all users in the order of their ids: those after an id, "" for the first page.
func (c Conn) UsersAfter(ctx context.Context, id string, limit int64) ([]User, error) {
	return many(ctx, c, scanUser, `SELECT `+userColumns+` FROM users WHERE id > $1 ORDER BY id LIMIT $2`, id, limit)
}
