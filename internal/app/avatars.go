package app

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
)

// avatarColours are dark enough for white letters on them.
var avatarColours = []string{
	"#9f1239", "#9d174d", "#86198f", "#6b21a8", "#5b21b6", "#3730a3", "#1e40af", "#075985",
	"#155e75", "#115e59", "#065f46", "#166534", "#3f6212", "#854d0e", "#9a3412", "#991b1b",
}

// avatar is the picture of somebody who gave none: their initials on a colour that stays theirs. It is a data URL, so
// that a page needs nothing else to show it.
func avatar(id, name string) string {
	hash := sha256.Sum256([]byte(id))
	colour := avatarColours[int(hash[0])%len(avatarColours)]
	picture := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><path fill="%s" d="M0 0h64v64H0z"/>`+
		`<text x="32" y="42" fill="#fff" font-family="sans-serif" font-size="28" text-anchor="middle">%s</text></svg>`,
		colour, initials(name))
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(picture))
}

// initials are the first letters or digits of the first and the last word. Nothing else comes through, so they mean
// nothing to XML.
func initials(name string) string {
	var all []rune
	for word := range strings.FieldsSeq(name) {
		if n := strings.IndexFunc(word, readable); n >= 0 {
			all = append(all, unicode.ToUpper([]rune(word[n:])[0]))
		}
	}
	if len(all) > 2 {
		all = []rune{all[0], all[len(all)-1]}
	}
	return string(all)
}

func readable(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
