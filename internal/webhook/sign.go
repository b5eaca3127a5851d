// Package webhook gets events to those who are told: as webhooks signed by Standard Webhooks, and as security event tokens
// (RFC 8935). It reads deliveries and writes what became of them; what happened, and who wants to know, others have written.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

// The form of signing secrets, as Standard Webhooks has it.
const (
	secretPrefix = "whsec_"
	minKey       = 24 // bytes
	maxKey       = 64
)

// NewSecret makes a signing secret.
func NewSecret() secret.Text {
	key := make([]byte, minKey)
	_, _ = rand.Read(key) // never fails
	return secret.Text(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// CheckSecret refuses what is no signing secret. Its error says nothing of it.
func CheckSecret(s secret.Text) error {
	_, err := keyOf(s)
	return err
}

// keyOf is strict: libraries of receivers differ in what else they decode.
func keyOf(s secret.Text) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || base64.StdEncoding.EncodeToString(key) != text || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("%s and %d to %d bytes in base64", secretPrefix, minKey, maxKey)
	}
	return key, nil
}

// signed are the headers of a webhook. Each secret signs, so that receivers may know either while one is replaced. The
// names of Svix say the same: libraries that are older than the standard look for them.
func signed(messageID string, at time.Time, body []byte, secrets []secret.Text) (http.Header, error) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := keyOf(s)
		if err != nil {
			return nil, fmt.Errorf("the secret is not one: want %w", err)
		}
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", messageID, timestamp, body) // never fails
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h := http.Header{}
	for _, prefix := range []string{"Webhook-", "Svix-"} {
		h.Set(prefix+"Id", messageID)
		h.Set(prefix+"Timestamp", timestamp)
		h.Set(prefix+"Signature", strings.Join(signatures, " "))
	}
	return h, nil
}
