package app

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sojourn-auth/sojourn/internal/store"
)

// An export is JSON Lines: a header, a line for each row, and a footer with what was counted. Private keys are in it
// as they are in the database, sealed with the master key, and secret keys as hashes.

const (
	exportFormat = 1       // the version of the form of exports
	movePage     = 500     // rows that are read or written at once
	maxMoveLine  = 4 << 20 // bytes
)

// exportHeader is the first line of an export.
type exportHeader struct {
	Format     int       `json:"sojourn_export"`
	Schema     int64     `json:"schema"` // of the program that exported
	Instance   string    `json:"instance"`
	ExportedAt time.Time `json:"exported_at"`
	MasterKey  string    `json:"master_key_check"` // what the master key sealed, as in the settings
}

// Tally counts rows by table.
type Tally map[string]int64

// Total is the sum over all tables.
func (t Tally) Total() (n int64) {
	for _, rows := range t {
		n += rows
	}
	return n
}

// String names the tables that have rows, in their order in the file.
func (t Tally) String() string {
	var parts []string
	for _, table := range store.DumpTables {
		if n := t[table.Name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(table.Name, "_", " ")))
		}
	}
	return strings.Join(parts, ", ")
}

// exportFooter is the last line, inside of {"end": …}.
type exportFooter struct {
	Rows Tally  `json:"rows"`
	Sum  string `json:"sha256"` // of the lines between header and footer, hex
}

// exportLine is any line after the header.
type exportLine struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"`
	End   *exportFooter  `json:"end"`
}

// tallied is what has been counted of an export so far, by who writes it and by who reads it.
type tallied struct {
	rows Tally
	sum  hash.Hash
}

func newTallied() tallied { return tallied{rows: Tally{}, sum: sha256.New()} }

func (t tallied) add(table string, line []byte) {
	t.rows[table]++
	t.sum.Write(line)
}

func (t tallied) footer() exportFooter {
	return exportFooter{Rows: t.rows, Sum: hex.EncodeToString(t.sum.Sum(nil))}
}

// appendRow writes the line of a row. Its columns stand in the table's order, so that the same rows make the same file.
func appendRow(b *bytes.Buffer, t store.Table, row []any) error {
	b.WriteString(`{"table":"` + t.Name + `","row":{`)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	for i, column := range t.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + column.Name + `":`)
		if s, ok := row[i].(string); ok && !utf8.ValidString(s) {
			return fmt.Errorf("%s of %q in %s is not text in UTF-8, and JSON can hold nothing else", column.Name, row[0], t.Name)
		}
		if err := encoder.Encode(row[i]); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
	}
	b.WriteString("}}\n")
	return nil
}

// movedRow is a row that was read from an export.
type movedRow struct {
	table   store.Table
	columns []store.Column // those that the row has; an older export may lack some
	values  []any
	size    int // bytes of its line
}

func (r movedRow) key() string { return r.values[0].(string) }

// What can be wrong with an export.
var (
	errTruncated = errors.New("the export is cut off: its last line is missing")
	errEdited    = errors.New("the export is not as it was written: its footer tells of other rows")
)

// exportReader reads an export line by line.
type exportReader struct {
	lines   *bufio.Scanner
	header  exportHeader
	tallied // of the rows that were read
	older   bool
	offset  int64 // bytes of the complete lines that were read
	number  int64 // of the last line
}

// readExport reads the header. errTruncated when not even that is complete.
func readExport(r io.Reader) (*exportReader, error) {
	e := &exportReader{lines: bufio.NewScanner(r), tallied: newTallied()}
	e.lines.Buffer(nil, maxMoveLine)
	e.lines.Split(completeLines)
	line, err := e.line()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &e.header); err != nil || e.header.Format == 0 {
		return nil, errors.New("this is not an export of sojourn")
	}
	own, err := store.SchemaVersion()
	switch {
	case err != nil:
		return nil, err
	case e.header.Format > exportFormat || e.header.Schema > own:
		return nil, fmt.Errorf("the export is newer than this program (schema %d, this one has %d): use a newer sojourn", e.header.Schema, own)
	}
	e.older = e.header.Schema < own
	return e, nil
}

// completeLines splits at newlines and drops what follows the last one.
func completeLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, data[:end+1], nil
	}
	return 0, nil, nil
}

func (e *exportReader) line() ([]byte, error) {
	if !e.lines.Scan() {
		if err := e.lines.Err(); err != nil {
			return nil, fmt.Errorf("line %d: %w", e.number+1, err)
		}
		return nil, errTruncated
	}
	e.number++
	e.offset += int64(len(e.lines.Bytes()))
	return e.lines.Bytes(), nil
}

// next reads a row. It answers io.EOF after a footer that agrees with all rows, and errTruncated when there is none.
func (e *exportReader) next() (movedRow, error) {
	line, err := e.line()
	if err != nil {
		return movedRow{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var read exportLine
	if err := decoder.Decode(&read); err != nil {
		return movedRow{}, fmt.Errorf("line %d is not JSON: %w", e.number, errEdited)
	}
	if read.End != nil {
		return movedRow{}, e.end(*read.End)
	}
	row, err := e.row(read)
	if err != nil {
		return movedRow{}, fmt.Errorf("line %d: %w: %w", e.number, err, errEdited)
	}
	row.size = len(line)
	e.add(read.Table, line)
	return row, nil
}

func (e *exportReader) end(said exportFooter) error {
	have := e.footer()
	if have.Sum != said.Sum || !maps.Equal(have.Rows, said.Rows) {
		return errEdited
	}
	if _, err := e.line(); !errors.Is(err, errTruncated) {
		return errors.Join(errEdited, err)
	}
	return io.EOF
}

func (e *exportReader) row(read exportLine) (movedRow, error) {
	at := slices.IndexFunc(store.DumpTables, func(t store.Table) bool { return t.Name == read.Table })
	if at < 0 {
		return movedRow{}, fmt.Errorf("there is no table %q", read.Table)
	}
	row := movedRow{table: store.DumpTables[at]}
	for _, column := range row.table.Columns {
		given, ok := read.Row[column.Name]
		if !ok {
			continue
		}
		value, ok := moved(column.Kind, given)
		if !ok {
			return row, fmt.Errorf("%s is not %s", column.Name, column.Kind)
		}
		row.columns, row.values = append(row.columns, column), append(row.values, value)
	}
	if len(row.columns) != len(read.Row) {
		return row, errors.New("it has a column that the table has not")
	}
	if len(row.columns) < len(row.table.Columns) && !e.older {
		return row, errors.New("it lacks a column of its table")
	}
	if len(row.values) == 0 || row.columns[0] != row.table.Columns[0] || row.values[0] == nil {
		return row, errors.New("it has no key")
	}
	return row, nil
}

// moved turns what JSON holds into what a column of a kind does.
func moved(kind store.ColumnKind, given any) (value any, ok bool) {
	switch v := given.(type) {
	case nil:
		return nil, kind != store.FlagColumn
	case string:
		return v, kind == store.TextColumn
	case bool:
		return v, kind == store.FlagColumn
	case json.Number:
		n, err := v.Int64()
		return n, err == nil && kind == store.NumberColumn
	default:
		return nil, false
	}
}
