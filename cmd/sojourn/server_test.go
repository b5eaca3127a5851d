package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/config"
)

// A rule that no setting reaches would stay as it is without anybody noticing.
func TestEveryRuleOfBrowsersHasASetting(t *testing.T) {
	rules, err := settings(&config.Config{
		FrontendURL: "https://clerk.example.com", ApplicationName: "Acme", HomeURL: "https://app.example.com",
		AllowedOrigins: []string{"https://app.example.com"}, TrustedProxies: []string{"10.0.0.0/8"},
		SingleSession: true, SignUpMode: config.SignUpRestricted, PasswordOptional: true, EnumerationProtection: true,
		LockoutDuration: time.Hour, SignInRateLimit: 5, AttemptRateLimit: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range reflect.ValueOf(rules.Browsers).Fields() {
		if value.IsZero() {
			t.Errorf("%s is not set", field.Name)
		}
	}
	if b := rules.Browsers; b.CreateLimit != 5 || b.AttemptLimit != 3 {
		t.Errorf("limits: %d and %d", b.CreateLimit, b.AttemptLimit)
	}
}

func TestProxyURL(t *testing.T) {
	for listener, want := range map[string]string{
		"http://127.0.0.1:4001": "http://localhost:4001",
		"http://[::1]:4001":     "http://localhost:4001",
		"http://192.0.2.7:4001": "http://192.0.2.7:4001",
	} {
		if got := proxyURL(listener); got != want {
			t.Errorf("%s: %s, want %s", listener, got, want)
		}
	}
}
