package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/token"
)

type keysCommand struct {
	List   keysList   `cmd:"" help:"List the signing keys, newest first."`
	Rotate keysRotate `cmd:"" help:"Make a new signing key. It is published at once and signs soon after: list says when. The old ones stay published."`
	Retire keysRetire `cmd:"" help:"Stop publishing a key: its tokens are refused from then on."`
	Export keysExport `cmd:"" help:"Print the public keys."`
}

// withApp runs a tool on the instance of the settings.
func withApp(ctx context.Context, c *config.Config, log *slog.Logger, do func(*app.App) error) error {
	if path, missing := databaseMissing(c); missing {
		return fmt.Errorf("there is no database %s: set SOJOURN_DATABASE_URL or SOJOURN_DATA_DIR", path)
	}
	a, err := open(ctx, c, log)
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Store.Close())
}

type keysList struct {
	JSON bool `help:"Print JSON."`
}

func (k keysList) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		keys, err := a.Keys(ctx)
		if err != nil {
			return err
		}
		if k.JSON {
			return json.NewEncoder(w).Encode(keys)
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "KID\tSTATE\tCREATED\tSIGNS FROM")
		for _, key := range keys {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.ID, key.State, key.CreatedAt.Format(time.RFC3339), key.SignsFrom.Format(time.RFC3339))
		}
		return table.Flush()
	})
}

type keysRotate struct{}

func (keysRotate) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		kid, err := a.RotateKey(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, kid)
		return err
	})
}

type keysRetire struct {
	KID string `arg:"" name:"kid" help:"The key to retire."`
}

func (k keysRetire) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		if err := a.RetireKey(ctx, k.KID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "retired", k.KID)
		return err
	})
}

type keysExport struct {
	Format string `enum:"jwks,pem" default:"jwks" help:"jwks: all published keys. pem: the one that signs."`
}

func (k keysExport) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		if k.Format == "pem" {
			public, err := a.PublicKey(ctx)
			if err != nil {
				return err
			}
			pem, err := token.PublicPEM(public)
			if err != nil {
				return err
			}
			_, err = io.WriteString(w, pem)
			return err
		}
		set, err := a.JWKS(ctx, &api.None{})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", *set)
		return err
	})
}
