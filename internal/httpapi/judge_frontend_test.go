package httpapi_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// frontendDescription is Clerk's description of its Frontend API, or nil when the file is not at hand.
var frontendDescription = sync.OnceValues(func() (*description, error) {
	source, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "spec", "fapi-2026-05-12.yml"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // absent is fine
	}
	if err != nil {
		return nil, err
	}
	return describe("Clerk's Frontend API", "", "ClerkErrors", source)
})

// judgeFrontend fails the test unless an answer to a browser is what Clerk's description says.
func judgeFrontend(t testing.TB, a answer) {
	t.Helper()
	d, err := frontendDescription()
	if err != nil {
		t.Fatal(err)
	}
	if d == nil || !strings.HasPrefix(meant(a.path), "/v1/") || a.header.Get("Location") != "" {
		return
	}
	a.path, a.method = meant(a.path), meantMethod(a)
	if err := d.check(a); err != nil {
		for _, e := range frontendExceptions {
			if e.covers("", a, err) {
				return
			}
		}
		text, _, _ := strings.Cut(err.Error(), "\nSchema:")
		t.Errorf("%v\n\t%s", a, text)
	}
}

// meant is the path that the description knows.
func meant(path string) string {
	path = strings.TrimPrefix(path, "/__clerk")
	path, query, _ := strings.Cut(path, "?")
	path = strings.TrimSuffix(path, "/")
	if query != "" {
		path += "?" + query
	}
	return path
}

func meantMethod(a answer) string {
	_, query, _ := strings.Cut(a.path, "?")
	values, err := url.ParseQuery(query)
	if m := values.Get("_method"); err == nil && a.method == "POST" && slices.Contains([]string{"PATCH", "PUT", "DELETE"}, m) {
		return m
	}
	return a.method
}

// frontendExceptions are the differences that are not our mistake. An answer whose status the file does not list must
// still be Clerk's error envelope.
var frontendExceptions = []exception{
	{
		reason:  "the file leaves out what any operation may answer: origin refused, nobody signed in, limits, database away",
		status:  []int{400, 401, 403, 404, 413, 415, 422, 429, 503},
		message: "status is not supported",
	},
	{
		reason:  "before a code is sent components want the verification's status to be null, and the file has no place for that",
		status:  []int{200},
		message: `/verifications": doesn't match schema due to: Error at "/email_address"`,
	},
	{
		reason:    "the browser library reads features of the environment that came after the file",
		operation: regexp.MustCompile(`^(GET|PATCH) /v1/environment`),
		status:    []int{200},
		message:   `property "session_minter" is unsupported`,
	},
}
