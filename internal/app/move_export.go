package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// ErrExported says that an export lacks nothing.
var ErrExported = errors.New("the export is complete already")

// PartialExport is where an export was cut off.
type PartialExport struct {
	Offset int64 // bytes to keep; what follows is half a line
	tallied
	table int    // in store.DumpTables
	key   string // of its last row
}

// ReadPartialExport finds where an export of this instance was cut off, so that Export can go on. It is nil when there
// is nothing to go on from; ErrExported when nothing is missing.
func (a *App) ReadPartialExport(ctx context.Context, r io.Reader) (*PartialExport, error) {
	in, err := readExport(r)
	if errors.Is(err, errTruncated) {
		return nil, nil //nolint:nilnil // nothing is an answer here: begin at the beginning
	}
	if err != nil {
		return nil, err
	}
	own, err := a.exportHeader(ctx)
	if err != nil {
		return nil, err
	}
	if in.header.Instance != own.Instance || in.header.Schema != own.Schema {
		return nil, errors.New("the file holds an export of another instance or of an older sojourn: begin a new one")
	}
	p := &PartialExport{Offset: in.offset, tallied: in.tallied}
	for {
		row, err := in.next()
		switch {
		case errors.Is(err, errTruncated):
			return p, nil
		case errors.Is(err, io.EOF):
			return nil, ErrExported
		case err != nil:
			return nil, err
		}
		at := slices.IndexFunc(store.DumpTables, func(t store.Table) bool { return t.Name == row.table.Name })
		if at < p.table {
			return nil, fmt.Errorf("line %d: %w", in.number, errEdited)
		}
		p.Offset, p.table, p.key = in.offset, at, row.key()
	}
}

// Export writes all that the instance is, page by page, and tells of the rows of each. from continues an export that
// was cut off; nil begins one. A server may work meanwhile: then every row is as it was when it was read.
func (a *App) Export(ctx context.Context, w io.Writer, from *PartialExport, tell func(rows int)) (Tally, error) {
	if from == nil {
		header, err := a.exportHeader(ctx)
		if err != nil {
			return nil, err
		}
		if err := writeLine(w, header); err != nil {
			return nil, err
		}
		from = &PartialExport{tallied: newTallied()}
	}
	after := from.key
	for _, table := range store.DumpTables[from.table:] {
		if err := a.exportTable(ctx, w, table, after, from.tallied, tell); err != nil {
			return nil, fmt.Errorf("export %s: %w", table.Name, err)
		}
		after = ""
	}
	return from.rows, writeLine(w, map[string]exportFooter{"end": from.footer()})
}

func (a *App) exportTable(ctx context.Context, w io.Writer, table store.Table, after string, counted tallied, tell func(rows int)) error {
	var b bytes.Buffer
	for {
		page, err := a.Store.DumpRows(ctx, table, after, movePage)
		if err != nil {
			return err
		}
		b.Reset()
		for _, row := range page {
			start := b.Len()
			if err := appendRow(&b, table, row); err != nil {
				return err
			}
			counted.add(table.Name, b.Bytes()[start:])
			after = row[0].(string)
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
		tell(len(page))
		if len(page) < movePage {
			return nil
		}
	}
}

// exportHeader describes this instance as it is now.
func (a *App) exportHeader(ctx context.Context) (exportHeader, error) {
	schema, err := store.SchemaVersion()
	if err != nil {
		return exportHeader{}, err
	}
	check, err := a.Store.Setting(ctx, settingMasterKey)
	return exportHeader{Format: exportFormat, Schema: schema, Instance: a.instance.ID, ExportedAt: a.now(), MasterKey: check}, err
}

// CountExport is how many rows an export would have now.
func (a *App) CountExport(ctx context.Context) (rows int64, err error) {
	for _, table := range store.DumpTables {
		n, err := a.Store.CountRows(ctx, table)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
