package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

// FuzzParseObject: what parseObject takes is what encoding/json takes, and it finds the same members.
func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `{"a":1}`, ` {"a" : [1, {"b": "\u0000"}] } `, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"a":1}{}`, `{"a":1,}`,
		`{"a":-0.0e+1}`, `{"a":"\ud800"}`, `{"":null}`, "{\"a\":\"\xff\"}", `{"a":[[[[]]]]}`, `{"a":tru}`, `{"a"`, `{"a":`, `{`, `[`, `"`, `{:}`, `{"a"::1}`, `{,}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if body = bytes.TrimSpace(body); len(body) == 0 {
			return
		}
		members, err := parseObject(body)
		if err != nil {
			var told *api.Error
			if !errors.As(err, &told) || told.Status != http.StatusBadRequest {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q is taken, but %v", body, err)
		}
		got := map[string]json.RawMessage{}
		for _, m := range members {
			got[m.name] = m.raw
		}
		if len(members) != len(want) || len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", body, len(members), len(want))
		}
		for name, raw := range want {
			if !bytes.Equal(got[name], raw) {
				t.Fatalf("%q: %q is %q, want %q", body, name, got[name], raw)
			}
		}
	})
}

// FuzzQuery: a query is refused as the caller's fault, or read within the bounds of its fields.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=10&offset=0", "limit=-1", "limit=501", "limit=99999999999999999999", "user_id=a&user_id=b&user_id=%2Bc", "banned=true", "banned=x",
		"created_at_after=-1", "query=%00", "query=%ff", "a;b", "%", "%zz=1", "limit=&offset=", "=", "&&", "limit=1&limit=x", "order_by=+created_at",
	} {
		f.Add(seed)
	}
	users, sessions := planOf[api.ListUsers](), planOf[api.ListSessions]()
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/v1/users", RawQuery: query}}
		var listUsers api.ListUsers
		refused(t, query, users.readQuery(r, reflect.ValueOf(&listUsers).Elem()))
		var listSessions api.ListSessions
		if err := sessions.readQuery(r, reflect.ValueOf(&listSessions).Elem()); err != nil {
			refused(t, query, err)
			return
		}
		if p := listSessions.Page; p.Limit < 1 || p.Limit > 500 || p.Offset < 0 {
			t.Fatalf("%q: %+v", query, p)
		}
	})
}

func refused(t *testing.T, input string, err error) {
	t.Helper()
	var told *api.Error
	if err != nil && (!errors.As(err, &told) || told.Status < 400 || told.Status > 499) {
		t.Fatalf("%q: %v", input, err)
	}
}
