// Command sojourn is the session server and its tools. This is the only place where everybody meets: settings are
// read, the clock is wound, and the parts are wired together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/store"
)

type commands struct {
	config.Config `embed:""`

	ConfigFile kong.ConfigFlag `name:"config" env:"SOJOURN_CONFIG" help:"Config file in YAML: names of flags and their values." placeholder:"FILE"`

	Dev         devCommand         `cmd:"" help:"Run a development server: no configuration, everything missing is made."`
	Serve       serveCommand       `cmd:"" help:"Run a production server: nothing is made silently."`
	Migrate     migrateCommand     `cmd:"" name:"migrate" help:"Create the database, or bring its schema up to date."`
	ShowConfig  configCommand      `cmd:"" name:"config" help:"Print the effective settings, secrets redacted."`
	Keys        keysCommand        `cmd:"" help:"List, rotate, retire and export the signing keys."`
	Feed        feedCommand        `cmd:"" help:"Print and rotate the key of the revocation feed."`
	Webhooks    webhooksCommand    `cmd:"" help:"Manage who is told of events by webhook, and send them again."`
	Events      eventsCommand      `cmd:"" help:"Write the log of events: who did what to which session."`
	Export      exportCommand      `cmd:"" help:"Write the whole instance as JSON Lines, to move it to another database."`
	Import      importCommand      `cmd:"" help:"Make the instance of an export in an empty database."`
	ImportClerk importClerkCommand `cmd:"" help:"Create users from Clerk's user export."`
	ExportUsers exportUsersCommand `cmd:"" help:"Write the users as CSV in the form of Clerk's export."`
	Assets      assetsCommand      `cmd:"" help:"Put browser libraries in place, list and remove them."`
	Version     versionCommand     `cmd:"" help:"Print the version of this program and of its database schema."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sojourn:", err)
		os.Exit(1)
	}
}

// run is main with its surroundings handed in.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if os.Getenv(config.FileEnv) == "" {
		_ = os.Unsetenv(config.FileEnv) // set to nothing means not set, not a file without a name
	}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("sojourn"), kong.Description("A session server that you host yourself."),
		kong.Configuration(config.Load), kong.Writers(stdout, stderr), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	if err := cli.Check(); err != nil {
		return err
	}
	logger := newLogger(&cli.Config, stderr)
	return parsed.Run(&cli.Config, logger)
}

func newLogger(c *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

type configCommand struct{}

func (configCommand) Run(c *config.Config, w io.Writer) error { return c.Print(w) }

type versionCommand struct{}

func (versionCommand) Run(w io.Writer) error {
	schema, err := store.SchemaVersion()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "sojourn %s (schema %d)\n", version(), schema)
	return err
}

// version is what the Go toolchain wrote into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

var errNoSecretKey = errors.New("the Backend API has no secret key: set SOJOURN_SECRET_KEY (sk_live_… or sk_test_…)")
