package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

// The cases with letters alone are those of RFC 7396, appendix A, whose target and patch are objects.
func TestMetadataMerges(t *testing.T) {
	a := usersApp(t)
	for _, c := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"text"}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{"n":1.10}`, `{"m":12345678901234567890}`, `{"m":12345678901234567890,"n":1.10}`},
		{`{"html":"<b>&"}`, `{}`, `{"html":"<b>&"}`},
	} {
		u := createUser(t, a, `{"public_metadata":`+c.target+`,"private_metadata":{"kept":true}}`)
		got, err := a.MergeUserMetadata(t.Context(), &api.UserMetadata{UserRef: api.UserRef{UserID: u.ID}, PublicMetadata: api.Set(json.RawMessage(c.patch)), UnsafeMetadata: api.Null[json.RawMessage]()})
		if err != nil || string(got.PublicMetadata) != c.want || string(got.PrivateMetadata) != `{"kept":true}` || string(got.UnsafeMetadata) != `{}` {
			t.Errorf("%s + %s: got %s, want %s (%v)", c.target, c.patch, got.PublicMetadata, c.want, err)
		}
	}
}

func TestMetadataIsReplaced(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{"public_metadata":{"a":1},"private_metadata":{"b":2},"unsafe_metadata":{"c":3}}`)
	got, err := a.ReplaceUserMetadata(t.Context(), &api.UserMetadata{UserRef: api.UserRef{UserID: u.ID}, PublicMetadata: api.Set(json.RawMessage(`{"d":null}`)), PrivateMetadata: api.Null[json.RawMessage]()})
	if err != nil || string(got.PublicMetadata) != `{"d":null}` || string(got.PrivateMetadata) != `{}` || string(got.UnsafeMetadata) != `{"c":3}` {
		t.Errorf("%s %s %s (%v)", got.PublicMetadata, got.PrivateMetadata, got.UnsafeMetadata, err)
	}
}

func TestMetadataHasItsBounds(t *testing.T) {
	a := usersApp(t)
	fits := `{"x":"` + strings.Repeat("x", maxMetadata-len(`{"x":""}`)) + `"}`
	u := createUser(t, a, `{"public_metadata":`+fits+`}`)
	for _, c := range []struct{ name, user, patch, want string }{
		{"what does not fit any more", u.ID, `{"y":1}`, "422 form_param_exceeds_allowed_size public_metadata"},
		{"an array", u.ID, `[]`, "422 form_param_type_invalid public_metadata"},
		{"a text", u.ID, `"x"`, "422 form_param_type_invalid public_metadata"},
		{"what fits again", u.ID, `{"x":null,"y":1}`, ""},
		{"an unknown user", "user_none", `{}`, "404 resource_not_found"},
	} {
		req := &api.UserMetadata{UserRef: api.UserRef{UserID: c.user}, PublicMetadata: api.Set(json.RawMessage(c.patch))}
		_, err := a.MergeUserMetadata(t.Context(), req)
		expect(t, c.name, err, c.want)
	}
}

func TestMergesAtTheSameTimeAllCount(t *testing.T) {
	a := usersApp(t)
	u := createUser(t, a, `{}`)
	const n = 20
	for _, err := range racing(n, func(i int) error {
		patch := json.RawMessage(fmt.Sprintf(`{"nested":{"key%d":%d}}`, i, i))
		_, err := a.MergeUserMetadata(context.Background(), &api.UserMetadata{UserRef: api.UserRef{UserID: u.ID}, PublicMetadata: api.Set(patch)})
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := a.GetUser(t.Context(), &api.UserRef{UserID: u.ID})
	if err != nil || strings.Count(string(got.PublicMetadata), "key") != n {
		t.Errorf("%s (%v)", got.PublicMetadata, err)
	}
}
