package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// planSessions is how many sessions the tables are filled with: PLAN_SESSIONS, or what shows the plans of many.
func planSessions(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("PLAN_SESSIONS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PLAN_SESSIONS: %v", err)
	}
	return n
}

// planCase is one method of the store and how its statement must be answered.
type planCase struct {
	name    string
	do      func(ctx context.Context, c store.Conn)
	indexes string // the first must be read; of others, only those that follow it may be
	sorts   string // why rows are sorted; empty: they must not be
	all     string // why PostgreSQL may read a whole table; empty: it must not
}

// Reads and sweeps stay index walks however large the tables grow: the plan is what guards that, not the time. The
// statements are those that the store's methods send. SQLite plans them without statistics, as a server does, and with
// them, should an operator run ANALYZE. PostgreSQL makes a plan for the values at hand, and after some uses of the
// prepared statement may change to one for all values.
func TestPlansWalkIndexes(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		n := planSessions(t, 10_000)
		url := storetest.SQLite(t)
		path, _ := strings.CutPrefix(url, "sqlite:")
		db, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		check := func(t *testing.T) {
			checkPlans(t, n, func(s store.Statement) plan { return explainSQLite(t, db, s) })
		}
		t.Run("without statistics", check)
		fillForPlans(t, url, n)
		t.Run("with statistics", check)
	})
	t.Run("postgres", func(t *testing.T) {
		n := planSessions(t, 100_000)
		url := storetest.Postgres(t)
		fillForPlans(t, url, n)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		for name, uses := range map[string]int{"the first time": 1, "after many times": 10} {
			t.Run(name, func(t *testing.T) {
				checkPlans(t, n, func(s store.Statement) plan { return explainPostgres(t, conn, s, uses) })
			})
		}
	})
}

func checkPlans(t *testing.T, n int, explain func(store.Statement) plan) {
	for _, c := range planCases(n) {
		t.Run(c.name, func(t *testing.T) {
			sent := store.Statements(func(conn store.Conn) { c.do(t.Context(), conn) })
			if len(sent) != 1 {
				t.Fatalf("sends %d statements, want 1", len(sent))
			}
			p := explain(sent[0])
			if wrong := c.judge(p); wrong != "" {
				t.Errorf("%s\n%s\n%s", wrong, sent[0].SQL, p.text)
			}
		})
	}
}

// judge answers what is wrong with a plan.
func (c planCase) judge(p plan) string {
	if c.all != "" && p.postgres {
		return ""
	}
	allowed := strings.Fields(c.indexes)
	switch {
	case len(p.scans) > 0:
		return fmt.Sprintf("reads all of %v", p.scans)
	case !slices.Contains(p.indexes, allowed[0]):
		return fmt.Sprintf("reads %v, not %s", p.indexes, allowed[0])
	case slices.ContainsFunc(p.indexes, func(index string) bool { return !slices.Contains(allowed, index) }):
		return fmt.Sprintf("reads %v, want %v", p.indexes, allowed)
	case p.sorts && c.sorts == "":
		return "sorts"
	default:
		return ""
	}
}

// plan is what matters of an engine's plan.
type plan struct {
	postgres bool
	indexes  []string // that of a primary key is TABLE_pkey
	scans    []string // tables that are read from one end to the other
	sorts    bool     // more rows than few
	text     string
}

// few rows may be sorted: PostgreSQL rather sorts all ten sessions of a user than to fetch them one by one in order.
const few = 1000

var (
	sqliteIndex   = regexp.MustCompile(`USING (?:COVERING )?INDEX (\w+)`)
	sqlitePrimary = regexp.MustCompile(`^sqlite_autoindex_(\w+)_1$`)
	sqliteScan    = regexp.MustCompile(`^SCAN (\w+)$`)
)

func explainSQLite(t *testing.T, db *sql.DB, s store.Statement) plan {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+strings.ReplaceAll(s.SQL, "$", "?"), s.Args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var p plan
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		p.text += step + "\n"
		p.sorts = p.sorts || strings.Contains(step, "TEMP B-TREE")
		if found := sqliteIndex.FindStringSubmatch(step); found != nil {
			p.indexes = append(p.indexes, sqlitePrimary.ReplaceAllString(found[1], "${1}_pkey"))
		}
		if found := sqliteScan.FindStringSubmatch(step); found != nil {
			p.scans = append(p.scans, found[1])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// explainPostgres asks for the plan of a prepared statement, which is what the store runs, at one of its uses.
func explainPostgres(t *testing.T, conn *pgx.Conn, s store.Statement, use int) plan {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "PREPARE planned AS "+s.SQL); err != nil {
		t.Fatal(err)
	}
	explain := "EXPLAIN (FORMAT JSON) EXECUTE planned"
	if len(s.Args) > 0 {
		explain += "(" + literals(t, s.Args) + ")"
	}
	var text string
	for range use {
		if err := conn.QueryRow(t.Context(), explain, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "DEALLOCATE planned"); err != nil {
		t.Fatal(err)
	}
	var answer []struct{ Plan postgresNode }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	p := plan{postgres: true}
	answer[0].Plan.addTo(&p, "")
	return p
}

type postgresNode struct {
	Type     string  `json:"Node Type"`
	Index    string  `json:"Index Name"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Plan Rows"`
	Plans    []postgresNode
}

func (n postgresNode) addTo(p *plan, indent string) {
	p.text += fmt.Sprintf("%s%s %s %s (%.0f rows)\n", indent, n.Type, n.Relation, n.Index, n.Rows)
	if n.Index != "" {
		p.indexes = append(p.indexes, n.Index)
	}
	if n.Type == "Seq Scan" {
		p.scans = append(p.scans, n.Relation)
	}
	p.sorts = p.sorts || strings.HasSuffix(n.Type, "Sort") && n.Rows > few
	for _, child := range n.Plans {
		child.addTo(p, indent+"  ")
	}
}

func literals(t *testing.T, args []any) string {
	t.Helper()
	texts := make([]string, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			texts[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case int64, bool:
			texts[i] = fmt.Sprint(v)
		case *int64:
			texts[i] = "NULL"
			if v != nil {
				texts[i] = fmt.Sprint(*v)
			}
		default:
			t.Fatalf("no literal for %T", arg)
		}
	}
	return strings.Join(texts, ", ")
}

const (
	planBatch     = 500 // as the sweeper takes
	planRetention = 90 * 24 * time.Hour
	planPerUser   = 10 // sessions
)

func planID(prefix string, i int) string { return fmt.Sprintf("%s_%d", prefix, 1_000_000_000+i) }

// planCases are asked of a database of n sessions; see fillForPlans.
func planCases(n int) []planCase {
	user, client := planID("user", n/planPerUser/2+1), planID("client", n/2) // one with about ten sessions
	old := start.Add(-planRetention)
	sessions := func(f store.SessionFilter, limit, offset int64) func(context.Context, store.Conn) {
		return func(ctx context.Context, c store.Conn) { _, _ = c.Sessions(ctx, f, start, limit, offset) }
	}
	users := func(f store.UserFilter, o store.UserOrder, after *store.User, limit, offset int64) func(context.Context, store.Conn) {
		return func(ctx context.Context, c store.Conn) { _, _ = c.Users(ctx, f, o, after, limit, offset) }
	}
	newest := store.UserOrder{By: store.ByCreation, Descending: true}
	end := session.Ending{Reason: session.ReasonRevoked, By: session.ByBackend, At: start}

	cases := []planCase{
		{name: "sessions of a user", indexes: "sessions_user", do: sessions(store.SessionFilter{UserID: user}, 10, 0)},
		{name: "sessions of a user, far on", indexes: "sessions_user", do: sessions(store.SessionFilter{UserID: user}, 500, 1000)},
		{name: "sessions of a user who has many", indexes: "sessions_user", do: sessions(store.SessionFilter{UserID: planID("user", 0)}, 10, 100)},
		{name: "sessions of a user nobody knows", indexes: "sessions_user", do: sessions(store.SessionFilter{UserID: "user_x"}, 10, 0)},
		{name: "sessions of a client", indexes: "sessions_client", do: sessions(store.SessionFilter{ClientID: client}, 10, 0)},
		{name: "sessions", indexes: "sessions_created", do: sessions(store.SessionFilter{}, 10, 0)},
		{name: "sessions, far on", indexes: "sessions_created", do: sessions(store.SessionFilter{}, 500, 5000)},
		{name: "sessions of a user, counted", indexes: "sessions_user", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.CountSessions(ctx, store.SessionFilter{UserID: user}, start)
		}},
		{name: "sessions of a client, for the client", indexes: "sessions_client", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.ClientSessions(ctx, client)
		}},
		{name: "clients", indexes: "clients_created", do: func(ctx context.Context, c store.Conn) { _, _ = c.Clients(ctx, 10, 0) }},

		{name: "users", indexes: "users_created", do: users(store.UserFilter{}, newest, nil, 10, 0)},
		{name: "users, far on", indexes: "users_created", do: users(store.UserFilter{}, newest, nil, 500, 1000)},
		{name: "users, oldest first", indexes: "users_created", do: users(store.UserFilter{}, store.UserOrder{By: store.ByCreation}, nil, 10, 0)},
		{name: "users after a user", indexes: "users_created", do: users(store.UserFilter{}, newest, &store.User{ID: user, CreatedAt: start.Add(-planRetention / 2)}, 10, 0)},
		{
			name: "users with an address", indexes: "identifiers_lookup users_pkey", sorts: "the few whose addresses these are",
			do: users(store.UserFilter{Emails: []string{"a@example.com", "b@example.com"}}, newest, nil, 10, 0),
		},
		{
			name: "users with a username", indexes: "users_username", sorts: "the few whose usernames these are",
			do: users(store.UserFilter{Usernames: []string{"a", "b"}}, newest, nil, 10, 0),
		},
		{
			name: "users with an id", indexes: "users_pkey", sorts: "the few whose ids these are",
			do: users(store.UserFilter{IDs: store.Choice{Among: []string{user, "user_x"}}}, newest, nil, 10, 0),
		},
		{
			name: "users with an external id", indexes: "users_external_id", sorts: "the few whose ids these are",
			do: users(store.UserFilter{ExternalIDs: store.Choice{Among: []string{"a", "b"}}}, newest, nil, 10, 0),
		},

		{name: "session by id", indexes: "sessions_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.Session(ctx, "sess_1") }},
		{name: "user by id", indexes: "users_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.User(ctx, user) }},
		{name: "user by username", indexes: "users_username", do: func(ctx context.Context, c store.Conn) { _, _ = c.UserWithUsername(ctx, "a") }},
		{name: "user by external id", indexes: "users_external_id", do: func(ctx context.Context, c store.Conn) { _, _ = c.UserWithExternalID(ctx, "a") }},
		{name: "client by id", indexes: "clients_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.Client(ctx, client) }},
		{name: "identifier by id", indexes: "identifiers_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.Identifier(ctx, store.EmailAddress, "idn_1")
		}},
		{name: "identifiers of a user", indexes: "identifiers_user", do: func(ctx context.Context, c store.Conn) { _, _ = c.Identifiers(ctx, user) }},
		{
			name: "identifiers of a page of users", indexes: "identifiers_user", sorts: "those of one page, in the order of each user",
			do: func(ctx context.Context, c store.Conn) { _, _ = c.Identifiers(ctx, user, "user_x", "user_y") },
		},
		{name: "ticket by id", indexes: "tickets_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.Ticket(ctx, store.SignInToken, "sit_1") }},

		{name: "signing in", indexes: "users_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.UserSignedIn(ctx, user, start) }},
		{name: "revoking a session", indexes: "sessions_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.MoveSession(ctx, "sess_1", session.Revoke, end) }},
		{name: "revoking the sessions of a user", indexes: "sessions_user sessions_expiry", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.EndSessions(ctx, user, "", session.Revoke, end)
		}},
		{name: "hiding the sessions of a user", indexes: "sessions_user", do: func(ctx context.Context, c store.Conn) { _ = c.HideSessions(ctx, user) }},
		{name: "forgetting a session", indexes: "clients_pkey", do: func(ctx context.Context, c store.Conn) {
			_ = c.ForgetSession(ctx, newSession("sess_1", user, start))
		}},
		{name: "deleting the tickets of a user", indexes: "tickets_user", do: func(ctx context.Context, c store.Conn) { _ = c.DeleteTickets(ctx, user) }},
		{name: "deleting the identifiers of a user", indexes: "identifiers_user", do: func(ctx context.Context, c store.Conn) { _ = c.DeleteIdentifiers(ctx, user) }},

		{name: "sweep: expire", indexes: "sessions_expiry sessions_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PersistExpired(ctx, start, planBatch)
		}},
		{name: "sweep: expire after a long pause", indexes: "sessions_expiry sessions_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PersistExpired(ctx, start.Add(session.DefaultMax), planBatch)
		}},
		{name: "sweep: abandon", indexes: "sessions_abandon sessions_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PersistAbandoned(ctx, start, planBatch)
		}},
		{name: "sweep: purge sessions", indexes: "sessions_ended sessions_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeSessions(ctx, old, old, planBatch)
		}},
		{name: "sweep: purge clients", indexes: "clients_created clients_pkey sessions_client", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeClients(ctx, old, planBatch)
		}},
		{name: "sweep: purge rate limits", indexes: "rate_limits_age rate_limits_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeLimits(ctx, old, planBatch)
		}},
		{name: "sweep: purge tickets", indexes: "tickets_expiry tickets_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeTickets(ctx, old, planBatch)
		}},
	}
	cases = append(cases, eventPlanCases(n)...)
	for _, status := range session.Statuses {
		cases = append(cases,
			planCase{name: string(status) + " sessions of a user", indexes: "sessions_user sessions_expiry", do: sessions(store.SessionFilter{UserID: user, Status: status}, 10, 0)},
			planCase{name: string(status) + " sessions of a client", indexes: "sessions_client", do: sessions(store.SessionFilter{ClientID: client, Status: status}, 10, 0)},
			planCase{
				name: string(status) + " sessions", indexes: "sessions_created", all: "where a status is rare, no index knows its newest",
				do: sessions(store.SessionFilter{Status: status}, 10, 0),
			},
		)
	}
	return cases
}

// eventPlanCases are those about events and who is told of them.
func eventPlanCases(n int) []planCase {
	user, sess, evt := planID("user", n/planPerUser/2+1), planID("sess", n/2), planID("evt", n/2)
	middle, old := start.Add(-planRetention/2), start.Add(-planRetention)
	events := func(f store.EventFilter, offset int64) func(context.Context, store.Conn) {
		return func(ctx context.Context, c store.Conn) { _, _ = c.Events(ctx, f, 10, offset) }
	}
	deliveries := func(f store.DeliveryFilter) func(context.Context, store.Conn) {
		f.EndpointID = "ep_1"
		return func(ctx context.Context, c store.Conn) { _, _ = c.Deliveries(ctx, f, 10, 0) }
	}
	redeliver := func(f store.DeliveryFilter, after store.Delivery) func(context.Context, store.Conn) {
		f.EndpointID = "ep_1"
		return func(ctx context.Context, c store.Conn) { _, _ = c.Redeliverable(ctx, f, after, planBatch) }
	}
	const fewEndpoints, sent = "there are few endpoints", "deliveries_due deliveries_pkey"
	return []planCase{
		{name: "event by id", indexes: "events_pkey", do: func(ctx context.Context, c store.Conn) { _, _ = c.Event(ctx, evt) }},
		{name: "events", indexes: "events_at", do: events(store.EventFilter{}, 0)},
		{name: "events, far on", indexes: "events_at", do: events(store.EventFilter{}, 5000)},
		{name: "events of a time", indexes: "events_at", do: events(store.EventFilter{Since: middle, Until: middle.Add(time.Hour)}, 0)},
		{name: "events of a session", indexes: "events_session", do: events(store.EventFilter{SessionID: sess}, 0)},
		{name: "events of a user", indexes: "events_user", do: events(store.EventFilter{UserID: user}, 0)},
		{name: "events of a type", indexes: "events_session", do: events(store.EventFilter{Types: []string{string(event.KeyRetired)}}, 0)},
		{name: "events after an event", indexes: "events_at", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.EventsAfter(ctx, store.EventFilter{}, event.Event{ID: evt, At: middle}, 500)
		}},
		{name: "revocations that matter", indexes: "events_revocations", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.Revocations(ctx, time.Time{}, start)
		}},
		{name: "revocations of late", indexes: "events_revocations_at", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.Revocations(ctx, start.Add(-time.Minute), start)
		}},
		{name: "forgetting what webhooks said of a user", indexes: "events_user_bodies deliveries_event endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_ = c.ForgetUserBodies(ctx, user)
		}},
		{name: "endpoint by id", indexes: "endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) { _, _ = c.Endpoint(ctx, "ep_1") }},
		{name: "endpoints", indexes: "endpoints_created", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) { _, _ = c.Endpoints(ctx) }},
		{name: "endpoints that something is due to", indexes: "endpoints_created deliveries_due", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.DueEndpoints(ctx, start)
		}},
		{name: "taking a probe", indexes: "endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_ = c.TakeProbe(ctx, "ep_1", start, start)
		}},
		{name: "claiming deliveries", indexes: sent, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.ClaimDeliveries(ctx, "ep_1", start, start.Add(time.Minute), 8)
		}},
		{name: "finishing an attempt", indexes: "deliveries_pkey", do: func(ctx context.Context, c store.Conn) {
			_ = c.FinishAttempt(ctx, store.Delivery{ID: planID("dlv", n/2), Status: store.Waiting, NextAt: start}, start)
		}},
		{name: "deliveries to an endpoint", indexes: "deliveries_endpoint", do: deliveries(store.DeliveryFilter{})},
		{name: "deliveries of a time", indexes: "deliveries_endpoint", do: deliveries(store.DeliveryFilter{Since: middle, Until: middle.Add(time.Hour)})},
		{name: "delivery of an event", indexes: "deliveries_event", do: deliveries(store.DeliveryFilter{EventID: evt})},
		{name: "attempts of deliveries", indexes: "delivery_attempts_delivery", sorts: "those of one page", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.DeliveryAttempts(ctx, planID("dlv", 1), planID("dlv", 2))
		}},
		{name: "redelivering an event", indexes: "deliveries_event events_pkey", do: redeliver(store.DeliveryFilter{EventID: evt}, store.Delivery{})},
		{name: "redelivering those of a time", indexes: "deliveries_endpoint events_pkey", do: redeliver(store.DeliveryFilter{Since: middle, Until: middle.Add(time.Hour)}, store.Delivery{})},
		{name: "redelivering, far on", indexes: "deliveries_endpoint events_pkey", do: redeliver(store.DeliveryFilter{Since: old}, store.Delivery{ID: planID("dlv", n/2), CreatedAt: middle})},
		{name: "redelivering a page", indexes: "deliveries_pkey", do: func(ctx context.Context, c store.Conn) {
			_ = c.Redeliver(ctx, []store.Delivery{{ID: planID("dlv", 1)}, {ID: planID("dlv", 2)}}, start)
		}},
		{name: "sweep: purge deliveries of deleted endpoints", indexes: "endpoints_kind deliveries_endpoint deliveries_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeDeliveriesOfDeletedEndpoints(ctx, planBatch)
		}},
		{name: "sweep: purge deleted endpoints", indexes: "endpoints_kind deliveries_endpoint", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeDeletedEndpoints(ctx)
		}},
		{name: "sweep: forget webhooks of deleted users", indexes: "events_deletions events_user_bodies events_pkey deliveries_event endpoints_pkey users_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.ForgetBodiesOfDeletedUsers(ctx, old, planBatch)
		}},
		{name: "sweep: forget webhooks", indexes: "events_bodies events_pkey deliveries_event endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.ForgetBodies(ctx, old, planBatch)
		}},
		{name: "sweep: purge events", indexes: "events_at events_pkey deliveries_event endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeEvents(ctx, old, start, planBatch)
		}},
		{name: "sweep: purge deliveries", indexes: "deliveries_age deliveries_pkey endpoints_pkey", all: fewEndpoints, do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeDeliveries(ctx, old, planBatch)
		}},
		{name: "sweep: purge delivery attempts", indexes: "delivery_attempts_age delivery_attempts_pkey", do: func(ctx context.Context, c store.Conn) {
			_, _ = c.PurgeDeliveryAttempts(ctx, old, planBatch)
		}},
	}
}

// fillForPlans makes n sessions, and of the rest what goes with them: begun evenly over the retention, each on a client
// of its own, one in a hundred the first user's. A sweeper has just been by.
func fillForPlans(t *testing.T, databaseURL string, n int) {
	t.Helper()
	began := time.Now()
	day := (24 * time.Hour).Milliseconds()
	now := start.UnixMilli()
	// Row i of n, born at the same pace whatever the table.
	rows := func(n int) string {
		return fmt.Sprintf(`(WITH RECURSIVE numbers (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < %d)
			SELECT i, 1000000000 + i AS id, %d + i * %d / %d AS born FROM numbers) AS row`, n-1, start.Add(-planRetention).UnixMilli(), planRetention.Milliseconds(), n)
	}
	users := n / planPerUser
	storetest.Exec(t, databaseURL,
		`INSERT INTO users (id, external_id, username, username_key, password_compromised, public_metadata, private_metadata, unsafe_metadata,
			banned, locked, failed_attempts, delete_self_enabled, create_org_enabled, bypass_client_trust, created_at, updated_at)
			SELECT 'user_' || id, 'external_' || id, 'Name_' || id, 'name_' || id, FALSE, '{}', '{}', '{}',
			FALSE, FALSE, 0, TRUE, TRUE, FALSE, born, born FROM `+rows(users),
		`INSERT INTO identifiers (id, user_id, kind, value, lookup, reserved, verification, created_at, updated_at, position)
			SELECT 'idn_' || id, 'user_' || id, 'email_address', id || '@example.com', id || '@example.com', FALSE, 'null', born, born, 0 FROM `+rows(users),
		`INSERT INTO tickets (id, kind, user_id, status, expire_at, created_at, updated_at)
			SELECT 'sit_' || id, 'sign_in_token', 'user_' || id, 'accepted', born, born, born FROM `+rows(users),
		`INSERT INTO rate_limits (name, window_start, used) SELECT 'api_' || i % 10, born, 1 FROM `+rows(users),
		`INSERT INTO clients (id, last_active_session_id, created_at, updated_at) SELECT 'client_' || id, 'sess_' || id, born, born FROM `+rows(n),
		fmt.Sprintf(`INSERT INTO sessions (id, user_id, client_id, status, last_active_at, expire_at, max_expire_at, abandon_at, inactivity_ms,
			created_at, updated_at, end_reason, ended_by, ended_at)
			SELECT 'sess_' || id, 'user_' || (1000000000 + CASE WHEN i %% 100 = 0 THEN 0 ELSE i %% %d END), 'client_' || id, state, born, expiry, expiry, born + %d, 0, born, born,
				CASE state WHEN 'active' THEN NULL WHEN 'revoked' THEN 'revoked' ELSE 'max_lifetime' END,
				CASE state WHEN 'active' THEN NULL ELSE 'system' END,
				CASE state WHEN 'active' THEN NULL ELSE expiry END
			FROM (SELECT i, id, born, born + %d AS expiry, CASE WHEN i %% 20 = 0 AND born < %d THEN 'revoked'
				WHEN born <= %d THEN 'abandoned' WHEN born <= %d THEN 'expired' ELSE 'active' END AS state FROM %s) AS decided`,
			users, session.DefaultAbandon.Milliseconds(), session.DefaultMax.Milliseconds(), now-day,
			now-session.DefaultAbandon.Milliseconds(), now-session.DefaultMax.Milliseconds(), rows(n)),
		fmt.Sprintf(`INSERT INTO events (id, type, at, subject, position, session_id, user_id, caused_by, tokens_until, body)
			SELECT 'evt_' || id, CASE WHEN i %% 2 = 0 THEN 'session.created' ELSE 'session.revoked' END, born, 'sess_' || id, 1, 'sess_' || id,
			'user_' || (1000000000 + i %% %d), 'backend_api', CASE WHEN i %% 2 = 0 THEN NULL ELSE born + 180000 END,
			CASE WHEN born < %d THEN NULL ELSE '{}' END FROM `, users, now-7*day)+rows(n),
		fmt.Sprintf(`INSERT INTO endpoints (id, kind, url, description, event_types, enabled, failures, openings, created_at, updated_at)
			SELECT 'ep_' || i, 'webhook', 'https://example.com/', '', '[]', i < 8, 0, 0, %d, %d FROM `, now, now)+rows(10),
		`INSERT INTO deliveries (id, endpoint_id, event_id, event_type, status, attempts, next_at, created_at, updated_at)
			SELECT 'dlv_' || id, 'ep_' || i % 10, 'evt_' || id, 'session.created', CASE WHEN i % 100 = 1 THEN 'waiting' ELSE 'delivered' END, 1,
			CASE WHEN i % 100 = 1 THEN born ELSE NULL END, born, born FROM `+rows(n),
		`INSERT INTO delivery_attempts (id, delivery_id, at, took_ms, status_code) SELECT 'att_' || id, 'dlv_' || id, born, 5, 200 FROM `+rows(n),
		`ANALYZE`)
	t.Logf("%d sessions written in %v", n, time.Since(began).Round(time.Millisecond))
}
