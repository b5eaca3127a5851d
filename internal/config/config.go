// Package config is everything that an operator can set: one struct, with the names, the defaults and the
// explanations in one place. Flags come before the environment, the environment before the config file.
package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

// Config is the operator's settings. The tags are kong's; a setting without a default is off or filled in by the
// command that needs it.
type Config struct {
	DataDir     string `name:"data-dir" env:"SOJOURN_DATA_DIR" default:"./sojourn-data" help:"Directory of the embedded database and, for dev, of the keys."`
	DatabaseURL string `name:"database-url" env:"SOJOURN_DATABASE_URL" help:"Database: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE. Without it, sojourn.db in the data directory."`

	BackendAddr  string `name:"backend-addr" env:"SOJOURN_BACKEND_ADDR" default:"127.0.0.1:4000" help:"Where the Backend API listens. Keep it away from the public."`
	FrontendAddr string `name:"frontend-addr" env:"SOJOURN_FRONTEND_ADDR" default:"127.0.0.1:4001" help:"Where the Frontend API listens: browsers, key set, health."`
	FrontendURL  string `name:"frontend-url" env:"SOJOURN_FRONTEND_URL" help:"Public URL of the public listener. It is the issuer of tokens, and the publishable key derives from it, so its host needs a dot. serve requires it; dev takes the frontend address."`
	Environment  string `name:"environment" env:"SOJOURN_ENVIRONMENT" help:"development or production. dev takes development, serve production."`

	SecretKey     secret.Text `name:"secret-key" env:"SOJOURN_SECRET_KEY" help:"Secret key of the Backend API, to import. Only its hash is stored."`
	MasterKey     secret.Text `name:"master-key" env:"SOJOURN_MASTER_KEY" help:"Key that encrypts private keys in the database: 32 bytes in base64 or hex."`
	MasterKeyFile string      `name:"master-key-file" env:"SOJOURN_MASTER_KEY_FILE" help:"File that holds the master key. Without it and without the key, master.key in the data directory."`

	SessionMaxLifetime       time.Duration `name:"session-max-lifetime" env:"SOJOURN_SESSION_MAX_LIFETIME" default:"168h" help:"How long a session lives at most, whatever happens. 0 is off."`
	SessionInactivityTimeout time.Duration `name:"session-inactivity-timeout" env:"SOJOURN_SESSION_INACTIVITY_TIMEOUT" default:"0s" help:"How long a session lives without activity. 0 is off; not both can be."`
	SessionRetention         time.Duration `name:"session-retention" env:"SOJOURN_SESSION_RETENTION" default:"2160h" help:"How long ended sessions, idle clients and used-up tickets are kept."`
	EventRetention           time.Duration `name:"event-retention" env:"SOJOURN_EVENT_RETENTION" default:"2160h" help:"How long the log of events is kept: who did what to which session. What revokes tokens that still live is kept longer."`
	WebhookRetention         time.Duration `name:"webhook-retention" env:"SOJOURN_WEBHOOK_RETENTION" default:"168h" help:"How long what webhooks said can be delivered again, and how long the log of their delivery is kept."`
	SweepInterval            time.Duration `name:"sweep-interval" env:"SOJOURN_SWEEP_INTERVAL" default:"1m" help:"How often expired sessions are written down and old ones deleted."`

	TokenLifetime time.Duration `name:"token-lifetime" env:"SOJOURN_TOKEN_LIFETIME" default:"60s" help:"Lifetime of session tokens when the caller does not say."`
	ClaimsVersion int           `name:"claims-version" env:"SOJOURN_CLAIMS_VERSION" default:"2" enum:"1,2" help:"Version of the default claims in session tokens: 1 or 2."`
	SessionClaims string        `name:"session-claims" env:"SOJOURN_SESSION_CLAIMS" help:"Custom claims of session tokens: a JSON object in the template language."`

	PasswordMinLength int   `name:"password-min-length" env:"SOJOURN_PASSWORD_MIN_LENGTH" default:"8" help:"Least number of characters in a password."`
	LockoutAttempts   int64 `name:"lockout-attempts" env:"SOJOURN_LOCKOUT_ATTEMPTS" default:"10" help:"Failed attempts before an account locks. 0: never."`

	AllowCreateSession bool  `name:"allow-create-session" env:"SOJOURN_ALLOW_CREATE_SESSION" help:"Let the Backend API create sessions in production too."`
	StrictVerify       bool  `name:"strict-verify" env:"SOJOURN_STRICT_VERIFY" help:"Answer 410 to the deprecated verify operation for API versions that no longer have it."`
	StrictList         bool  `name:"strict-list" env:"SOJOURN_STRICT_LIST" help:"Refuse to list sessions without client_id or user_id."`
	BackendRateLimit   int64 `name:"backend-rate-limit" env:"SOJOURN_BACKEND_RATE_LIMIT" default:"0" help:"Requests that the Backend API takes in 10 seconds, on all nodes together. 0: no limit."`

	ApplicationName string   `name:"application-name" env:"SOJOURN_APPLICATION_NAME" default:"Sojourn" help:"Name of the application, as pages and emails show it."`
	HomeURL         string   `name:"home-url" env:"SOJOURN_HOME_URL" help:"Where people are sent when nobody says where: after signing in, and out."`
	AllowedOrigins  []string `name:"allowed-origins" env:"SOJOURN_ALLOWED_ORIGINS" help:"Origins of applications whose pages may use the Frontend API, besides those of its own site and those that the Backend API sets. In development all of this machine are allowed."`
	TrustedProxies  []string `name:"trusted-proxies" env:"SOJOURN_TRUSTED_PROXIES" help:"Addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For, -Host and -Proto are believed."`
	AssetsDir       string   `name:"assets-dir" env:"SOJOURN_ASSETS_DIR" help:"Directory of the browser libraries that sojourn assets puts in place. Without it, assets in the data directory."`
	GeoIPFile       string   `name:"geoip-file" env:"SOJOURN_GEOIP_FILE" help:"MaxMind database (.mmdb) that tells the cities and countries of addresses. Without it nobody asks."`

	SingleSession         bool          `name:"single-session" env:"SOJOURN_SINGLE_SESSION" help:"Let a browser hold one session at a time, instead of one for each account."`
	SignUpMode            string        `name:"sign-up-mode" env:"SOJOURN_SIGN_UP_MODE" default:"public" enum:"public,restricted" help:"public: everybody may sign up. restricted: users are made by the Backend API only."`
	PasswordOptional      bool          `name:"password-optional" env:"SOJOURN_PASSWORD_OPTIONAL" help:"Let people sign up without a password, and sign in by email codes."`
	EnumerationProtection bool          `name:"enumeration-protection" env:"SOJOURN_ENUMERATION_PROTECTION" help:"Let a sign-in not tell whether an identifier is known. A locked account is then told that its password or code is wrong. A sign-up tells all the same."`
	LockoutDuration       time.Duration `name:"lockout-duration" env:"SOJOURN_LOCKOUT_DURATION" default:"1h" help:"How long an account stays locked. 0: until the Backend API unlocks it."`
	SignInRateLimit       int64         `name:"sign-in-rate-limit" env:"SOJOURN_SIGN_IN_RATE_LIMIT" default:"5" help:"Sign-ins and sign-ups that an address may each begin in 10 seconds. 0: no limit. Development has none."`
	AttemptRateLimit      int64         `name:"attempt-rate-limit" env:"SOJOURN_ATTEMPT_RATE_LIMIT" default:"3" help:"Attempts at a factor or a code that an address may make in 10 seconds. 0: no limit. Development has none."`

	SMTPURL       secret.Text `name:"smtp-url" env:"SOJOURN_SMTP_URL" help:"Mail server: smtp://USER:PASSWORD@HOST:PORT (STARTTLS) or smtps://…. Without it development keeps emails in its mailbox, and production sends none."`
	MailFrom      string      `name:"mail-from" env:"SOJOURN_MAIL_FROM" help:"Sender of emails, such as: Example <no-reply@example.com>."`
	MailTemplates string      `name:"mail-templates" env:"SOJOURN_MAIL_TEMPLATES" help:"Directory with templates that replace the built-in ones, file by file."`

	WebhookAllowedNetworks []string        `name:"webhook-allowed-networks" env:"SOJOURN_WEBHOOK_ALLOWED_NETWORKS" help:"Addresses or networks (10.0.0.0/8) that webhooks may reach although they are not on the internet, over http too. In development they reach this machine and private networks."`
	WebhookRetrySchedule   []time.Duration `name:"webhook-retry-schedule" env:"SOJOURN_WEBHOOK_RETRY_SCHEDULE" default:"5s,5m,30m,2h,5h,10h,10h" help:"How long to wait before each attempt to deliver an event but the first, which is made at once; each is a tenth longer or shorter. After the last one the delivery has failed."`

	Migrate         bool          `name:"migrate" env:"SOJOURN_MIGRATE" help:"Let serve bring the database schema up to date by itself. dev always does."`
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"SOJOURN_SHUTDOWN_TIMEOUT" default:"15s" help:"How long running requests may take to finish when the server stops."`
	LogLevel        string        `name:"log-level" env:"SOJOURN_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error. debug logs every request."`
	LogFormat       string        `name:"log-format" env:"SOJOURN_LOG_FORMAT" default:"text" enum:"text,json" help:"text or json."`
}

// SignUpRestricted is the sign-up mode in which nobody signs up by themselves.
const SignUpRestricted = "restricted"

// Check refuses settings that cannot be, whichever command they are for.
func (c *Config) Check() error {
	switch {
	case c.Environment != "" && c.Environment != "development" && c.Environment != "production":
		return fmt.Errorf("SOJOURN_ENVIRONMENT is %q: want development or production", c.Environment)
	case c.TokenLifetime < time.Second:
		return errors.New("SOJOURN_TOKEN_LIFETIME must be a second or more")
	case c.EventRetention < 0 || c.WebhookRetention < 0:
		return errors.New("SOJOURN_EVENT_RETENTION and SOJOURN_WEBHOOK_RETENTION cannot be negative")
	case c.SessionRetention < 0 || c.SweepInterval <= 0 || c.ShutdownTimeout < 0:
		return errors.New("SOJOURN_SESSION_RETENTION and SOJOURN_SHUTDOWN_TIMEOUT cannot be negative, and SOJOURN_SWEEP_INTERVAL must be positive")
	case c.PasswordMinLength < 1 || c.LockoutAttempts < 0 || c.BackendRateLimit < 0:
		return errors.New("SOJOURN_PASSWORD_MIN_LENGTH must be 1 or more, SOJOURN_LOCKOUT_ATTEMPTS and SOJOURN_BACKEND_RATE_LIMIT 0 or more")
	}
	if err := checkSecretKey(c.SecretKey); err != nil {
		return err
	}
	if err := c.checkFrontendURL(); err != nil {
		return err
	}
	return c.checkBrowsers()
}

func (c *Config) checkBrowsers() error {
	if c.LockoutDuration < 0 || c.SignInRateLimit < 0 || c.AttemptRateLimit < 0 {
		return errors.New("SOJOURN_LOCKOUT_DURATION, SOJOURN_SIGN_IN_RATE_LIMIT and SOJOURN_ATTEMPT_RATE_LIMIT cannot be negative")
	}
	if c.ApplicationName == "" || strings.ContainsFunc(c.ApplicationName, unicode.IsControl) {
		return errors.New("SOJOURN_APPLICATION_NAME must be a name on one line")
	}
	for _, origin := range c.AllowedOrigins {
		if !isOrigin(origin) {
			return fmt.Errorf("SOJOURN_ALLOWED_ORIGINS holds %q: want origins as browsers send them, such as https://app.example.com, without a path or a wildcard", origin)
		}
	}
	if _, err := c.Proxies(); err != nil {
		return err
	}
	if err := c.checkWebhooks(); err != nil {
		return err
	}
	if err := checkURL("SOJOURN_HOME_URL", c.HomeURL, "https://app.example.com"); err != nil {
		return err
	}
	return c.checkMail()
}

func (c *Config) checkMail() error {
	if c.MailFrom != "" {
		if _, err := mail.ParseAddress(c.MailFrom); err != nil {
			return errors.New("SOJOURN_MAIL_FROM must be an address such as no-reply@example.com, with or without a name")
		}
	}
	if c.SMTPURL == "" {
		return nil
	}
	u, err := url.Parse(c.SMTPURL.Reveal())
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" { // no words of the parser: it repeats the password
		return errors.New("SOJOURN_SMTP_URL must be a URL such as smtp://USER:PASSWORD@mail.example.com:587")
	}
	if c.MailFrom == "" {
		return errors.New("SOJOURN_SMTP_URL needs SOJOURN_MAIL_FROM, the sender of emails")
	}
	return nil
}

// Proxies are the networks of the trusted proxies.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	return networks("SOJOURN_TRUSTED_PROXIES", c.TrustedProxies)
}

// WebhookNetworks are the networks that webhooks may reach whatever else they are.
func (c *Config) WebhookNetworks() ([]netip.Prefix, error) {
	return networks("SOJOURN_WEBHOOK_ALLOWED_NETWORKS", c.WebhookAllowedNetworks)
}

func (c *Config) checkWebhooks() error {
	for _, pause := range c.WebhookRetrySchedule {
		if pause < 0 {
			return errors.New("SOJOURN_WEBHOOK_RETRY_SCHEDULE cannot hold negative times")
		}
	}
	_, err := c.WebhookNetworks()
	return err
}

func networks(setting string, texts []string) ([]netip.Prefix, error) {
	all := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if addr, err1 := netip.ParseAddr(text); err1 == nil {
			addr = addr.Unmap()
			network, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || network.Addr().Is4In6() { // which no address is that these are compared with
			return nil, fmt.Errorf("%s holds %q: want addresses or networks such as 10.0.0.0/8", setting, text)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

const minSecretKey = 24 // characters

// checkSecretKey refuses keys that official SDKs refuse, and keys that could be guessed.
func checkSecretKey(key secret.Text) error {
	k := key.Reveal()
	switch {
	case k == "":
		return nil
	case !strings.HasPrefix(k, "sk_test_") && !strings.HasPrefix(k, "sk_live_"):
		return errors.New("SOJOURN_SECRET_KEY must begin with sk_test_ or sk_live_")
	case len(k) < minSecretKey || strings.ContainsAny(k, " \t\r\n"):
		return fmt.Errorf("SOJOURN_SECRET_KEY must have %d characters or more, and no white space", minSecretKey)
	default:
		return nil
	}
}

// checkFrontendURL refuses URLs that make a publishable key which browser libraries refuse.
func (c *Config) checkFrontendURL() error {
	if err := checkURL("SOJOURN_FRONTEND_URL", c.FrontendURL, "https://clerk.example.com"); err != nil || c.FrontendURL == "" {
		return err
	}
	if !strings.Contains(host(c.FrontendURL), ".") {
		return fmt.Errorf("SOJOURN_FRONTEND_URL is %q: browser libraries want a host with a dot in it, such as clerk.example.com or 127.0.0.1", c.FrontendURL)
	}
	return nil
}

// isOrigin reports whether browsers could send s as Origin; anything else would be allowed in vain.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || s != strings.ToLower(u.Scheme+"://"+u.Host) || strings.Contains(s, "*") {
		return false
	}
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme] // browsers leave it out
	return standard == "" || u.Port() != standard
}

func checkURL(setting, s, example string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%s must be a URL such as %s", setting, example)
	}
	return nil
}

// Database is the database URL, with the embedded database of the data directory as the default.
func (c *Config) Database() string {
	if c.DatabaseURL != "" {
		return c.DatabaseURL
	}
	return "sqlite:" + filepath.Join(c.DataDir, "sojourn.db")
}

// MasterKeyPath is the file to read the master key from when it is not given itself.
func (c *Config) MasterKeyPath() string {
	if c.MasterKeyFile != "" {
		return c.MasterKeyFile
	}
	return filepath.Join(c.DataDir, "master.key")
}

// SecretKeyPath is the file in which dev keeps the secret key.
func (c *Config) SecretKeyPath() string { return filepath.Join(c.DataDir, "secret.key") }

// ReadMasterKey reads the master key from the setting or its file.
func (c *Config) ReadMasterKey() (secret.MasterKey, error) {
	if c.MasterKey != "" {
		key, err := secret.ParseMasterKey(c.MasterKey.Reveal())
		if err != nil {
			return key, fmt.Errorf("SOJOURN_MASTER_KEY: %w", err)
		}
		return key, nil
	}
	raw, err := os.ReadFile(c.MasterKeyPath())
	if errors.Is(err, os.ErrNotExist) {
		return secret.MasterKey{}, fmt.Errorf("there is no master key: set SOJOURN_MASTER_KEY or SOJOURN_MASTER_KEY_FILE (looked for %s)", c.MasterKeyPath())
	}
	if err != nil {
		return secret.MasterKey{}, fmt.Errorf("SOJOURN_MASTER_KEY_FILE: %w", err)
	}
	key, err := secret.ParseMasterKey(strings.TrimSpace(string(raw)))
	if err != nil {
		return key, fmt.Errorf("SOJOURN_MASTER_KEY_FILE %s: %w", c.MasterKeyPath(), err)
	}
	return key, nil
}

// Issuer is the frontend URL as tokens carry it: without a trailing slash.
func (c *Config) Issuer() string { return strings.TrimRight(c.FrontendURL, "/") }

// AssetsPath is the directory of the browser libraries.
func (c *Config) AssetsPath() string {
	if c.AssetsDir != "" {
		return c.AssetsDir
	}
	return filepath.Join(c.DataDir, "assets")
}

// PublishableKey is the key that front ends are given: it names the environment and the frontend's host. Browser
// libraries split it at its underscores, and the standard alphabet of base64 has none.
func (c *Config) PublishableKey() string {
	prefix := "pk_live_"
	if c.Environment == "development" {
		prefix = "pk_test_"
	}
	return prefix + base64.RawStdEncoding.EncodeToString([]byte(host(c.FrontendURL)+"$"))
}

// host is the host of a URL, with its port; "" when there is none.
func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// URLOf is the URL under which this machine reaches a listener.
func URLOf(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
