package verify

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// filled is a list of n sessions, each of which is forgotten a second after the one before.
func filled(n int) *denylist {
	d := newDenylist(true)
	fill(d, n)
	return d
}

func fill(d *denylist, n int) {
	for i := range n {
		d.end(fmt.Sprint("evt_", i), fmt.Sprint("sess_", i), moment.Add(time.Duration(i)*time.Second))
	}
}

func TestTheDenylistEmptiesItself(t *testing.T) {
	const n = 3*forgetAtOnce + 1
	d := filled(n)
	for i := range 2 * n {
		d.end(fmt.Sprint("again_", i), fmt.Sprint("sess_", i/2), moment) // of no effect: it is earlier
	}
	d.forget(moment.Add(-1))
	if d.size() != n {
		t.Fatalf("%d sessions, want %d", d.size(), n)
	}
	for _, gone := range []int{1, 2, n - 1} {
		d.forget(moment.Add(time.Duration(gone-1) * time.Second))
		if d.size() != n-gone {
			t.Errorf("%d sessions, want %d", d.size(), n-gone)
		}
		for i := gone - 1; i <= gone; i++ {
			if err := d.denies("", &Claims{SessionID: fmt.Sprint("sess_", i)}); errors.Is(err, ErrRevoked) != (i == gone) {
				t.Errorf("after %d seconds, the session of second %d: %v", gone-1, i, err)
			}
		}
	}
	d.forget(moment.Add(n * time.Second))
	if len(d.sessions)+len(d.digests)+len(d.events)+len(d.queue) != 0 {
		t.Errorf("left: %d sessions, %d digests, %d events, %d in the queue", len(d.sessions), len(d.digests), len(d.events), len(d.queue))
	}
}

func TestLookingIntoTheDenylistAllocatesNothing(t *testing.T) {
	d := filled(100)
	for name, c := range map[string]*Claims{
		"a session":            {SessionID: "sess_other"},
		"a session that ended": {SessionID: "sess_1"},
		"a template's token":   {ID: "0123456789abcdef0123" + digest("sess_1")},
	} {
		if n := testing.AllocsPerRun(100, func() { _ = d.denies("ins_1", c) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

const manySessions = 65_000

func BenchmarkDenies(b *testing.B) {
	d, c := filled(manySessions), &Claims{SessionID: "sess_other"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if d.denies("ins_1", c) != nil {
				b.Error("refused")
			}
		}
	})
}

func BenchmarkForget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		d := filled(manySessions)
		b.StartTimer()
		d.forget(moment.Add(manySessions * time.Second))
	}
}

// BenchmarkFeed is a verification without a feed, and with one that told of many sessions.
func BenchmarkFeed(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, minBits)
	if err != nil {
		b.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "user_1", "sid": "sess_other", "exp": moment.Unix() + 60})
	token.Header["kid"] = "ins_1"
	text, err := token.SignedString(key)
	if err != nil {
		b.Fatal(err)
	}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"sets": {}}`))
	}))
	b.Cleanup(node.Close)
	for _, c := range []struct {
		name    string
		options []Option
	}{
		{"without", nil},
		{"with", []Option{WithRevocationFeed(RevocationFeed{URLs: []string{node.URL}, Key: "feed_1", WhenStale: FailClosed})}},
	} {
		b.Run(c.name, func(b *testing.B) {
			v, err := New(append(c.options, WithKeys(map[string]*rsa.PublicKey{"ins_1": &key.PublicKey}), WithClock(func() time.Time { return moment }))...)
			if err != nil {
				b.Fatal(err)
			}
			if err := v.Ready(b.Context()); err != nil {
				b.Fatal(err)
			}
			v.Close() // what it heard stays, and the clock stands still
			if v.feed != nil {
				fill(v.feed.denied, manySessions)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
