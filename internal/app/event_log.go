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
	"github.com/sojourn-auth/sojourn/internal/store"
)

// ListEvents lists what happened, newest first.
func (a *App) ListEvents(ctx context.Context, req *api.ListEvents) (*api.List[api.Event], error) {
	filter, err := eventFilter(req)
	if err != nil {
		return nil, err
	}
	found, err := a.Store.Events(ctx, filter, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.Event]{Data: make([]api.Event, len(found)), Enveloped: req.Paginated}
	for i, e := range found {
		list.Data[i] = *eventView(e)
	}
	if req.Paginated {
		list.TotalCount, err = a.Store.CountEvents(ctx, filter, maxCounted)
	}
	return list, err
}

// maxCounted is where the counts of logs end, which grow for ever.
const maxCounted = 100_000

func eventFilter(req *api.ListEvents) (store.EventFilter, error) {
	f := store.EventFilter{Types: req.Types, SessionID: req.SessionID, UserID: req.UserID}
	for _, t := range req.Types {
		if !event.Type(t).Known() {
			return f, notAllowed("type", t, typeNames(event.Types)...)
		}
	}
	var err error
	if f.Since, err = since("since", req.Since); err == nil {
		f.Until, err = since("until", req.Until)
	}
	return f, err
}

func typeNames(types []event.Type) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return names
}

// since reads a moment: RFC 3339, or milliseconds since the Unix epoch; the zero time for "".
func since(param, given string) (time.Time, error) {
	if n, err := strconv.ParseInt(given, 10, 64); err == nil && n >= 0 {
		return time.UnixMilli(n).UTC(), nil
	}
	return moment(param, api.Set(given))
}

// GetEvent finds an event.
func (a *App) GetEvent(ctx context.Context, req *api.EventRef) (*api.Event, error) {
	e, err := a.Store.Event(ctx, req.EventID)
	if err != nil {
		return nil, whenAbsent(err, eventNotFound(req.EventID))
	}
	return eventView(e), nil
}

func eventNotFound(id string) *api.Error {
	return notFound("Event", "There is no event with the id "+id+".")
}

func eventView(e event.Event) *api.Event {
	view := &api.Event{
		Object: "event", ID: e.ID, Type: string(e.Type), Timestamp: e.At.UnixMilli(), SubjectID: e.Subject, Position: e.Position,
		SessionID: pointer(e.SessionID), UserID: pointer(e.UserID), Reason: pointer(e.Reason), By: e.By,
		Changes: append([]string{}, e.Changes...), TokensUntil: unixMilli(e.TokensUntil),
	}
	if e.Origin != (event.Origin{}) {
		view.Origin = &api.Origin{
			Operation: e.Origin.Operation, TraceID: e.Origin.Trace,
			ClientIP: pointer(e.Origin.Address), UserAgent: pointer(e.Origin.UserAgent),
		}
	}
	return view
}

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
