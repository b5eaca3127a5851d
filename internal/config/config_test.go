package config_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/secret"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func parse(t *testing.T, args ...string) (*config.Config, error) {
	t.Helper()
	var cli struct {
		config.Config `embed:""`
		File          kong.ConfigFlag `name:"config"`
	}
	parser, err := kong.New(&cli, kong.Configuration(config.Load))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &cli.Config, err
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sojourn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsBeforeEnvironmentBeforeFile(t *testing.T) {
	path := file(t, "token-lifetime: 10s\nsession_retention: 20h\nclaims-version: 1\nstrict-list: true\n")
	t.Setenv("SOJOURN_TOKEN_LIFETIME", "30s")
	t.Setenv("SOJOURN_SESSION_RETENTION", "40h")
	c, err := parse(t, "--config", path, "--token-lifetime", "50s")
	if err != nil {
		t.Fatal(err)
	}
	if c.TokenLifetime != 50*time.Second || c.SessionRetention != 40*time.Hour || c.ClaimsVersion != 1 || !c.StrictList || c.BackendAddr != "127.0.0.1:4000" {
		t.Errorf("%+v", c)
	}
}

func TestFilesThatAreWrong(t *testing.T) {
	for name, text := range map[string]string{
		"a typing error": "tokenlifetime: 10s\n",
		"no YAML":        "secret-key: [sk_test_canary\n",
		"a wrong type":   "token-lifetime: soon\n",
		"a wrong value":  "claims-version: 3\n",
	} {
		_, err := parse(t, "--config", file(t, text))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // part of the error; "" for none
	}{
		"defaults":           {nil, ""},
		"environment":        {[]string{"--environment=staging"}, "SOJOURN_ENVIRONMENT"},
		"token lifetime":     {[]string{"--token-lifetime=10ms"}, "SOJOURN_TOKEN_LIFETIME"},
		"sweep interval":     {[]string{"--sweep-interval=0s"}, "SOJOURN_SWEEP_INTERVAL"},
		"password length":    {[]string{"--password-min-length=0"}, "SOJOURN_PASSWORD_MIN_LENGTH"},
		"frontend URL":       {[]string{"--frontend-url=example.com"}, "SOJOURN_FRONTEND_URL"},
		"URL with a query":   {[]string{"--frontend-url=https://example.com?x"}, "SOJOURN_FRONTEND_URL"},
		"a good URL":         {[]string{"--frontend-url=https://clerk.example.com"}, ""},
		"a URL of numbers":   {[]string{"--frontend-url=http://127.0.0.1:4001"}, ""},
		"URL without a dot":  {[]string{"--frontend-url=http://localhost:4001"}, "a dot"},
		"URL of IPv6":        {[]string{"--frontend-url=http://[::1]:4001"}, "a dot"},
		"URL without a host": {[]string{"--frontend-url=http://:4001"}, "SOJOURN_FRONTEND_URL"},
		"URL with a secret":  {[]string{"--frontend-url=http://user:hunter2@clerk.example.com"}, "SOJOURN_FRONTEND_URL"},
		"no name":            {[]string{"--application-name="}, "SOJOURN_APPLICATION_NAME"},
		"a name of lines":    {[]string{"--application-name=Acme\r\nBcc: all"}, "SOJOURN_APPLICATION_NAME"},
		"a name with marks":  {[]string{"--application-name=Fü®st & “Söhne”"}, ""},
		"key without form":   {[]string{"--secret-key=hunter2hunter2hunter2hunter2"}, "SOJOURN_SECRET_KEY"},
		"key that is short":  {[]string{"--secret-key=sk_live_hunter2"}, "SOJOURN_SECRET_KEY"},
		"a good key":         {[]string{"--secret-key=sk_live_0123456789abcdef0123"}, ""},
		"good origins":       {[]string{"--allowed-origins=https://a.example.com,http://localhost:3000,capacitor://localhost"}, ""},
		"origin with a path": {[]string{"--allowed-origins=https://a.example.com/"}, "SOJOURN_ALLOWED_ORIGINS"},
		"wildcard origin":    {[]string{"--allowed-origins=https://*.example.com"}, "SOJOURN_ALLOWED_ORIGINS"},
		"origin in capitals": {[]string{"--allowed-origins=https://App.example.com"}, "SOJOURN_ALLOWED_ORIGINS"},
		"its standard port":  {[]string{"--allowed-origins=https://a.example.com:443"}, "SOJOURN_ALLOWED_ORIGINS"},
		"a port alone":       {[]string{"--allowed-origins=http://:3000"}, "SOJOURN_ALLOWED_ORIGINS"},
		"origin and query":   {[]string{"--allowed-origins=https://a.example.com?x"}, "SOJOURN_ALLOWED_ORIGINS"},
		"the null origin":    {[]string{"--allowed-origins=null"}, "SOJOURN_ALLOWED_ORIGINS"},
		"an origin of many":  {[]string{"--allowed-origins=https://a.example.com,b.example.com"}, "b.example.com"},
		"good proxies":       {[]string{"--trusted-proxies=10.0.0.0/8,::1,192.0.2.7"}, ""},
		"a proxy by name":    {[]string{"--trusted-proxies=proxy.example.com"}, "SOJOURN_TRUSTED_PROXIES"},
		"a network too long": {[]string{"--trusted-proxies=10.0.0.0/33"}, "SOJOURN_TRUSTED_PROXIES"},
		"good networks":      {[]string{"--webhook-allowed-networks=10.0.0.0/8,::1"}, ""},
		"no network":         {[]string{"--webhook-allowed-networks=hooks.internal"}, "SOJOURN_WEBHOOK_ALLOWED_NETWORKS"},
		"a schedule":         {[]string{"--webhook-retry-schedule=1s,1h"}, ""},
		"a negative pause":   {[]string{"--webhook-retry-schedule=-1s"}, "SOJOURN_WEBHOOK_RETRY_SCHEDULE"},
		"a mapped network":   {[]string{"--trusted-proxies=::ffff:10.0.0.0/104"}, "SOJOURN_TRUSTED_PROXIES"},
		"home URL":           {[]string{"--home-url=/home"}, "SOJOURN_HOME_URL"},
		"home of a script":   {[]string{"--home-url=javascript://example.com/%0aalert(1)"}, "SOJOURN_HOME_URL"},
		"a good home":        {[]string{"--home-url=http://localhost:3000/app"}, ""},
		"lockout":            {[]string{"--lockout-duration=-1s"}, "SOJOURN_LOCKOUT_DURATION"},
		"sign-in limit":      {[]string{"--sign-in-rate-limit=-1"}, "SOJOURN_SIGN_IN_RATE_LIMIT"},
		"no limits":          {[]string{"--sign-in-rate-limit=0", "--attempt-rate-limit=0", "--lockout-duration=0"}, ""},
		"rate limit":         {[]string{"--attempt-rate-limit=-1"}, "SOJOURN_ATTEMPT_RATE_LIMIT"},
		"good mail":          {[]string{"--smtp-url=smtps://user:hunter2@mail.example.com", "--mail-from=Example <no-reply@example.com>"}, ""},
		"mail of nobody":     {[]string{"--smtp-url=smtp://user:hunter2@mail.example.com"}, "SOJOURN_MAIL_FROM"},
		"mail by HTTP":       {[]string{"--smtp-url=http://user:hunter2@mail.example.com", "--mail-from=a@example.com"}, "SOJOURN_SMTP_URL"},
		"no mail URL":        {[]string{"--smtp-url=smtp://user:hunter2@mail example.com", "--mail-from=a@example.com"}, "SOJOURN_SMTP_URL"},
		"sender":             {[]string{"--mail-from=nobody"}, "SOJOURN_MAIL_FROM"},
	} {
		cfg, err := parse(t, c.args...)
		if err != nil {
			t.Fatal(name, err)
		}
		err = cfg.Check()
		if (err != nil) != (c.want != "") || (err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2"))) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrintRedactsAndReadsBack(t *testing.T) {
	master := secret.NewMasterKey().Encode()
	c, err := parse(t, "--secret-key=sk_live_0123456789abcdef0123", "--master-key="+master, "--token-lifetime=90s", `--session-claims={"a":"{{user.id}}"}`,
		"--allowed-origins=https://a.example.com,https://b.example.com", "--smtp-url=smtp://user:0123456789@mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "0123456789") || strings.Contains(out.String(), master) || strings.Count(out.String(), "[redacted]") != 3 {
		t.Errorf("printed:\n%s", &out)
	}
	plain := strings.ReplaceAll(out.String(), "[redacted]", `""`)
	again, err := parse(t, "--config", file(t, plain))
	if err != nil || again.TokenLifetime != c.TokenLifetime || again.SessionClaims != c.SessionClaims || again.BackendAddr != c.BackendAddr || !slices.Equal(again.AllowedOrigins, c.AllowedOrigins) {
		t.Errorf("read back: %+v, %v", again, err)
	}
}

func TestMasterKeys(t *testing.T) {
	want := secret.NewMasterKey().Encode()
	dir := t.TempDir()
	c := &config.Config{DataDir: dir}
	if _, err := c.ReadMasterKey(); err == nil || !strings.Contains(err.Error(), "SOJOURN_MASTER_KEY") {
		t.Errorf("no key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master.key"), []byte(want+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := c.ReadMasterKey(); err != nil || key.Encode() != want {
		t.Errorf("the file of the data directory: %v", err)
	}
	c.MasterKey = "hunter2"
	if _, err := c.ReadMasterKey(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a key that is none: %v", err)
	}
}

func TestProxies(t *testing.T) {
	c := &config.Config{TrustedProxies: []string{"10.1.2.3/8", "192.0.2.7", "::1", "::ffff:192.0.2.8"}}
	got, err := c.Proxies()
	if want := "[10.0.0.0/8 192.0.2.7/32 ::1/128 192.0.2.8/32]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

func TestLists(t *testing.T) {
	want := []string{"https://a.example.com", "https://b.example.com"}
	joined := strings.Join(want, ",")
	for name, c := range map[string]struct {
		environment string
		args        []string
	}{
		"a flag":            {"", []string{"--allowed-origins=" + joined}},
		"a flag, twice":     {"", []string{"--allowed-origins=" + want[0], "--allowed-origins=" + want[1]}},
		"the environment":   {joined, nil},
		"a list in a file":  {"", []string{"--config", file(t, "allowed-origins:\n  - "+want[0]+"\n  - "+want[1]+"\n")}},
		"text in a file":    {"", []string{"--config", file(t, "allowed_origins: "+joined+"\n")}},
		"not the file's":    {joined, []string{"--config", file(t, "allowed-origins: [https://c.example.com]\n")}},
		"not environment's": {"https://c.example.com", []string{"--allowed-origins=" + joined}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.environment != "" {
				t.Setenv("SOJOURN_ALLOWED_ORIGINS", c.environment)
			}
			if got, err := parse(t, c.args...); err != nil || !slices.Equal(got.AllowedOrigins, want) {
				t.Errorf("%q, %v", got.AllowedOrigins, err)
			}
		})
	}
}

func TestNothingIsNoValue(t *testing.T) {
	t.Setenv("SOJOURN_TRUSTED_PROXIES", "")
	c, err := parse(t, "--config", file(t, "application-name:\nhome-url:\nallowed-origins:\n"))
	if err != nil || c.ApplicationName != "Sojourn" || c.HomeURL != "" || len(c.AllowedOrigins) != 0 || len(c.TrustedProxies) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestSignUpModes(t *testing.T) {
	if c, err := parse(t, "--sign-up-mode=restricted"); err != nil || c.SignUpMode != config.SignUpRestricted {
		t.Errorf("restricted: %v", err)
	}
	if _, err := parse(t, "--sign-up-mode=waitlist"); err == nil || !strings.Contains(err.Error(), "sign-up-mode") {
		t.Errorf("waitlist: %v", err)
	}
}

// Browser libraries split the key at its underscores into three, and read a host with one dollar sign behind it.
func TestPublishableKey(t *testing.T) {
	for _, c := range []struct{ url, environment, want, host string }{
		{"https://clerk.sojourn.test", "production", "pk_live_Y2xlcmsuc29qb3Vybi50ZXN0JA", "clerk.sojourn.test"},
		{"https://clerk.example.com/behind/a/path", "production", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", "clerk.example.com"},
		{"http://127.0.0.1:4001", "development", "pk_test_MTI3LjAuMC4xOjQwMDEk", "127.0.0.1:4001"},
		{"https://aÿ.example", "production", "pk_live_YcO/LmV4YW1wbGUk", "aÿ.example"}, // base64 for URLs has an underscore there
	} {
		got := (&config.Config{FrontendURL: c.url, Environment: c.environment}).PublishableKey()
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.url, got, c.want)
		}
		parts := strings.Split(got, "_")
		if len(parts) != 3 {
			t.Errorf("%s: %s has %d parts", c.url, got, len(parts))
			continue
		}
		if host, err := base64.RawStdEncoding.DecodeString(parts[2]); err != nil || string(host) != c.host+"$" {
			t.Errorf("%s: %s holds %q, %v", c.url, got, host, err)
		}
	}
}

// The reference page is what the struct says: run with -update after changing a setting.
func TestReferencePage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Configuration\n\n" +
		"Flags come before the environment, the environment before the config file (`--config FILE` or `SOJOURN_CONFIG`): YAML\n" +
		"with the names of the flags. `sojourn config` prints the effective settings, secrets redacted. `dev` and `serve` take\n" +
		"the same settings; `dev` fills in what is missing, `serve` names it and stops.\n\n" +
		"| flag | environment | default | what it is |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		standard := s.Default
		if standard != "" {
			standard = "`" + standard + "`"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", s.Flag, s.Env, standard, s.Help)
	}
	b.WriteString("\nDurations are written like `60s`, `5m` or `168h`.\n")
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Error("docs/configuration.md is not what the settings say: go test ./internal/config -update")
	}
}
