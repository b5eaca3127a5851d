package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

const plain = "sk_test_hunter2"

// holder is how settings hold a secret: in an exported field.
type holder struct {
	Key    secret.Text
	Keys   []secret.Text
	ByName map[string]secret.Text
}

var holding = holder{Key: plain, Keys: []secret.Text{plain}, ByName: map[string]secret.Text{"a": plain}}

func TestTextNeverPrintsItself(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "%X", "% x", "%d", "%t", "%20s", "%.3s", "%c", "%U"} {
		for name, value := range map[string]any{"text": secret.Text(plain), "struct": holding, "pointer": &holding} {
			got := fmt.Sprintf(verb, value)
			if shows(got) {
				t.Errorf("%s of a %s shows the secret: %s", verb, name, got)
			}
			if !strings.Contains(got, "[redacted]") {
				t.Errorf("%s of a %s = %s, want it to say [redacted]", verb, name, got)
			}
		}
	}
}

// shows reports whether s holds the secret in clear, quoted or in hex.
func shows(s string) bool {
	s = strings.ToLower(strings.ReplaceAll(s, " ", ""))
	return strings.Contains(s, "hunter") || strings.Contains(s, fmt.Sprintf("%x", "hunter"))
}

func TestTextNeverEncodesItself(t *testing.T) {
	got, err := json.Marshal(map[string]any{"text": secret.Text(plain), "struct": holding})
	if err != nil {
		t.Fatal(err)
	}
	if shows(string(got)) || !bytes.Contains(got, []byte(`"text":"[redacted]"`)) {
		t.Errorf("JSON = %s, want the secret redacted", got)
	}
}

func TestLogsRedact(t *testing.T) {
	master := secret.NewMasterKey()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("start", "key", secret.Text(plain), "settings", holding, "master", master)
		if shows(b.String()) || strings.Contains(b.String(), master.Encode()) {
			t.Errorf("%s log shows a secret: %s", name, b.String())
		}
		if !strings.Contains(b.String(), "[redacted]") {
			t.Errorf("%s log = %s, want it to say [redacted]", name, b.String())
		}
	}
}

func TestRevealIsTheWayOut(t *testing.T) {
	if got := secret.Text(plain).Reveal(); got != plain {
		t.Errorf("Reveal() = %q, want %q", got, plain)
	}
}

func TestHashKey(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-4's own example
	if got := secret.HashKey("abc"); got != abc {
		t.Errorf("HashKey(abc) = %s, want %s", got, abc)
	}
	for name, c := range map[string]struct {
		hash, key string
		want      bool
	}{
		"its key":            {abc, "abc", true},
		"another key":        {abc, "abd", false},
		"no hash stored":     {"", "", false},
		"the hash as a key":  {abc, abc, false},
		"a hash cut short":   {abc[:63], "abc", false},
		"a hash in capitals": {strings.ToUpper(abc), "abc", false},
	} {
		if got := secret.EqualHash(c.hash, c.key); got != c.want {
			t.Errorf("%s: EqualHash = %t, want %t", name, got, c.want)
		}
	}
}

func TestNewToken(t *testing.T) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	seen := map[string]bool{}
	used := map[rune]int{}
	for range 200 {
		token := secret.NewToken("sk_test_", 100)
		random, ok := strings.CutPrefix(token, "sk_test_")
		if !ok || len(random) != 100 || strings.Trim(random, alphabet) != "" {
			t.Fatalf("NewToken = %q, want sk_test_ and 100 letters and digits", token)
		}
		if seen[token] {
			t.Fatalf("NewToken made %q twice", token)
		}
		seen[token] = true
		for _, r := range random {
			used[r]++
		}
	}
	for _, r := range alphabet { // 20,000 characters: 323 each, give or take 18
		if used[r] < 200 || used[r] > 450 {
			t.Errorf("%c came %d times in 20,000, want about 323", r, used[r])
		}
	}
}

func TestNewHex(t *testing.T) {
	a, b := secret.NewHex(10), secret.NewHex(10)
	if len(a) != 20 || strings.Trim(a, "0123456789abcdef") != "" || a == b {
		t.Errorf("NewHex(10) = %q, then %q; want two different strings of 20 hex digits", a, b)
	}
}

func TestWrongKeyIsNamed(t *testing.T) {
	_, err := secret.NewMasterKey().Open([]byte("nonsense"), "")
	if !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("err = %v, want ErrWrongKey", err)
	}
}
