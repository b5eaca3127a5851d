package app

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
)

// EventFormats are the forms in which events leave: for people, for programs, for spreadsheets.
var EventFormats = []string{"table", "jsonl", "csv"}

// ExportEvents writes the events that a request selects, whatever its page, in the order in which they were written.
// What is written while it works may be left for the next export.
func (a *App) ExportEvents(ctx context.Context, w io.Writer, format string, req *api.ListEvents) (n int, err error) {
	filter, err := eventFilter(req)
	if err != nil {
		return 0, err
	}
	out, err := newEventWriter(w, format)
	if err != nil {
		return 0, err
	}
	for after := (event.Event{}); ; {
		page, err := a.Store.EventsAfter(ctx, filter, after, movePage)
		if err != nil {
			return n, err
		}
		for _, e := range page {
			if err := out.write(eventView(e)); err != nil {
				return n, err
			}
			after = e
			n++
		}
		if len(page) < movePage {
			return n, out.flush()
		}
	}
}

// eventWriter writes events in one of EventFormats.
type eventWriter struct {
	write func(*api.Event) error
	flush func() error
}

func newEventWriter(w io.Writer, format string) (eventWriter, error) {
	done := func() error { return nil }
	switch format {
	case "jsonl":
		return eventWriter{func(e *api.Event) error { return json.NewEncoder(w).Encode(e) }, done}, nil
	case "csv":
		return newEventCSV(w)
	default:
		_, err := fmt.Fprintf(w, eventLine, "TIME", "TYPE", "SUBJECT", "BY", "REASON")
		return eventWriter{func(e *api.Event) error {
			_, err := fmt.Fprintf(w, eventLine, eventTime(&e.Timestamp), e.Type, e.SubjectID, e.By, cell(e.Reason))
			return err
		}, done}, err
	}
}

const eventLine = "%-24s  %-22s  %-32s  %-32s  %s\n"

// eventColumns are the columns of a CSV.
var eventColumns = []struct {
	name string
	show func(*api.Event) string
}{
	{"id", func(e *api.Event) string { return e.ID }},
	{"time", func(e *api.Event) string { return eventTime(&e.Timestamp) }},
	{"type", func(e *api.Event) string { return e.Type }},
	{"subject_id", func(e *api.Event) string { return e.SubjectID }},
	{"position", func(e *api.Event) string { return strconv.FormatInt(e.Position, 10) }},
	{"session_id", func(e *api.Event) string { return cell(e.SessionID) }},
	{"user_id", func(e *api.Event) string { return cell(e.UserID) }},
	{"reason", func(e *api.Event) string { return cell(e.Reason) }},
	{"by", func(e *api.Event) string { return e.By }},
	{"changes", func(e *api.Event) string { return strings.Join(e.Changes, " ") }},
	{"tokens_until", func(e *api.Event) string { return eventTime(e.TokensUntil) }},
	{"operation", func(e *api.Event) string { return causeOf(e).Operation }},
	{"trace_id", func(e *api.Event) string { return causeOf(e).TraceID }},
	{"client_ip", func(e *api.Event) string { return cell(causeOf(e).ClientIP) }},
	{"user_agent", func(e *api.Event) string { return cell(causeOf(e).UserAgent) }},
}

func newEventCSV(w io.Writer) (eventWriter, error) {
	out := csv.NewWriter(w)
	record := make([]string, len(eventColumns))
	for i, column := range eventColumns {
		record[i] = column.name
	}
	write := func(e *api.Event) error {
		for i, column := range eventColumns {
			record[i] = guarded(column.show(e)) // a user agent is what a stranger wants it to be
		}
		return out.Write(record)
	}
	flush := func() error {
		out.Flush()
		return out.Error()
	}
	return eventWriter{write, flush}, out.Write(record)
}

func causeOf(e *api.Event) api.Origin {
	if e.Origin == nil {
		return api.Origin{}
	}
	return *e.Origin
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func eventTime(ms *int64) string {
	if ms == nil {
		return ""
	}
	return time.UnixMilli(*ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
