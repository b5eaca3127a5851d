package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/sojourn-auth/sojourn/internal/httpapi"
)

// description is an OpenAPI document that answers are held against.
type description struct {
	name     string
	document *openapi3.T
	mux      *http.ServeMux
	errors   *openapi3.Schema // the error envelope
}

// describe reads a document; prefix is what its paths lack.
func describe(name, prefix, errorSchema string, source []byte) (*description, error) {
	document, err := openapi3.NewLoader().LoadFromData(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &description{name: name, document: document, mux: http.NewServeMux(), errors: document.Components.Schemas[errorSchema].Value}
	for path, item := range document.Paths.Map() {
		if strings.Contains(path, "}.") {
			continue // ServeMux has no such patterns, and this server no such operations
		}
		for method, operation := range item.Operations() {
			pattern := method + " " + prefix + path
			d.mux.Handle(pattern, described{&routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: operation}})
		}
	}
	return d, nil
}

// described makes a ServeMux find operations.
type described struct{ route *routers.Route }

func (described) ServeHTTP(http.ResponseWriter, *http.Request) {}

// route is the operation that a request is for, or nil.
func (d *description) route(method, path string) *routers.Route {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil
	}
	handler, _ := d.mux.Handler(&http.Request{Method: method, URL: u})
	if found, ok := handler.(described); ok {
		return found.route
	}
	return nil
}

// check holds an answer against the document.
func (d *description) check(a answer) error {
	route := d.route(a.method, a.path)
	if route == nil || a.public && strings.HasPrefix(a.path, "/v1/") {
		return d.checkEnvelope(a)
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}
	return openapi3filter.ValidateResponse(bg, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: &http.Request{Method: a.method}, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Options: options,
	})
}

// checkEnvelope holds an error against the document's error envelope.
func (d *description) checkEnvelope(a answer) error {
	if a.status < 400 {
		return fmt.Errorf("%s does not know this operation, and it succeeded", d.name)
	}
	var body any
	if err := unmarshal(a.body, &body); err != nil {
		return err
	}
	return d.errors.VisitJSON(body, openapi3.VisitAsResponse())
}

// ours is our own description.
var ours = sync.OnceValues(func() (*description, error) { return describe("openapi.yaml", "", "Errors", httpapi.OpenAPI()) })

// clerk is Clerk's description of an API version, or nil when the files are not at hand.
var clerk = map[string]func() (*description, error){
	"2021-02-05": sync.OnceValues(func() (*description, error) { return describeClerk("2021-02-05") }),
	"2024-10-01": sync.OnceValues(func() (*description, error) { return describeClerk("2024-10-01") }),
	"2026-05-12": sync.OnceValues(func() (*description, error) { return describeClerk("2026-05-12") }),
}

// specFile is where Clerk's OpenAPI files may lie: in a folder beside the repository.
func specFile(version string) string {
	return filepath.Join("..", "..", "..", "shared", "spec", "bapi-"+version+".yml")
}

func describeClerk(version string) (*description, error) {
	source, err := os.ReadFile(specFile(version))
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // absent is fine: judge says so
	}
	return describe("Clerk "+version, "/v1", "ClerkErrors", source)
}

// exception is a difference between answers and one of Clerk's files that is not our mistake.
type exception struct {
	reason    string
	version   string         // "" for every one
	operation *regexp.Regexp // of "METHOD /path"
	status    []int          // of the answer
	message   string         // part of what the validation says
}

// exceptions are all of them. An answer whose status a file does not list must still be Clerk's error envelope.
var exceptions = []exception{
	{
		reason:  "the files leave out what any operation may answer: key refused, version refused, body too large or not JSON, parameters refused, too many requests, database away",
		status:  []int{400, 401, 413, 415, 422, 429, 503},
		message: "status is not supported",
	},
	{
		reason:    "some operations leave out that the user or the template they name may not exist",
		operation: regexp.MustCompile(`^(GET|POST|PATCH) /v1/(users/ban|users/unban|users/[^/]+/(ban|unban|lock|unlock|organization_memberships)|actor_tokens|jwt_templates/[^/]+)$`),
		status:    []int{404},
		message:   "status is not supported",
	},
	{
		reason:    "settings of features that this server does not have are refused, not ignored",
		operation: regexp.MustCompile(`^(PATCH /v1/instance|PATCH /v1/users/[^/]+)$`),
		status:    []int{403},
		message:   "status is not supported",
	},
	{
		reason:    "the files describe lists as arrays only; with paginated=true official SDKs want an object",
		operation: regexp.MustCompile(`^GET /v1/(sessions|clients|jwt_templates)\?.*paginated=true`),
		status:    []int{200},
		message:   "value must be an array",
	},
	{
		reason:    "creating a session for a banned user is refused, though the files do not say how",
		operation: regexp.MustCompile(`^POST /v1/sessions$`),
		status:    []int{403},
		message:   "status is not supported",
	},
	{
		reason:    "files from before handshakes with a nonce take the name for a client's id",
		operation: regexp.MustCompile(`^GET /v1/clients/handshake_payload\?`),
		status:    []int{200},
		message:   "doesn't match schema #/components/schemas/Client:",
	},
	{
		reason:  "pending sessions came with 2025-03-12; older versions see them too, rather than another state",
		version: "2021-02-05",
		status:  []int{200},
		message: `/status": value is not one of the allowed values`,
	},
	{
		reason:  "as above",
		version: "2024-10-01",
		status:  []int{200},
		message: `status": value is not one of the allowed values`,
	},
}

func (e exception) covers(version string, a answer, err error) bool {
	return (e.version == "" || e.version == version) && slices.Contains(e.status, a.status) &&
		(e.operation == nil || e.operation.MatchString(a.method+" "+a.path)) && strings.Contains(err.Error(), e.message)
}

// judge fails the test unless an answer is what our description, the contract's section 1.5, and Clerk's description
// of its API version say.
func judge(t testing.TB, a answer) {
	t.Helper()
	for _, problem := range problems(t, a) {
		text, _, _ := strings.Cut(problem.Error(), "\nSchema:")
		t.Errorf("%v\n\t%s", a, text)
	}
}

func problems(t testing.TB, a answer) (found []error) {
	t.Helper()
	add := func(err error) {
		if err != nil {
			found = append(found, err)
		}
	}
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	add(d.check(a))
	add(checkHeaders(a))
	add(checkNumbers(a))
	version := a.version
	if version == "" {
		version = httpapi.APIVersions[0]
	}
	add(checkClerk(t, version, a))
	return found
}

func checkHeaders(a answer) error {
	trace := a.header.Get("Clerk-Trace-Id")
	switch {
	case !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(trace) || a.header.Get("X-Clerk-Trace-Id") != trace:
		return fmt.Errorf("trace id %q and %q", trace, a.header.Get("X-Clerk-Trace-Id"))
	case a.header.Get("X-Content-Type-Options") != "nosniff":
		return fmt.Errorf("X-Content-Type-Options is missing")
	case a.status == http.StatusNoContent:
		if len(a.body) > 0 || a.header.Get("Content-Type") != "" {
			return fmt.Errorf("204 with Content-Type %q and %d bytes", a.header.Get("Content-Type"), len(a.body))
		}
		return nil
	case a.header.Get("Content-Type") != "application/json":
		return fmt.Errorf("Content-Type is %q, want exactly application/json", a.header.Get("Content-Type"))
	case a.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	case a.status >= 400 && !bytes.Contains(a.body, []byte(`"clerk_trace_id":"`+trace+`"`)) && !strings.HasSuffix(a.path, "/readyz"):
		return fmt.Errorf("the trace id of the body is not the header's, %s", trace)
	default:
		return nil
	}
}

// Times and counts are written as plain integers: no fraction, no exponent.
var (
	numberMember = regexp.MustCompile(`"(?:[a-z_]+_at|total_count|lifetime|allowed_clock_skew|lockout_expires_in_seconds|verification_attempts_remaining)":([^,}\]]*)`)
	plainInteger = regexp.MustCompile(`^(?:0|[1-9][0-9]*|null)$`)
)

func checkNumbers(a answer) error {
	if a.path == "/v1/openapi.json" {
		return nil
	}
	for _, m := range numberMember.FindAllSubmatch(a.body, -1) {
		if !plainInteger.Match(m[1]) {
			return fmt.Errorf("%s is not a plain integer", m[0])
		}
	}
	return nil
}

// absentSpec says once that answers are not held against Clerk's files.
var absentSpec sync.Once

func checkClerk(t testing.TB, version string, a answer) error {
	t.Helper()
	load, described := clerk[version]
	if !described || a.public || !strings.HasPrefix(a.path, "/v1/") {
		return nil
	}
	d, err := load()
	if err != nil {
		return err
	}
	if d == nil {
		absentSpec.Do(func() { t.Logf("SKIPPED: no Clerk OpenAPI files beside the repository (%s)", specFile(version)) })
		return nil
	}
	our, err := ours()
	if err != nil {
		return err
	}
	switch {
	case our.route(a.method, a.path) == nil:
		return d.checkEnvelope(a) // an operation that is not built
	case d.route(a.method, a.path) == nil && a.status < 400:
		return nil // ours alone, or kept beyond its API version
	}
	err = d.check(a)
	if err == nil {
		return nil
	}
	for _, e := range exceptions {
		if !e.covers(version, a, err) {
			continue
		}
		if a.status >= 400 {
			return d.checkEnvelope(a)
		}
		return nil
	}
	return fmt.Errorf("%s: %w", d.name, err)
}
