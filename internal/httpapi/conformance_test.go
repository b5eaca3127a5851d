package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// row is one thing that the Backend API promises. It runs on a server of its own, with the people of people_test.go,
// whose ids stand for their {names}.
type row struct {
	name    string
	do      string            // "METHOD /path"
	body    string            // sent as application/json
	header  map[string]string // more headers; "-" takes one away
	version string            // the API version it is about; "" is each one that Clerk describes
	given   func(*world)      // what is different from other rows

	status int
	code   string // of the first error
	param  string // which that error is about
	want   string // members of the answer: "status=revoked 0.id={active} #=1 token=absent jwt=~^ey"
	check  func(t *testing.T, w *world, a answer)
}

// everyVersion are the API versions that a row without one runs with. They differ in what answers look like, not in what
// the database is asked, so one of them is enough on its second engine.
var everyVersion = []string{"", "2024-10-01", "2026-05-12"}

func conform(t *testing.T, rows []row) {
	t.Parallel()
	for _, r := range rows {
		versions := everyVersion
		switch {
		case r.version != "":
			versions = []string{r.version}
		case storetest.Engine() == storetest.EnginePostgres:
			versions = everyVersion[len(everyVersion)-1:]
		}
		for _, version := range versions {
			t.Run(strings.TrimSuffix(r.name+"@"+version, "@"), func(t *testing.T) {
				t.Parallel()
				r.run(t, r.world(t), version)
			})
		}
		if r.status < 300 && storetest.Engine() == storetest.EnginePostgres {
			t.Run(r.name+"@lost races", func(t *testing.T) {
				t.Parallel()
				r.runLosingRaces(t, versions[len(versions)-1])
			})
		}
	}
}

// world is what the row runs on.
func (r row) world(t *testing.T, options ...func(*world)) *world {
	if r.given != nil {
		options = append(options, r.given)
	}
	return servePeopled(t, options...)
}

func (r row) run(t *testing.T, w *world, version string) {
	t.Helper()
	w.version = version
	method, path, _ := strings.Cut(r.do, " ")
	a := w.send(t, request{method: method, path: path, body: r.body, header: r.header})
	code, param := errorOf(a)
	if a.status != r.status || code != r.code || param != r.param {
		t.Fatalf("got %d %s %s, want %d %s %s\n\t%v", a.status, code, param, r.status, r.code, r.param, a)
	}
	w.expect(t, a, r.want)
	if r.check != nil {
		r.check(t, w, a)
	}
}

// expect compares members of an answer: path=value, separated by spaces. "#" is how many there are, "absent" that a
// member is not there, and "~" begins a regular expression.
func (w *world) expect(t testing.TB, a answer, want string) {
	t.Helper()
	if want == "" {
		return
	}
	var body any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		t.Fatal(err)
	}
	for pair := range strings.FieldsSeq(want) {
		path, value, _ := strings.Cut(pair, "=")
		value = w.fill(value)
		got := member(body, path)
		if pattern, ok := strings.CutPrefix(value, "~"); ok {
			if !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("%s is %s, want it like %s in %v", path, got, pattern, a)
			}
		} else if got != value {
			t.Errorf("%s is %s, want %s in %v", path, got, value, a)
		}
	}
}

// member finds what a dotted path names, as text.
func member(v any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			inner, ok := at[name]
			if !ok {
				return "absent"
			}
			v = inner
		case []any:
			if name == "#" {
				return strconv.Itoa(len(at))
			}
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(at) {
				return "absent"
			}
			v = at[i]
		default:
			return "absent"
		}
	}
	if text, ok := v.(string); ok {
		return text
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// What rows are given.
func production(w *world)   { w.app.Settings.Environment = app.Production }
func strictVerify(w *world) { w.app.Settings.StrictVerify = true }
func strictList(w *world)   { w.app.Settings.StrictList = true }

func productionThatCreates(w *world) {
	production(w)
	w.app.Settings.AllowCreate = true
}

func after(d time.Duration) func(*world) { return func(w *world) { w.clock.advance(d) } }

// TestTransport is the contract's section 1: what holds for every operation.
func TestTransport(t *testing.T) {
	const key = "Bearer " + secretKey
	auth := func(value string) map[string]string { return map[string]string{"Authorization": value} }
	kind := func(value string) map[string]string { return map[string]string{"Content-Type": value} }
	version := func(value string) map[string]string { return map[string]string{"Clerk-API-Version": value} }
	noKey, badKey := "authorization_header_format_invalid", "clerk_key_invalid"

	conform(t, []row{
		{name: "no key", do: "GET /v1/sessions", header: auth("-"), status: 401, code: noKey},
		{name: "no scheme", do: "GET /v1/sessions", header: auth(secretKey), status: 401, code: noKey},
		{name: "no key after the scheme", do: "GET /v1/sessions", header: auth("Bearer "), status: 401, code: noKey},
		{name: "another scheme", do: "GET /v1/sessions", header: auth("Basic " + secretKey), status: 401, code: noKey},
		{name: "unknown key", do: "GET /v1/sessions", header: auth("Bearer sk_test_canary"), status: 401, code: badKey},
		{name: "part of the key", do: "GET /v1/sessions", header: auth(key[:len(key)-1]), status: 401, code: badKey},
		{name: "unknown key for the key set", do: "GET /v1/jwks", header: auth("Bearer deadbeef"), status: 401, code: badKey},
		{name: "the scheme in any case", do: "GET /v1/sessions", header: auth("bearer " + secretKey), status: 200},
		{name: "the key comes before routing", do: "GET /v1/nothing", header: auth("-"), status: 401, code: noKey},
		{name: "the key comes before the method", do: "DELETE /v1/sessions", header: auth("-"), status: 401, code: noKey},
		{name: "the key comes before the body", do: "POST /v1/sessions", body: `{`, header: auth("-"), status: 401, code: noKey},
		{name: "the key comes before a bad path", do: "GET /v1/sessions/../users", header: auth("-"), status: 401, code: noKey},
		{name: "the key comes before the version", do: "GET /v1/sessions", header: map[string]string{"Authorization": "-", "Clerk-API-Version": "1999-01-01"}, version: "1999-01-01", status: 401, code: noKey},

		{name: "unknown URL", do: "GET /v1/nothing", status: 404, code: "resource_not_found"},
		{name: "outside /v1", do: "GET /sessions", status: 404, code: "resource_not_found"},
		{name: "the root", do: "GET /", status: 404, code: "resource_not_found"},
		{name: "a trailing slash", do: "GET /v1/sessions/", status: 404, code: "resource_not_found"},
		{name: "a double slash", do: "GET /v1//sessions", status: 404, code: "resource_not_found"},
		{name: "wrong method", do: "DELETE /v1/sessions", status: 404, code: "resource_not_found"},
		{name: "wrong method on an operation", do: "GET /v1/sessions/{active}/revoke", status: 404, code: "resource_not_found"},
		{name: "unknown method", do: "BREW /v1/sessions", status: 404, code: "resource_not_found"},
		{name: "wrong method on the document", do: "POST /v1/openapi.json", status: 404, code: "resource_not_found"},

		{name: "no version is the oldest", do: "PATCH /v1/users/{bob}", body: `{"public_metadata":{}}`, header: version("-"), status: 200},
		{name: "unknown version", do: "GET /v1/sessions", header: version("2020-01-01"), version: "2020-01-01", status: 400, code: "api_version_invalid"},
		{name: "version that is no date", do: "GET /v1/sessions", header: version("latest"), version: "latest", status: 400, code: "api_version_invalid"},
		{name: "version 2025-03-12", do: "GET /v1/sessions", version: "2025-03-12", status: 200},
		{name: "version 2025-04-10", do: "GET /v1/sessions", version: "2025-04-10", status: 200},
		{name: "version 2025-11-10", do: "GET /v1/sessions", version: "2025-11-10", status: 200},
		{name: "version in the query", do: "PATCH /v1/users/{bob}?__clerk_api_version=2026-05-12", body: `{"public_metadata":{}}`, header: version("-"), version: "2026-05-12", status: 422, code: "form_param_unknown", param: "public_metadata"},
		{name: "unknown version in the query", do: "GET /v1/sessions?__clerk_api_version=x", header: version("-"), status: 400, code: "api_version_invalid"},
		{name: "version in both", do: "GET /v1/sessions?__clerk_api_version=2026-05-12", version: "2026-05-12", status: 400, code: "api_version_invalid"},
		{name: "version of an unknown URL", do: "GET /v1/nothing", version: "x", status: 400, code: "api_version_invalid"},

		{name: "no body and no content type", do: "POST /v1/sessions/{active}/revoke", header: kind("-"), status: 200},
		{name: "no body and another content type", do: "POST /v1/sessions/{active}/revoke", header: kind("text/plain"), status: 200},
		{name: "body without a content type", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, header: kind("-"), status: 200},
		{name: "content type with a charset", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, header: kind("application/json; charset=utf-8"), status: 200},
		{name: "content type in capitals", do: "POST /v1/sessions", body: `{"user_id":"{ada}"}`, header: kind("Application/JSON"), status: 200},
		{name: "a form", do: "POST /v1/sessions", body: `user_id={ada}`, header: kind("application/x-www-form-urlencoded"), status: 415, code: "unsupported_content_type"},
		{name: "content type of a GET", do: "GET /v1/sessions", header: kind("text/html"), status: 200},
		{name: "body null", do: "POST /v1/sessions/{active}/tokens", body: `null`, status: 200},
		{name: "body {}", do: "POST /v1/sessions/{active}/tokens", body: `{}`, status: 200},
		{name: "body of blanks", do: "POST /v1/sessions/{active}/tokens", body: " \n\t ", status: 200},
		{name: "body with blanks around", do: "POST /v1/sessions/{active}/tokens", body: " { } \r\n", status: 200},
		{name: "unknown member where the schema is open", do: "POST /v1/sessions", body: `{"user_id":"{ada}","colour":"red"}`, status: 200},
		{name: "unknown member where the schema is closed", do: "POST /v1/users", body: `{"colour":"red"}`, status: 422, code: "form_param_unknown", param: "colour"},
		{name: "unknown member without a name", do: "POST /v1/users", body: `{"":1}`, status: 422, code: "form_param_unknown", want: "errors.0.meta=absent"},
		{name: "unknown query parameter", do: "GET /v1/sessions?colour=red", status: 200},
		{name: "query that cannot be read", do: "GET /v1/sessions?user_id=%zz", status: 400, code: "malformed_request_parameters"},
	})
}

// TestRateLimit is the contract's section 1.10.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := serve(t, func(w *world) { w.app.Settings.RateLimit = 2 })
	w.clock.advance(time.Hour)
	for range 2 {
		ok[any](t, w.get(t, "/v1/sessions"))
	}
	w.clock.advance(4500 * time.Millisecond)
	limited := w.get(t, "/v1/sessions")
	if code, _ := errorOf(limited); limited.status != http.StatusTooManyRequests || code != "too_many_requests" || limited.header.Get("Retry-After") != "6" {
		t.Fatalf("Retry-After %q: %v", limited.header.Get("Retry-After"), limited)
	}
	ok[any](t, w.get(t, "/v1/jwks"))
	if a := w.send(t, request{method: "GET", path: "/v1/sessions", header: map[string]string{"Authorization": "Bearer wrong"}}); a.status != 401 {
		t.Errorf("a wrong key: %v", a)
	}
	w.clock.advance(5500 * time.Millisecond)
	ok[any](t, w.get(t, "/v1/sessions"))
}

// TestNoKeyIsNeeded is what is public: health, the key set of the public listener, and the document.
func TestNoKeyIsNeeded(t *testing.T) {
	t.Parallel()
	w := serve(t)
	open := map[string]string{"Authorization": "-"}
	for _, public := range []bool{false, true} {
		for path, want := range map[string]string{"/healthz": "status=ok", "/readyz": "status=ready"} {
			var a answer
			eventually(t, path+" answers", func() bool { // readyz gives the database two seconds
				a = w.send(t, request{method: "GET", path: path, header: open, public: public})
				return a.status != http.StatusServiceUnavailable
			})
			ok[any](t, a)
			w.expect(t, a, want)
		}
	}
	ok[any](t, w.send(t, request{method: "GET", path: "/v1/openapi.json", header: open}))

	public := w.send(t, request{method: "GET", path: "/.well-known/jwks.json", public: true})
	ok[any](t, public)
	w.expect(t, public, "keys.#=1 keys.0.kid=~^ins_[0-9A-Za-z]{27}$ keys.0.alg=RS256")
	if public.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("browsers may not read the key set")
	}
	if private := w.get(t, "/v1/jwks"); !bytes.Equal(private.body, public.body) {
		t.Errorf("two key sets: %s and %s", private.body, public.body)
	}
	for _, path := range []string{"/v1/sessions", "/v1/jwks", "/nothing"} {
		if a := w.send(t, request{method: "GET", path: path, public: true, header: map[string]string{"Authorization": "Bearer " + secretKey}}); a.status != 404 {
			t.Errorf("the public listener answers %v", a)
		}
	}
}

// TestUnavailable is what a server says whose database is gone, to whoever asks.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	w := serve(t)
	ok[any](t, w.get(t, "/v1/sessions"))
	if err := w.app.Store.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.app.Store = reopened(t, w) })
	a := w.get(t, "/v1/sessions")
	if code, _ := errorOf(a); a.status != 503 || code != "service_unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a)
	}
	if a := w.get(t, "/readyz"); a.status != 503 {
		t.Errorf("%v", a)
	}
	if a := w.get(t, "/healthz"); a.status != 200 {
		t.Errorf("%v", a)
	}
	if log := w.log.String(); !strings.Contains(log, a.header.Get("Clerk-Trace-Id")) {
		t.Errorf("the log does not have the trace id of %v:\n%s", a, log)
	}
}
