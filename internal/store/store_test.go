package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// onEveryEngine runs the suite's tests on every engine that there is.
func onEveryEngine(t *testing.T, test func(t *testing.T, db *store.DB)) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) { test(t, storetest.Open(t, databaseURL)) })
}

func openSQLite(t testing.TB, path string) *store.DB {
	t.Helper()
	url := "sqlite:" + path
	if _, err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return storetest.Open(t, url)
}

func newSession(id, user string, created time.Time) session.Session {
	return session.New(id, user, "client_"+id, created, session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon})
}

func insert(t *testing.T, db *store.DB, sessions ...session.Session) {
	t.Helper()
	err := db.Update(t.Context(), func(tx store.Conn) error {
		for _, s := range sessions {
			if err := tx.InsertSession(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSessionComesBackAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		want := newSession("sess_1", "user_1", start)
		want.Actor = []byte(`{"sub":"user_2"}`)
		want.Activity = []byte(`{"is_mobile":true}`)
		want.LastActiveOrganizationID = "org_1"
		insert(t, db, want)
		got, err := db.Session(t.Context(), "sess_1")
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if _, err := db.Session(t.Context(), "sess_2"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown session: %v", err)
		}
	})
}

func TestRevokeIsACompareAndSet(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		end := session.Ending{Reason: session.ReasonRevoked, By: session.ByBackend, At: start.Add(time.Hour)}
		for name, c := range map[string]struct {
			status session.Status
			at     time.Time
			moves  bool
		}{
			"an active session":   {session.Active, start.Add(time.Hour), true},
			"a pending session":   {session.Pending, start.Add(time.Hour), true},
			"an expired session":  {session.Active, start.Add(session.DefaultMax), false},
			"an abandoned one":    {session.Active, start.Add(session.DefaultAbandon), false},
			"one revoked already": {session.Revoked, start.Add(time.Hour), false},
			"one that ended":      {session.Ended, start.Add(time.Hour), false},
		} {
			s := newSession("sess_"+name, "user_1", start)
			s.Status = c.status
			insert(t, db, s)
			end.At = c.at
			var moved session.Session
			err := db.Update(t.Context(), func(tx store.Conn) (err error) {
				moved, err = tx.MoveSession(t.Context(), s.ID, session.Revoke, end)
				return err
			})
			if got := err == nil; got != c.moves {
				t.Errorf("%s: moves %v, want %v (%v)", name, got, c.moves, err)
			}
			if c.moves && (moved.Status != session.Revoked || moved.End == nil || *moved.End != end || !moved.UpdatedAt.Equal(end.At)) {
				t.Errorf("%s: %+v", name, moved)
			}
		}
	})
}

// The status filter of a list and the status of each session in it are two codings of one rule.
func TestListFiltersByTheStatusThatReadsShow(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		now := start.Add(session.DefaultAbandon)
		var all []session.Session
		for i, age := range []time.Duration{0, time.Hour, session.DefaultMax, session.DefaultMax + 1e6, session.DefaultAbandon, session.DefaultAbandon + time.Hour} {
			for _, status := range session.Statuses {
				s := newSession(fmt.Sprintf("sess_%d_%s", i, status), "user_1", now.Add(-age))
				s.Status = status
				all = append(all, s)
			}
		}
		insert(t, db, all...)
		for _, status := range session.Statuses {
			want := map[string]bool{}
			for _, s := range all {
				if s.StatusAt(now) == status {
					want[s.ID] = true
				}
			}
			got, err := db.Sessions(t.Context(), store.SessionFilter{UserID: "user_1", Status: status}, now, 500, 0)
			if err != nil {
				t.Fatal(err)
			}
			n, err := db.CountSessions(t.Context(), store.SessionFilter{Status: status}, now)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) || int(n) != len(want) {
				t.Errorf("%s: listed %d, counted %d, want %d", status, len(got), n, len(want))
			}
			for _, s := range got {
				if !want[s.ID] {
					t.Errorf("%s lists %s, which is %s", status, s.ID, s.StatusAt(now))
				}
			}
		}
	})
}

func TestListIsNewestFirstAndPages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		for i := range 25 {
			insert(t, db, newSession(fmt.Sprintf("sess_%02d", i), fmt.Sprintf("user_%d", i%2), start.Add(time.Duration(i/5)*time.Second)))
		}
		var ids []string
		for offset := int64(0); ; offset += 4 {
			page, err := db.Sessions(t.Context(), store.SessionFilter{UserID: "user_1"}, start, 4, offset)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				ids = append(ids, s.ID)
			}
		}
		want := "[sess_23 sess_21 sess_19 sess_17 sess_15 sess_13 sess_11 sess_09 sess_07 sess_05 sess_03 sess_01]"
		if fmt.Sprint(ids) != want {
			t.Errorf("got  %v\nwant %v", ids, want)
		}
	})
}

// Reads judge time by themselves: what a sweeper writes down must be what they showed before it.
func TestSweepingChangesNothingThatReadsShow(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		lifetimes := []session.Lifetimes{
			{Max: session.DefaultMax, Abandon: session.DefaultAbandon},
			{Inactivity: time.Hour, Abandon: session.DefaultAbandon},
		}
		var all []session.Session
		for i, l := range lifetimes {
			for j, age := range []time.Duration{0, session.DefaultMax, session.DefaultAbandon} {
				for _, status := range session.Statuses {
					s := session.New(fmt.Sprintf("sess_%d_%d_%s", i, j, status), "user_1", "client_1", start.Add(-age), l)
					s.Status = status
					if status == session.Expired && s.StatusAt(start) == session.Expired {
						continue // a stored expiry carries its ending already; see the ones that the sweep writes
					}
					all = append(all, s)
				}
			}
		}
		insert(t, db, all...)
		before := map[string]string{}
		for _, s := range all {
			if s.Status != session.Expired {
				before[s.ID] = fmt.Sprintf("%v", s.At(start))
				if end := s.At(start).End; end != nil {
					before[s.ID] += fmt.Sprint(*end)
				}
			}
		}
		sweepAll(t, db, start)
		for _, s := range all {
			got, err := db.Session(t.Context(), s.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != got.StatusAt(start) {
				t.Errorf("%s is stored as %s and reads as %s", s.ID, got.Status, got.StatusAt(start))
			}
			got.Events = s.Events // which reads do not show
			seen := fmt.Sprintf("%v", got.At(start))
			if end := got.At(start).End; end != nil {
				seen += fmt.Sprint(*end)
			}
			if want, ok := before[s.ID]; ok && withoutPointers(seen) != withoutPointers(want) {
				t.Errorf("%s\nbefore %s\nafter  %s", s.ID, want, seen)
			}
		}
	})
}

func sweepAll(t *testing.T, db *store.DB, now time.Time) {
	t.Helper()
	for _, step := range []func(store.Conn) ([]session.Session, error){
		func(tx store.Conn) ([]session.Session, error) { return tx.PersistExpired(t.Context(), now, 7) },
		func(tx store.Conn) ([]session.Session, error) { return tx.PersistAbandoned(t.Context(), now, 7) },
	} {
		for n := 1; n > 0; {
			err := db.Update(t.Context(), func(tx store.Conn) error {
				done, err := step(tx)
				n = len(done)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withoutPointers drops the addresses that %v prints for a nested Ending.
func withoutPointers(s string) string {
	out := []byte{}
	for i := 0; i < len(s); i++ {
		if i+1 < len(s) && s[i] == '0' && s[i+1] == 'x' {
			for i+1 < len(s) && s[i+1] != '}' && s[i+1] != ' ' {
				i++
			}
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func TestAFailingTransactionLeavesNothingAndOthersStand(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		boom := errors.New("boom")
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				err := db.Update(t.Context(), func(tx store.Conn) error {
					if err := tx.InsertSession(t.Context(), newSession(fmt.Sprintf("sess_%d", i), "user_1", start)); err != nil {
						return err
					}
					if i%3 == 0 {
						return boom
					}
					return nil
				})
				if (i%3 == 0) != errors.Is(err, boom) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for i := range 200 {
			_, err := db.Session(t.Context(), fmt.Sprintf("sess_%d", i))
			if (i%3 == 0) != errors.Is(err, store.ErrNotFound) {
				t.Errorf("session %d: %v", i, err)
			}
		}
	})
}

func TestAPanickingTransactionLeavesNothingAndTheWriterLives(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach its caller")
				}
			}()
			_ = db.Update(t.Context(), func(tx store.Conn) error {
				_ = tx.InsertSession(t.Context(), newSession("sess_1", "user_1", start))
				panic("boom")
			})
		}()
		if _, err := db.Session(t.Context(), "sess_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the panicking transaction left its row: %v", err)
		}
		insert(t, db, newSession("sess_2", "user_1", start))
	})
}

func TestUniqueValuesAreTakenOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		s := newSession("sess_1", "user_1", start)
		insert(t, db, s)
		err := db.Update(t.Context(), func(tx store.Conn) error { return tx.InsertSession(t.Context(), s) })
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("got %v, want ErrExists", err)
		}
	})
}

func TestReadsSeeWhatWasAcknowledged(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 50 {
					id := fmt.Sprintf("sess_%d_%d", w, i)
					insert(t, db, newSession(id, "user_1", start))
					if _, err := db.Session(t.Context(), id); err != nil {
						t.Errorf("%s was acknowledged and cannot be read: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestACancelledCallerChangesNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.Update(ctx, func(tx store.Conn) error { return tx.SetSetting(ctx, "name", "value") })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, err := db.Setting(t.Context(), "name"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the cancelled caller wrote: %v", err)
		}
	})
}

func TestArgumentsAreNumberedNotOrdered(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		client := store.Client{ID: "client_1", LastActiveSessionID: "sess_1", CreatedAt: start, UpdatedAt: start}
		err := db.Update(t.Context(), func(tx store.Conn) error {
			if err := tx.InsertClient(t.Context(), client); err != nil {
				return err
			}
			s := newSession("sess_1", "user_1", start)
			s.ClientID, s.UpdatedAt = "client_1", start.Add(time.Minute)
			return tx.ForgetSession(t.Context(), s) // uses $3 before $2 before $1
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.Client(t.Context(), "client_1")
		if err != nil || got.LastActiveSessionID != "" || !got.UpdatedAt.Equal(start.Add(time.Minute)) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestAClosedStoreSaysSo(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	if _, err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(store.Conn) error { return nil })
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestSchemaVersions(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "odd name?#%20.db")
	if err := store.CheckSchema(t.Context(), url); !errors.Is(err, store.ErrSchemaOld) {
		t.Errorf("an empty database: %v", err)
	}
	if _, err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if steps, err := store.Migrate(t.Context(), url); err != nil || steps != 0 {
		t.Errorf("migrating twice: %d steps, %v", steps, err)
	}
	if err := store.CheckSchema(t.Context(), url); err != nil {
		t.Errorf("a current database: %v", err)
	}
	storetest.Open(t, url) // the same file, whatever its name
}

// An upgrade first adds to the schema, which the old nodes do not mind, and later takes away what they used.
func TestOldNodesServeUntilTheSchemaContracts(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, url string) {
		db := storetest.Open(t, url)
		insert(t, db, newSession("sess_1", "user_1", start))
		verdicts := func() (ready, check, migrate error) {
			_, migrate = store.Migrate(t.Context(), url)
			return db.Ready(t.Context()), store.CheckSchema(t.Context(), url), migrate
		}

		storetest.Exec(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`,
			`ALTER TABLE sessions ADD COLUMN from_the_future TEXT`, `CREATE TABLE futures (id TEXT PRIMARY KEY)`)
		if ready, check, migrate := verdicts(); ready != nil || check != nil || migrate != nil {
			t.Errorf("the schema has grown: ready %v, check %v, migrate %v", ready, check, migrate)
		}
		insert(t, db, newSession("sess_2", "user_1", start))
		if found, err := db.Sessions(t.Context(), store.SessionFilter{UserID: "user_1"}, start, 10, 0); err != nil || len(found) != 2 {
			t.Errorf("an old program on the grown schema finds %d sessions, %v", len(found), err)
		}

		storetest.Exec(t, url, `UPDATE schema_compatibility SET oldest_program = 99999`)
		for name, err := range map[string]error{"ready": db.Ready(t.Context()), "check": store.CheckSchema(t.Context(), url)} {
			if !errors.Is(err, store.ErrSchemaFuture) {
				t.Errorf("%s, on a schema that has taken something away: %v", name, err)
			}
		}
		if _, err := store.Migrate(t.Context(), url); !errors.Is(err, store.ErrSchemaFuture) {
			t.Errorf("migrating it: %v", err)
		}
	})
}

func TestOtherDatabasesAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, url := range []string{"mysql://root:hunter2@localhost/x", "sqlite:", "hunter2"} {
		_, err := store.Open(t.Context(), url)
		if err == nil {
			t.Errorf("%q opened", url)
		}
	}
}

func TestTheDatabaseIsItsOwners(t *testing.T) {
	dir := t.TempDir()
	db := openSQLite(t, filepath.Join(dir, "test.db"))
	insert(t, db, newSession("sess_1", "user_1", start))
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), mode)
		}
	}
}

func TestAClosedDatabaseIsOneFile(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "test.db")
	if _, err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	insert(t, db, newSession("sess_1", "user_1", start))
	if _, err := db.Session(t.Context(), "sess_1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("a stopped server leaves %v, %v", files, err)
	}
}
