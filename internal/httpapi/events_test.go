package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// uncounted is by how much the events that sessions and users count differ from those in the log, and which identifiers
// changed later than their user: what fixtures wrote past the operations. Whatever a test does, it must not change it.
func (w *world) uncounted(t testing.TB) map[string]int64 {
	t.Helper()
	differ := map[string]int64{}
	sessions, err := w.app.Store.Sessions(bg, store.SessionFilter{}, w.clock.now(), 1<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		differ[s.ID] = s.Events
	}
	users, err := w.app.Store.UsersAfter(bg, "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]time.Time{}
	for _, u := range users {
		differ[u.ID], changed[u.ID] = u.Events, u.UpdatedAt
	}
	identifiers, err := w.app.Store.Identifiers(bg, slices.Collect(maps.Keys(changed))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range identifiers {
		if i.UpdatedAt.After(changed[i.UserID]) {
			differ[i.ID] = 1
		}
	}
	for _, e := range w.events(t, store.EventFilter{}) {
		if _, ok := differ[e.Subject]; ok {
			differ[e.Subject]--
		}
		if e.Type.OfSession() != (e.SessionID != "") {
			t.Errorf("%s names the session %q", e.Type, e.SessionID)
		}
	}
	maps.DeleteFunc(differ, func(_ string, n int64) bool { return n == 0 })
	return differ
}

// checkEvents fails a test that left a change without its event, or an event without a change. Events that have had
// their time are deleted, so it cannot tell after that.
func (w *world) checkEvents(t testing.TB, before map[string]int64) {
	t.Helper()
	if w.clock.now().Sub(start) >= w.app.Settings.EventRetention {
		return
	}
	for subject, n := range w.uncounted(t) {
		if n != before[subject] {
			t.Errorf("%s counts %d more events than there are in the log, and in the beginning %d", subject, n, before[subject])
		}
	}
}

func (w *world) events(t testing.TB, f store.EventFilter) []event.Event {
	t.Helper()
	events, err := w.app.Store.EventsAfter(bg, f, event.Event{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestEveryChangeHasItsEvent goes through what changes sessions, users and keys.
func TestEveryChangeHasItsEvent(t *testing.T) {
	t.Parallel()
	post := func(path, body string) request { return request{method: "POST", path: path, body: body} }
	for name, c := range map[string]struct {
		do   request
		want []string // type subject by reason changes
	}{
		"create session": {post("/v1/sessions", `{"user_id":"{ada}"}`), []string{"session.created new backend_api"}},
		"revoke":         {post("/v1/sessions/{active}/revoke", ``), []string{"session.revoked active backend_api revoked"}},
		"revoke again":   {post("/v1/sessions/{ended}/revoke", ``), nil},
		"token":          {post("/v1/sessions/{active}/tokens", ``), nil},
		"create user":    {post("/v1/users", `{"first_name":"Eve","password":"a long password indeed"}`), []string{"user.created new backend_api"}},
		"refused user":   {post("/v1/users", `{"username":"ada_l"}`), nil},
		"update user": {
			request{method: "PATCH", path: "/v1/users/{ada}", body: `{"first_name":"A","last_name":"Lovelace","public_metadata":{"a":1}}`},
			[]string{"user.updated ada backend_api first_name,public_metadata"},
		},
		"refused update": {request{method: "PATCH", path: "/v1/users/{ada}", body: `{"first_name":"A","primary_email_address_id":"idn_x"}`}, nil},
		"password with sign-out": {
			request{method: "PATCH", path: "/v1/users/{bob}", body: `{"password":"a long password indeed","sign_out_of_other_sessions":true}`},
			[]string{"session.revoked impersonated backend_api password_changed", "user.updated bob backend_api password"},
		},
		"metadata": {request{method: "PATCH", path: "/v1/users/{ada}/metadata", body: `{"private_metadata":{"x":1}}`}, []string{"user.updated ada backend_api private_metadata"}},
		"email":    {post("/v1/email_addresses", `{"user_id":"{bob}","email_address":"b@example.com","verified":true}`), []string{"user.updated bob backend_api primary_email_address_id,identifiers"}},
		"ban": {post("/v1/users/{bob}/ban", ``), []string{
			"session.revoked impersonated backend_api user_banned", "user.updated bob backend_api banned",
		}},
		"ban with sessions that expired a moment ago": {post("/v1/users/{ada}/ban", ``), []string{
			"session.revoked active backend_api user_banned", "session.revoked pending backend_api user_banned", "user.updated ada backend_api banned",
		}},
		"unban": {post("/v1/users/{banned}/unban", ``), []string{"user.updated banned backend_api banned"}},
		"lock":  {post("/v1/users/{ada}/lock", ``), []string{"user.updated ada backend_api locked"}},
		"delete": {request{method: "DELETE", path: "/v1/users/{bob}"}, []string{
			"session.revoked impersonated backend_api user_deleted", "user.deleted bob backend_api",
		}},
		"template": {post("/v1/jwt_templates", `{"name":"another","claims":{}}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := servePeopled(t)
			before := len(w.events(t, store.EventFilter{}))
			a := w.send(t, c.do)
			var got []string
			known := map[string]string{}
			for name, id := range w.names {
				known[id] = name
			}
			for _, e := range w.events(t, store.EventFilter{})[before:] {
				subject, ok := known[e.Subject]
				if !ok {
					subject = "new"
				}
				got = append(got, strings.Join(slices.DeleteFunc([]string{string(e.Type), subject, e.By, e.Reason, strings.Join(e.Changes, ",")}, func(s string) bool { return s == "" }), " "))
				if e.Origin.Operation == "" || e.Origin.Trace != a.header.Get("Clerk-Trace-Id") || e.Origin.Address != "127.0.0.1" {
					t.Errorf("%s comes from %+v, want the operation, the trace id of %v and an address", e.Type, e.Origin, a)
				}
				if revokes := e.Type.Revokes(); revokes != !e.TokensUntil.IsZero() {
					t.Errorf("%s has tokens until %v", e.Type, e.TokensUntil)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s\nafter %v", diff, a)
			}
		})
	}
}

// A user who loses all sessions loses the tokens of those that time has ended a moment ago, too.
func TestBanReachesTokensOfExpiredSessions(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	w.names["new"] = ok[api.Session](t, w.post(t, "/v1/sessions", `{"user_id":"{bob}"}`)).ID
	w.names["long"] = ok[api.Session](t, w.post(t, "/v1/sessions", `{"user_id":"{bob}"}`)).ID
	year := 365 * 24 * time.Hour
	ok[api.Token](t, w.post(t, "/v1/sessions/{long}/tokens", fmt.Sprintf(`{"expires_in_seconds":%d}`, int(year/time.Second))))
	minted := w.clock.now()
	w.clock.advance(w.app.Settings.Lifetimes.Max + time.Second)
	w.post(t, "/v1/users/{bob}/ban", "")
	got := map[string]time.Time{}
	for _, e := range w.events(t, store.EventFilter{Types: []string{string(event.TokensRevoked)}}) {
		got[e.SessionID] = e.TokensUntil
	}
	if len(got) != 3 { // with the impersonated one, which was begun an hour before
		delete(got, w.names["impersonated"])
		if len(got) != 2 {
			t.Errorf("%d sessions whose tokens are revoked, want the two that have just expired: %v", len(got), got)
		}
	}
	if until := got[w.names["long"]]; until.Before(minted.Add(year)) {
		t.Errorf("remembered until %v, but a token lives until %v", until, minted.Add(year))
	}
	// The event outlives its retention, and the session its own, for as long as the token does.
	w.clock.advance(year / 2)
	if err := w.app.Sweep(bg); err != nil {
		t.Fatal(err)
	}
	if left := w.events(t, store.EventFilter{Types: []string{string(event.TokensRevoked)}}); len(left) != 1 || left[0].SessionID != w.names["long"] {
		t.Errorf("%d events left, want that of the long token", len(left))
	}
	if _, err := w.app.Store.Session(bg, w.names["long"]); err != nil {
		t.Errorf("the session of the long token: %v", err)
	}
	w.clock.advance(year)
	if err := w.app.Sweep(bg); err != nil {
		t.Fatal(err)
	}
	if left := w.events(t, store.EventFilter{Types: []string{string(event.TokensRevoked)}}); len(left) != 0 {
		t.Errorf("%d events are kept for ever", len(left))
	}
}

// A long token is remembered before it is given away; a session that has ended by then gives none.
func TestLongTokensAreNoted(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	session := func() time.Time {
		s, err := w.app.Store.Session(bg, w.names["active"])
		if err != nil {
			t.Fatal(err)
		}
		return s.TokensUntil
	}
	ok[api.Token](t, w.post(t, "/v1/sessions/{active}/tokens", `{"expires_in_seconds":60}`))
	if until := session(); !until.IsZero() {
		t.Errorf("a plain token is noted until %v", until)
	}
	ok[api.Token](t, w.post(t, "/v1/sessions/{active}/tokens", `{"expires_in_seconds":600}`))
	noted := session()
	if until := w.clock.now().Add(600 * time.Second); noted.Before(until) {
		t.Errorf("noted until %v, the token lives until %v", noted, until)
	}
	w.clock.advance(time.Minute)
	ok[api.Token](t, w.post(t, "/v1/sessions/{active}/tokens", `{"expires_in_seconds":600}`))
	if again := session(); !again.Equal(noted) {
		t.Errorf("a token within the noted time moved it from %v to %v", noted, again)
	}
	w.post(t, "/v1/sessions/{active}/revoke", "")
	revoked := w.events(t, store.EventFilter{SessionID: w.names["active"]})
	if until := revoked[len(revoked)-1].TokensUntil; !until.Equal(noted.Add(event.Leeway)) {
		t.Errorf("the revoke is remembered until %v, want %v", until, noted.Add(event.Leeway))
	}
}

// An event of a sweep that takes long is dated when it is written: readers go on where they were a moment ago.
func TestSweptSessionsAreDatedWhenTheyAre(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	const many = 600 // more than one batch
	err := w.app.Store.Update(bg, func(tx store.Conn) error {
		for i := range many {
			s := session.New(fmt.Sprintf("sess_%d", i), w.names["ada"], fmt.Sprintf("client_%d", i), w.clock.now(), w.app.Settings.Lifetimes)
			if err := tx.InsertSession(bg, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(w.app.Settings.Lifetimes.Max + time.Second)
	began := w.clock.now()
	w.app.Now = func() time.Time { w.clock.advance(time.Second); return w.clock.now() }
	if err := w.app.Sweep(bg); err != nil {
		t.Fatal(err)
	}
	moments := map[time.Time]int{}
	for _, e := range w.events(t, store.EventFilter{Types: []string{string(event.SessionExpired)}, Since: began}) {
		moments[e.At]++
	}
	if len(moments) < 2 {
		t.Errorf("events of several batches have the same moment: %v", moments)
	}
}

// What merely expires has its event too, once, however often somebody sweeps.
func TestExpiryHasItsEvent(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	for range 2 {
		w.clock.advance(w.app.Settings.Lifetimes.Max + time.Second)
		if err := w.app.Sweep(bg); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range w.events(t, store.EventFilter{SessionID: w.names["active"]}) {
		got = append(got, fmt.Sprint(e.Type, " ", e.Position, " ", e.By, " ", e.Reason))
	}
	if want := []string{"session.expired 1 system max_lifetime"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The events of one session are numbered in the order in which they happened, even when clocks go back.
func TestEventsOfASessionAreOrdered(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	w.names["new"] = ok[api.Session](t, w.post(t, "/v1/sessions", `{"user_id":"{ada}"}`)).ID
	w.clock.advance(-2 * time.Second) // another node, whose clock is late
	w.post(t, "/v1/sessions/{new}/revoke", "")
	got := map[int64]event.Type{}
	for _, e := range w.events(t, store.EventFilter{SessionID: w.names["new"]}) {
		got[e.Position] = e.Type
	}
	if want := map[int64]event.Type{1: event.SessionCreated, 2: event.SessionRevoked}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEventsShowWhoIsBehindAProxy(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	w.app.Settings.Browsers.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	w.send(t, request{method: "POST", path: "/v1/sessions/{active}/revoke", header: map[string]string{"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "User-Agent": "the-app/1"}})
	e := w.events(t, store.EventFilter{SessionID: w.names["active"]})[0]
	if e.Origin.Address != "203.0.113.9" || e.Origin.UserAgent != "the-app/1" || e.Origin.Operation != "POST /v1/sessions/{session_id}/revoke" {
		t.Errorf("%+v", e.Origin)
	}
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	revoke := func(t testing.TB, w *world) {
		w.clock.advance(time.Minute)
		w.post(t, "/v1/sessions/{active}/revoke", "")
		w.names["moment"] = w.clock.now().Format(time.RFC3339Nano)
		w.names["later"] = w.clock.now().Add(time.Millisecond).Format(time.RFC3339Nano)
	}
	for _, c := range []struct {
		path string
		want string
	}{
		{"/v1/events?limit=1", "#=1 0.object=event 0.type=session.revoked 0.session_id={active} 0.user_id={ada} 0.by=backend_api 0.reason=revoked 0.position=1 0.subject_id={active} 0.id=~^evt_[0-9A-Za-z]{27}$ 0.origin.client_ip=127.0.0.1 0.changes.#=0"},
		{"/v1/events?type=session.revoked&type=session.ended&paginated=true", "total_count=1 data.#=1"},
		{"/v1/events?session_id={active}&paginated=true", "total_count=1"},
		{"/v1/events?session_id={pending}", "#=0"},
		{"/v1/events?user_id={bob}", "#=2 0.type=user.updated 0.position=2 0.changes.0=first_name 1.type=user.created 1.session_id=null 1.tokens_until=null"},
		{"/v1/events?since={moment}", "#=1"},
		{"/v1/events?since={later}", "#=0"},
		{"/v1/events?type=session.revoked&until={later}", "#=1"},
		{"/v1/events?type=session.revoked&until={moment}", "#=0"},
	} {
		w := servePeopled(t)
		revoke(t, w)
		a := w.get(t, c.path)
		ok[any](t, a)
		w.expect(t, a, c.want)
	}
	w := servePeopled(t)
	for path, want := range map[string]string{
		"/v1/events?type=session.vanished": "422 form_param_value_invalid type",
		"/v1/events?since=yesterday":       "422 form_param_invalid_time since",
		"/v1/events?until=-1":              "422 form_param_invalid_time until",
		"/v1/events/evt_unknown":           "404 resource_not_found ",
	} {
		a := w.get(t, path)
		code, param := errorOf(a)
		if got := fmt.Sprintf("%d %s %s", a.status, code, param); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	first := ok[[]api.Event](t, w.get(t, "/v1/events?limit=1"))[0]
	if same := ok[api.Event](t, w.get(t, "/v1/events/"+first.ID)); !cmp.Equal(first, same) {
		t.Errorf("%+v, and listed %+v", same, first)
	}
}

// keyedRequest goes to the streams of security events, with a key. The standard describes them, and not openapi.yaml.
func (w *world) keyedRequest(t testing.TB, key, method, path, body string) answer {
	t.Helper()
	a, err := w.trySend(request{method: method, path: path, body: body, public: true, header: map[string]string{"Authorization": "Bearer " + key}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSecurityEventStreams(t *testing.T) {
	t.Parallel()
	w := servePeopled(t, polled, func(w *world) { w.app.Settings.Egress.Development = true })
	config := ok[api.SSFConfiguration](t, w.keyedRequest(t, "", "GET", "/.well-known/ssf-configuration", ""))
	if config.Issuer != issuer || config.ConfigurationEndpoint != issuer+"/v1/ssf/stream" || config.DefaultSubjects != "ALL" {
		t.Errorf("%+v", config)
	}
	stream := func(method, path, body string) answer { return w.keyedRequest(t, secretKey, method, path, body) }
	created := stream("POST", "/v1/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8936"},"events_requested":["https://schemas.openid.net/secevent/caep/event-type/session-revoked","urn:unknown"]}`)
	if created.status != http.StatusCreated {
		t.Fatal(created)
	}
	s := read[api.Stream](t, created)
	w.names["stream"] = s.StreamID
	if s.Delivery.EndpointURL != issuer+"/v1/ssf/poll/"+s.StreamID || len(s.EventsDelivered) != 1 || s.Issuer != issuer || s.Audience != w.app.InstanceID() {
		t.Errorf("%+v", s)
	}
	if got := ok[api.Stream](t, stream("GET", "/v1/ssf/stream?stream_id={stream}", "")); !cmp.Equal(got, s) {
		t.Errorf("%+v, and created as %+v", got, s)
	}
	if got := ok[[]api.Stream](t, stream("GET", "/v1/ssf/stream", "")); len(got) != 1 {
		t.Errorf("%d streams", len(got))
	}
	if a := stream("POST", "/v1/ssf/verify", `{"stream_id":"{stream}","state":"hello"}`); a.status != 204 {
		t.Error(a)
	}
	w.post(t, "/v1/sessions/{active}/revoke", "")
	polled := ok[api.Polled](t, w.pollNow(t, secretKey, "{stream}"))
	if len(polled.Sets) != 2 {
		t.Errorf("%d events, want the verification and the revoke", len(polled.Sets))
	}
	other := ok[api.Polled](t, w.pollNow(t, secretKey, "another_one"))
	if len(other.Sets) != 1 {
		t.Errorf("another stream got %d events, want the revoke", len(other.Sets))
	}
	w.checkSET(t, other.Sets)

	if got := ok[api.StreamStatus](t, stream("POST", "/v1/ssf/status", `{"stream_id":"{stream}","status":"paused","reason":"holidays"}`)); got.Status != "paused" || got.Reason != "holidays" {
		t.Errorf("%+v", got)
	}
	if got := ok[api.Polled](t, w.pollNow(t, secretKey, "{stream}")); len(got.Sets) != 0 {
		t.Error("a paused stream delivers")
	}
	ok[api.StreamStatus](t, stream("GET", "/v1/ssf/status?stream_id={stream}", ""))
	if got := ok[api.Stream](t, stream("PATCH", "/v1/ssf/stream", `{"stream_id":"{stream}","description":"gate"}`)); got.Description != "gate" || len(got.EventsDelivered) != 1 {
		t.Errorf("%+v", got)
	}
	push := `{"stream_id":"{stream}","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://127.0.0.1:9/","authorization_header":"Bearer canary"}}`
	if got := ok[api.Stream](t, stream("PUT", "/v1/ssf/stream", push)); got.Description != "" || len(got.EventsDelivered) != 2 || got.Delivery.AuthorizationHeader != "" {
		t.Errorf("%+v", got)
	}
	if a := stream("POST", "/v1/ssf/poll/{stream}", `{}`); a.status != 404 {
		t.Errorf("a stream that is pushed can be polled: %v", a)
	}
	kept := func(what, change string, want bool) { // the authorization
		t.Helper()
		ok[api.Stream](t, stream("PATCH", "/v1/ssf/stream", `{"stream_id":"{stream}",`+change+`}`))
		if e, err := w.app.Store.Endpoint(bg, s.StreamID); err != nil || (e.Secret != nil) != want {
			t.Errorf("%s: it has an authorization: %v, want %v (%v)", what, e.Secret != nil, want, err)
		}
	}
	kept("another description", `"description":"x"`, true)
	kept("the same receiver", `"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://127.0.0.1:9/"}`, true)
	kept("another receiver", `"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://127.0.0.1:10/"}`, false)
	if a := stream("DELETE", "/v1/ssf/stream?stream_id={stream}", ""); a.status != 204 {
		t.Error(a)
	}
	for _, gone := range []answer{
		stream("GET", "/v1/ssf/stream?stream_id={stream}", ""), stream("DELETE", "/v1/ssf/stream?stream_id={stream}", ""),
		stream("PATCH", "/v1/ssf/stream", `{"stream_id":"{stream}"}`), stream("POST", "/v1/ssf/verify", `{"stream_id":"{stream}"}`),
		stream("POST", "/v1/ssf/poll/{stream}", `{}`), stream("GET", "/v1/ssf/status?stream_id={stream}", ""),
	} {
		if gone.status != 404 {
			t.Errorf("a stream that is gone: %v", gone)
		}
	}
	for body, want := range map[string]string{
		`{"delivery":{"method":"carrier pigeon"}}`:                                                                               "422 form_param_value_invalid delivery.method",
		`{"delivery":{"method":"urn:ietf:rfc:8935"}}`:                                                                            "422 form_param_missing delivery.endpoint_url",
		`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"ftp://127.0.0.1/"}}`:                                          "422 form_param_format_invalid delivery.endpoint_url",
		`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://127.0.0.1/","authorization_header":"a\r\nCookie: b"}}`: "422 form_param_format_invalid delivery.authorization_header",
		`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://127.0.0.1/","authorization_header":"a\u0001"}}`:        "422 form_param_format_invalid delivery.authorization_header",
		`{"events_requested":["urn:unknown"]}`:                                                                                   "422 form_param_value_invalid events_requested",
	} {
		a := stream("POST", "/v1/ssf/stream", body)
		code, param := errorOf(a)
		if got := fmt.Sprintf("%d %s %s", a.status, code, param); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// TestFeedKey is who may poll, and that polling is all that the feed key lets one do.
func TestFeedKey(t *testing.T) {
	t.Parallel()
	w := servePeopled(t, polled)
	first, err := w.app.FeedKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	poll := func(key string) int { return w.pollNow(t, key, "a_stream").status }
	for key, want := range map[string]int{first: 200, secretKey: 200, "": 401, "fk_wrong": 401, first[:len(first)-1]: 401} {
		if got := poll(key); got != want {
			t.Errorf("polling with %q: %d, want %d", key, got, want)
		}
	}
	if a := w.keyedRequest(t, first, "POST", "/v1/ssf/stream", `{}`); a.status != 401 {
		t.Errorf("the feed key makes streams: %v", a)
	}
	if a := w.send(t, request{method: "GET", path: "/v1/sessions", header: map[string]string{"Authorization": "Bearer " + first}}); a.status != 401 {
		t.Errorf("the feed key opens the Backend API: %v", a)
	}
	for turn := range 2 {
		key, err := w.app.RotateFeedKey(bg)
		if err != nil || key == first {
			t.Fatal(key, err)
		}
		w.clock.advance(2 * time.Second)
		if want := []int{200, 401}[turn]; poll(first) != want || poll(key) != 200 {
			t.Errorf("rotated %d times: the first key %d, want %d; the newest %d, want 200", turn+1, poll(first), want, poll(key))
		}
	}
	for id, want := range map[string]int{"short": 400, strings.Repeat("x", 65): 400, "a.stream": 400, "stream_unknown": 404} {
		if a := w.keyedRequest(t, secretKey, "POST", "/v1/ssf/poll/"+id, `{}`); a.status != want {
			t.Errorf("stream %q: %v, want %d", id, a, want)
		}
	}
}

// polled lets a world answer polls.
func polled(w *world) { w.working = append(w.working, w.app.Feed.Run) }

// pollNow polls a stream without waiting, again when the node could not look into the log in time.
func (w *world) pollNow(t *testing.T, key, stream string) (a answer) {
	t.Helper()
	eventually(t, "a poll is answered", func() bool {
		a = w.keyedRequest(t, key, "POST", "/v1/ssf/poll/"+stream, `{"returnImmediately":true}`)
		return a.status != http.StatusServiceUnavailable
	})
	return a
}

// checkSET holds security events to RFC 8417, CAEP and docs/revocation-feed.md: they tell of the end of the session
// {active}, and nobody takes them for its token.
func (w *world) checkSET(t *testing.T, sets map[string]string) {
	t.Helper()
	key, err := w.app.PublicKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	for id, set := range sets {
		parsed, err := jwt.Parse(set, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{"RS256"}))
		if err != nil {
			t.Fatal(err)
		}
		header := answer{body: []byte(decoded(t, set, 0))}
		w.expect(t, header, "alg=RS256 typ=secevent+jwt kid=~^ins_ cat=absent")
		payload := answer{body: []byte(decoded(t, set, 1))}
		w.names["set"], w.names["instance"] = id, w.app.InstanceID()
		w.names["now"] = fmt.Sprint(w.clock.now().Unix())
		w.expect(t, payload, "iss="+issuer+" aud={instance} jti={set} iat={now} txn=~^[0-9a-f]{32}$ sub=absent exp=absent"+
			" sub_id.format=complex sub_id.session.format=opaque sub_id.session.id={active} sub_id.user.format=iss_sub sub_id.user.sub={ada} sub_id.user.iss="+issuer)
		events, _ := parsed.Claims.(jwt.MapClaims)["events"].(map[string]any)
		said, _ := events[event.SETSessionRevoked].(map[string]any)
		if len(events) != 1 || said["initiating_entity"] != "admin" || said["event_timestamp"] != float64(w.clock.now().Unix()) || said["tokens_until"] != float64(w.clock.now().Unix()+181) {
			t.Errorf("events: %v", events)
		}
		w.names["token"] = set
		if a := w.post(t, "/v1/sessions/{pending}/verify", `{"token":"{token}"}`); a.status != 400 {
			t.Errorf("a security event passes for a session token: %v", a)
		}
	}
}

func decoded(t *testing.T, token string, part int) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
