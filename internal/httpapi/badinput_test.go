package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// bad is a server that nothing may change: every request to it is wrong.
type bad struct {
	*world
	before string
}

func serveBad(t *testing.T) *bad {
	t.Parallel()
	w := servePeopled(t)
	return &bad{world: w, before: w.digest(t)}
}

// refuse sends a request that must be refused with a status, and change no row. Code and param may be "".
func (b *bad) refuse(t *testing.T, r request, status int, code, param string) {
	t.Helper()
	a := b.send(t, r)
	gotCode, gotParam := errorOf(a)
	if a.status != status || gotCode != code && code != "" || gotParam != param && param != "" {
		t.Errorf("got %d %s %s, want %d %s %s\n\t%v", a.status, gotCode, gotParam, status, code, param, a)
	}
	b.untouched(t, a)
}

func (b *bad) untouched(t *testing.T, a answer) {
	t.Helper()
	if now := b.digest(t); now != b.before {
		t.Errorf("the database changed: %v", a)
		b.before = now
	}
}

// operations calls do for every operation of our document that needs the key.
func operations(t *testing.T, do func(method, path string, operation *openapi3.Operation)) {
	t.Helper()
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range sorted(operationsOf(d.document, "")) {
		method, path, _ := strings.Cut(o, " ")
		operation := d.document.Paths.Value(path).GetOperation(method)
		if operation.Security == nil {
			do(method, path, operation)
		}
	}
}

// real is a path with ids that exist in the place of its parameters.
func (b *bad) real(path string) string {
	return b.fill(strings.NewReplacer(
		"{session_id}", "{active}", "{template_name}", "greeting", "{user_id}", "{ada}", "{email_address_id}", "{email}",
		"{client_id}", "{active.client}", "{template_id}", "{template}", "{sign_in_token_id}", "{signin.ticket}", "{actor_token_id}", "{actor.ticket}",
		"{endpoint_id}", "{endpoint}", "{event_id}", "{event}",
	).Replace(path))
}

// TestBodiesThatCannotBeRead are refused by every operation that takes a body.
func TestBodiesThatCannotBeRead(t *testing.T) {
	b := serveBad(t)
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	operations(t, func(method, path string, _ *openapi3.Operation) {
		if method == http.MethodGet {
			return
		}
		for _, c := range []struct {
			name, body, kind string
			status           int
			code             string
		}{
			{name: "cut off", body: `{"user_id":"canary`, status: 400},
			{name: "no object", body: `["canary"]`, status: 400},
			{name: "text", body: `"canary"`, status: 400},
			{name: "a number", body: `7`, status: 400},
			{name: "no JSON", body: `user_id=canary`, status: 400},
			{name: "a comma too many", body: `{"a":1,}`, status: 400},
			{name: "a comment", body: `{"a":1 /* canary */}`, status: 400},
			{name: "two objects", body: `{}{}`, status: 400},
			{name: "something after it", body: `{} canary`, status: 400},
			{name: "a member twice", body: `{"user_id":"a","user_id":"b"}`, status: 400},
			{name: "a member twice, once escaped", body: `{"user_id":"a","user\u005fid":"b"}`, status: 400},
			{name: "a member twice, further down", body: `{"public_metadata":{"a":{"b":1,"b":2}}}`, status: 400},
			{name: "nested deeply", body: deep, status: 400},
			{name: "lists nested deeply", body: `{"a":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`, status: 400},
			{name: "no UTF-8", body: "{\"a\":\"\xff\"}", status: 400},
			{name: "UTF-16", body: "\xff\xfe{\x00}\x00", status: 400},
			{name: "a raw NUL", body: "{\"a\":\"\x00\"}", status: 400},
			{name: "a form", body: `user_id=canary`, kind: "application/x-www-form-urlencoded", status: 415, code: "unsupported_content_type"},
			{name: "plain text", body: `{}`, kind: "text/plain", status: 415, code: "unsupported_content_type"},
			{name: "a content type that is none", body: `{}`, kind: "json; =", status: 415, code: "unsupported_content_type"},
			{name: "too large", body: `{"a":"` + strings.Repeat("x", 256<<10) + `"}`, status: 413, code: "request_body_too_large"},
		} {
			code := c.code
			if code == "" {
				code = "request_body_invalid"
			}
			r := request{method: method, path: b.real(path), body: c.body}
			if c.kind != "" {
				r.header = map[string]string{"Content-Type": c.kind}
			}
			b.refuse(t, r, c.status, code, "")
		}
	})
}

// TestMembersOfAnotherType takes every member of every request in our document, and sends it as something else.
func TestMembersOfAnotherType(t *testing.T) {
	b := serveBad(t)
	wrongValues := map[string][]string{
		"string": {`7`, `true`, `["canary"]`, `{"canary":1}`}, "boolean": {`"true"`, `1`, `{}`}, "array": {`"canary"`, `{"0":"canary"}`, `[7]`},
		"integer": {`"7"`, `7.5`, `1e400`, `99999999999999999999`, `true`}, "object": {`"canary"`, `7`, `["canary"]`},
	}
	operations(t, func(method, path string, o *openapi3.Operation) {
		if o.RequestBody == nil {
			return
		}
		for name, property := range o.RequestBody.Value.Content["application/json"].Schema.Value.Properties {
			r := request{method: method, path: b.real(path)}
			for kind, values := range wrongValues {
				if !property.Value.Type.Is(kind) {
					continue
				}
				for _, value := range values {
					r.body = fmt.Sprintf(`{%q:%s}`, name, value)
					if kind == "object" { // taken as it is and looked at later
						b.refuseSomehow(t, r)
					} else {
						b.refuse(t, r, 422, wrong, name)
					}
				}
			}
			nul := `"can\u0000ary"`
			if property.Value.Type.Is("array") {
				nul = `[` + nul + `]`
			} else if property.Value.Type.Is("object") {
				nul = `{"a":[{` + nul + `:1}]}`
			}
			if !property.Value.Type.Is("boolean") && !property.Value.Type.Is("integer") {
				r.body = fmt.Sprintf(`{%q:%s}`, name, nul)
				b.refuse(t, r, 422, badFormat, name)
			}
		}
	})
}

// refuseSomehow sends a request that must fail through a fault of the caller.
func (b *bad) refuseSomehow(t *testing.T, r request) {
	t.Helper()
	a := b.send(t, r)
	if a.status < 400 || a.status > 499 {
		t.Errorf("not refused: %v", a)
	}
	b.untouched(t, a)
}

// TestQueriesThatCannotBeRead takes every parameter of every query in our document.
func TestQueriesThatCannotBeRead(t *testing.T) {
	b := serveBad(t)
	operations(t, func(method, path string, o *openapi3.Operation) {
		for _, p := range o.Parameters {
			if p.Value.In != "query" {
				continue
			}
			parameters := openapi3.Schemas{p.Value.Name: p.Value.Schema}
			if p.Value.Explode != nil && *p.Value.Explode {
				parameters = p.Value.Schema.Value.Properties
			}
			for name, schema := range parameters {
				for _, value := range []string{"%00", "a%00b", "%ff", "%c3%28"} {
					b.refuse(t, request{method: method, path: b.real(path) + "?" + name + "=" + value}, 422, badFormat, name)
				}
				b.refuse(t, request{method: method, path: b.real(path) + "?" + name + "=%"}, 400, "malformed_request_parameters", "")
				b.refuse(t, request{method: method, path: b.real(path) + "?a;" + name + "=1"}, 400, "malformed_request_parameters", "")
				switch {
				case schema.Value.Type.Is("integer"):
					for _, value := range []string{"", "ten", "1.5", "1e3", "0x10", "--1", "%20", "99999999999999999999", "-99999999999999999999"} {
						b.refuse(t, request{method: method, path: b.real(path) + "?" + name + "=" + value}, 422, "", name)
					}
				case schema.Value.Type.Is("boolean"):
					for _, value := range []string{"", "1", "TRUE", "yes", "null"} {
						b.refuse(t, request{method: method, path: b.real(path) + "?" + name + "=" + value}, 422, wrongType, name)
					}
				}
			}
		}
	})
}

// strangeIDs are unknown ids of every shape: no shape is an error of its own.
var strangeIDs = []string{
	"x", "sess_", "SESS_" + strings.Repeat("0", 27), "-1", "0", "null", "undefined", "*", "%25", "_", "a.b", "...", "%2e%2e", "%2e", "%2E%2E%2fusers",
	"a%2Fb", "%5c", "%00", "x%00y", "%ff", "%c0%af", "%F0%9F%A6%84", "%E2%80%AE", "%20", "%0d%0aSet-Cookie:%20a=b", "%7Bsession_id%7D",
	"%27%20OR%201=1%20--", "1;DROP%20TABLE%20users", "%22%3E%3Cscript%3E", "$%7Bjndi:ldap:x%7D", strings.Repeat("x", 8000), strings.Repeat("%00", 500),
}

// TestUnknownIDsOfAnyShape are 404, not 400, wherever they stand.
func TestUnknownIDsOfAnyShape(t *testing.T) {
	b := serveBad(t)
	bodies := map[string]string{
		"PUT /v1/users/{user_id}/email_address":    `{"email_address":"x@example.com"}`,
		"POST /v1/users/{user_id}/verify_password": `{"password":"canary"}`,
		"PATCH /v1/jwt_templates/{template_id}":    `{"name":"x","claims":{}}`,
	}
	operations(t, func(method, path string, _ *openapi3.Operation) {
		names := parameter.FindAllString(path, -1)
		if len(names) == 0 || strings.HasSuffix(path, "/refresh") { // which is 401, whatever is wrong
			return
		}
		last := names[len(names)-1]
		for _, id := range strangeIDs {
			r := request{method: method, path: b.real(strings.Replace(path, last, id, 1)), body: bodies[method+" "+path]}
			b.refuse(t, r, 404, notFound, "")
		}
	})
	for _, id := range strangeIDs {
		if !strings.Contains(strings.ToLower(id), "%2e") { // which makes it another URL, one that is 404
			b.refuseSomehow(t, request{method: "POST", path: "/v1/sessions/" + id + "/refresh", body: `{"expired_token":"{token.old}","refresh_token":"canary","request_origin":"` + appOrigin + `"}`})
		}
		text, err := url.PathUnescape(id)
		if err != nil {
			t.Fatal(err)
		}
		if text == "" || strings.ContainsRune(text, 0) || strings.ToValidUTF8(text, "") != text {
			continue
		}
		for _, r := range []request{
			{method: "POST", path: "/v1/sessions", body: fmt.Sprintf(`{"user_id":%q}`, ascii(text))},
			{method: "POST", path: "/v1/sign_in_tokens", body: fmt.Sprintf(`{"user_id":%q}`, ascii(text))},
			{method: "POST", path: "/v1/users/ban", body: fmt.Sprintf(`{"user_ids":["{ada}",%q]}`, ascii(text))},
		} {
			b.refuse(t, r, 404, notFound, "")
		}
	}
}

// ascii keeps what %q and JSON write alike.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// TestWrongMethods are URLs that do not exist.
func TestWrongMethods(t *testing.T) {
	b := serveBad(t)
	d, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	operations(t, func(_, path string, _ *openapi3.Operation) {
		has := d.document.Paths.Value(path).Operations()
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if _, ok := has[method]; ok || d.route(method, b.real(path)) != nil {
				continue
			}
			b.refuse(t, request{method: method, path: b.real(path)}, 404, notFound, "")
		}
	})
}

// TestNothingWithoutTheKey tries every operation without it, and with others.
func TestNothingWithoutTheKey(t *testing.T) {
	b := serveBad(t)
	operations(t, func(method, path string, _ *openapi3.Operation) {
		for _, header := range []string{
			"-", "Bearer", "Bearer ", "Bearer sk_test_canary", "Basic " + secretKey, secretKey, "Bearer " + secretKey + "x", "Bearer " + secretKey[1:],
			"Bearer " + strings.ToUpper(secretKey), "Bearer {token.session}", "Bearer {token.client}", "Bearer " + secretKey + "," + secretKey,
		} {
			b.refuse(t, request{method: method, path: b.real(path), body: `{`, header: map[string]string{"Authorization": header}}, 401, "", "")
		}
	})
	for _, path := range []string{"/v1/nothing", "/v1/sessions/%2e%2e", "/v1//sessions", "/v1/sessions/../../healthz", "/"} {
		b.refuse(t, request{method: "GET", path: path, header: map[string]string{"Authorization": "-"}}, 401, "authorization_header_format_invalid", "")
	}
}

// TestNamesOfMembersAreToTheLetter guards against a second spelling that one parser takes and another does not.
func TestNamesOfMembersAreToTheLetter(t *testing.T) {
	b := serveBad(t)
	for _, body := range []string{
		`{"User_ID":"{ada}","user_id":"user_unknown"}`,
		`{"user_id":"user_unknown","USER_ID":"{ada}"}`,
		`{"user_id":"user_unknown","user_iD":"{ada}"}`,
		`{"user_id":"user_unknown","u\u017fer_id":"{ada}"}`, // a letter that folds to s
	} {
		b.refuse(t, request{method: "POST", path: "/v1/sessions", body: body}, 404, notFound, "")
	}
	b.refuse(t, request{method: "POST", path: "/v1/sessions", body: `{"User_ID":"{ada}"}`}, 422, missing, "user_id")
}

// TestHugeRequestsAreCutOff reads no more of a body than the limit.
func TestHugeRequestsAreCutOff(t *testing.T) {
	b := serveBad(t)
	blanks := strings.Repeat(" ", 1<<20)
	for _, body := range []string{blanks, `{"a":"` + blanks + `"}`, blanks + `{}`} {
		a, err := b.trySend(request{method: "POST", path: "/v1/users", body: body})
		if err != nil {
			continue // cut off before all was sent; the answer may get lost then
		}
		judge(t, a)
		if a.status != http.StatusRequestEntityTooLarge {
			t.Error(a.status)
		}
		b.untouched(t, a)
	}
	a := b.post(t, "/v1/users", `{"colour":"`+strings.Repeat("x", 256<<10-13)+`"}`)
	if code, _ := errorOf(a); code != unknown {
		t.Errorf("a body of exactly the limit: %d %s", a.status, code)
	}
}

// TestSecretsStayOutOfAnswers looks for what must never be read back.
func TestSecretsStayOutOfAnswers(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	made := w.post(t, "/v1/jwt_templates", `{"name":"own","claims":{},"custom_signing_key":true,"signing_algorithm":"HS256","signing_key":"canary-0123456789-0123456789-0123456789"}`)
	for _, a := range []answer{
		made, w.get(t, "/v1/jwt_templates"), w.get(t, "/v1/instance"), w.get(t, "/v1/sessions/{active}"),
		w.post(t, "/v1/users", `{"password":"canary battery"}`), w.post(t, "/v1/users", `{"password":"canary"}`),
		w.post(t, "/v1/users", `{"password_hasher":"bcrypt","password_digest":"canary"}`),
		w.post(t, "/v1/users/{ada}/verify_password", `{"password":"canary"}`),
		w.post(t, "/v1/sessions/{active}/verify", `{"token":"canary"}`),
		w.post(t, "/v1/sessions", `{"user_id":["canary"]}`), w.post(t, "/v1/sessions", `{"canary`),
	} {
		if strings.Contains(string(a.body), "canary") {
			t.Errorf("a secret is read back: %v", a)
		}
	}
	leaky := []string{"password_digest", "password_hasher", `"signing_key":`, "private_key", "rotating"}
	for _, a := range []answer{w.get(t, "/v1/users/{ada}"), w.get(t, "/v1/clients/{active.client}"), w.get(t, "/v1/jwks"), made} {
		if i := slices.IndexFunc(leaky, func(s string) bool { return strings.Contains(string(a.body), s) }); i >= 0 {
			t.Errorf("%s stands in %v", leaky[i], a)
		}
	}
}
