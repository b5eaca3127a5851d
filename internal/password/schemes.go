package password

import (
	"crypto/md5"  //nolint:gosec // other systems' digests
	"crypto/sha1" //nolint:gosec // other systems' digests
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Bounds on the cost of imported digests. They are well above what systems use.
const (
	maxBcryptCost       = 16
	maxArgonMemoryKiB   = 256 << 10
	maxArgonIterations  = 16
	maxArgonParallelism = 16
	maxIterations       = 2_000_000 // of PBKDF2 and repeated hashing
)

// schemes reads the digests of each importable hasher; the formats are the contract's, section 6.1.5.
var schemes = map[string]func(text string) (matcher, bool){
	"argon2i":              argon("argon2i", argon2.Key),
	"argon2id":             argon("argon2id", argon2.IDKey),
	"bcrypt":               readBcrypt,
	"bcrypt_sha256_django": readBcryptSHA256,
	"bcrypt_peppered":      readBcryptPeppered,
	"ldap_ssha":            readLDAP,
	"md5":                  plainHex(md5Sum),
	"md5_salted":           saltedHex(md5Sum),
	"sha256":               plainHex(sha256Sum),
	"sha256_salted":        saltedHex(sha256Sum),
	"sha512_symfony":       readSymfony,
	"pbkdf2_sha1":          readPBKDF2SHA1,
	"pbkdf2_sha256":        pbkdf2Scheme("pbkdf2_sha256", sha256.New, base64Bytes, base64Bytes),
	"pbkdf2_sha256_django": pbkdf2Scheme("pbkdf2_sha256", sha256.New, rawBytes, base64Bytes),
	"pbkdf2_sha512":        pbkdf2Scheme("pbkdf2_sha512", sha512.New, rawBytes, hexBytes),
	"pbkdf2_sha512_hex":    pbkdf2Scheme("pbkdf2_sha512_hex", sha512.New, hexBytes, hexBytes),
	"phpass":               readPhpass,
	"md5_phpass":           readMD5Phpass,
	"scrypt_firebase":      readFirebase,
	"scrypt_werkzeug":      readWerkzeug,
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// between reads a number within bounds.
func between(s string, least, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most
}

func rawBytes(s string) ([]byte, bool) { return []byte(s), true }

func hexBytes(s string) ([]byte, bool) {
	b, err := hex.DecodeString(s)
	return b, err == nil && len(b) > 0
}

// base64Bytes takes the standard and the URL alphabet, padded or not.
func base64Bytes(s string) ([]byte, bool) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(plain)
	return b, err == nil && len(b) > 0
}

// argon reads the PHC string form: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func argon(name string, derive func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte) func(string) (matcher, bool) {
	form := regexp.MustCompile(`^\$` + name + `\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([A-Za-z0-9+/]+)=*\$([A-Za-z0-9+/]+)=*$`)
	return func(text string) (matcher, bool) {
		parts := form.FindStringSubmatch(text)
		if parts == nil {
			return nil, false
		}
		memory, okM := between(parts[1], 8, maxArgonMemoryKiB)
		time, okT := between(parts[2], 1, maxArgonIterations)
		threads, okP := between(parts[3], 1, maxArgonParallelism)
		salt, okS := base64Bytes(parts[4])
		hash, okH := base64Bytes(parts[5])
		if !okM || !okT || !okP || !okS || !okH || len(salt) < 8 || len(hash) < 12 || len(hash) > 128 {
			return nil, false
		}
		return func(password string) bool {
			return same(hash, derive([]byte(password), salt, uint32(time), uint32(memory), uint8(threads), uint32(len(hash)))) //nolint:gosec // all are bounded above
		}, true
	}
}

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$`)

func checkBcrypt(text string) bool {
	parts := bcryptForm.FindStringSubmatch(text)
	if parts == nil {
		return false
	}
	_, ok := between(parts[1], bcrypt.MinCost, maxBcryptCost)
	return ok
}

// matchBcrypt compares as bcrypt everywhere does: what is beyond 72 bytes of a password has never counted.
func matchBcrypt(text string, password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(text), password[:min(len(password), 72)]) == nil
}

func readBcrypt(text string) (matcher, bool) {
	return func(password string) bool { return matchBcrypt(text, []byte(password)) }, checkBcrypt(text)
}

// readBcryptSHA256 reads Django's bcrypt of the hex SHA-256: bcrypt_sha256$$2b$….
func readBcryptSHA256(text string) (matcher, bool) {
	inner, ok := strings.CutPrefix(text, "bcrypt_sha256$")
	return func(password string) bool {
		return matchBcrypt(inner, []byte(hex.EncodeToString(sha256Sum([]byte(password)))))
	}, ok && checkBcrypt(inner)
}

const bcryptSize = 60 // characters

// readBcryptPeppered reads a bcrypt digest followed by $ and the pepper, which was appended to the password.
func readBcryptPeppered(text string) (matcher, bool) {
	if len(text) < bcryptSize+2 || text[bcryptSize] != '$' {
		return nil, false
	}
	inner, pepper := text[:bcryptSize], text[bcryptSize+1:]
	return func(password string) bool { return matchBcrypt(inner, []byte(password+pepper)) }, checkBcrypt(inner)
}

func md5Sum(b []byte) []byte {
	sum := md5.Sum(b) //nolint:gosec // other systems' digests
	return sum[:]
}

func sha256Sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// plainHex reads an unsalted hash in hex.
func plainHex(sum func([]byte) []byte) func(string) (matcher, bool) {
	return func(text string) (matcher, bool) {
		want, ok := hexBytes(text)
		return func(password string) bool { return same(want, sum([]byte(password))) }, ok && len(want) == len(sum(nil))
	}
}

// saltedHex reads salt$hash, the hash of salt and password in hex.
func saltedHex(sum func([]byte) []byte) func(string) (matcher, bool) {
	return func(text string) (matcher, bool) {
		i := strings.LastIndexByte(text, '$')
		if i < 1 {
			return nil, false
		}
		salt := text[:i]
		want, ok := hexBytes(text[i+1:])
		return func(password string) bool { return same(want, sum([]byte(salt+password))) }, ok && len(want) == len(sum(nil))
	}
}

// readLDAP reads {SSHA} and the base64 of SHA-1(password, salt) followed by the salt (RFC 2307 as extended by servers).
func readLDAP(text string) (matcher, bool) {
	encoded, ok := strings.CutPrefix(text, "{SSHA}")
	raw, okB := base64Bytes(encoded)
	if !ok || !okB || len(raw) <= sha1.Size {
		return nil, false
	}
	want, salt := raw[:sha1.Size], raw[sha1.Size:]
	return func(password string) bool {
		sum := sha1.Sum(append([]byte(password), salt...)) //nolint:gosec // other systems' digests
		return same(want, sum[:])
	}, true
}

// readSymfony reads sha512_symfony$iterations$salt$hash of Symfony's message digest encoder: SHA-512 of
// password{salt}, and then again and again of the last hash followed by password{salt}.
func readSymfony(text string) (matcher, bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 || parts[0] != "sha512_symfony" {
		return nil, false
	}
	rounds, okR := between(parts[1], 1, maxIterations)
	want, okH := base64Bytes(parts[3])
	if !okR || !okH || len(want) != sha512.Size || strings.ContainsAny(parts[2], "{}") {
		return nil, false
	}
	return func(password string) bool {
		salted := []byte(password)
		if parts[2] != "" {
			salted = append(salted, "{"+parts[2]+"}"...)
		}
		sum := sha512.Sum512(salted)
		for range rounds - 1 {
			sum = sha512.Sum512(append(sum[:], salted...))
		}
		return same(want, sum[:])
	}, true
}
