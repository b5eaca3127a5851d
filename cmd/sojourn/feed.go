package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
)

type feedCommand struct {
	Key    feedKey    `cmd:"" help:"Print the key with which verifiers poll the revocation feed."`
	Rotate feedRotate `cmd:"" help:"Make another feed key. The one before stays good until the next rotation."`
}

type feedKey struct{}

func (feedKey) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error { return printKey(ctx, w, a.FeedKey) })
}

type feedRotate struct{}

func (feedRotate) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error { return printKey(ctx, w, a.RotateFeedKey) })
}

func printKey(ctx context.Context, w io.Writer, find func(context.Context) (string, error)) error {
	key, err := find(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, key)
	return err
}
