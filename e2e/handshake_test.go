package e2e

import (
	"path/filepath"
	"testing"
)

// TestHandshake lets the servers of apps, which run npm's @clerk/backend unmodified, find out who visits: by cookies
// alone, by a detour of the browser, and by a refresh token. Browsers of each kind visit: the kind follows from the
// publishable key, and that from the settings.
func TestHandshake(t *testing.T) {
	for name, settings := range map[string][]string{
		"live key":                   {"SOJOURN_ENVIRONMENT=production", "SOJOURN_ALLOWED_ORIGINS=http://localhost:3000", "SOJOURN_SIGN_IN_RATE_LIMIT=0"},
		"test key":                   nil,
		"test key with dev browsers": {"SOJOURN_FRONTEND_URL=https://sojourn.test.clerk.accounts.dev"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Long enough to be verified after it was fetched, and short enough to wait for its end.
			settings := append(settings, "SOJOURN_TOKEN_LIFETIME=10s")
			runScript(t, startIn(t, filepath.Join(t.TempDir(), "data"), settings...), "handshake.mjs")
		})
	}
}
