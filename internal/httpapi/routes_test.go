package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/httpapi"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// TestOpenAPIIsValid holds our document against OpenAPI 3.0 itself.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	if !json.Valid(httpapi.OpenAPI()) {
		t.Fatal("not JSON")
	}
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.document.Validate(bg); err != nil {
		t.Error(err)
	}
	if newest := httpapi.APIVersions[len(httpapi.APIVersions)-1]; d.document.Info.Version != newest {
		t.Errorf("it describes %s, the newest version is %s", d.document.Info.Version, newest)
	}
}

// TestRoutesAndDocumentAgree finds a route without a description, and a description without a route.
func TestRoutesAndDocumentAgree(t *testing.T) {
	t.Parallel()
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	beside := []string{"GET /v1/openapi.json", "GET /healthz", "GET /readyz", "GET /.well-known/jwks.json"}
	want := append(slices.Collect(maps.Keys(routes())), beside...)
	if diff := cmp.Diff(sorted(want), sorted(operationsOf(d.document, ""))); diff != "" {
		t.Errorf("routes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
}

// TestDocumentIsStrict keeps answers closed: a field that is not named fails the tests that see it.
func TestDocumentIsStrict(t *testing.T) {
	t.Parallel()
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range d.document.Components.Responses {
		for _, media := range answer.Value.Content {
			if open := openObject(media.Schema.Value, nil); open != "" {
				t.Errorf("the answer %s has an object that allows any field: %s", name, open)
			}
		}
	}
}

// openObject names the first object within a schema that is open without saying so.
func openObject(s *openapi3.Schema, seen []*openapi3.Schema) string {
	if slices.Contains(seen, s) {
		return ""
	}
	seen = append(seen, s)
	if s.Type.Is("object") && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil && len(s.Properties) > 0 {
		return strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", ")
	}
	inner := slices.Collect(maps.Values(s.Properties))
	inner = append(inner, s.OneOf...)
	if s.Items != nil && (s.MaxItems == nil || *s.MaxItems > 0) {
		inner = append(inner, s.Items)
	}
	for _, ref := range inner {
		if open := openObject(ref.Value, seen); open != "" {
			return open
		}
	}
	return ""
}

func routes() map[string]bool {
	all := map[string]bool{}
	for _, r := range httpapi.Routes(&app.App{}) {
		all[r.Pattern] = true
	}
	return all
}

func operationsOf(document *openapi3.T, prefix string) (all []string) {
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+prefix+path)
		}
	}
	return all
}

// sorted orders operations by path.
func sorted(operations []string) []string {
	return slices.SortedFunc(slices.Values(operations), func(a, b string) int {
		methodA, pathA, _ := strings.Cut(a, " ")
		methodB, pathB, _ := strings.Cut(b, " ")
		return strings.Compare(pathA+" "+methodA, pathB+" "+methodB)
	})
}

// operation is a line of testdata/operations.txt: a method and a path of Clerk's newest Backend API, and how ours differs.
type operation struct{ method, path, note string }

func (o operation) String() string { return o.method + " " + o.path }

const operationsFile = "testdata/operations.txt"

func readOperations(t *testing.T, file string) (all []operation) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		method, rest, _ := strings.Cut(line, " ")
		path, note, _ := strings.Cut(rest, " ")
		all = append(all, operation{method, path, strings.TrimSpace(note)})
	}
	return all
}

// TestOperationsAreClerks compares the list of operations with Clerk's newest file, when it is at hand.
func TestOperationsAreClerks(t *testing.T) {
	t.Parallel()
	d, err := clerk["2026-05-12"]()
	if err != nil {
		t.Fatal(err)
	}
	if d == nil {
		t.Skipf("no Clerk OpenAPI file beside the repository (%s)", specFile("2026-05-12"))
	}
	compareOperations(t, operationsFile, "Backend", operationsOf(d.document, "/v1"))
}

// compareOperations compares a list of operations with Clerk's; updating it keeps its notes.
func compareOperations(t *testing.T, file, name string, want []string) {
	t.Helper()
	notes := map[string]string{}
	var listed []string
	for _, o := range readOperations(t, file) {
		notes[o.String()] = o.note
		listed = append(listed, o.String())
	}
	want = sorted(want)
	if *update {
		var b strings.Builder
		fmt.Fprintf(&b, "# The operations of Clerk's %s API 2026-05-12, and how ours differ: METHOD /path note\n", name)
		for _, o := range want {
			b.WriteString(strings.TrimSpace(o+" "+notes[o]) + "\n")
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("Clerk's file (-) and %s (+) differ:\n%s", file, diff)
	}
}

// TestCompatibility keeps docs/compatibility.md from lying: what it lists as built is in the table of routes, and
// what it does not answers 404.
func TestCompatibility(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.version = "2026-05-12"
	built := map[string]string{} // our route, by its shape
	for pattern := range routes() {
		built[shape(pattern)] = pattern
	}
	operations := readOperations(t, operationsFile)
	page := page{}
	for _, o := range operations {
		pattern, ok := built[shape(o.String())]
		delete(built, shape(o.String()))
		page.add(o, ok)
		switch a := w.send(t, request{method: o.method, path: example(o.path)}); {
		case ok && (a.status == 404 && bytes.Contains(a.body, []byte("URL not found")) || a.status >= 500):
			t.Errorf("%s is listed as built: %v", pattern, a)
		case !ok && a.status != 404:
			t.Errorf("%s is not listed as built: %v", o, a)
		}
	}
	unlisted := []string{ // the first has a path there, and no operation
		"GET /v1/clients/handshake_payload", "GET /v1/events", "GET /v1/events/{event_id}", "POST /v1/sessions/{session_id}/verify",
		"GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints",
		"DELETE /v1/webhook_endpoints/{endpoint_id}", "GET /v1/webhook_endpoints/{endpoint_id}", "PATCH /v1/webhook_endpoints/{endpoint_id}",
		"GET /v1/webhook_endpoints/{endpoint_id}/deliveries", "POST /v1/webhook_endpoints/{endpoint_id}/redeliver",
		"GET /v1/webhook_endpoints/{endpoint_id}/secret", "POST /v1/webhook_endpoints/{endpoint_id}/secret/rotate",
		"POST /v1/webhook_endpoints/{endpoint_id}/test",
	}
	if left := sorted(slices.Collect(maps.Values(built))); !slices.Equal(left, unlisted) {
		t.Errorf("routes that Clerk's newest version does not have, and the page says nothing of: %v", left)
	}
	compare(t, filepath.Join("..", "..", "docs", "compatibility.md"), page.render(t, "testdata/compatibility.md", len(operations)))
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// shape is an operation whatever its parameters are called.
func shape(operation string) string { return parameter.ReplaceAllString(operation, "{}") }

// example is a path with something for its parameters.
func example(path string) string { return parameter.ReplaceAllString(path, "x_1") }

// page collects the operations by resource.
type page struct {
	sections []string
	rows     map[string][]string
	built    map[string]int
	total    int
}

func (p *page) add(o operation, built bool) {
	if p.rows == nil {
		p.rows, p.built = map[string][]string{}, map[string]int{}
	}
	parts := strings.Split(o.path, "/")
	section := parts[min(2, len(parts)-1)]
	if !slices.Contains(p.sections, section) {
		p.sections = append(p.sections, section)
	}
	mark := "404"
	if built {
		mark = "built"
		p.built[section]++
		p.total++
	}
	p.rows[section] = append(p.rows[section], fmt.Sprintf("| `%s` | %s | %s |", o, mark, o.note))
}

func (p *page) render(t *testing.T, file string, all int) []byte {
	t.Helper()
	template, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slices.SortStableFunc(p.sections, func(a, b string) int { return min(p.built[b], 1) - min(p.built[a], 1) })
	for _, section := range p.sections {
		fmt.Fprintf(&b, "### %s: %d of %d\n\n| operation | here | differs in |\n|---|---|---|\n%s\n\n",
			section, p.built[section], len(p.rows[section]), strings.Join(p.rows[section], "\n"))
	}
	return []byte(strings.NewReplacer(
		"{{version}}", "2026-05-12", "{{built}}", fmt.Sprint(p.total), "{{all}}", fmt.Sprint(all),
		"{{operations}}\n", strings.TrimSuffix(b.String(), "\n"),
	).Replace(string(template)))
}

// compare compares a file with what it should be, and writes it with -update.
func compare(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the routes say; run go test ./internal/httpapi -run TestCompatibility -update\n%s", path, diff)
	}
}
