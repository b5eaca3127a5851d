package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sojourn-auth/sojourn/api"
)

// crowd runs do in n goroutines at the same time and collects what was answered, to be judged once they are done.
func (w *world) crowd(t *testing.T, n int, do func(i int, send func(request) answer)) {
	t.Helper()
	var mu sync.Mutex
	var answers []answer
	var failed []error
	send := func(r request) answer {
		a, err := w.trySend(r)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = append(failed, err)
		}
		answers = append(answers, a)
		return a
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i, send) })
	}
	wg.Wait()
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	for _, a := range answers {
		judge(t, a)
	}
}

// TestNoTokenAfterRevoke is the promise: once a revoke is acknowledged, no request sent after it gets a token.
func TestNoTokenAfterRevoke(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]request{
		"revoke":          {method: "POST", path: "/v1/sessions/{new}/revoke"},
		"ban":             {method: "POST", path: "/v1/users/{bob}/ban"},
		"ban several":     {method: "POST", path: "/v1/users/ban", body: `{"user_ids":["{ada}","{bob}"]}`},
		"delete":          {method: "DELETE", path: "/v1/users/{bob}"},
		"password change": {method: "PATCH", path: "/v1/users/{bob}", body: `{"password_digest":"5f4dcc3b5aa765d61d8327deb882cf99","password_hasher":"md5","sign_out_of_other_sessions":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				w := servePeopled(t)
				w.names["new"] = ok[api.Session](t, w.post(t, "/v1/sessions", `{"user_id":"{bob}"}`)).ID
				w.checkNoTokenAfter(t, end)
			}
		})
	}
}

// checkNoTokenAfter mints while the session ends, until each of the minters was refused after the end.
func (w *world) checkNoTokenAfter(t *testing.T, end request) {
	t.Helper()
	const minters = 6
	var acknowledged atomic.Bool
	var minted atomic.Int64
	warm := make(chan struct{}, minters)
	w.crowd(t, minters+1, func(i int, send func(request) answer) {
		if i == minters {
			for range minters { // the end comes while tokens are being made
				<-warm
			}
			if a := send(end); a.status != http.StatusOK {
				t.Error(a)
			}
			acknowledged.Store(true)
			return
		}
		for refused, first := 0, true; refused < 3; first = false {
			late := acknowledged.Load() // read before the request is sent
			path := []string{"/v1/sessions/{new}/tokens", "/v1/sessions/{new}/tokens/greeting"}[i%2]
			a := send(request{method: "POST", path: path})
			if first {
				warm <- struct{}{}
			}
			switch {
			case a.status == http.StatusOK && late:
				t.Errorf("a token was made after the end was acknowledged: %v", a)
				refused++
			case a.status == http.StatusOK:
				minted.Add(1)
			case late:
				refused++
			}
		}
	})
	if minted.Load() < minters {
		t.Errorf("only %d tokens were made before the end", minted.Load())
	}
	if a := w.get(t, "/v1/sessions/{new}"); a.status == http.StatusOK && read[api.Session](t, a).Status != "revoked" {
		t.Error(a)
	}
}

// TestNoSessionSurvivesABan creates sessions while their user is banned or deleted.
func TestNoSessionSurvivesABan(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]request{
		"ban":         {method: "POST", path: "/v1/users/{bob}/ban"},
		"ban several": {method: "POST", path: "/v1/users/ban", body: `{"user_ids":["{bob}"]}`},
		"delete":      {method: "DELETE", path: "/v1/users/{bob}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				w := servePeopled(t)
				var acknowledged atomic.Bool
				var created atomic.Int64
				warm := make(chan struct{}, 8)
				w.crowd(t, 9, func(i int, send func(request) answer) {
					if i == 8 {
						for range 8 {
							<-warm
						}
						if a := send(end); a.status != http.StatusOK {
							t.Error(a)
						}
						acknowledged.Store(true)
						return
					}
					for first, refused := true, 0; refused < 2; first = false {
						late := acknowledged.Load()
						a := send(request{method: "POST", path: "/v1/sessions", body: `{"user_id":"{bob}"}`})
						if first {
							warm <- struct{}{}
						}
						switch {
						case a.status == http.StatusOK && late:
							t.Errorf("a session began after the end was acknowledged: %v", a)
							refused++
						case a.status == http.StatusOK:
							created.Add(1)
						case late:
							refused++
						}
					}
				})
				for _, status := range []string{"active", "pending"} {
					if left := ok[[]api.Session](t, w.get(t, "/v1/sessions?user_id={bob}&status="+status)); len(left) > 0 {
						t.Errorf("%d of %d sessions survive", len(left), created.Load())
					}
				}
			}
		})
	}
}

// TestOnlyOneGetsAName lets 50 callers take the same unique value at the same time.
func TestOnlyOneGetsAName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, body, code string }{
		{"email address", "/v1/users", `{"email_address":["same@example.com"]}`, taken},
		{"email address in two cases", "/v1/users", `{"email_address":["sAmE@example.com"]}`, taken},
		{"phone number", "/v1/users", `{"phone_number":["+12025550177"]}`, taken},
		{"username", "/v1/users", `{"username":"same_name"}`, taken},
		{"external id", "/v1/users", `{"external_id":"same"}`, taken},
		{"an address for one user", "/v1/email_addresses", `{"user_id":"{bob}","email_address":"same@example.com"}`, taken},
		{"a template's name", "/v1/jwt_templates", `{"name":"same","claims":{}}`, "form_already_exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := servePeopled(t)
			var won, lost atomic.Int64
			w.crowd(t, 50, func(i int, send func(request) answer) {
				body := c.body
				if i%2 == 1 {
					body = strings.ReplaceAll(body, "sAmE", "SaMe")
				}
				a := send(request{method: "POST", path: c.path, body: body})
				switch code, _ := errorOf(a); {
				case a.status == http.StatusOK:
					won.Add(1)
				case a.status == http.StatusUnprocessableEntity && code == c.code:
					lost.Add(1)
				default:
					t.Error(a)
				}
			})
			if won.Load() != 1 || lost.Load() != 49 {
				t.Errorf("%d won and %d lost, want 1 and 49", won.Load(), lost.Load())
			}
		})
	}
}

// TestRevokesAgree lets 20 callers revoke one session: all see the same session, revoked once.
func TestRevokesAgree(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	bodies := make([]string, 20)
	w.crowd(t, len(bodies), func(i int, send func(request) answer) {
		bodies[i] = string(send(request{method: "POST", path: "/v1/sessions/{active}/revoke"}).body)
	})
	if slices.Sort(bodies); bodies[0] != bodies[len(bodies)-1] {
		t.Errorf("two answers: %s and %s", bodies[0], bodies[len(bodies)-1])
	}
}

// TestMergesAddUp lets 20 callers merge a key each into the same metadata: none is lost.
func TestMergesAddUp(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	w.crowd(t, 20, func(i int, send func(request) answer) {
		send(request{method: "PATCH", path: "/v1/users/{bob}/metadata", body: fmt.Sprintf(`{"public_metadata":{"key%d":%d}}`, i, i)})
	})
	for i := range 20 {
		w.expect(t, w.get(t, "/v1/users/{bob}"), fmt.Sprintf("public_metadata.key%d=%d", i, i))
	}
}
