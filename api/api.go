// Package api is the wire: every request, answer and error of the Backend API as its JSON has it.
// It holds no logic and imports only the standard library, so the server, the client SDK and tests
// speak of the same thing. Times are integer milliseconds since the Unix epoch unless a field says seconds.
package api

import "encoding/json"

// Field is an optional JSON member that can tell three things apart: absent (the zero value), null, and a value.
type Field[T any] struct {
	present bool
	value   *T
}

// Set makes a Field that carries v.
func Set[T any](v T) Field[T] { return Field[T]{present: true, value: &v} }

// Null makes a Field that carries JSON null, which clears what it names.
func Null[T any]() Field[T] { return Field[T]{present: true} }

// Present reports whether the member stands in the JSON at all, null included.
func (f Field[T]) Present() bool { return f.present }

// IsNull reports whether the member is present and null.
func (f Field[T]) IsNull() bool { return f.present && f.value == nil }

// Get returns the value, and false when it is absent or null.
func (f Field[T]) Get() (T, bool) {
	if f.value == nil {
		var zero T
		return zero, false
	}
	return *f.value, true
}

// Or returns the value, or fallback when it is absent or null.
func (f Field[T]) Or(fallback T) T {
	if f.value == nil {
		return fallback
	}
	return *f.value
}

// IsZero makes `omitzero` drop an absent field.
func (f Field[T]) IsZero() bool { return !f.present }

// MarshalJSON writes the value, or null.
func (f Field[T]) MarshalJSON() ([]byte, error) { return json.Marshal(f.value) }

// UnmarshalJSON reads a value or null; being called at all makes the field present.
func (f *Field[T]) UnmarshalJSON(data []byte) error {
	f.present, f.value = true, nil
	return json.Unmarshal(data, &f.value)
}

// Page selects a slice of a list.
type Page struct {
	Limit     int64 `query:"limit" min:"1" max:"500" default:"10"` // how many, 1 to 500; 10 when absent
	Offset    int64 `query:"offset" min:"0" max:"2147483647"`      // how many to pass over
	Paginated bool  `query:"paginated"`                            // answer {"data", "total_count"} instead of a bare array
}

// DefaultLimit is how many items a list has when the caller does not say.
const DefaultLimit = 10

// List is a list answer. It is written as a bare array, or as an envelope with the total when the request
// asked for it with paginated=true; reading accepts both.
type List[T any] struct {
	Data       []T
	TotalCount int64 // all matches, limit and offset aside; only meaningful when Enveloped
	Enveloped  bool
}

type envelope[T any] struct {
	Data       []T   `json:"data"`
	TotalCount int64 `json:"total_count"`
}

// MarshalJSON writes the shape that Enveloped selects. An empty list is [], never null.
func (l List[T]) MarshalJSON() ([]byte, error) {
	data := l.Data
	if data == nil {
		data = []T{}
	}
	if !l.Enveloped {
		return json.Marshal(data)
	}
	return json.Marshal(envelope[T]{Data: data, TotalCount: l.TotalCount})
}

// UnmarshalJSON reads either shape.
func (l *List[T]) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		*l = List[T]{}
		return json.Unmarshal(raw, &l.Data)
	}
	var e envelope[T]
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	*l = List[T]{Data: e.Data, TotalCount: e.TotalCount, Enveloped: true}
	return nil
}

// Count is the answer of a counting operation.
type Count struct {
	Object     string `json:"object"` // "total_count"
	TotalCount int64  `json:"total_count"`
}

// Deleted is the answer of a deletion; Object is the deleted resource's own type.
type Deleted struct {
	Object     string  `json:"object"`
	ID         string  `json:"id"`
	Deleted    bool    `json:"deleted"`
	ExternalID *string `json:"external_id,omitempty"`
}

// Empty is an answer without a body: 204.
type Empty struct{}

// None is a request without parameters.
type None struct{}
