package mail

import "strings"

// Masked is an email address that a log may show: its domain, and of the rest the first letter.
func Masked(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "…"
	}
	for _, first := range address[:at] {
		return string(first) + "…" + strings.Map(printable, address[at:])
	}
	return "…"
}

// printable keeps a domain from adding lines to a log.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
