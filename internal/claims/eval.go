package claims

import (
	"encoding/json"
	"slices"
	"strings"
)

// node is one part of a parsed template.
type node interface{ eval(look Lookup) any }

type (
	literal struct{ value any } // 30, true, "text", null
	path    []string            // user.first_name
	either  []node              // a || b || c
	text    []node              // Hi {{user.first_name}}!
	array   []node
	object  []member
	member  struct {
		name  string
		value node
	}
)

func (n literal) eval(Lookup) any { return n.value }

func (n path) eval(look Lookup) any {
	if !slices.Contains(roots, n[0]) {
		return nil
	}
	return look(n)
}

// eval answers the first operand that is neither null nor false, and otherwise the last.
func (n either) eval(look Lookup) (v any) {
	for _, operand := range n {
		if v = operand.eval(look); v != nil && v != false {
			return v
		}
	}
	return v
}

func (n text) eval(look Lookup) any {
	var b strings.Builder
	for _, part := range n {
		b.WriteString(asText(part.eval(look)))
	}
	return b.String()
}

// asText is a value within a longer string: text as it is, anything else as its JSON.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (n array) eval(look Lookup) any {
	values := make([]any, len(n))
	for i, item := range n {
		values[i] = item.eval(look)
	}
	return values
}

func (n object) eval(look Lookup) any {
	values := make(map[string]any, len(n))
	for _, m := range n {
		values[m.name] = m.value.eval(look)
	}
	return values
}
