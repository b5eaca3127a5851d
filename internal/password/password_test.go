package password_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sojourn-auth/sojourn/internal/password"
)

// vectors come from other implementations: Python's hashlib and crypt, the Argon2 and Firebase reference repositories.
var vectors = map[string]struct {
	text, password string
	stale          bool
}{
	"argon2i":              {"$argon2i$v=19$m=64,t=2,p=3$c29tZXNhbHQ$XKtFL+a4R5yGYd74zXA7YRo5BabVR3/m", "password", false},
	"argon2id":             {"$argon2id$v=19$m=64,t=2,p=3$c29tZXNhbHQ$ShWzGux8JZC4fR9SC+fZb1ZlgXLeqjB5", "password", false},
	"bcrypt":               {"$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "correct horse", false},
	"bcrypt_sha256_django": {"bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuuFRrKxBsFtwnfZtmHymgDN/Qb8toxLuK", "correct horse", false},
	"bcrypt_peppered":      {"$2b$05$abcdefghijklmnopqrstuuv3QFX4PGSD0zZ099Uw8GBHoqbG8M49K$pep", "correct horse", false},
	"pbkdf2_sha1":          {"pbkdf2_sha1$1000$73616c74$ba6e4f2c7f22bc472b44955ab1365787cfafc57d06831bd3b221aa802f19130f", "correct horse", true},
	"pbkdf2_sha256":        {"pbkdf2_sha256$1000$c2FsdHNhbHQ=$qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=", "correct horse", true},
	"pbkdf2_sha256_django": {"pbkdf2_sha256$1000$saltsalt$qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=", "correct horse", true},
	"pbkdf2_sha512":        {"pbkdf2_sha512$1000$saltsalt$fac5120fc8f0e1ff27b3b9bd6fb923f0f7892def252573bc026d3d04b80eefd9124fd0ff2236b968a20d185e5783b864297c35f9f361073cc93f77885dc597c3", "correct horse", true},
	"pbkdf2_sha512_hex":    {"pbkdf2_sha512_hex$1000$73616c7473616c74$fac5120fc8f0e1ff27b3b9bd6fb923f0f7892def252573bc026d3d04b80eefd9124fd0ff2236b968a20d185e5783b864297c35f9f361073cc93f77885dc597c3", "correct horse", true},
	"phpass":               {"$P$6abcdefghRJFCMvnAbZH2hCiFPRxpk.", "correct horse", true},
	"md5_phpass":           {"$P$6abcdefghh6VQeVxAwfhpQIcksoBO80", "correct horse", true},
	"scrypt_firebase":      {"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$8$14", "user1password", false},
	"scrypt_werkzeug":      {"scrypt:1024:8:1$saltsalt$646792c2ba294af1202d0535a6396d20d2ab46f9840529e885da985d47b9119f255fcdfd85ef17967bb51e6eaf060f14d1d8a4e461dfcd7bb56b1d9aa486025d", "correct horse", false},
	"ldap_ssha":            {"{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", "correct horse", true},
	"md5":                  {"3cb4e732631f47e6eb961f34554b7cde", "correct horse", true},
	"md5_salted":           {"salt$de8498eb12b0309737310c8971cfc7a2", "correct horse", true},
	"sha256":               {"4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", "correct horse", true},
	"sha256_salted":        {"salt$8cb258c07eb871943b4ad0e754a502b5fc3a389d75fefc91b4e010778ecca018", "correct horse", true},
	"sha512_symfony":       {"sha512_symfony$50$salt$Q1ires8KK9HLBK2KeF6KmkZaJpNPH3KjMubmUZMJhIiKaJZt0tvOZVuECOyqeBAKysv5gKs2y/LL3oFI0bbZkg==", "correct horse", true},
}

func TestEveryHasherVerifiesItsVector(t *testing.T) {
	if len(vectors) != len(password.Hashers) {
		t.Errorf("%d vectors for %d hashers", len(vectors), len(password.Hashers))
	}
	for _, hasher := range password.Hashers {
		t.Run(hasher, func(t *testing.T) {
			v := vectors[hasher]
			d, err := password.Import(hasher, v.text)
			if err != nil {
				t.Fatal(err)
			}
			for candidate, want := range map[string]bool{v.password: true, v.password + "x": false, "": false, strings.ToUpper(v.password): false} {
				ok, stale, err := d.Verify(t.Context(), candidate)
				if err != nil || ok != want || stale != v.stale {
					t.Errorf("%q: ok %v, stale %v, %v; want %v, %v", candidate, ok, stale, err, want, v.stale)
				}
			}
		})
	}
}

func TestSaltsAndLengthsOfPBKDF2SHA1(t *testing.T) {
	d, err := password.Import("pbkdf2_sha1", "pbkdf2_sha1$1000$pepper!$fd1221f87764c9baf277bcad76e3984b771127ed$20")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := d.Verify(t.Context(), "correct horse"); !ok || err != nil {
		t.Errorf("a raw salt and a short key: %v, %v", ok, err)
	}
}

func TestHashIsOursAndFresh(t *testing.T) {
	a, err := password.Hash(t.Context(), "correct horse\x00battery")
	if err != nil {
		t.Fatal(err)
	}
	b, err := password.Hash(t.Context(), "correct horse\x00battery")
	if err != nil {
		t.Fatal(err)
	}
	if a.Text == b.Text {
		t.Error("two digests of one password are equal")
	}
	if !strings.HasPrefix(a.Text, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("the parameters changed")
	}
	for candidate, want := range map[string]bool{"correct horse\x00battery": true, "correct horse": false, "correct horse\x00batterz": false} {
		if ok, stale, err := a.Verify(t.Context(), candidate); ok != want || stale || err != nil {
			t.Errorf("%q: %v, %v, %v", candidate, ok, stale, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	for _, c := range []struct {
		hasher, text string
		want         error
	}{
		{"awscognito", "awscognito#a#b#c", password.ErrUnknownHasher},
		{"", "", password.ErrUnknownHasher},
		{"bcrypt", "$2b$31$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", password.ErrBadDigest}, // hours of work
		{"bcrypt", "$2b$05$short", password.ErrBadDigest},
		{"bcrypt_peppered", "$2b$05$abcdefghijklmnopqrstuuv3QFX4PGSD0zZ099Uw8GBHoqbG8M49K", password.ErrBadDigest},
		{"argon2id", "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAphXArZWb2GRPPc", password.ErrBadDigest},
		{"argon2id", "$argon2id$v=19$m=65536,t=99999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAphXArZWb2GRPPc", password.ErrBadDigest},
		{"argon2id", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAphXArZWb2GRPPc", password.ErrBadDigest},
		{"argon2id", "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAphXArZWb2GRPPc", password.ErrBadDigest},
		{"pbkdf2_sha256", "pbkdf2_sha256$999999999$c2FsdHNhbHQ=$qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=", password.ErrBadDigest},
		{"pbkdf2_sha256", "pbkdf2_sha256$0$c2FsdHNhbHQ=$qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=", password.ErrBadDigest},
		{"scrypt_werkzeug", "scrypt:1048576:64:64$salt$" + strings.Repeat("00", 64), password.ErrBadDigest},
		{"scrypt_werkzeug", "scrypt:1000:8:1$salt$" + strings.Repeat("00", 64), password.ErrBadDigest},
		{"scrypt_firebase", "a$b$c$d$8$14", password.ErrBadDigest},
		{"phpass", "$P$zabcdefghRJFCMvnAbZH2hCiFPRxpk.", password.ErrBadDigest},
		{"md5", "3cb4", password.ErrBadDigest},
		{"sha256", "3cb4e732631f47e6eb961f34554b7cde", password.ErrBadDigest},
		{"sha256_salted", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", password.ErrBadDigest},
		{"ldap_ssha", "{SSHA}AAAA", password.ErrBadDigest},
		{"sha512_symfony", "sha512_symfony$50$salt$AAAA", password.ErrBadDigest},
		{"md5_salted", strings.Repeat("s", 2000) + "$de8498eb12b0309737310c8971cfc7a2", password.ErrBadDigest},
	} {
		_, err := password.Import(c.hasher, c.text)
		if !errors.Is(err, c.want) {
			t.Errorf("%s %.40s: %v, want %v", c.hasher, c.text, err, c.want)
		}
		if err != nil && len(c.text) > 8 && strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the error repeats the digest", c.hasher)
		}
	}
}

func TestDigestsDoNotPrint(t *testing.T) {
	d := password.Digest{Hasher: "md5", Text: "3cb4e732631f47e6eb961f34554b7cde"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "digest", d, "pointer", &d)
	encoded, err := json.Marshal(map[string]any{"d": d})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{log.String(), string(encoded), fmt.Sprintf("%v %s %q %+v %#v %x", d, d, d, d, d, d)} {
		if strings.Contains(out, "3cb4") {
			t.Errorf("printed: %s", out)
		}
	}
}

func TestRulesForNewPasswords(t *testing.T) {
	for _, c := range []struct{ name, password, code string }{
		{"seven characters", "1234567", "form_password_length_too_short"},
		{"eight characters", "12345678", ""},
		{"eight characters of three bytes", strings.Repeat("語", 8), ""},
		{"seven characters of three bytes", strings.Repeat("語", 7), "form_password_length_too_short"},
		{"a long passphrase", strings.Repeat("x", 256), ""},
		{"too many characters", strings.Repeat("x", 257), "form_password_length_too_long"},
		{"as many bytes as fit", strings.Repeat("😀", 256), ""},
		{"spaces count", "        ", ""},
	} {
		err := password.Check(c.password, 8)
		var told *password.PolicyError
		if errors.As(err, &told) != (c.code != "") || (told != nil && told.Code != c.code) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
}

func TestHashingWaitsNoLongerThanItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // a free place may win against a cancelled caller, a place that is not free never does
		if _, err := password.Hash(ctx, "x"); errors.Is(err, context.Canceled) {
			return
		}
	}
	t.Error("a cancelled caller is never turned away")
}

func FuzzImport(f *testing.F) {
	for hasher, v := range vectors {
		f.Add(hasher, v.text)
	}
	f.Fuzz(func(t *testing.T, hasher, text string) {
		d, err := password.Import(hasher, text)
		if err == nil && (d.Hasher != hasher || d.Text != text) {
			t.Error("the import changed the digest")
		}
	})
}
