package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// TestImportRefuses tries exports that are not whole, and databases that are not empty.
func TestImportRefuses(t *testing.T) {
	o := newOrigin(t, storetest.Fresh(t))
	export := exported(t, o.App)
	lines := strings.SplitAfter(strings.TrimSuffix(export, "\n"), "\n")
	without := func(n int) string {
		return strings.Join(append(append([]string{}, lines[:n]...), lines[n+1:]...), "") + "\n"
	}
	own, err := store.SchemaVersion()
	must(t, err)
	empty := func(t *testing.T) *App { return moving(t, storetest.Fresh(t), o.Master) }
	for name, c := range map[string]struct {
		export string
		into   func(t *testing.T) *App
		want   string
	}{
		"nothing":             {"", empty, "cut off"},
		"no export":           {"{\"users\":[]}\n", empty, "not an export"},
		"half a line":         {export[:len(export)-2], empty, "cut off"},
		"no footer":           {strings.Join(lines[:len(lines)-1], ""), empty, "cut off"},
		"a row is gone":       {without(3), empty, "not as it was written"},
		"a row twice":         {strings.Replace(export, lines[2], lines[2]+lines[2], 1), empty, "is there already"},
		"a value is other":    {strings.Replace(export, `"status":"active"`, `"status":"ended"`, 1), empty, "not as it was written"},
		"a value of no kind":  {strings.Replace(export, `"banned":false`, `"banned":null`, 1), empty, "banned is not BOOLEAN"},
		"a strange column":    {strings.Replace(export, `"banned":`, `"bannned":`, 1), empty, "column"},
		"a strange table":     {strings.Replace(export, `"table":"users"`, `"table":"people"`, 1), empty, "people"},
		"a line of its own":   {export + "{}\n", empty, "not as it was written"},
		"a newer schema":      {strings.Replace(export, fmt.Sprintf(`"schema":%d`, own), `"schema":99999`, 1), empty, "newer than this program"},
		"a newer form":        {strings.Replace(export, `"sojourn_export":1`, `"sojourn_export":2`, 1), empty, "newer than this program"},
		"another master key":  {export, func(t *testing.T) *App { return moving(t, storetest.Fresh(t), secret.NewMasterKey()) }, "master key"},
		"another instance":    {export, func(t *testing.T) *App { return newOriginWith(t, o.Master) }, "already"},
		"its own instance":    {export, func(*testing.T) *App { return o.App }, "already"},
		"somebody else's row": {export, strayUser(o.Master), "not empty"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.into(t)
			_, err := a.Import(t.Context(), strings.NewReader(c.export), quiet)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if id, err := a.Store.Setting(t.Context(), settingInstanceID); err == nil && id != a.InstanceID() {
				t.Errorf("there is an instance %s nevertheless", id)
			}
		})
	}
	t.Run("what CheckExport finds", func(t *testing.T) {
		if n, err := CheckExport(strings.NewReader(export)); err != nil || n.Total() != int64(len(lines)-2) {
			t.Errorf("whole: %d rows, %v", n.Total(), err)
		}
		if _, err := CheckExport(strings.NewReader(without(3))); !errors.Is(err, errEdited) {
			t.Errorf("edited: %v", err)
		}
	})
}

func strayUser(master secret.MasterKey) func(t *testing.T) *App {
	return func(t *testing.T) *App {
		a := moving(t, storetest.Fresh(t), master)
		createUser(t, a, `{}`)
		return a
	}
}

// manySessions adds sessions behind the app's back.
func manySessions(t *testing.T, a *App, n int) {
	t.Helper()
	table := store.DumpTables[slices.IndexFunc(store.DumpTables, func(t store.Table) bool { return t.Name == "sessions" })]
	for done := 0; done < n; done += movePage {
		rows := make([][]any, min(movePage, n-done))
		for i := range rows {
			rows[i] = []any{
				fmt.Sprintf("sess_%027d", done+i), "user_1", "client_1", "active", nil, nil, int64(1), `{"browser_name":"` + rand.Text() + `"}`,
				usersStart.Add(time.Hour).UnixMilli(), nil, int64(1 << 50), int64(0), int64(done + i), int64(1), nil, nil, nil, int64(0), nil,
			}
		}
		must(t, a.Store.Update(t.Context(), func(tx store.Conn) error { return tx.RestoreRows(t.Context(), table, table.Columns, rows) }))
	}
}

// TestImportKilled cuts an import off after random batches until it gets through, and compares with the origin.
func TestImportKilled(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		o := newOrigin(t, storetest.SQLite(t))
		manySessions(t, o.App, 10*movePage)
		export := exported(t, o.App)
		other := exported(t, newOriginWith(t, o.Master))
		a := moving(t, databaseURL, o.Master)
		kills := 0
		for {
			ctx, kill := context.WithCancel(t.Context())
			batches := 1 + mrand.IntN(3)
			calls := 0
			_, err := a.Import(ctx, strings.NewReader(export), func(int) {
				if calls++; calls == batches+1 { // the first call tells of the runs before
					kill()
				}
			})
			kill()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			kills++
			half(t, a, other)
		}
		must(t, a.Load(t.Context()))
		if body(exported(t, a)) != body(export) {
			t.Error("the instance is not the one that was exported")
		}
		if kills < 3 {
			t.Errorf("%d kills make no test", kills)
		}
		if _, err := a.Import(t.Context(), strings.NewReader(export), quiet); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("once more: %v", err)
		}
	})
}

func newOriginWith(t *testing.T, master secret.MasterKey) *App {
	t.Helper()
	a := moving(t, storetest.SQLite(t), master)
	_, err := a.Create(t.Context())
	must(t, err)
	must(t, a.Load(t.Context()))
	return a
}

// half makes sure that nothing else can be done with a database that is half imported.
func half(t *testing.T, a *App, other string) {
	t.Helper()
	if err := a.Load(t.Context()); !errors.Is(err, ErrImporting) {
		t.Errorf("load: %v, want ErrImporting", err)
	}
	if created, err := a.Create(t.Context()); created || !errors.Is(err, ErrImporting) {
		t.Errorf("create: %t, %v, want ErrImporting", created, err)
	}
	if _, err := a.Import(t.Context(), strings.NewReader(other), quiet); !errors.Is(err, errAnotherExport) {
		t.Errorf("another export: %v, want errAnotherExport", err)
	}
}

// TestImportOrCreate lets an import and the making of an instance race for a database: one of them gets it.
func TestImportOrCreate(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		o := newOriginWith(t, secret.NewMasterKey())
		export := exported(t, o)
		importing, creating := moving(t, databaseURL, o.Master), moving(t, databaseURL, o.Master)
		failed := make(chan error, 1)
		go func() {
			_, err := importing.Import(t.Context(), strings.NewReader(export), quiet)
			failed <- err
		}()
		created, createErr := creating.Create(t.Context())
		importErr := <-failed
		if created == (importErr == nil) {
			t.Errorf("created: %t (%v), imported: %v", created, createErr, importErr)
		}
		must(t, importing.Load(t.Context()))
		if keys, err := importing.Store.SigningKeys(t.Context()); len(keys) != 1 || err != nil {
			t.Errorf("%d signing keys, %v, want 1", len(keys), err)
		}
	})
}

// TestExportResumed cuts exports off at random bytes and continues them.
func TestExportResumed(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		o := newOrigin(t, databaseURL)
		manySessions(t, o.App, movePage+7)
		whole := exported(t, o.App)
		for range 20 {
			kept := whole[:mrand.IntN(len(whole))]
			from, err := o.ReadPartialExport(t.Context(), strings.NewReader(kept))
			must(t, err)
			var b bytes.Buffer
			if from != nil {
				b.WriteString(kept[:from.Offset])
			}
			_, err = o.Export(t.Context(), &b, from, quiet)
			must(t, err)
			if b.String() != whole {
				t.Fatalf("cut off after %d bytes, the export is another one", len(kept))
			}
		}
		if _, err := o.ReadPartialExport(t.Context(), strings.NewReader(whole)); !errors.Is(err, ErrExported) {
			t.Errorf("a whole export: %v, want ErrExported", err)
		}
		other := exported(t, newOriginWith(t, o.Master))
		if _, err := o.ReadPartialExport(t.Context(), strings.NewReader(other[:len(other)-5])); err == nil {
			t.Error("the export of another instance was continued")
		}
	})
}

// TestImportOlder imports an export from before a column was there.
func TestImportOlder(t *testing.T) {
	o := newOrigin(t, storetest.Fresh(t))
	lines := strings.SplitAfter(exported(t, o.App), "\n")
	var header exportHeader
	must(t, json.Unmarshal([]byte(lines[0]), &header))
	header.Schema--
	var b bytes.Buffer
	must(t, writeLine(&b, header))
	counted := newTallied()
	for _, line := range lines[1 : len(lines)-2] {
		line = strings.Replace(line, `"locale":null,`, "", 1)
		b.WriteString(line)
		counted.add(parse[exportLine](t, line).Table, []byte(line))
	}
	must(t, writeLine(&b, map[string]exportFooter{"end": counted.footer()}))
	a := imported(t, storetest.Fresh(t), o.Master, b.String())
	if body(exported(t, a)) != strings.Join(lines[1:], "") {
		t.Error("the instance is not the one that was exported")
	}
}

// TestMoveIsBounded moves 50,000 sessions through a pipe: neither side may hold them all.
func TestMoveIsBounded(t *testing.T) {
	const sessions, most = 50_000, 16 << 20 // the rows alone take more than that
	from := newOriginWith(t, secret.NewMasterKey())
	manySessions(t, from, sessions)
	to := moving(t, storetest.Fresh(t), from.Master)
	before, peak := heap(), uint64(0)
	r, w := io.Pipe()
	go func() {
		_, err := from.Export(t.Context(), w, nil, quiet)
		w.CloseWithError(err)
	}()
	batches := 0
	moved, err := to.Import(t.Context(), r, func(int) {
		if batches++; batches%25 == 0 {
			peak = max(peak, heap())
		}
	})
	must(t, err)
	if moved["sessions"] != sessions {
		t.Errorf("%d sessions, want %d", moved["sessions"], sessions)
	}
	if peak > before+most {
		t.Errorf("the heap grew by %d MiB", (peak-before)>>20)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
