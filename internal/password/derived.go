package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // other systems' digests
	"encoding/hex"
	"hash"
	"math/bits"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// pbkdf2Scheme reads name$iterations$salt$hash.
func pbkdf2Scheme(name string, h func() hash.Hash, readSalt, readHash func(string) ([]byte, bool)) func(string) (matcher, bool) {
	return func(text string) (matcher, bool) {
		parts := strings.Split(text, "$")
		if len(parts) != 4 || parts[0] != name {
			return nil, false
		}
		rounds, okR := between(parts[1], 1, maxIterations)
		salt, okS := readSalt(parts[2])
		want, okH := readHash(parts[3])
		if !okR || !okS || !okH || len(salt) == 0 || len(want) < 16 || len(want) > 128 {
			return nil, false
		}
		return matchPBKDF2(h, salt, rounds, want), true
	}
}

// readPBKDF2SHA1 reads pbkdf2_sha1$iterations$salt$hash[$key length]; the salt is hex where it can be, else raw.
func readPBKDF2SHA1(text string) (matcher, bool) {
	parts := strings.Split(text, "$")
	if len(parts) == 4 {
		parts = append(parts, "32")
	}
	if len(parts) != 5 || parts[0] != "pbkdf2_sha1" || parts[2] == "" {
		return nil, false
	}
	salt, isHex := hexBytes(parts[2])
	if !isHex {
		salt = []byte(parts[2])
	}
	rounds, okR := between(parts[1], 1, maxIterations)
	size, okL := between(parts[4], 16, 128)
	want, okH := hexBytes(parts[3])
	if !okR || !okL || !okH || len(want) != size {
		return nil, false
	}
	return matchPBKDF2(sha1.New, salt, rounds, want), true
}

func matchPBKDF2(h func() hash.Hash, salt []byte, rounds int, want []byte) matcher {
	return func(password string) bool {
		key, err := pbkdf2.Key(h, password, salt, rounds, len(want))
		return err == nil && same(want, key)
	}
}

const phpassAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// readPhpass reads the portable hashes of phpass: $P$, a character for the rounds, 8 of salt, 22 of checksum.
func readPhpass(text string) (matcher, bool) {
	const size = 34
	if len(text) != size || (!strings.HasPrefix(text, "$P$") && !strings.HasPrefix(text, "$H$")) {
		return nil, false
	}
	for _, c := range text[3:] {
		if !strings.ContainsRune(phpassAlphabet, c) {
			return nil, false
		}
	}
	exponent := strings.IndexByte(phpassAlphabet, text[3])
	if exponent < 7 || exponent > 20 {
		return nil, false
	}
	salt, want := text[4:12], []byte(text[12:])
	return func(password string) bool {
		sum := md5Sum([]byte(salt + password))
		for range 1 << exponent {
			sum = md5Sum(append(sum, password...))
		}
		return same(want, phpassEncode(sum))
	}, true
}

// phpassEncode is phpass's own base 64: little endian groups of three bytes.
func phpassEncode(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i += 3 {
		var v uint32
		n := min(3, len(b)-i)
		for j := range n {
			v |= uint32(b[i+j]) << (8 * j)
		}
		for range n + 1 {
			out = append(out, phpassAlphabet[v&63])
			v >>= 6
		}
	}
	return out
}

// readMD5Phpass reads phpass over the hex MD5 of the password.
func readMD5Phpass(text string) (matcher, bool) {
	inner, ok := readPhpass(text)
	return func(password string) bool { return inner(hex.EncodeToString(md5Sum([]byte(password)))) }, ok
}

// maxScryptMemory bounds 128·N·r, in bytes, and maxScryptWork N·r·p.
const (
	maxScryptMemory = 256 << 20
	maxScryptWork   = 4 << 20
)

func scryptAffordable(n, r, p int) bool {
	return n > 1 && bits.OnesCount(uint(n)) == 1 && r > 0 && p > 0 && 128*n*r <= maxScryptMemory && n*r*p <= maxScryptWork
}

// readFirebase reads hash$salt$signer key$salt separator$rounds$memory cost. Firebase derives a key with scrypt and
// encrypts its signer key with it (AES-256-CTR); the ciphertext is the hash.
func readFirebase(text string) (matcher, bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return nil, false
	}
	want, ok1 := base64Bytes(parts[0])
	salt, ok2 := base64Bytes(parts[1])
	signer, ok3 := base64Bytes(parts[2])
	separator, ok4 := base64Bytes(parts[3])
	rounds, ok5 := between(parts[4], 1, 16)
	cost, ok6 := between(parts[5], 1, 20)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || len(want) != len(signer) || !scryptAffordable(1<<cost, rounds, 1) {
		return nil, false
	}
	salted := append(append([]byte{}, salt...), separator...)
	return func(password string) bool {
		key, err := scrypt.Key([]byte(password), salted, 1<<cost, rounds, 1, 32)
		if err != nil {
			return false
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return false
		}
		got := make([]byte, len(signer))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(got, signer) //nolint:gosec // the scheme has no nonce; its key is fresh for each salt
		return same(want, got)
	}, true
}

// readWerkzeug reads scrypt:N:r:p$salt$hash, as Werkzeug prints it.
func readWerkzeug(text string) (matcher, bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 3 || parts[1] == "" {
		return nil, false
	}
	method := strings.Split(parts[0], ":")
	if len(method) != 4 || method[0] != "scrypt" {
		return nil, false
	}
	n, okN := between(method[1], 2, 1<<20)
	r, okR := between(method[2], 1, 64)
	p, okP := between(method[3], 1, 64)
	want, okH := hexBytes(parts[2])
	if !okN || !okR || !okP || !okH || len(want) < 16 || len(want) > 128 || !scryptAffordable(n, r, p) {
		return nil, false
	}
	return func(password string) bool {
		key, err := scrypt.Key([]byte(password), []byte(parts[1]), n, r, p, len(want))
		return err == nil && same(want, key)
	}, true
}
