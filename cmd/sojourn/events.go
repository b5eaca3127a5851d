package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
)

type eventsCommand struct {
	Type    []string `help:"Only events of these types, such as session.revoked."`
	User    string   `help:"Only events about this user and their sessions." placeholder:"ID"`
	Session string   `help:"Only events about this session." placeholder:"ID"`
	Since   string   `help:"Only events from this moment on: RFC 3339, or milliseconds since the Unix epoch." placeholder:"TIME"`
	Until   string   `help:"Only events before this moment." placeholder:"TIME"`
	Format  string   `enum:"table,jsonl,csv" default:"table" help:"table, jsonl (an object on each line) or csv."`
	Output  string   `short:"o" help:"File to write, readable by its owner only. Without it, standard output." placeholder:"FILE"`
}

// Run writes all events that are selected, oldest first. The file is never overwritten.
func (e eventsCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		selected := &api.ListEvents{Types: e.Type, UserID: e.User, SessionID: e.Session, Since: e.Since, Until: e.Until}
		events := 0
		err := writeOutput(e.Output, w, 0, false, func(out io.Writer) (err error) {
			events, err = a.ExportEvents(ctx, out, e.Format, selected)
			return err
		})
		if e.Output == "" {
			return err
		}
		return say(os.Stderr, err, "exported %d events\n", events)
	})
}
