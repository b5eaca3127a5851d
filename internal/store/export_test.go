package store

import "context"

// Statement is what a store sends to its database.
type Statement struct {
	SQL  string
	Args []any
}

// Statements are those that do sends. They are noted, not run: every query finds nothing.
func Statements(do func(Conn)) []Statement {
	r := &recorder{}
	do(Conn{q: r})
	return r.sent
}

type recorder struct{ sent []Statement }

func (r *recorder) query(_ context.Context, sql string, args []any, _ func(row) error) error {
	r.sent = append(r.sent, Statement{sql, args})
	return nil
}

func (r *recorder) exec(_ context.Context, sql string, args []any) (int64, error) {
	r.sent = append(r.sent, Statement{sql, args})
	return 0, nil
}

// PostgresConfig is how a database is connected to.
var PostgresConfig = postgresConfig
