package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

// rawKey has bytes whose base64 differs between the alphabets.
var rawKey = bytes.Repeat([]byte{0xfb, 0xff}, 16)

func TestParseMasterKey(t *testing.T) {
	want := base64.StdEncoding.EncodeToString(rawKey)
	for name, text := range map[string]string{
		"base64":                  want,
		"base64 without padding":  base64.RawStdEncoding.EncodeToString(rawKey),
		"base64url":               base64.URLEncoding.EncodeToString(rawKey),
		"base64url, not padded":   base64.RawURLEncoding.EncodeToString(rawKey),
		"hex":                     hex.EncodeToString(rawKey),
		"hex in capitals":         strings.ToUpper(hex.EncodeToString(rawKey)),
		"what Encode itself made": mustParse(t, want).Encode(),
	} {
		key, err := secret.ParseMasterKey(text)
		if err != nil || key.Encode() != want {
			t.Errorf("%s: ParseMasterKey = %v, %v; want the key", name, key.Encode(), err)
		}
	}
	for name, text := range map[string]string{
		"empty":               "",
		"31 bytes":            base64.StdEncoding.EncodeToString(rawKey[:31]),
		"33 bytes":            base64.StdEncoding.EncodeToString(append(rawKey[:32:32], 1)),
		"hex of 31 bytes":     hex.EncodeToString(rawKey[:31]),
		"63 hex digits":       hex.EncodeToString(rawKey)[:63],
		"a pass phrase":       "correct horse battery staple !!!",
		"32 letters as bytes": strings.Repeat("k", 32),
	} {
		_, err := secret.ParseMasterKey(text)
		if err == nil {
			t.Errorf("%s: ParseMasterKey succeeded, want an error", name)
			continue
		}
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

func mustParse(t *testing.T, s string) secret.MasterKey {
	t.Helper()
	key, err := secret.ParseMasterKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestMasterKeyNeverPrintsItself(t *testing.T) {
	key := mustParse(t, hex.EncodeToString(rawKey))
	type open struct{ Master secret.MasterKey }
	type closed struct{ master secret.MasterKey } // fmt asks no method in here
	encoded, err := json.Marshal(open{key})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{string(encoded), fmt.Sprint(key), fmt.Sprint(&key)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{key, &key, open{key}, &open{key}, closed{key}, &closed{key}} {
			printed = append(printed, fmt.Sprintf(verb, value))
		}
	}
	for _, got := range printed {
		for _, leak := range []string{key.Encode(), "fbff", "FBFF", "251 255", "0xfb, 0xff", `\xfb`} {
			if strings.Contains(got, leak) {
				t.Errorf("printing shows the key: %s", got)
			}
		}
	}
	if got := fmt.Sprint(key); got != "[redacted]" {
		t.Errorf("Sprint = %s, want [redacted]", got)
	}
}

func TestSealedOpensOnlyWhereItBelongs(t *testing.T) {
	key, purpose, plaintext := secret.NewMasterKey(), "signing_key:ins_1", []byte("private key")
	sealed, err := key.Seal(plaintext, purpose)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		key     secret.MasterKey
		sealed  []byte
		purpose string
		ok      bool
	}{
		"the same key and purpose":      {key, sealed, purpose, true},
		"the key read back":             {mustParse(t, key.Encode()), sealed, purpose, true},
		"another key":                   {secret.NewMasterKey(), sealed, purpose, false},
		"another row":                   {key, sealed, "signing_key:ins_2", false},
		"another kind":                  {key, sealed, "jwt_template:ins_1", false},
		"no purpose":                    {key, sealed, "", false},
		"another version":               {key, flipped(0), purpose, false},
		"a bit of the nonce flipped":    {key, flipped(1), purpose, false},
		"a bit of the text flipped":     {key, flipped(13), purpose, false},
		"a bit of the tag flipped":      {key, flipped(len(sealed) - 1), purpose, false},
		"cut short":                     {key, sealed[:len(sealed)-1], purpose, false},
		"nonce only":                    {key, sealed[:13], purpose, false},
		"part of the nonce":             {key, sealed[:5], purpose, false},
		"nothing":                       {key, nil, purpose, false},
		"a byte more":                   {key, append(bytes.Clone(sealed), 0), purpose, false},
		"plaintext that was not sealed": {key, plaintext, purpose, false},
	} {
		got, err := c.key.Open(c.sealed, c.purpose)
		if c.ok && (err != nil || !bytes.Equal(got, plaintext)) {
			t.Errorf("%s: Open = %q, %v; want %q", name, got, err, plaintext)
		}
		if !c.ok && (!errors.Is(err, secret.ErrWrongKey) || got != nil) {
			t.Errorf("%s: Open = %q, %v; want ErrWrongKey", name, got, err)
		}
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	key := secret.NewMasterKey()
	a, err1 := key.Seal([]byte("same"), "p")
	b, err2 := key.Seal([]byte("same"), "p")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, b) || bytes.Contains(a, []byte("same")) {
		t.Errorf("Seal = %x, then %x; want two ciphertexts", a, b)
	}
}

func TestZeroMasterKeyDoesNothing(t *testing.T) {
	var none secret.MasterKey
	if _, err := none.Seal([]byte("x"), "p"); err == nil {
		t.Error("the zero key sealed")
	}
	if _, err := none.Open([]byte("x"), "p"); err == nil {
		t.Error("the zero key opened")
	}
	if got := none.Encode(); got != "" {
		t.Errorf("Encode() = %q, want nothing", got)
	}
	if got := fmt.Sprintf("%v", none); got != "[redacted]" {
		t.Errorf("Sprint = %q, want [redacted]", got)
	}
}

func FuzzParseMasterKey(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString(rawKey))
	f.Add(hex.EncodeToString(rawKey))
	f.Add("====")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := secret.ParseMasterKey(s)
		if err != nil {
			return
		}
		if again := mustParse(t, key.Encode()); again.Encode() != key.Encode() {
			t.Errorf("%q changes when it is written and read again", s)
		}
	})
}
