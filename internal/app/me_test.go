package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// postbox keeps the emails that were sent, or fails to.
type postbox struct {
	mu   sync.Mutex
	sent []mail.Message
	err  error
}

func (p *postbox) Send(_ context.Context, m mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.sent = append(p.sent, m)
	}
	return p.err
}

// last is the last email of a kind to an address.
func (p *postbox) last(t *testing.T, kind mail.Kind, to string) mail.Message {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.sent) {
		if m.Kind == kind && m.To == to {
			return m
		}
	}
	t.Fatalf("no %s was sent to %s", kind, mail.Masked(to))
	return mail.Message{}
}

// impersonated makes a session that of an actor.
func impersonated(w *beginning) { w.actor = json.RawMessage(`{"sub":"user_support"}`) }

func passwords(current, next string, others bool) *api.ChangePassword {
	req := &api.ChangePassword{NewPassword: api.Set(next), SignOutOfOtherSessions: api.Set(others)}
	if current != "" {
		req.CurrentPassword = api.Set(current)
	}
	return req
}

func TestChangePassword(t *testing.T) {
	const fresh = "correct horse"
	a, _ := browsersApp(t, storetest.Fresh(t))
	for name, c := range map[string]struct {
		user string
		req  *api.ChangePassword
		ways func(*beginning)
		want string
		left int64 // sessions of the user's three
	}{
		"known":                     {maria, passwords("a", fresh, false), nil, "", 3},
		"known, and out elsewhere":  {maria, passwords("a", fresh, true), nil, "", 1},
		"wrong":                     {maria, passwords("b", fresh, true), nil, "422 form_password_incorrect current_password", 3},
		"not told":                  {maria, passwords("", fresh, true), nil, "422 form_param_missing current_password", 3},
		"nothing new":               {maria, passwords("a", "", true), nil, "422 form_param_missing new_password", 3},
		"too short":                 {maria, passwords("a", "short", true), nil, "422 form_password_length_too_short new_password", 3},
		"the first one":             {`{"email_address":["maria@example.com"]}`, passwords("", fresh, false), nil, "", 3},
		"by who impersonates":       {maria, passwords("a", fresh, true), impersonated, "403 authorization_invalid", 3},
		"no matter what is current": {`{"email_address":["maria@example.com"]}`, passwords("whatever", fresh, true), nil, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			box := &postbox{}
			a.Mail = box
			userID := passing(t, a, c.user).ID
			newPage(t, a, userID)
			activeSessions(t, a, userID, 1)
			p := &page{}
			if c.ways == nil {
				c.ways = func(*beginning) {}
			}
			p.signIn(t, a, userID, c.ways)
			view, err := a.ChangePassword(t.Context(), p.visitor(), c.req)
			expect(t, name, err, c.want)
			if n := countActive(t, a, userID); n != c.left {
				t.Errorf("%d sessions are left, want %d", n, c.left)
			}
			if c.want != "" {
				if len(box.sent) > 0 {
					t.Errorf("an email was sent: %v", box.sent)
				}
				return
			}
			if !view.PasswordEnabled {
				t.Error("the answer says that there is no password")
			}
			if box.last(t, mail.PasswordChanged, "maria@example.com").Code != "" {
				t.Error("the notice has a code")
			}
			expect(t, "the new password", verifyPassword(t, a, userID, fresh), "")
			if _, err := a.CreateBrowserToken(t.Context(), p.visitor(), p.token()); err != nil {
				t.Errorf("the session that changed it: %v", err)
			}
		})
	}
}

// TestAChangedPasswordIsAcknowledged, though nobody could be told by email.
func TestAChangedPasswordIsAcknowledged(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	a.Mail = &postbox{err: errors.New("the queue is full")}
	userID := createUser(t, a, maria).ID
	_, err := a.ChangePassword(t.Context(), newPage(t, a, userID).visitor(), passwords("a", "correct horse", false))
	expect(t, "change", err, "")
	expect(t, "the new password", verifyPassword(t, a, userID, "correct horse"), "")
}

// TestGuessesOfTheCurrentPasswordLock: whoever sits at an open session has as many guesses as whoever signs in, however
// many are made at once, and the right one is worth nothing after them.
func TestGuessesOfTheCurrentPasswordLock(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		a, advance := browsersApp(t, databaseURL)
		a.Settings.Browsers.LockoutDuration, a.Settings.Browsers.PasswordOptional = time.Hour, true
		userID := createUser(t, a, maria).ID
		p := newPage(t, a, userID)
		var wrong atomic.Int64
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				_, err := a.ChangePassword(t.Context(), p.visitor(), passwords("guess", "correct horse", false))
				switch got := told(err); got {
				case "422 form_password_incorrect current_password":
					wrong.Add(1)
				case "403 user_locked", "403 user_locked ":
				default:
					t.Errorf("a guess: %s", got)
				}
			})
		}
		wg.Wait()
		if wrong.Load() != a.Settings.MaxAttempts {
			t.Errorf("%d guesses were judged, want %d", wrong.Load(), a.Settings.MaxAttempts)
		}
		for what, op := range map[string]func() error{
			"change": func() error {
				_, err := a.ChangePassword(t.Context(), p.visitor(), passwords("a", "correct horse", false))
				return err
			},
			"remove": func() error {
				_, err := a.RemoveMyPassword(t.Context(), p.visitor(), &api.RemoveMyPassword{CurrentPassword: api.Set("a")})
				return err
			},
		} {
			if got := told(op()); !strings.HasPrefix(got, "403 user_locked") {
				t.Errorf("%s, with the right password, while locked: %s", what, got)
			}
		}
		if n := countActive(t, a, userID); n != 1 {
			t.Errorf("%d sessions: a lock leaves them alone", n)
		}
		advance(time.Hour)
		_, err := a.ChangePassword(t.Context(), p.visitor(), passwords("a", "correct horse", false))
		expect(t, "after the lock", err, "")
	})
}

// TestOnePasswordChangeWins: of many at once with the same current password, the others are told that it is not theirs
// any more.
func TestOnePasswordChangeWins(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		a, _ := browsersApp(t, databaseURL)
		a.Settings.MaxAttempts = 0
		userID := createUser(t, a, maria).ID
		const devices = 6
		pages := make([]*page, devices)
		for i := range pages {
			pages[i] = newPage(t, a, userID)
		}
		var won atomic.Int64
		var winner atomic.Pointer[page]
		var wg sync.WaitGroup
		for i, p := range pages {
			wg.Go(func() {
				_, err := a.ChangePassword(t.Context(), p.visitor(), passwords("a", "correct horse "+string(rune('a'+i)), true))
				switch got := told(err); got {
				case "":
					won.Add(1)
					winner.Store(p)
				case "422 form_password_incorrect current_password", "401 authentication_invalid":
				default:
					t.Errorf("device %d: %s", i, got)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d changes of one password were acknowledged", won.Load())
		}
		if n := countActive(t, a, userID); n != 1 {
			t.Errorf("%d sessions are left, want the one that changed it", n)
		}
		if _, err := a.CreateBrowserToken(t.Context(), winner.Load().visitor(), winner.Load().token()); err != nil {
			t.Errorf("the session that changed it: %v", err)
		}
	})
}

// TestAWayInRemains: nobody takes from themselves the last way in which they could sign in.
func TestAWayInRemains(t *testing.T) {
	const (
		digest     = `"password_digest":"0cc175b9c0f1b6a831c399e269772661","password_hasher":"md5"`
		unverified = `"email_address_identification_status":["reserved"]`
	)
	a, _ := browsersApp(t, storetest.Fresh(t))
	a.Settings.Browsers.PasswordOptional = true
	type op func(a *App, p *page, u *api.User) error
	removePassword := func(a *App, p *page, _ *api.User) error {
		_, err := a.RemoveMyPassword(t.Context(), p.visitor(), &api.RemoveMyPassword{CurrentPassword: api.Set("a")})
		return err
	}
	removeEmail := func(a *App, p *page, u *api.User) error {
		_, err := a.DeleteMyEmailAddress(t.Context(), p.visitor(), &api.EmailAddressRef{EmailAddressID: u.EmailAddresses[0].ID})
		return err
	}
	clearUsername := func(a *App, p *page, _ *api.User) error {
		_, err := a.UpdateMe(t.Context(), p.visitor(), &api.UpdateMe{Username: api.Null[string]()})
		return err
	}
	for name, c := range map[string]struct {
		user string
		do   op
		want string
	}{
		"password, with a verified address":     {`{"email_address":["a@b.test"],` + digest + `}`, removePassword, ""},
		"password, with a reserved address":     {`{"email_address":["a@b.test"],` + unverified + `,` + digest + `}`, removePassword, "400 identification_deletion_failed"},
		"password, with a username alone":       {`{"username":"anna",` + digest + `}`, removePassword, "400 identification_deletion_failed"},
		"password, without one":                 {`{"email_address":["a@b.test"]}`, removePassword, "400 no_password_set"},
		"address, with a username and password": {`{"username":"anna","email_address":["a@b.test"],` + digest + `}`, removeEmail, ""},
		"address, with a username alone":        {`{"username":"anna","email_address":["a@b.test"]}`, removeEmail, "400 identification_deletion_failed"},
		"address, with another one":             {`{"email_address":["a@b.test","c@b.test"]}`, removeEmail, ""},
		"address, with a reserved one":          {`{"email_address":["a@b.test","c@b.test"],"email_address_identification_status":["verified","reserved"]}`, removeEmail, "400 identification_deletion_failed"},
		"the last address":                      {`{"email_address":["a@b.test"],` + digest + `}`, removeEmail, "400 identification_deletion_failed"},
		"username, with an address":             {`{"username":"anna","email_address":["a@b.test"]}`, clearUsername, ""},
		"username, without an address":          {`{"username":"anna",` + digest + `}`, clearUsername, "400 identification_deletion_failed"},
		"an address that was no way in":         {`{"email_address":["a@b.test","c@b.test"],"email_address_identification_status":["reserved","reserved"]}`, removeEmail, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := passing(t, a, c.user)
			p := newPage(t, a, u.ID)
			before := jsonOf(t, getUser(t, a, u.ID))
			expect(t, name, c.do(a, p, u), c.want)
			if after := jsonOf(t, getUser(t, a, u.ID)); (after == before) != (c.want != "") {
				t.Errorf("after it the user is %s", after)
			}
		})
	}
}

// TestWhoImpersonates sees the user, and changes nothing by which the user signs in.
func TestWhoImpersonates(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	a.Mail = &postbox{}
	a.Settings.Browsers.PasswordOptional = true
	u := createUser(t, a, `{"email_address":["maria@example.com","other@example.com"],"password":"correct horse"}`)
	p := &page{}
	p.signIn(t, a, u.ID, impersonated)
	ctx, email := t.Context(), api.EmailAddressRef{EmailAddressID: u.EmailAddresses[1].ID}
	before := jsonOf(t, getUser(t, a, u.ID))
	for name, do := range map[string]func() error{
		"add an address": func() error {
			_, err := a.AddMyEmailAddress(ctx, p.visitor(), &api.AddMyEmailAddress{EmailAddress: api.Set("x@example.com")})
			return err
		},
		"delete an address": func() error { _, err := a.DeleteMyEmailAddress(ctx, p.visitor(), &email); return err },
		"prepare an address": func() error {
			_, err := a.PrepareMyEmailAddress(ctx, p.visitor(), &api.PrepareMyEmailAddress{EmailAddressRef: email, Strategy: api.Set("email_code")})
			return err
		},
		"attempt an address": func() error {
			_, err := a.AttemptMyEmailAddress(ctx, p.visitor(), &api.AttemptMyEmailAddress{EmailAddressRef: email, Code: api.Set("000000")})
			return err
		},
		"another primary address": func() error {
			_, err := a.UpdateMe(ctx, p.visitor(), &api.UpdateMe{PrimaryEmailAddressID: api.Set(email.EmailAddressID)})
			return err
		},
		"remove the password": func() error {
			_, err := a.RemoveMyPassword(ctx, p.visitor(), &api.RemoveMyPassword{CurrentPassword: api.Set("correct horse")})
			return err
		},
		"delete the user": func() error { _, err := a.DeleteMe(ctx, p.visitor(), &api.None{}); return err },
	} {
		expect(t, name, do(), "403 authorization_invalid")
	}
	if after := jsonOf(t, getUser(t, a, u.ID)); after != before {
		t.Errorf("the user is %s", after)
	}
	if me, err := a.GetMe(ctx, p.visitor(), &api.None{}); err != nil || me.ID != u.ID {
		t.Errorf("%v, %v", me, err)
	}
}

// TestDeletingOneself: the user is gone with all their sessions, which say who ended them; whom the operator keeps from
// it stays.
func TestDeletingOneself(t *testing.T) {
	a, _ := browsersApp(t, storetest.Fresh(t))
	kept := createUser(t, a, `{"delete_self_enabled":false}`).ID
	_, err := a.DeleteMe(t.Context(), newPage(t, a, kept).visitor(), &api.None{})
	expect(t, "not allowed", err, "403 authorization_invalid")

	u := createUser(t, a, maria)
	p, other := newPage(t, a, u.ID), newPage(t, a, u.ID)
	v := p.visitor()
	deleted, err := a.DeleteMe(t.Context(), v, &api.None{})
	if want := `{"object":"user","id":"` + u.ID + `","deleted":true}`; err != nil || jsonOf(t, deleted) != want {
		t.Fatalf("%v\ngot  %s\nwant %s", err, jsonOf(t, deleted), want)
	}
	p.keep(v)
	for _, device := range []*page{p, other} {
		if c := device.client(t, a); len(c.Sessions) != 0 {
			t.Errorf("a client still has %+v", c.Sessions)
		}
		_, err := a.GetMe(t.Context(), device.visitor(), &api.None{})
		expect(t, "me", err, "401 authentication_invalid")
	}
	if _, err := a.GetUser(t.Context(), &api.UserRef{UserID: u.ID}); told(err) != "404 resource_not_found" {
		t.Errorf("the user: %v", err)
	}
	createUser(t, a, maria) // the address is free again
}

// addAddress adds an address to the user of a page, and mails it a code.
func addAddress(t *testing.T, a *App, p *page, address string) (id string) {
	t.Helper()
	added, err := a.AddMyEmailAddress(t.Context(), p.visitor(), &api.AddMyEmailAddress{EmailAddress: api.Set(address)})
	if err != nil {
		t.Fatal(err)
	}
	if added.Verification != nil {
		t.Errorf("nobody began to verify it, and yet %+v", added.Verification)
	}
	prepared, err := a.PrepareMyEmailAddress(t.Context(), p.visitor(), prepareEmail(added.ID))
	if err != nil {
		t.Fatal(err)
	}
	if v := prepared.Verification; v == nil || *v.Status != "unverified" || *v.Strategy != "email_code" || *v.Attempts != 0 {
		t.Errorf("after the code was mailed: %+v", v)
	}
	return added.ID
}

func prepareEmail(id string) *api.PrepareMyEmailAddress {
	return &api.PrepareMyEmailAddress{EmailAddressRef: api.EmailAddressRef{EmailAddressID: id}, Strategy: api.Set("email_code")}
}

func attemptEmail(id, code string) *api.AttemptMyEmailAddress {
	return &api.AttemptMyEmailAddress{EmailAddressRef: api.EmailAddressRef{EmailAddressID: id}, Code: api.Set(code)}
}

func TestVerifyingAnAddress(t *testing.T) {
	a, advance := browsersApp(t, storetest.Fresh(t))
	box := &postbox{}
	a.Mail = box
	u := createUser(t, a, maria)
	p, stranger := newPage(t, a, u.ID), newPage(t, a, createUser(t, a, `{}`).ID)
	id := addAddress(t, a, p, "New@example.com")
	code := box.last(t, mail.VerificationCode, "new@example.com").Code
	attempt := func(p *page, code string) error {
		_, err := a.AttemptMyEmailAddress(t.Context(), p.visitor(), attemptEmail(id, code))
		return err
	}
	primary := func() error {
		_, err := a.UpdateMe(t.Context(), p.visitor(), &api.UpdateMe{PrimaryEmailAddressID: api.Set(id)})
		return err
	}
	prepare := func(p *page) error {
		_, err := a.PrepareMyEmailAddress(t.Context(), p.visitor(), prepareEmail(id))
		return err
	}
	expect(t, "a stranger's attempt", attempt(stranger, code), "404 resource_not_found")
	expect(t, "a stranger's preparation", prepare(stranger), "404 resource_not_found")
	_, err := a.GetMyEmailAddress(t.Context(), stranger.visitor(), &api.EmailAddressRef{EmailAddressID: id})
	expect(t, "a stranger's look", err, "404 resource_not_found")
	_, err = a.DeleteMyEmailAddress(t.Context(), stranger.visitor(), &api.EmailAddressRef{EmailAddressID: id})
	expect(t, "a stranger's deletion", err, "404 resource_not_found")
	expect(t, "primary before it is verified", primary(), "422 form_verification_needed primary_email_address_id")
	expect(t, "another code at once", prepare(p), "429 verification_code_too_many_requests")
	for range codeAttempts {
		expect(t, "a wrong code", attempt(p, "not it"), "422 form_code_incorrect code")
	}
	expect(t, "the right code after too many", attempt(p, code), "400 verification_failed")
	advance(codePause)
	expect(t, "another code", prepare(p), "")
	expect(t, "the code before", attempt(p, code), "422 form_code_incorrect code")
	code = box.last(t, mail.VerificationCode, "new@example.com").Code
	advance(codeLifetime)
	expect(t, "a code that has expired", attempt(p, code), "400 verification_expired")
	expect(t, "another code", prepare(p), "")
	code = box.last(t, mail.VerificationCode, "new@example.com").Code
	advance(time.Second)
	expect(t, "the right code", attempt(p, code), "")
	expect(t, "the same code again", attempt(p, code), "400 verification_already_verified")
	expect(t, "a code for what is verified", prepare(p), "400 verification_already_verified")
	expect(t, "primary", primary(), "")
	me, err := a.GetMe(t.Context(), p.visitor(), &api.None{})
	if err != nil || *me.PrimaryEmailAddressID != id || me.UpdatedAt <= u.UpdatedAt {
		t.Fatalf("%v: primary %v, updated at %d", err, me.PrimaryEmailAddressID, me.UpdatedAt)
	}
	if v := me.EmailAddresses[1].Verification; v == nil || *v.Status != "verified" || *v.Strategy != "email_code" {
		t.Errorf("the address is verified by %+v", v)
	}
}

// TestAnAddressIsVerifiedOnce: of many who send the right code at the same time, on several nodes, one is told that it
// was right. A wrong one is counted however many come at once.
func TestAnAddressIsVerifiedOnce(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		a, _ := browsersApp(t, databaseURL)
		nodes := []*App{a, secondNode(t, a, databaseURL)}
		p := newPage(t, a, createUser(t, a, maria).ID)
		const rounds, contenders = 5, 20
		for round := range rounds {
			id := addAddress(t, a, p, string(rune('a'+round))+"+clerk_test@example.com")
			var right, wrong atomic.Int64
			race := func(code string) {
				var wg sync.WaitGroup
				for i := range contenders {
					wg.Go(func() {
						_, err := nodes[i%2].AttemptMyEmailAddress(t.Context(), p.visitor(), attemptEmail(id, code))
						switch got := told(err); got {
						case "":
							right.Add(1)
						case "422 form_code_incorrect code":
							wrong.Add(1)
						case "400 verification_already_verified", "400 verification_failed":
						default:
							t.Errorf("an attempt: %s", got)
						}
					})
				}
				wg.Wait()
			}
			if round == 0 {
				race("000000")
				if wrong.Load() != codeAttempts || right.Load() != 0 {
					t.Errorf("%d wrong codes were judged, want %d; %d were right", wrong.Load(), codeAttempts, right.Load())
				}
				continue
			}
			race(testCode)
			if right.Load() != 1 {
				t.Errorf("round %d: the code was right %d times", round, right.Load())
			}
		}
	})
}

// TestFillingMailboxes: one user cannot have emails sent to as many strangers as they can name.
func TestFillingMailboxes(t *testing.T) {
	a, advance := browsersApp(t, storetest.Fresh(t))
	a.Mail = &postbox{}
	p := newPage(t, a, createUser(t, a, maria).ID)
	sent := 0
	for n := range maxIdentifiers - 1 {
		added, err := a.AddMyEmailAddress(t.Context(), p.visitor(), &api.AddMyEmailAddress{EmailAddress: api.Set(string(rune('a'+n/10)) + string(rune('a'+n%10)) + "@example.org")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.PrepareMyEmailAddress(t.Context(), p.visitor(), prepareEmail(added.ID))
		if err != nil {
			expect(t, "too many", err, "429 too_many_requests")
			break
		}
		sent++
	}
	if sent != codesPerHour {
		t.Errorf("%d emails were sent in an hour, want %d", sent, codesPerHour)
	}
	advance(time.Hour)
	added, err := a.AddMyEmailAddress(t.Context(), p.visitor(), &api.AddMyEmailAddress{EmailAddress: api.Set("later@example.org")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.PrepareMyEmailAddress(t.Context(), p.visitor(), prepareEmail(added.ID))
	expect(t, "an hour later", err, "")
}
