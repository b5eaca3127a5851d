package claims_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/claims"
)

// maria is the user of the contract's worked example.
var maria = map[string]any{
	"user": map[string]any{
		"id": "user_1", "first_name": "Maria", "last_name": "Doe", "full_name": "Maria Doe",
		"email_verified": true, "two_factor_enabled": false, "created_at": int64(1227618844),
		"public_metadata": map[string]any{
			"profile": map[string]any{"interests": []any{"reading", "climbing"}},
			"zero":    json.Number("0"), "empty": "", "evil": `{{user.id}}`, "html": "<b>&",
		},
		"unsafe_metadata": map[string]any{},
	},
	"session": map[string]any{"actor": map[string]any{"sub": "user_2"}},
}

func look(path []string) any { return claims.Dig(maria, path) }

func TestEval(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"two shortcodes make text", `{"c":"{{user.last_name}} {{user.first_name}}"}`, `{"c":"Doe Maria"}`},
		{"a lone shortcode keeps an array", `{"c":"{{user.public_metadata.profile.interests}}"}`, `{"c":["reading","climbing"]}`},
		{"a missing value is null", `{"c":"{{user.primary_phone_number}}"}`, `{"c":null}`},
		{"an unknown path is null", `{"c":"{{user.nope}}"}`, `{"c":null}`},
		{"the default is not needed", `{"c":"{{user.full_name || 'Awesome User'}}"}`, `{"c":"Maria Doe"}`},
		{"the default of defaults", `{"c":"{{user.public_metadata.age || user.unsafe_metadata.age || 30}}"}`, `{"c":30}`},
		{"a lone shortcode keeps a boolean", `{"c":"{{user.email_verified}}"}`, `{"c":true}`},
		{"a lone shortcode keeps a number", `{"c":"{{user.created_at}}"}`, `{"c":1227618844}`},
		{"a lone shortcode keeps an object", `{"c":"{{session.actor}}"}`, `{"c":{"sub":"user_2"}}`},
		{"spaces are allowed", `{"c":"{{  user.id  }}"}`, `{"c":"user_1"}`},
		{"null prints as null", `{"c":"{{user.nope}} Maria"}`, `{"c":"null Maria"}`},
		{"booleans and numbers print as JSON", `{"c":"{{user.email_verified}}-{{user.created_at}}"}`, `{"c":"true-1227618844"}`},
		{"arrays print as compact JSON", `{"c":"x{{user.public_metadata.profile.interests}}"}`, `{"c":"x[\"reading\",\"climbing\"]"}`},
		{"printing does not escape", `{"c":"{{user.public_metadata.html}}{{user.public_metadata.html}}"}`, `{"c":"<b>&<b>&"}`},
		{"false is passed over", `{"c":"{{user.two_factor_enabled || 'no'}}"}`, `{"c":"no"}`},
		{"zero is a value", `{"c":"{{user.public_metadata.zero || 7}}"}`, `{"c":0}`},
		{"the empty string is a value", `{"c":"{{user.public_metadata.empty || 'x'}}"}`, `{"c":""}`},
		{"all falsy answers the last", `{"c":"{{user.nope || false}}"}`, `{"c":false}`},
		{"all falsy answers the last null", `{"c":"{{false || null}}"}`, `{"c":null}`},
		{"literals", `{"c":["{{'a'}}","{{-1.5e3}}","{{true}}","{{null}}","{{'it''s'}}","{{'a || b }}'}}"]}`, `{"c":["a",-1.5e3,true,null,"it's","a || b }}"]}`},
		{"defaults inside text", `{"c":"Hi {{user.nope || 'you'}}!"}`, `{"c":"Hi you!"}`},
		{"an unknown root stays as it is", `{"c":"{{organization.x}}","d":"a {{ foo }} b"}`, `{"c":"{{organization.x}}","d":"a {{ foo }} b"}`},
		{"an unknown root among operands is null", `{"c":"{{foo.bar || 'x'}}"}`, `{"c":"x"}`},
		{"organizations are null", `{"c":"{{org.id}}","d":"{{org_membership.role}}"}`, `{"c":null,"d":null}`},
		{"keys are never expanded", `{"{{user.id}}":1}`, `{"{{user.id}}":1}`},
		{"nested values are expanded", `{"a":{"b":["{{user.id}}"]}}`, `{"a":{"b":["user_1"]}}`},
		{"data with braces stays data", `{"c":"{{user.public_metadata.evil}}"}`, `{"c":"{{user.id}}"}`},
		{"also within text", `{"c":"<{{user.public_metadata.evil}}>"}`, `{"c":"<{{user.id}}>"}`},
		{"numbers keep their text", `{"c":1.50,"d":12345678901234567890}`, `{"c":1.50,"d":12345678901234567890}`},
		{"an empty template", `{}`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			template, err := claims.Parse([]byte(c.template))
			if err != nil {
				t.Fatal(err)
			}
			if got := encode(t, template.Eval(look)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"an operator that does not exist", `{"a":["{{user.id | x}}"]}`, `.a[0]: cannot read "user.id | x" in {{user.id | x}}`},
		{"an open shortcode", `{"a":{"b":"{{user.id"}}`, `.a.b: {{ is not closed by }}`},
		{"an empty shortcode", `{"a":"{{}}"}`, `.a: cannot read "" in {{}}`},
		{"an empty operand", `{"a":"{{user.id || }}"}`, `.a: cannot read "" in {{user.id || }}`},
		{"an empty step", `{"a":"{{user..id}}"}`, `.a: cannot read "user..id" in {{user..id}}`},
		{"an open quote", `{"a":"{{'x}}"}`, `.a: {{ is not closed by }}`},
		{"a call", `{"a":"{{user.id()}}"}`, `.a: cannot read "user.id()" in {{user.id()}}`},
		{"a name twice", `{"a":1,"a":2}`, `.a: stands here twice`},
		{"a name twice, deeper", `{"x":[{"a":1,"a":2}]}`, `.x[0].a: stands here twice`},
		{"an array", `[]`, `a template is a JSON object`},
		{"text", `"{{user.id}}"`, `a template is a JSON object`},
		{"nothing", ``, `not valid JSON`},
		{"half an object", `{"a":1`, `not valid JSON`},
		{"more than an object", `{}{}`, `the template goes on after its object`},
		{"depth", strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), strings.Repeat(".a", 32) + `: nested deeper than 32 levels`},
		{"size", `{"a":"` + strings.Repeat("x", claims.MaxSize) + `"}`, `a template takes at most 16384 bytes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := claims.Parse([]byte(c.template))
			var told *claims.Error
			if !errors.As(err, &told) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestReservedClaimsAreTheServers(t *testing.T) {
	for _, name := range []string{"azp", "exp", "iat", "iss", "jti", "nbf", "sub", "fva", "sid", "v", "pla", "fea", "sts", "o", "act"} {
		template, err := claims.Parse([]byte(`{"` + name + `":1}`))
		if err != nil {
			t.Fatal(err)
		}
		var told *claims.Error
		if err := template.CheckReserved(); !errors.As(err, &told) || told.Reserved != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	allowed, err := claims.Parse([]byte(`{"aud":"x","role":"y","org_id":"z","https://example.com/claim":1,"nested":{"sub":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := allowed.CheckReserved(); err != nil {
		t.Error(err)
	}
}

func TestDig(t *testing.T) {
	tree := map[string]any{"a": map[string]any{"b": []any{1}}}
	for path, want := range map[string]bool{"a": true, "a.b": true, "a.b.c": false, "x": false, "a.x.y": false} {
		if got := claims.Dig(tree, strings.Split(path, ".")); (got != nil) != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"c":"{{user.full_name || 'x'}} {{1}}"}`, `{"a":["{{user.id | x}}"]}`, `{"a":"{{'it''s'}}"}`, `{"a":"}}{{"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		template, err := claims.Parse(raw)
		if err != nil {
			return
		}
		if _, err := json.Marshal(template.Eval(look)); err != nil {
			t.Errorf("%q evaluates to what is no JSON: %v", raw, err)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	template, err := claims.Parse([]byte(`{"a":"{{user.id}}","b":"Hi {{user.first_name}}!","c":"{{user.nope || 30}}","d":{"e":"{{user.public_metadata.profile}}"},"f":true}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		template.Eval(look)
	}
}
