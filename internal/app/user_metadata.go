package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// maxMetadata bounds each of a user's metadata objects, in bytes of compact JSON.
const maxMetadata = 8 << 10

var noMetadata = json.RawMessage(`{}`)

// MergeUserMetadata merges the objects of the request into the user's, at every level (RFC 7396): a null deletes its
// key. What is absent or null as a whole stays as it is.
func (a *App) MergeUserMetadata(ctx context.Context, req *api.UserMetadata) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), func(_ store.Conn, u *store.User) error {
		for _, m := range metadataOf(u, req.PublicMetadata, req.PrivateMetadata, req.UnsafeMetadata) {
			patch, ok := m.given.Get()
			if !ok {
				continue
			}
			merged, err := mergeMetadata(m.param, *m.to, patch)
			if err != nil {
				return err
			}
			*m.to = merged
		}
		return nil
	})
}

// ReplaceUserMetadata puts the objects of the request in the place of the user's; null stands for an empty one.
func (a *App) ReplaceUserMetadata(ctx context.Context, req *api.UserMetadata) (*api.User, error) {
	return a.changeUser(ctx, req.UserID, a.now(), func(_ store.Conn, u *store.User) error {
		return replaceMetadata(u, req.PublicMetadata, req.PrivateMetadata, req.UnsafeMetadata)
	})
}

type metadataField struct {
	param string
	given api.Field[json.RawMessage]
	to    *json.RawMessage
}

func metadataOf(u *store.User, public, private, unsafe api.Field[json.RawMessage]) []metadataField {
	return []metadataField{
		{"public_metadata", public, &u.PublicMetadata},
		{"private_metadata", private, &u.PrivateMetadata},
		{"unsafe_metadata", unsafe, &u.UnsafeMetadata},
	}
}

func replaceMetadata(u *store.User, public, private, unsafe api.Field[json.RawMessage]) error {
	for _, m := range metadataOf(u, public, private, unsafe) {
		if !m.given.Present() {
			continue
		}
		checked, err := checkMetadata(m.param, m.given.Or(noMetadata))
		if err != nil {
			return err
		}
		*m.to = checked
	}
	return nil
}

// checkMetadata answers an object in compact form.
func checkMetadata(param string, raw json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil || b.Len() == 0 || b.Bytes()[0] != '{' {
		return nil, notObject(param)
	}
	if b.Len() > maxMetadata {
		return nil, at(param, fail(422, "form_param_exceeds_allowed_size", "is too large", fmt.Sprintf("%s takes at most %d bytes.", param, maxMetadata)))
	}
	return b.Bytes(), nil
}

func notObject(param string) *api.Error {
	return at(param, fail(422, "form_param_type_invalid", "is invalid", param+" must be an object."))
}

func mergeMetadata(param string, target, patch json.RawMessage) (json.RawMessage, error) {
	changes, err := object(patch)
	if err != nil {
		return nil, notObject(param)
	}
	into, err := object(target)
	if err != nil {
		return nil, fmt.Errorf("read stored %s: %w", param, err)
	}
	merged, err := encode(merge(into, changes))
	if err != nil {
		return nil, err
	}
	return checkMetadata(param, merged)
}

// merge is MergePatch of RFC 7396, section 2, for a patch that is an object.
func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for key, change := range patch {
		switch change := change.(type) {
		case nil:
			delete(target, key)
		case map[string]any:
			inner, _ := target[key].(map[string]any)
			target[key] = merge(inner, change)
		default:
			target[key] = change
		}
	}
	return target
}

// object decodes a JSON object; its numbers keep their text, so that merging changes no digit of them.
func object(raw json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("null is not an object")
	}
	return o, nil
}

// encode writes JSON as it was: without escapes that only HTML needs.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
