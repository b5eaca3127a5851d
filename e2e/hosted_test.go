package e2e

import "testing"

// TestHostedPages opens the pages that the server hosts in a real Chromium: with the components of the official
// libraries, and without scripts.
func TestHostedPages(t *testing.T) {
	for _, mode := range []string{testMode, devBrowserMode} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			onSQLiteOnly(t)
			chromium := findChromium(t)
			p := newPages(t)
			b := p.serve(t, mode, "http://localhost", addLibraries(t))
			b.Name, b.ClerkJS, b.Chromium = t.Name(), "6", chromium
			p.show(b)
			b.run(t, "hosted")
		})
	}
}
