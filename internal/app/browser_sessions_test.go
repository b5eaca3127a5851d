package app

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// browsersApp is an instance that browsers reach, on a database of its own, and the means to move its clock.
func browsersApp(t *testing.T, databaseURL string) (*App, func(time.Duration)) {
	t.Helper()
	a := usersApp(t)
	a.Store = storetest.Open(t, databaseURL)
	a.Master = secret.NewMasterKey()
	var now atomic.Int64
	now.Store(usersStart.UnixMilli())
	a.Now = func() time.Time { return time.UnixMilli(now.Load()).UTC() }
	a.Settings.TokenLifetime, a.Settings.ClaimsVersion = time.Minute, 2
	if _, err := a.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, func(by time.Duration) { now.Add(by.Milliseconds()) }
}

// secondNode is another node of the fleet: it shares the database and nothing else.
func secondNode(t *testing.T, a *App, databaseURL string) *App {
	t.Helper()
	b := &App{Store: storetest.Open(t, databaseURL), Settings: a.Settings, Master: a.Master, Now: a.Now, NewID: a.NewID, Log: a.Log}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// passing makes a user for a part of a test, who is gone when it ends: making an instance takes a second, so parts share
// one.
func passing(t *testing.T, a *App, request string) *api.User {
	t.Helper()
	u := createUser(t, a, request)
	t.Cleanup(func() {
		if _, err := a.DeleteUser(context.Background(), &api.UserRef{UserID: u.ID}); err != nil && told(err) != "404 resource_not_found" {
			t.Error(err)
		}
	})
	return u
}

// page is a page in a browser: what it brings along with each request.
type page struct{ cookie, sessionID string }

func (p *page) visitor() *Visitor {
	return &Visitor{Cookie: p.cookie, SessionID: p.sessionID, Origin: "https://app.example.com", Address: "192.0.2.1", UserAgent: "Mozilla/5.0"}
}

// keep takes what an operation left in the visitor, as the browser does.
func (p *page) keep(v *Visitor) {
	switch {
	case v.NewCookie != "":
		p.cookie = v.NewCookie
	case v.Forget:
		p.cookie = ""
	}
}

// signIn begins a session of a user in the browser, which its page makes the active one.
func (p *page) signIn(t *testing.T, a *App, userID string, ways ...func(*beginning)) string {
	t.Helper()
	p.sessionID = ""
	v := p.visitor()
	way := beginning{userID: userID, strategy: signin.EmailCode}
	for _, change := range ways {
		change(&way)
	}
	err := a.changeClient(t.Context(), v, a.now(), func(tx store.Conn, b *browser) error {
		s, err := a.begin(t.Context(), tx, v, b, way, a.now())
		p.sessionID = s.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.keep(v)
	if _, err := a.TouchSession(t.Context(), p.visitor(), p.touch()); err != nil {
		t.Fatal(err)
	}
	return p.sessionID
}

func (p *page) touch() *api.TouchSession { return &api.TouchSession{SessionRef: p.ref()} }
func (p *page) token() *api.BrowserToken { return &api.BrowserToken{SessionRef: p.ref()} }
func (p *page) ref() api.SessionRef      { return api.SessionRef{SessionID: p.sessionID} }

func newPage(t *testing.T, a *App, userID string) *page {
	t.Helper()
	p := &page{}
	p.signIn(t, a, userID)
	return p
}

func (p *page) client(t *testing.T, a *App) *api.BrowserClient {
	t.Helper()
	c, err := a.BrowserClient(t.Context(), p.visitor(), WithoutTokens)
	if err != nil || c == nil {
		t.Fatalf("the client is %v, %v", c, err)
	}
	return c
}

// maria has a verified address and a password, which is a.
const maria = `{"email_address":["maria@example.com"],"password_digest":"0cc175b9c0f1b6a831c399e269772661","password_hasher":"md5"}`

// ends are all that ends the session of a page, as its user or the backend does it from elsewhere.
var ends = map[string]func(ctx context.Context, a *App, p, other *page, userID string) error{
	"revoked by the backend": func(ctx context.Context, a *App, p, _ *page, _ string) error {
		ref := p.ref()
		_, err := a.RevokeSession(ctx, &ref)
		return err
	},
	"revoked on another device": func(ctx context.Context, a *App, p, other *page, _ string) error {
		ref := p.ref()
		_, err := a.RevokeOwnSession(ctx, other.visitor(), &ref)
		return err
	},
	"signed out in another tab": func(ctx context.Context, a *App, p, _ *page, _ string) error {
		v, ref := p.visitor(), p.ref()
		_, err := a.RemoveBrowserSession(ctx, v, &ref)
		p.keep(v)
		return err
	},
	"everybody signed out": func(ctx context.Context, a *App, p, _ *page, _ string) error {
		v := p.visitor()
		_, err := a.EndAllSessions(ctx, v, &api.None{})
		p.keep(v)
		return err
	},
	"banned": func(ctx context.Context, a *App, _, _ *page, userID string) error {
		_, err := a.BanUser(ctx, &api.UserRef{UserID: userID})
		return err
	},
	"deleted": func(ctx context.Context, a *App, _, _ *page, userID string) error {
		_, err := a.DeleteUser(ctx, &api.UserRef{UserID: userID})
		return err
	},
	"password changed elsewhere": func(ctx context.Context, a *App, _, other *page, _ string) error {
		_, err := a.ChangePassword(ctx, other.visitor(), &api.ChangePassword{
			CurrentPassword: api.Set("a"), NewPassword: api.Set("correct horse"), SignOutOfOtherSessions: api.Set(true),
		})
		return err
	},
}

// TestPagesGetNoTokenAfterAnEnd is the promise, for pages on a fleet whose clock stands still, so that every token could
// be one that is shared: whatever is asked after an end was acknowledged is refused with the status that makes pages look
// at their client again, in which the session is no more.
func TestPagesGetNoTokenAfterAnEnd(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		a, _ := browsersApp(t, databaseURL)
		nodes := []*App{a, secondNode(t, a, databaseURL)}
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				userID := passing(t, a, maria).ID
				p, other := newPage(t, a, userID), newPage(t, a, userID)
				checkNoTokenAfter(t, nodes, p, func(ctx context.Context) error { return end(ctx, a, p, other, userID) })
				if c := p.client(t, a); len(c.Sessions) != 0 || c.LastActiveSessionID != nil {
					t.Errorf("the client has %d sessions; last active: %v", len(c.Sessions), c.LastActiveSessionID)
				}
			})
		}
	})
}

// checkNoTokenAfter asks for tokens on all nodes while a session ends, until each asker was refused after the end.
func checkNoTokenAfter(t *testing.T, nodes []*App, p *page, end func(context.Context) error) {
	t.Helper()
	const askers = 6
	var acknowledged atomic.Bool
	var warm, wg sync.WaitGroup
	warm.Add(askers)
	cookie := p.cookie // the one of before: tabs hold it while another one signs out
	for i := range askers {
		wg.Go(func() {
			node, tab := nodes[i%len(nodes)], &page{cookie: cookie, sessionID: p.sessionID}
			for refused, first := 0, true; refused < 3; first = false {
				late := acknowledged.Load() // read before the request is sent
				var err error
				if i < askers/2 {
					_, err = node.CreateBrowserToken(t.Context(), tab.visitor(), tab.token())
				} else {
					_, err = node.TouchSession(t.Context(), tab.visitor(), tab.touch())
				}
				if first {
					warm.Done()
				}
				switch got := told(err); {
				case err == nil && late:
					t.Error("a token was made after the end was acknowledged")
					refused++
				case err != nil && got != "401 authentication_invalid":
					t.Errorf("refused with %s", got)
					refused++
				case late:
					refused++
				}
			}
		})
	}
	warm.Wait() // the end comes while tokens are being made
	err := end(t.Context())
	acknowledged.Store(true)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTabsShareASignature: those that ask in one second get one token, however many they are.
func TestTabsShareASignature(t *testing.T) {
	a, advance := browsersApp(t, storetest.Fresh(t))
	p := newPage(t, a, createUser(t, a, maria).ID)
	const tabs = 20
	tokens := make([]string, tabs)
	var wg sync.WaitGroup
	for i := range tabs {
		wg.Go(func() {
			got, err := a.CreateBrowserToken(t.Context(), p.visitor(), p.token())
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i] = got.JWT
		})
	}
	wg.Wait()
	for _, jwt := range tokens {
		if jwt != tokens[0] {
			t.Fatal("tabs that asked in the same second cost two signatures")
		}
	}
	advance(time.Second)
	got, err := a.CreateBrowserToken(t.Context(), p.visitor(), p.token())
	if err != nil || got.JWT == tokens[0] {
		t.Errorf("a second later: %v, and the same token: %t", err, got.JWT == tokens[0])
	}
	bob := newPage(t, a, createUser(t, a, `{}`).ID)
	if theirs, err := a.CreateBrowserToken(t.Context(), bob.visitor(), bob.token()); err != nil || theirs.JWT == got.JWT {
		t.Errorf("another user in the same second: %v, and the same token: %t", err, theirs.JWT == got.JWT)
	}
}

// TestClientsMoveWithTheirSessions: what ends a session moves its client's updated_at, even in a moment in which it has
// moved already and when another session was used last there; a touch never does.
func TestClientsMoveWithTheirSessions(t *testing.T) {
	a, advance := browsersApp(t, storetest.Fresh(t))
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			userID, bob := passing(t, a, maria).ID, passing(t, a, `{}`).ID
			p, other := newPage(t, a, userID), newPage(t, a, userID)
			shared := &page{cookie: p.cookie}
			bobs := shared.signIn(t, a, bob)
			p.cookie = shared.cookie
			before, others := p.client(t, a), other.client(t, a)
			if before.LastActiveSessionID == nil || *before.LastActiveSessionID != bobs {
				t.Fatalf("last active is %v, want Bob's session", before.LastActiveSessionID)
			}
			if err := end(t.Context(), a, p, other, userID); err != nil {
				t.Fatal(err)
			}
			after := p.client(t, a)
			if after.UpdatedAt <= before.UpdatedAt {
				t.Errorf("updated_at is %d after the end and was %d before", after.UpdatedAt, before.UpdatedAt)
			}
			if name != "everybody signed out" && (after.LastActiveSessionID == nil || *after.LastActiveSessionID != bobs) {
				t.Errorf("last active is %v: the session that was used last goes on", after.LastActiveSessionID)
			}
			if untouched := name != "banned" && name != "deleted"; untouched && other.client(t, a).UpdatedAt != others.UpdatedAt {
				t.Error("the client that did it moved, and lost no session")
			}
			if name == "everybody signed out" {
				return
			}
			shared.cookie, shared.sessionID = p.cookie, bobs
			advance(time.Minute)
			if _, err := a.TouchSession(t.Context(), shared.visitor(), shared.touch()); err != nil {
				t.Fatal(err)
			}
			if touched := p.client(t, a); touched.UpdatedAt != after.UpdatedAt {
				t.Error("a touch moved updated_at")
			}
		})
	}
}

// TestSigningOutFallsBack: the last active place goes to a session that is left, whoever ends the one in it.
func TestSigningOutFallsBack(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	for name, end := range map[string]func(a *App, v *Visitor, ref *api.SessionRef) error{
		"end": func(a *App, v *Visitor, ref *api.SessionRef) error {
			_, err := a.EndBrowserSession(t.Context(), v, ref)
			return err
		},
		"remove": func(a *App, v *Visitor, ref *api.SessionRef) error {
			_, err := a.RemoveBrowserSession(t.Context(), v, ref)
			return err
		},
		"revoke": func(a *App, v *Visitor, ref *api.SessionRef) error {
			_, err := a.RevokeOwnSession(t.Context(), v, ref)
			return err
		},
		"delete oneself": func(a *App, v *Visitor, _ *api.SessionRef) error {
			_, err := a.DeleteMe(t.Context(), v, &api.None{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			userID, bob := passing(t, a, maria).ID, passing(t, a, `{}`).ID
			p := &page{}
			left := p.signIn(t, a, bob)
			p.signIn(t, a, userID)
			v, ref := p.visitor(), p.ref()
			if err := end(a, v, &ref); err != nil {
				t.Fatal(err)
			}
			if v.NewCookie == "" || v.NewCookie == p.cookie {
				t.Error("the browser keeps the client token that it had before")
			}
			p.keep(v)
			c := p.client(t, a)
			if len(c.Sessions) != 1 || c.Sessions[0].ID != left || c.LastActiveSessionID == nil || *c.LastActiveSessionID != left {
				t.Errorf("after the end: %d sessions, last active %v", len(c.Sessions), c.LastActiveSessionID)
			}
		})
	}
}

// TestAForgottenClientIsWorthNothing: no cookie that the browser ever had is its client any more.
func TestAForgottenClientIsWorthNothing(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	userID := createUser(t, a, maria).ID
	p := newPage(t, a, userID)
	before := *p
	v := p.visitor()
	view, err := a.DeleteBrowserClient(t.Context(), v, &api.None{})
	if err != nil || view == nil || len(view.Sessions) != 0 {
		t.Fatalf("%v, %v", view, err)
	}
	if !v.Forget || v.NewCookie != "" {
		t.Errorf("forget %t, new cookie %t", v.Forget, v.NewCookie != "")
	}
	if c, err := a.BrowserClient(t.Context(), before.visitor(), WithoutTokens); c != nil || err != nil {
		t.Errorf("the old cookie is the client %v, %v", c, err)
	}
	if n := countActive(t, a, userID); n != 0 {
		t.Errorf("%d sessions live", n)
	}
	nobody := &Visitor{}
	for name, op := range map[string]func(context.Context, *Visitor, *api.None) (*api.BrowserClient, error){
		"end all": a.EndAllSessions, "delete": a.DeleteBrowserClient,
	} {
		if view, err := op(t.Context(), nobody, &api.None{}); view != nil || err != nil || nobody.NewCookie != "" {
			t.Errorf("%s, by nobody: %v, %v; they become a client: %t", name, view, err, nobody.NewCookie != "")
		}
	}
}

// TestStrangersSessions: user A neither sees nor ends what is user B's, from any place, and the other way round.
func TestStrangersSessions(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	anna, bob := createUser(t, a, maria).ID, createUser(t, a, `{}`).ID
	p, theirs := newPage(t, a, anna), newPage(t, a, bob)
	shared := &page{cookie: p.cookie}
	besides := shared.signIn(t, a, bob) // on the same client as Anna's
	p.cookie = shared.cookie
	for _, id := range []string{theirs.sessionID, besides, "sess_none"} {
		ref := &api.SessionRef{SessionID: id}
		_, err := a.RevokeOwnSession(t.Context(), p.visitor(), ref)
		expect(t, "revoke "+id, err, "404 resource_not_found")
		if id == besides {
			continue // which is on the client, so its page can end it
		}
		_, err = a.GetBrowserSession(t.Context(), p.visitor(), ref)
		expect(t, "get "+id, err, "404 resource_not_found")
		_, err = a.EndBrowserSession(t.Context(), p.visitor(), ref)
		expect(t, "end "+id, err, "404 resource_not_found")
		_, err = a.RemoveBrowserSession(t.Context(), p.visitor(), ref)
		expect(t, "remove "+id, err, "404 resource_not_found")
		stranger := &page{cookie: p.cookie, sessionID: id}
		_, err = a.ListActiveSessions(t.Context(), stranger.visitor(), &api.None{})
		expect(t, "list as "+id, err, "401 authentication_invalid")
		_, err = a.GetMe(t.Context(), stranger.visitor(), &api.None{})
		expect(t, "me as "+id, err, "401 authentication_invalid")
	}
	list, err := a.ListActiveSessions(t.Context(), p.visitor(), &api.None{})
	if err != nil || len(list) != 1 || list[0].ID != p.sessionID {
		t.Errorf("Anna's sessions: %v, %v", list, err)
	}
	if n := countActive(t, a, bob); n != 2 {
		t.Errorf("Bob has %d sessions, want his two", n)
	}
}

// TestSessionsWithoutADeviceAreListed: the backend begins sessions that no browser was seen in, and components read the
// device of each.
func TestSessionsWithoutADeviceAreListed(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	userID := createUser(t, a, maria).ID
	made := activeSessions(t, a, userID, 1)[0]
	p := newPage(t, a, userID)
	list, err := a.ListActiveSessions(t.Context(), p.visitor(), &api.None{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	for _, s := range list {
		if s.LatestActivity == nil || s.LatestActivity.ID == "" || s.LatestActivity.Object != "session_activity" {
			t.Errorf("session %s (made by the backend: %t) was last seen as %+v", s.ID, s.ID == made, s.LatestActivity)
		}
	}
}

// TestDevicesRevokeEachOther: however many devices of a user end each other's sessions and their own at the same time,
// each session ends once, for one reason, and nobody is told of a race.
func TestDevicesRevokeEachOther(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		a, _ := browsersApp(t, databaseURL)
		userID := createUser(t, a, maria).ID
		const devices = 6
		pages := make([]*page, devices)
		for i := range pages {
			pages[i] = newPage(t, a, userID)
		}
		var wg sync.WaitGroup
		for i := range pages {
			wg.Go(func() {
				for j := range pages {
					ref := pages[(i+j)%devices].ref()
					var err error
					if j == devices-1 {
						own := pages[i].ref()
						_, err = a.RemoveBrowserSession(t.Context(), pages[i].visitor(), &own)
					} else {
						_, err = a.RevokeOwnSession(t.Context(), pages[i].visitor(), &ref)
					}
					if got := told(err); got != "" && got != "401 authentication_invalid" { // ended by another device before
						t.Errorf("device %d: %s", i, got)
					}
				}
			})
		}
		wg.Wait()
		if n := countActive(t, a, userID); n != 0 {
			t.Errorf("%d sessions live", n)
		}
		for _, p := range pages {
			s, err := a.Store.Session(t.Context(), p.sessionID)
			if err != nil || s.End == nil || s.End.By != userID {
				t.Errorf("%s ended as %+v, %v", p.sessionID, s.End, err)
				continue
			}
			want := map[session.Status]session.Reason{session.Revoked: session.ReasonRevoked, session.Removed: session.ReasonSignedOut}
			if s.End.Reason != want[s.Status] {
				t.Errorf("%s is %s because of %s", s.ID, s.Status, s.End.Reason)
			}
		}
	})
}
