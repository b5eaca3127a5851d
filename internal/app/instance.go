package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// The names under which the database keeps what belongs to the instance.
const (
	settingInstanceID = "instance_id"
	settingInstance   = "instance" // JSON of instanceSettings
	settingMasterKey  = "master_key_check"
)

// instanceSettings are what the Backend API can change about the instance.
type instanceSettings struct {
	AllowedOrigins    []string `json:"allowed_origins,omitempty"`
	TestMode          *bool    `json:"test_mode,omitempty"`
	SupportEmail      *string  `json:"support_email,omitempty"`
	DevelopmentOrigin *string  `json:"development_origin,omitempty"`
}

// ErrMasterKey says that the master key is not the one that sealed the keys in the database.
var ErrMasterKey = errors.New("the master key is not the one that this database was made with (SOJOURN_MASTER_KEY, SOJOURN_MASTER_KEY_FILE)")

// Create makes a new instance in an empty database: its id and its first signing key. It does nothing, and
// answers false, when there is one already.
func (a *App) Create(ctx context.Context) (created bool, err error) {
	if _, err := a.Store.Setting(ctx, settingInstanceID); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	key, err := a.newSigningKey(0)
	if err != nil {
		return false, err
	}
	check, err := a.Master.Seal([]byte(settingMasterKey), settingMasterKey)
	if err != nil {
		return false, err
	}
	id := a.NewID("ins_")
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		if err := refuseImport(ctx, tx); err != nil {
			return err
		}
		kept, err := tx.AddSetting(ctx, settingInstanceID, id)
		if created = kept == id; err != nil || !created {
			return err
		}
		return errors.Join(tx.SetSetting(ctx, settingMasterKey, hex.EncodeToString(check)), a.insertSigningKey(ctx, tx, key))
	})
	return created, err
}

// Load reads the instance, and refuses a master key that did not seal it.
func (a *App) Load(ctx context.Context) error {
	id, err := a.Store.Setting(ctx, settingInstanceID)
	if errors.Is(err, store.ErrNotFound) {
		return a.noInstance(ctx)
	}
	if err != nil {
		return err
	}
	check, err := a.Store.Setting(ctx, settingMasterKey)
	if err != nil {
		return err
	}
	if err := a.checkMaster(check); err != nil {
		return err
	}
	a.instance = Instance{ID: id}
	_, err = a.keyring(ctx)
	return err
}

// checkMaster refuses a master key other than the one that sealed check, which is hex.
func (a *App) checkMaster(check string) error {
	sealed, err := hex.DecodeString(check)
	if err != nil {
		return fmt.Errorf("read master key check: %w", err)
	}
	if _, err := a.Master.Open(sealed, settingMasterKey); err != nil {
		return ErrMasterKey
	}
	return nil
}

// InstanceID is the id of the loaded instance.
func (a *App) InstanceID() string { return a.instance.ID }

// SetSecretKey makes key the one that the Backend API accepts. Only its hash is stored.
func (a *App) SetSecretKey(ctx context.Context, key secret.Text) error {
	defer a.secretKeys.forget()
	now := a.now()
	return a.Store.Update(ctx, func(tx store.Conn) error {
		changed, err := tx.SetSecretKey(ctx, secret.HashKey(key.Reveal()), now)
		if err != nil || !changed {
			return err
		}
		id := a.NewID("key_") // the key's own hash is nobody's business
		return a.recordKey(ctx, tx, event.SecretKeyChanged, "secret_key", id, session.ByOperator, keyCreated, now, time.Time{})
	})
}

// HasSecretKey reports whether the Backend API can be used at all.
func (a *App) HasSecretKey(ctx context.Context) (bool, error) {
	hashes, err := a.Store.SecretKeyHashes(ctx)
	return len(hashes) > 0, err
}

// Authenticate reports whether key is the secret key. A key that was replaced is honoured for a second at most.
func (a *App) Authenticate(ctx context.Context, key string) (bool, error) {
	hashes, err := a.secretKeys.get(ctx, a.Now(), func(ctx context.Context) (map[string]bool, error) {
		list, err := a.Store.SecretKeyHashes(ctx)
		set := make(map[string]bool, len(list))
		for _, h := range list {
			set[h] = true
		}
		return set, err
	})
	// A look-up by SHA-256 tells an attacker nothing through its timing: hashes cannot be approached byte by byte.
	return hashes[secret.HashKey(key)], err
}

// Ready reports whether the instance can serve: its database answers and has this program's schema.
func (a *App) Ready(ctx context.Context) error { return a.Store.Ready(ctx) }

// Unavailable reports whether an error means that the database cannot serve now.
func Unavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

// GetInstance describes the instance.
func (a *App) GetInstance(ctx context.Context, _ *api.None) (*api.Instance, error) {
	settings, err := readInstance(ctx, a.Store.Conn)
	if err != nil {
		return nil, err
	}
	return &api.Instance{Object: "instance", ID: a.instance.ID, EnvironmentType: a.Settings.Environment, AllowedOrigins: settings.AllowedOrigins}, nil
}

// UpdateInstance changes what is present in the request.
func (a *App) UpdateInstance(ctx context.Context, req *api.UpdateInstance) (*api.Empty, error) {
	defer a.settings.forget()
	if err := checkInstance(req); err != nil {
		return nil, err
	}
	return &api.Empty{}, a.Store.Update(ctx, func(tx store.Conn) error {
		settings, err := readInstance(ctx, tx)
		if err != nil {
			return err
		}
		if req.AllowedOrigins.Present() {
			settings.AllowedOrigins = req.AllowedOrigins.Or(nil)
		}
		change(&settings.TestMode, req.TestMode)
		change(&settings.SupportEmail, req.SupportEmail)
		change(&settings.DevelopmentOrigin, req.DevelopmentOrigin)
		raw, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingInstance, string(raw))
	})
}

func change[T any](setting **T, to api.Field[T]) {
	if !to.Present() {
		return
	}
	*setting = nil
	if v, ok := to.Get(); ok {
		*setting = &v
	}
}

const maxOrigins = 100

// checkInstance refuses what cannot be, and the settings that this server has no feature for.
func checkInstance(req *api.UpdateInstance) error {
	for _, off := range []struct {
		param   string
		present bool
	}{
		{"hibp", req.HIBP.Or(false)},
		{"clerk_js_version", req.ClerkJSVersion.Or("") != ""},
		{"cookieless_dev", req.CookielessDev.Or(false)},
		{"url_based_session_syncing", req.URLBasedSessionSyncing.Or(false)},
		{"preferred_sign_in_strategy_when_password_required", req.PreferredSignInWhenPassword.Or("") != ""},
	} {
		if off.present {
			return featureOff(off.param)
		}
	}
	origins := req.AllowedOrigins.Or(nil)
	if len(origins) > maxOrigins {
		return tooMany("allowed_origins", maxOrigins)
	}
	for _, origin := range origins {
		if !isOrigin(origin) {
			return badFormat("allowed_origins", "a list of origins such as https://app.example.com")
		}
	}
	if origin, ok := req.DevelopmentOrigin.Get(); ok && origin != "" && !isOrigin(origin) {
		return badFormat("development_origin", "an origin such as http://localhost:3000")
	}
	return nil
}

// isOrigin reports whether s is what browsers send as Origin: scheme, host and port, and nothing else. Apps that
// are not web pages have origins of schemes of their own.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 512 && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == s
}

// changeable are the instance's changeable settings, at most a second old.
func (a *App) changeable(ctx context.Context) (instanceSettings, error) {
	return a.settings.get(ctx, a.now(), func(ctx context.Context) (instanceSettings, error) { return readInstance(ctx, a.Store.Conn) })
}

func readInstance(ctx context.Context, c store.Conn) (instanceSettings, error) {
	var settings instanceSettings
	raw, err := c.Setting(ctx, settingInstance)
	if errors.Is(err, store.ErrNotFound) {
		return settings, nil
	}
	if err != nil {
		return settings, err
	}
	return settings, json.Unmarshal([]byte(raw), &settings)
}

const testingTokenLifetime = time.Hour

// CreateTestingToken makes a token that lets end-to-end tests past bot protection. This server has no bot
// protection, so nothing needs to remember the token.
func (a *App) CreateTestingToken(_ context.Context, _ *api.None) (*api.TestingToken, error) {
	expires := a.now().Add(testingTokenLifetime).Unix()
	return &api.TestingToken{Object: "testing_token", Token: fmt.Sprintf("%d-%s", expires, secret.NewToken("c_", 24)), ExpiresAt: expires}, nil
}
