package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

type devCommand struct {
	JSON bool `help:"Print what to paste as one JSON object, for programs."`
}

// Run fills in whatever is missing, serves, and prints what to paste into an app.
func (d devCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	if c.Environment == "" {
		c.Environment = app.Development
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("SOJOURN_DATA_DIR: %w", err)
	}
	if err := devKeys(c); err != nil {
		return err
	}
	l, err := listen(ctx, c)
	if err != nil {
		return err
	}
	if c.FrontendURL == "" {
		c.FrontendURL = config.URLOf(l.frontend.Addr())
	}
	a, err := devApp(ctx, c, log)
	if err != nil {
		l.close()
		return err
	}
	if err = setMail(c, a, log); err == nil {
		err = d.introduce(ctx, c, a, l, w)
	}
	if err != nil {
		l.close()
		return errors.Join(err, a.Store.Close())
	}
	return serve(ctx, c, a, l, log)
}

// introduce prints the card.
func (d devCommand) introduce(ctx context.Context, c *config.Config, a *app.App, l listeners, w io.Writer) error {
	k, err := newCard(ctx, c, a, l)
	if err != nil {
		return err
	}
	return k.print(w, d.JSON)
}

// devKeys makes the keys that are not there, and keeps them in the data directory so that the next start finds them.
func devKeys(c *config.Config) error {
	if c.MasterKey == "" && c.MasterKeyFile == "" {
		if _, err := keep(c.MasterKeyPath(), func() string { return secret.NewMasterKey().Encode() }); err != nil {
			return err
		}
	}
	if c.SecretKey != "" {
		return os.WriteFile(c.SecretKeyPath(), []byte(c.SecretKey.Reveal()+"\n"), 0o600)
	}
	key, err := keep(c.SecretKeyPath(), func() string { return secret.NewToken("sk_test_", 32) })
	c.SecretKey = secret.Text(key)
	return err
}

// keep reads a file, or makes it.
func keep(path string, fresh func() string) (string, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // in the operator's data directory
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	value := fresh()
	return value, os.WriteFile(path, []byte(value+"\n"), 0o600)
}

func devApp(ctx context.Context, c *config.Config, log *slog.Logger) (*app.App, error) {
	if err := c.Check(); err != nil { // what has been filled in as well
		return nil, err
	}
	if _, err := store.Migrate(ctx, c.Database()); err != nil {
		return nil, err
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return nil, err
	}
	if err := setPlaces(c, a); err != nil {
		return nil, errors.Join(err, a.Store.Close())
	}
	if _, err = a.Create(ctx); err == nil {
		if err = a.Load(ctx); err == nil {
			err = a.SetSecretKey(ctx, c.SecretKey)
		}
	}
	if err != nil {
		return nil, errors.Join(err, a.Store.Close())
	}
	return a, nil
}

// card is what a developer pastes.
type card struct {
	BackendURL     string   `json:"backend_url"`
	FrontendURL    string   `json:"frontend_url"`
	ProxyURL       string   `json:"proxy_url"` // where browsers of this machine find the Frontend API
	SecretKey      string   `json:"secret_key"`
	PublishableKey string   `json:"publishable_key"`
	InstanceID     string   `json:"instance_id"`
	JWKSURL        string   `json:"jwks_url"`
	FeedKey        string   `json:"feed_key"` // with which verifiers hear of revocations
	JWTKey         string   `json:"jwt_key"`
	SignInURL      string   `json:"sign_in_url"` // a page of ours
	MailboxURL     string   `json:"mailbox_url"` // "" when emails are delivered
	DataDir        string   `json:"data_dir"`
	Env            []string `json:"env"`
}

func newCard(ctx context.Context, c *config.Config, a *app.App, l listeners) (card, error) {
	public, err := a.PublicKey(ctx)
	if err != nil {
		return card{}, err
	}
	pem, err := token.PublicPEM(public)
	if err != nil {
		return card{}, err
	}
	feedKey, err := a.FeedKey(ctx)
	if err != nil {
		return card{}, err
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return card{}, err
	}
	k := card{
		BackendURL: config.URLOf(l.backend.Addr()), FrontendURL: c.Issuer(), SecretKey: c.SecretKey.Reveal(),
		PublishableKey: c.PublishableKey(), InstanceID: a.InstanceID(), JWKSURL: c.Issuer() + "/.well-known/jwks.json",
		JWTKey: pem, FeedKey: feedKey, DataDir: dir, ProxyURL: proxyURL(config.URLOf(l.frontend.Addr())),
	}
	k.SignInURL = k.ProxyURL + "/" + app.SignInPage
	k.MailboxURL = mailboxURL(a, k.BackendURL)
	k.Env = []string{
		"CLERK_API_URL=" + k.BackendURL,
		"CLERK_SECRET_KEY=" + k.SecretKey,
		"CLERK_PUBLISHABLE_KEY=" + k.PublishableKey,
		"CLERK_PROXY_URL=" + k.ProxyURL,
		"NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY=" + k.PublishableKey,
		"NEXT_PUBLIC_CLERK_PROXY_URL=" + k.ProxyURL,
	}
	return k, nil
}

// proxyURL is the URL of a listener by the name that pages on this machine have. Browser libraries want a proxy URL to
// speak plain HTTP, and browsers take localhost and 127.0.0.1 for two sites.
func proxyURL(listener string) string {
	return strings.NewReplacer("//127.0.0.1:", "//localhost:", "//[::1]:", "//localhost:").Replace(listener)
}

func (k card) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(k) //nolint:gosec // printing the keys is what dev is for
	}
	_, err := fmt.Fprintf(w, `Sojourn is running.

  Backend API      %s
  Frontend API     %s
  Secret key       %s
  Publishable key  %s
  Instance         %s
  Key set          %s
  Feed key         %s
  Sign in          %s
  Emails           %s
  Data             %s

For the official SDKs, in .env:

  %s

The official Go SDK takes the URL with /v1: %s/v1
In browsers, pass proxyUrl: '%s', and open your pages on the same host name:
browsers take localhost and 127.0.0.1 for two sites and keep their cookies apart.

Try it:

  curl -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \
    -d '{"email_address":["maria@example.com"]}' %s/v1/users

Stop with Ctrl-C. The next start finds the same keys and data.
`, k.BackendURL, k.FrontendURL, k.SecretKey, k.PublishableKey, k.InstanceID, k.JWKSURL, k.FeedKey,
		k.SignInURL, cmp.Or(k.MailboxURL, "are delivered by the mail server of SOJOURN_SMTP_URL"), k.DataDir,
		strings.Join(k.Env, "\n  "), k.BackendURL, k.ProxyURL, k.SecretKey, k.BackendURL)
	return err
}
