package verify_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/sojourn-auth/sojourn/verify"
)

func suffix(publishableKey string) string {
	sum := sha1.Sum([]byte(publishableKey))
	return base64.URLEncoding.EncodeToString(sum[:])[:8]
}

func ExampleNew() {
	v, err := verify.New(
		verify.WithJWKS("http://127.0.0.1:4001/.well-known/jwks.json"),
		verify.WithAuthorizedParties("https://app.example.com"),
	)
	fmt.Println(v != nil, err)
	// Output: true <nil>
}

func ExampleVerifier_Middleware() {
	v, err := verify.New(verify.WithJWKS("http://127.0.0.1:4001/.well-known/jwks.json"))
	if err != nil {
		fmt.Println(err)
		return
	}
	private := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, "Hello,", claims.Subject)
	})
	http.Handle("/private", v.Middleware(v.Require(private)))
}

func ExampleWithRevocationFeed() {
	v, err := verify.New(
		verify.WithJWKS("https://clerk.example.com/.well-known/jwks.json"),
		verify.WithRevocationFeed(verify.RevocationFeed{
			URLs:      []string{"https://node1.example.com", "https://node2.example.com"},
			Key:       "the feed key",
			WhenStale: verify.FailClosed,
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := v.Ready(ctx); err != nil { // before it takes traffic; Verify waits by itself
		fmt.Println(err)
	}
}
