package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/store"
)

type serveCommand struct{}

// Run refuses to start with anything missing, and says which setting names it.
func (serveCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger) error {
	production(c)
	if c.FrontendURL == "" {
		return errors.New("set SOJOURN_FRONTEND_URL to the public URL of the frontend listener: it is the issuer of every token")
	}
	if path, missing := databaseMissing(c); missing && !c.Migrate {
		return fmt.Errorf("there is no database %s: set SOJOURN_DATABASE_URL or SOJOURN_DATA_DIR, and run `sojourn migrate`", path)
	}
	if c.Migrate {
		if err := migrate(ctx, c, log); err != nil {
			return err
		}
	}
	a, err := open(ctx, c, log)
	if err != nil {
		return err
	}
	if err := setPlaces(c, a); err != nil {
		return errors.Join(err, a.Store.Close())
	}
	if err := checkSecretKey(ctx, c, a); err != nil {
		return errors.Join(err, a.Store.Close())
	}
	if err := setMail(c, a, log); err != nil {
		return errors.Join(err, a.Store.Close())
	}
	l, err := listen(ctx, c)
	if err != nil {
		return errors.Join(err, a.Store.Close())
	}
	log.Info("serving", "instance", a.InstanceID(), "backend", l.backend.Addr().String(), "frontend", l.frontend.Addr().String(),
		"issuer", c.Issuer(), "publishable_key", c.PublishableKey(), "database", a.Store.Engine(), "version", version())
	return serve(ctx, c, a, l, log)
}

func production(c *config.Config) {
	if c.Environment == "" {
		c.Environment = app.Production
	}
}

// checkSecretKey imports the key that is set, or makes sure that there is one.
func checkSecretKey(ctx context.Context, c *config.Config, a *app.App) error {
	if c.SecretKey != "" {
		return a.SetSecretKey(ctx, c.SecretKey)
	}
	ok, err := a.HasSecretKey(ctx)
	if err == nil && !ok {
		return errNoSecretKey
	}
	return err
}

type migrateCommand struct{}

func (migrateCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	production(c)
	if err := migrate(ctx, c, log); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "The database is up to date.")
	return err
}

// migrate brings the schema up to date and makes the instance when there is none. Both are said aloud.
func migrate(ctx context.Context, c *config.Config, log *slog.Logger) error {
	if _, err := c.ReadMasterKey(); err != nil {
		return err // before a database is made that nobody could use
	}
	steps, err := store.Migrate(ctx, c.Database())
	if err != nil {
		return err
	}
	if steps > 0 {
		log.Info("migrated the database schema", "steps", steps)
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return err
	}
	created, err := a.Create(ctx)
	if created {
		log.Info("created a new instance and its first signing key")
	}
	return errors.Join(err, a.Store.Close())
}
