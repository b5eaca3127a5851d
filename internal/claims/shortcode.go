package claims

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var (
	pathPattern   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)
	numberPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// parseShortcode reads operand || operand || …. An operand is a path, 'text' in which ” stands for a quote, a number,
// true, false or null.
func parseShortcode(where, code string) (node, error) {
	var operands either
	for _, operand := range splitOperands(code) {
		n, ok := parseOperand(strings.TrimSpace(operand))
		if !ok {
			return nil, &Error{Path: where, Reason: "cannot read " + quoted(operand) + " in {{" + code + "}}"}
		}
		operands = append(operands, n)
	}
	if len(operands) > 1 {
		return operands, nil
	}
	if p, ok := operands[0].(path); ok && !slices.Contains(roots, p[0]) {
		return literal{"{{" + code + "}}"}, nil // not one of ours: somebody else's template may want it
	}
	return operands[0], nil
}

func quoted(operand string) string { return `"` + strings.TrimSpace(operand) + `"` }

// splitOperands splits at || outside of single quotes.
func splitOperands(code string) []string {
	var operands []string
	start, inQuotes := 0, false
	for i := 0; i < len(code); i++ {
		switch {
		case code[i] == '\'':
			inQuotes = !inQuotes
		case !inQuotes && strings.HasPrefix(code[i:], "||"):
			operands = append(operands, code[start:i])
			start = i + 2
			i++
		}
	}
	return append(operands, code[start:])
}

func parseOperand(s string) (node, bool) {
	switch {
	case s == "true":
		return literal{true}, true
	case s == "false":
		return literal{false}, true
	case s == "null":
		return literal{nil}, true
	case numberPattern.MatchString(s):
		return literal{json.Number(s)}, true
	case len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'':
		inner := s[1 : len(s)-1]
		if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
			return nil, false
		}
		return literal{strings.ReplaceAll(inner, "''", "'")}, true
	case pathPattern.MatchString(s):
		return path(strings.Split(s, ".")), true
	default:
		return nil, false
	}
}
