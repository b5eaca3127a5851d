package httpapi_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/httpapi"
)

const frontendOperationsFile = "testdata/frontend_operations.txt"

// TestFrontendOperationsAreClerks compares the list of operations with Clerk's file, when it is at hand.
func TestFrontendOperationsAreClerks(t *testing.T) {
	t.Parallel()
	d, err := frontendDescription()
	if err != nil {
		t.Fatal(err)
	}
	if d == nil {
		t.Skip("no file of Clerk's Frontend API beside the repository")
	}
	if _, err := os.Stat(frontendOperationsFile); err != nil && *update {
		if err := os.WriteFile(frontendOperationsFile, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compareOperations(t, frontendOperationsFile, "Frontend", operationsOf(d.document, ""))
}

// TestFrontendCompatibility keeps docs/frontend-compatibility.md from lying, as TestCompatibility does.
func TestFrontendCompatibility(t *testing.T) {
	t.Parallel()
	w := serve(t)
	b := w.newTab(t)
	b.unjudged = true // where there is nothing, there is nothing to judge
	built := map[string]string{}
	for _, beside := range []string{"GET /.well-known/jwks.json", "GET /.well-known/openid-configuration"} {
		built[beside] = beside
	}
	for _, r := range httpapi.FrontendRoutes(&app.App{}) {
		built[shape(r.Pattern)] = r.Pattern
	}
	page := page{}
	operations := readOperations(t, frontendOperationsFile)
	for _, o := range operations {
		pattern, ok := built[shape(o.String())]
		delete(built, shape(o.String()))
		page.add(o, ok)
		method, path := o.method, example(o.path)
		if method != http.MethodGet && method != http.MethodPost {
			method, path = http.MethodPost, path+"?_method="+o.method
		}
		nothing := func(a answer) bool {
			return a.status == http.StatusNotFound && bytes.Contains(a.body, []byte("URL not found"))
		}
		switch a := b.send(t, method, path, nil); {
		case ok && (nothing(a) || a.status >= 500):
			t.Errorf("%s is listed as built: %v", pattern, a)
		case !ok && !nothing(a):
			t.Errorf("%s is not listed as built: %v", o, a)
		}
	}
	unlisted := []string{"GET /v1/client/touch"}
	if left := sorted(slices.Collect(maps.Values(built))); !slices.Equal(left, unlisted) {
		t.Errorf("routes that Clerk's file does not have, and the page says nothing of: %v", left)
	}
	compare(t, filepath.Join("..", "..", "docs", "frontend-compatibility.md"), page.render(t, "testdata/frontend_compatibility.md", len(operations)))
}
