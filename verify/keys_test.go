package verify

import (
	"net/http"
	"testing"
	"time"
)

// A machine that sleeps may stop its monotonic clock. Keys grow old meanwhile.
func TestKeysAgeByTheWallClock(t *testing.T) {
	s := newKeySet("", "", http.DefaultClient, time.Now)
	if moment := s.now(); moment != moment.Round(0) {
		t.Errorf("%v has a monotonic reading", moment)
	}
	s.fetched = s.now()
	if age := s.age(s.fetched.Add(-2 * staleLimit)); age <= staleLimit {
		t.Errorf("with a clock that was set back by two days they are %v old", age)
	}
}
