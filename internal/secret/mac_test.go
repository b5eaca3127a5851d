package secret_test

import (
	"testing"

	"github.com/sojourn-auth/sojourn/internal/secret"
)

// TestMACIsTheKeys: the same message has another MAC under another key or for another purpose.
func TestMACIsTheKeys(t *testing.T) {
	key := secret.NewMasterKey()
	mac := func(key secret.MasterKey, message, purpose string) string {
		got, err := key.MAC(message, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := mac(key, "424242", "code:sia_1")
	if got := mac(key, "424242", "code:sia_1"); got != want {
		t.Errorf("the same message has the MACs %s and %s", want, got)
	}
	for name, got := range map[string]string{
		"another key":     mac(secret.NewMasterKey(), "424242", "code:sia_1"),
		"another message": mac(key, "424243", "code:sia_1"),
		"another purpose": mac(key, "424242", "code:sia_2"),
	} {
		if got == want {
			t.Errorf("%s makes the same MAC", name)
		}
	}
	if _, err := (secret.MasterKey{}).MAC("m", "p"); err == nil {
		t.Error("no key made a MAC")
	}
}
