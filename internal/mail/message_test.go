package mail_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/mail"
)

func TestMasked(t *testing.T) {
	for address, want := range map[string]string{
		"ann.lee@example.com":         "a…@example.com",
		"élodie@example.com":          "é…@example.com",
		`"a@b"@example.com`:           `"…@example.com`,
		"a@example.com\r\nlevel=WARN": "a…@example.comlevel=WARN",
		"@example.com":                "…",
		"nobody":                      "…",
		"":                            "…",
	} {
		if got := mail.Masked(address); got != want {
			t.Errorf("Masked(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestMessagesPrintNoSecrets(t *testing.T) {
	m := mail.Message{Kind: mail.VerificationCode, To: "ann.lee@example.com", Code: "817263"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("mail", "message", m, "pointer", &m)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("mail", "message", m)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&log, verb+" "+verb+"\n", m, &m)
	}
	if text := log.String(); strings.Contains(text, "817263") || strings.Contains(text, "ann.lee") {
		t.Errorf("the code or the address was printed:\n%s", text)
	}
	if !strings.Contains(log.String(), "verification_code to a…@example.com") {
		t.Errorf("what it is was not printed:\n%s", log.String())
	}
}

func TestKinds(t *testing.T) {
	if mail.Kind("newsletter").Known() || !mail.PasswordChanged.Known() {
		t.Error("the known kinds are not known, or others are")
	}
}
