package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// settingImport is there while an import is not finished. Without the settings of the export, which come last and
// take its place, the database holds no instance.
const settingImport = "import"

// ErrImporting says that the database holds a part of an instance.
var ErrImporting = errors.New("an import into this database is not finished: run `sojourn import` again with the same export")

var errAnotherExport = errors.New("another export is half imported into this database: finish that one, or take an empty database")

// importState is how far an import has come. It is written in the transactions that write the rows.
type importState struct {
	Instance   string    `json:"instance"`
	ExportedAt time.Time `json:"exported_at"`
	Line       int64     `json:"line"`
	Sum        string    `json:"sha256"` // of the rows up to that line
}

const (
	maxMoveBatch    = 1 << 20 // bytes of lines in a transaction
	maxMoveSettings = 1000
)

// CheckExport reads a whole export and reports what is wrong with it. Import finds that too, but only at the end.
func CheckExport(r io.Reader) (Tally, error) {
	in, err := readExport(r)
	if err != nil {
		return nil, err
	}
	for {
		if _, err := in.next(); errors.Is(err, io.EOF) {
			return in.rows, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// Import makes the instance of an export in an empty database, or goes on with an import of the same export that was
// cut off. It tells of rows when they are durable. Nothing can use the database before all of it is there.
// Only the master key of the exporting instance will do: ErrMasterKey.
func (a *App) Import(ctx context.Context, r io.Reader, tell func(rows int)) (Tally, error) {
	in, err := readExport(r)
	if err != nil {
		return nil, err
	}
	if err := a.checkMaster(in.header.MasterKey); err != nil {
		return nil, fmt.Errorf("the export needs the master key of its instance: %w", err)
	}
	state, err := a.beginImport(ctx, in.header)
	if err != nil {
		return nil, err
	}
	i := &importer{app: a, in: in, state: state, tell: tell}
	if err := i.pass(); err != nil {
		return nil, err
	}
	if err := i.rows(ctx); err != nil {
		return nil, err
	}
	return in.rows, i.finish(ctx)
}

// beginImport takes an empty database for an export, or finds how far its import has come.
func (a *App) beginImport(ctx context.Context, h exportHeader) (state importState, err error) {
	fresh, err := json.Marshal(importState{Instance: h.Instance, ExportedAt: h.ExportedAt, Line: 1})
	if err != nil {
		return state, err
	}
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		// Create writes the same setting first, so one of the two waits for the other.
		kept, err := tx.AddSetting(ctx, settingImport, string(fresh))
		if err != nil {
			return err
		}
		if err := refuseInstance(ctx, tx, h.Instance); err != nil {
			return err
		}
		state = importState{}
		if err := json.Unmarshal([]byte(kept), &state); err != nil {
			return fmt.Errorf("read how far the import is: %w", err)
		}
		if state.Instance != h.Instance || !state.ExportedAt.Equal(h.ExportedAt) {
			return errAnotherExport
		}
		if state.Line > 1 {
			return nil
		}
		return refuseRows(ctx, tx)
	})
	return state, err
}

// refuseImport keeps an instance from being made where an import is at work. It writes the setting that an import
// writes first, so that one of the two waits for the other.
func refuseImport(ctx context.Context, tx store.Conn) error {
	kept, err := tx.AddSetting(ctx, settingImport, "")
	if err != nil {
		return err
	}
	if kept != "" {
		return ErrImporting
	}
	return tx.DeleteSetting(ctx, settingImport)
}

// noInstance says why there is no instance to load.
func (a *App) noInstance(ctx context.Context) error {
	_, err := a.Store.Setting(ctx, settingImport)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errors.New("the database holds no instance yet: run `sojourn migrate`")
	case err != nil:
		return err
	default:
		return ErrImporting
	}
}

func refuseInstance(ctx context.Context, tx store.Conn, exported string) error {
	id, err := tx.Setting(ctx, settingInstanceID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case id == exported:
		return fmt.Errorf("the database holds the instance %s of this export already", id)
	default:
		return fmt.Errorf("the database holds the instance %s already: import wants an empty one, and makes its schema itself", id)
	}
}

// refuseRows makes sure that nothing but the mark of the import is there.
func refuseRows(ctx context.Context, tx store.Conn) error {
	for _, table := range store.DumpTables {
		if table.Name == store.SettingsTable {
			continue
		}
		if has, err := tx.HasRows(ctx, table); err != nil {
			return err
		} else if has {
			return fmt.Errorf("the table %s of the database is not empty", table.Name)
		}
	}
	return nil
}

// importer is an import at work.
type importer struct {
	app      *App
	in       *exportReader
	state    importState
	tell     func(rows int)
	settings []movedRow // they come last, in one transaction
}

// pass reads over what an earlier run has written.
func (i *importer) pass() error {
	for i.in.number < i.state.Line {
		if _, err := i.in.next(); errors.Is(err, io.EOF) {
			return errAnotherExport
		} else if err != nil {
			return err
		}
	}
	if i.state.Line > 1 && i.in.footer().Sum != i.state.Sum {
		return errAnotherExport
	}
	i.tell(int(i.state.Line - 1))
	return nil
}

// rows writes all rows but the settings, and reads the footer.
func (i *importer) rows(ctx context.Context) error {
	var batch []movedRow
	size := 0
	for {
		mark := i.mark()
		row, err := i.in.next()
		done := errors.Is(err, io.EOF)
		if err != nil && !done {
			return err
		}
		if len(batch) > 0 && (done || len(batch) == movePage || size > maxMoveBatch || !fits(batch[0], row)) {
			if err := i.write(ctx, batch, mark); err != nil {
				return err
			}
			batch, size = batch[:0], 0
		}
		switch {
		case done:
			return nil
		case row.table.Name == store.SettingsTable && len(i.settings) < maxMoveSettings:
			i.settings = append(i.settings, row)
		case len(i.settings) > 0:
			return fmt.Errorf("line %d is among the settings: %w", i.in.number, errEdited)
		default:
			batch, size = append(batch, row), size+row.size
		}
	}
}

// mark is how far the import has come when all that was read is written.
func (i *importer) mark() importState {
	return importState{Instance: i.state.Instance, ExportedAt: i.state.ExportedAt, Line: i.in.number, Sum: i.in.footer().Sum}
}

// fits reports whether two rows go into one statement.
func fits(a, b movedRow) bool {
	return a.table.Name == b.table.Name && slices.Equal(a.columns, b.columns)
}

// write makes a batch durable together with how far the import has come.
func (i *importer) write(ctx context.Context, batch []movedRow, mark importState) error {
	state, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	err = i.app.Store.Update(ctx, func(tx store.Conn) error {
		if err := restore(ctx, tx, batch); err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingImport, string(state))
	})
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("one of the rows up to line %d is there already: %w", mark.Line, err)
	}
	if err == nil {
		i.tell(len(batch))
	}
	return err
}

func restore(ctx context.Context, tx store.Conn, batch []movedRow) error {
	values := make([][]any, len(batch))
	for n, row := range batch {
		values[n] = row.values
	}
	return tx.RestoreRows(ctx, batch[0].table, batch[0].columns, values)
}

// finish writes the settings in the place of the mark: from then on there is an instance.
func (i *importer) finish(ctx context.Context) error {
	settings := map[string]any{}
	for _, row := range i.settings {
		if len(row.values) != 2 {
			return errEdited
		}
		settings[row.key()] = row.values[1]
	}
	_, marked := settings[settingImport]
	if marked || settings[settingInstanceID] != i.in.header.Instance || settings[settingMasterKey] != i.in.header.MasterKey {
		return fmt.Errorf("the settings are not those of the header: %w", errEdited)
	}
	err := i.app.Store.Update(ctx, func(tx store.Conn) error {
		if err := tx.DeleteSetting(ctx, settingImport); err != nil {
			return err
		}
		return restore(ctx, tx, i.settings)
	})
	if err == nil {
		i.tell(len(i.settings))
	}
	return err
}
