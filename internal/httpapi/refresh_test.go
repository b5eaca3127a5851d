package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
)

const refreshPage = "http://127.0.0.1:3000"

// refreshable is a browser whose app has a session token, by now expired, and a refresh token.
type refreshable struct {
	*world
	session, expired, token string
}

func newRefreshable(t testing.TB) *refreshable {
	t.Helper()
	r := &refreshable{world: keyed(t, liveKey)}
	b := r.newTab(t)
	r.session = b.signUp(t, testEmail).Client.Sessions[0].ID
	_, nonce := b.shake(t, refreshPage+"/x", "nonce")
	cookies := r.payload(t, nonce)
	r.expired, r.token = sessionIn(cookies), refreshIn(t, cookies)
	r.clock.advance(2 * time.Minute)
	return r
}

// refreshIn is the refresh token in cookies.
func refreshIn(t testing.TB, cookies []string) string {
	t.Helper()
	for _, c := range cookies {
		if pair, _, _ := strings.Cut(c, ";"); strings.HasPrefix(c, "__refresh_") {
			_, value, _ := strings.Cut(pair, "=")
			return value
		}
	}
	t.Fatalf("no refresh token among %v", cookies)
	return ""
}

func (r *refreshable) body(token, format string) request {
	body, _ := json.Marshal(map[string]any{
		"expired_token": r.expired, "refresh_token": token, "request_origin": refreshPage, "format": format,
		"request_headers": map[string][]string{"user-agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}, "request_originating_ip": "203.0.113.9",
	})
	return request{method: http.MethodPost, path: "/v1/sessions/" + r.session + "/refresh?suffixed_cookies=true", body: string(body)}
}

func (r *refreshable) refresh(t testing.TB, token, format string) api.Refreshed {
	t.Helper()
	return ok[api.Refreshed](t, r.send(t, r.body(token, format)))
}

func (r *refreshable) refused(t testing.TB, token, code string) {
	t.Helper()
	got := r.send(t, r.body(token, "cookie"))
	if told, _ := errorOf(got); got.status != http.StatusUnauthorized || told != code {
		t.Errorf("%d %s, want 401 %s", got.status, told, code)
	}
}

// TestRefresh trades tokens in both formats.
func TestRefresh(t *testing.T) {
	r := newRefreshable(t)
	fresh := func(jwt string) {
		t.Helper()
		claims := part[map[string]any](t, jwt, 1)
		if claims["sid"] != r.session || claims["azp"] != refreshPage || claims["iat"] != float64(r.clock.now().Unix()) {
			t.Errorf("the new token says %v", claims)
		}
	}
	for range 2 { // a token alone replaces nothing: there is no place for the next one
		got := r.refresh(t, r.token, "token")
		if got.Object != "token" || got.Cookies != nil {
			t.Errorf("in the format token: %+v", got)
		}
		fresh(got.JWT)
		r.clock.advance(time.Hour)
	}
	got := r.refresh(t, r.token, "cookie")
	if got.Object != "cookies" || got.JWT != "" || len(got.Cookies) != 3 {
		t.Fatalf("in the format cookie: %+v", got)
	}
	fresh(sessionIn(got.Cookies))
	if next := refreshIn(t, got.Cookies); next == r.token {
		t.Error("the refresh token stays the same")
	}
	seen := ok[api.Session](t, r.get(t, "/v1/sessions/"+r.session))
	if seen.LastActiveAt != r.clock.now().UnixMilli() || seen.LatestActivity == nil || *seen.LatestActivity.IPAddress != "203.0.113.9" || *seen.LatestActivity.BrowserName != "Firefox" {
		t.Errorf("the activity is %+v", seen.LatestActivity)
	}
}

// TestRefreshTokensAreReplaced, and the old one is good for a little longer: other requests were on their way with it.
func TestRefreshTokensAreReplaced(t *testing.T) {
	r := newRefreshable(t)
	next := refreshIn(t, r.refresh(t, r.token, "cookie").Cookies)
	r.clock.advance(20 * time.Second)
	r.refresh(t, r.token, "cookie") // does not lengthen what is left
	r.clock.advance(10*time.Second - time.Millisecond)
	r.refresh(t, r.token, "token")
	r.clock.advance(time.Millisecond)
	r.refused(t, r.token, "refresh_token_not_found")
	last := refreshIn(t, r.refresh(t, next, "cookie").Cookies) // and nobody is punished for it
	r.clock.advance(7*24*time.Hour - 5*time.Minute)            // the session has an end too
	r.refresh(t, last, "cookie")
	if err := r.app.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.refused(t, next, "refresh_token_not_found")
}

// TestRefreshTokensBelongToASession, and live no longer than it.
func TestRefreshTokensBelongToASession(t *testing.T) {
	r := newRefreshable(t)
	b := r.newTab(t)
	b.signUp(t, "second+clerk_test@example.com")
	_, nonce := b.shake(t, refreshPage, "nonce")
	r.refused(t, refreshIn(t, r.payload(t, nonce)), "refresh_token_not_found")
	r.refused(t, "rt_unknown", "refresh_token_not_found")
	r.post(t, "/v1/sessions/"+r.session+"/revoke", "")
	r.refused(t, r.token, "session_refresh_inactive_session")
}

// TestRefreshesAtOnce: of requests that come at the same moment with the same refresh token, none is refused, and each
// gets another one that is good.
func TestRefreshesAtOnce(t *testing.T) {
	r := newRefreshable(t)
	answers, errs := make([]answer, 12), make([]error, 12)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i], errs[i] = r.trySend(r.body(r.token, "cookie")) })
	}
	wg.Wait()
	r.clock.advance(time.Minute)
	seen := map[string]bool{}
	for i, got := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		judge(t, got)
		next := refreshIn(t, ok[api.Refreshed](t, got).Cookies)
		if seen[next] {
			t.Error("two requests got the same refresh token")
		}
		seen[next] = true
		r.refresh(t, next, "token")
	}
	r.refused(t, r.token, "refresh_token_not_found")
}

// TestRevokeBeatsRefresh: once a revoke is acknowledged, no refresh that begins after it has a token.
func TestRevokeBeatsRefresh(t *testing.T) {
	r := newRefreshable(t)
	var wg sync.WaitGroup
	acknowledged := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				var after bool
				select {
				case <-acknowledged:
					after = true
				default:
				}
				got, err := r.trySend(r.body(r.token, "cookie"))
				if err != nil {
					t.Error(err)
					return
				}
				if after {
					if got.status != http.StatusUnauthorized {
						t.Errorf("after the revoke was acknowledged: %d", got.status)
					}
					return
				}
			}
		})
	}
	r.post(t, "/v1/sessions/"+r.session+"/revoke", "")
	close(acknowledged)
	wg.Wait()
}
