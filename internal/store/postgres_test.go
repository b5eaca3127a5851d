package store_test

import (
	"maps"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// TestServersAreToldWhatAStatementMayCost, unless the URL of the database says otherwise, as that of the tests does.
func TestServersAreToldWhatAStatementMayCost(t *testing.T) {
	u, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	show := func(query string) map[string]string {
		t.Helper()
		u.RawQuery = query
		config, err := store.PostgresConfig(u.String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		shown := map[string]string{}
		for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name"} {
			var value string
			if err := conn.QueryRow(t.Context(), `SHOW `+name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			shown[name] = value
		}
		return shown
	}
	want := map[string]string{"statement_timeout": "5s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "10s", "application_name": "sojourn"}
	if got := show("sslmode=disable"); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	want["lock_timeout"] = "1min"
	if got := show("sslmode=disable&lock_timeout=60000"); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
