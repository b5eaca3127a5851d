package httpapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/sojourn-auth/sojourn/api"
)

// isForm reports whether the body of a request is a form.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// parseForm splits a form into the members of a JSON object, each in the type that the request has for it. Names that
// the request does not know are passed over: newer browser libraries send more.
func (p *plan) parseForm(v reflect.Value, body []byte) ([]member, error) {
	values, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil {
		return nil, malformed("The request body is not a valid form.")
	}
	var members []member
	for name, given := range values {
		i, known := p.body[name]
		if !known {
			continue
		}
		for _, s := range given {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				return nil, param(name, plain(http.StatusUnprocessableEntity, "form_param_format_invalid", "is invalid", name+" is not valid text."))
			}
		}
		raw, err := formValue(name, v.FieldByIndex(p.members[i].index), given)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name: name, raw: raw})
	}
	return members, nil
}

// formValue is what a form says, in JSON.
func formValue(name string, target reflect.Value, given []string) (json.RawMessage, error) {
	text := given[0]
	switch target.Interface().(type) {
	case api.Field[[]string]:
		return json.Marshal(given)
	case api.Field[bool], api.Field[int64]:
		if json.Valid([]byte(text)) {
			return json.RawMessage(text), nil
		}
	case api.Field[json.RawMessage]:
		if text == "" {
			return json.RawMessage(`""`), nil
		}
		if members, err := parseObject([]byte(text)); err == nil && members != nil || text == "{}" {
			return json.RawMessage(text), nil
		}
		return nil, param(name, plain(http.StatusUnprocessableEntity, "form_param_format_invalid", "is invalid", name+" must be a JSON object."))
	}
	return json.Marshal(text)
}
