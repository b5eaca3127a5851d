package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
)

type importClerkCommand struct {
	File   string `arg:"" help:"The CSV of Clerk's Dashboard, or JSON as its Backend API answers; - is standard input." placeholder:"FILE"`
	Strict bool   `help:"Refuse users who would lose something, such as a password of an unknown hasher."`
}

// Run imports whom it can, tells of everybody else, and fails when somebody was refused.
func (i importClerkCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	production(c)
	in, size, err := openInput(i.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return withApp(ctx, c, log, func(a *app.App) error {
		p := newProgress("import", size, true)
		tally, err := a.ImportUsers(ctx, p.reader(in), i.Strict, func(n app.UserNote) { p.note(os.Stderr, n.String()) })
		p.done()
		if _, said := fmt.Fprintln(w, tally); err != nil || said != nil {
			return errors.Join(err, said)
		}
		if tally.Refused > 0 {
			return fmt.Errorf("%d users were refused", tally.Refused)
		}
		return nil
	})
}

type exportUsersCommand struct {
	Output string `short:"o" help:"File to write, readable by its owner only. Without it, standard output." placeholder:"FILE"`
}

// Run writes all users with their password digests. The file is never overwritten.
func (e exportUsersCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		total, err := a.CountAllUsers(ctx)
		if err != nil {
			return err
		}
		p := newProgress("export", total, false)
		users := 0
		err = writeOutput(e.Output, w, 0, false, func(out io.Writer) (err error) {
			users, err = a.ExportUsers(ctx, out, p.add)
			return err
		})
		p.done()
		return say(os.Stderr, err, "exported %d users\n", users)
	})
}
