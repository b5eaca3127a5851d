package webhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/webhook"
)

// The example of the standard's own libraries.
const (
	exampleSecret  = secret.Text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	exampleID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	examplePayload = `{"test": 2432232314}`
)

func TestSignatureOfTheStandardsExample(t *testing.T) {
	h, err := webhook.Signed(exampleID, time.Unix(1614265330, 0), []byte(examplePayload), []secret.Text{exampleSecret})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"webhook", "svix"} {
		for name, want := range map[string]string{"id": exampleID, "timestamp": "1614265330", "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="} {
			if got := h.Get(prefix + "-" + name); got != want {
				t.Errorf("%s-%s is %q, want %q", prefix, name, got, want)
			}
		}
	}
}

// TestLibraryOfTheStandardAccepts signs with one secret and with two, and asks the standard's Go library.
func TestLibraryOfTheStandardAccepts(t *testing.T) {
	old, fresh := webhook.NewSecret(), webhook.NewSecret()
	at := time.Now()
	for name, c := range map[string]struct {
		signs    []secret.Text
		receiver secret.Text
		accepts  bool
	}{
		"the secret":                    {[]secret.Text{fresh}, fresh, true},
		"another secret":                {[]secret.Text{fresh}, old, false},
		"the new one, while it rotates": {[]secret.Text{fresh, old}, fresh, true},
		"the old one, while it rotates": {[]secret.Text{fresh, old}, old, true},
		"the longest secret there is":   {[]secret.Text{longest}, longest, true},
		"the example's":                 {[]secret.Text{exampleSecret}, exampleSecret, true},
		"a third one while they rotate": {[]secret.Text{fresh, old}, exampleSecret, false},
	} {
		h, err := webhook.Signed(exampleID, at, []byte(examplePayload), c.signs)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(c.receiver, h, []byte(examplePayload)); (err == nil) != c.accepts {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var longest = secret.Text("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 64)))

// verify is what a receiver does.
func verify(s secret.Text, h http.Header, body []byte) error {
	receiver, err := standard.NewWebhook(s.Reveal())
	if err != nil {
		return err
	}
	return receiver.Verify(body, h)
}

func TestSecrets(t *testing.T) {
	if one, other := webhook.NewSecret(), webhook.NewSecret(); webhook.CheckSecret(one) != nil || one == other {
		t.Error("new secrets are not secrets, or one and the same")
	}
	key := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"nothing": "", "no prefix": key(make([]byte, 24)), "another prefix": "whsk_" + key(make([]byte, 24)),
		"23 bytes": "whsec_" + key(make([]byte, 23)), "65 bytes": "whsec_" + key(make([]byte, 65)),
		"no padding": "whsec_" + base64.RawStdEncoding.EncodeToString(make([]byte, 25)), "the alphabet of URLs": "whsec_" + strings.Repeat("-_", 16),
		"a line break": "whsec_" + key(make([]byte, 24)) + "\n", "a line break within": "whsec_AAAA\n" + key(make([]byte, 24)),
		"bits beyond the end": "whsec_" + strings.Repeat("A", 34) + "B=",
	} {
		err := webhook.CheckSecret(secret.Text(text))
		if err == nil {
			t.Errorf("%s is taken for a secret", name)
		} else if text != "" && strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}
