package app

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// door is an instance that people sign up to and in to.
type door struct {
	*App
	passed   atomic.Int64 // milliseconds since usersStart
	onSQLite bool
	userID   string
}

const (
	doorEmail    = "maria@example.com"
	testersEmail = "maria+clerk_test@example.com" // its code is known, and no email is sent
	doorPassword = "correct horse battery"
)

func newDoor(t *testing.T, databaseURL string) *door {
	t.Helper()
	d := new(door)
	d.App = &App{
		Store: storetest.Open(t, databaseURL), Master: secret.NewMasterKey(), NewID: NewID, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return usersStart.Add(time.Duration(d.passed.Load()) * time.Millisecond) },
		Settings: Settings{
			Environment: Development, Issuer: "https://auth.example.com", PasswordMin: 8, MaxAttempts: 10, ClaimsVersion: 2,
			TokenLifetime: time.Minute, Lifetimes: session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon},
			Browsers: Browsers{LockoutDuration: time.Hour},
		},
	}
	templates, err := mail.ReadTemplates("")
	must(t, err)
	d.Mail = &Mailbox{Store: d.Store, Templates: templates, Now: d.Now, NewID: d.NewID}
	_, err = d.Create(t.Context())
	must(t, err)
	must(t, d.Load(t.Context()))
	return d
}

func (d *door) advance(by time.Duration) { d.passed.Add(by.Milliseconds()) }

// mailed is the code in the newest email to an address.
func (d *door) mailed(t *testing.T, to string) string {
	t.Helper()
	mails, err := d.ListMails(t.Context(), &api.ListMails{To: to})
	must(t, err)
	if len(mails.Data) == 0 || mails.Data[0].Code == nil {
		t.Fatalf("no code was mailed to %s", to)
	}
	return *mails.Data[0].Code
}

// tab is a browser between its requests: all that it keeps is a cookie.
type tab struct{ cookie string }

func (b *tab) visitor() *Visitor {
	return &Visitor{Cookie: b.cookie, Origin: "https://app.example.com", Address: "203.0.113.7", UserAgent: "test"}
}

// ask sends a request of a browser.
func ask[Req, Res any](ctx context.Context, b *tab, operation func(context.Context, *Visitor, *Req) (*Res, error), req *Req) (*Res, error) {
	v := b.visitor()
	res, err := operation(ctx, v, req)
	if v.NewCookie != "" {
		b.cookie = v.NewCookie
	}
	return res, err
}

// begin begins a sign-in. What is "" is not sent.
func (d *door) begin(t *testing.T, b *tab, identifier, strategy, password string) (*api.SignIn, error) {
	t.Helper()
	return ask(t.Context(), b, d.CreateSignIn, &api.CreateSignIn{
		Identifier: api.Set(identifier), Strategy: api.Set(strategy), Password: api.Set(password),
	})
}

func (d *door) begun(t *testing.T, b *tab, identifier, strategy string) *api.SignIn {
	t.Helper()
	s, err := d.begin(t, b, identifier, strategy, "")
	if err != nil {
		t.Fatalf("begin a sign-in: %s", told(err))
	}
	return s
}

func (d *door) prepareFactor(t *testing.T, b *tab, id, strategy string) (*api.SignIn, error) {
	t.Helper()
	return ask(t.Context(), b, d.PrepareFirstFactor, &api.PrepareFirstFactor{
		SignInRef: api.SignInRef{SignInID: id}, Strategy: api.Set(strategy),
	})
}

// attempt tries a password, or a code by another strategy.
func (d *door) attempt(t *testing.T, b *tab, id, strategy, proof string) (*api.SignIn, error) {
	t.Helper()
	return ask(t.Context(), b, d.AttemptFirstFactor, attemptOf(id, strategy, proof))
}

func attemptOf(id, strategy, proof string) *api.AttemptFirstFactor {
	return &api.AttemptFirstFactor{
		SignInRef: api.SignInRef{SignInID: id}, Strategy: api.Set(strategy), Password: api.Set(proof), Code: api.Set(proof),
	}
}

func (d *door) user(t *testing.T, email string) *api.User {
	t.Helper()
	return createUser(t, d.App, `{"email_address":["`+email+`"],"password":"`+doorPassword+`"}`)
}

// TestCodeOfARemovedAddress: an address that its user has given up lets nobody in, not even with a code from before.
func TestCodeOfARemovedAddress(t *testing.T) {
	for _, strategy := range []string{"email_code", "reset_password_email_code"} {
		t.Run(strategy, func(t *testing.T) {
			d := newDoor(t, storetest.Fresh(t))
			u := d.user(t, doorEmail)
			other, err := addEmail(t, d.App, `{"user_id":"`+u.ID+`","email_address":"lost@example.com","verified":true}`)
			must(t, err)
			b := new(tab)
			s := d.begun(t, b, "lost@example.com", strategy)
			_, err = d.DeleteEmailAddress(t.Context(), &api.EmailAddressRef{EmailAddressID: other.ID})
			must(t, err)
			_, err = d.attempt(t, b, s.ID, strategy, d.mailed(t, "lost@example.com"))
			expect(t, "the code of a removed address", err, "400 strategy_for_user_invalid strategy")
			if n := countActive(t, d.App, u.ID); n != 0 {
				t.Errorf("it began %d sessions", n)
			}
		})
	}
}

// TestACodeProvesAnAddressOnRecord: that an address is its user's is a change of the user, which others hear of.
func TestACodeProvesAnAddressOnRecord(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	u := createUser(t, d.App, `{"password":"`+doorPassword+`"}`)
	_, err := addEmail(t, d.App, `{"user_id":"`+u.ID+`","email_address":"`+doorEmail+`"}`)
	must(t, err)
	d.advance(time.Second)
	began := d.Now()
	for range 2 { // nothing is left to prove the second time
		b := new(tab)
		s := d.begun(t, b, doorEmail, "email_code")
		_, err = d.attempt(t, b, s.ID, "email_code", d.mailed(t, doorEmail))
		must(t, err)
		d.advance(time.Second)
	}
	events, err := d.Store.Events(t.Context(), store.EventFilter{UserID: u.ID, Types: []string{string(event.UserUpdated)}, Since: began}, 10, 0)
	must(t, err)
	if len(events) != 1 || !slices.Equal(events[0].Changes, []string{"identifiers"}) || events[0].By != u.ID {
		t.Errorf("%+v, want one change of the identifiers by the user", events)
	}
	after, err := d.GetUser(t.Context(), &api.UserRef{UserID: u.ID})
	must(t, err)
	if after.UpdatedAt < began.UnixMilli() || after.EmailAddresses[0].Verification == nil || after.EmailAddresses[0].Verification.Status != "verified" {
		t.Errorf("updated at %d, %+v", after.UpdatedAt, after.EmailAddresses[0])
	}
}

// TestUnprovedAddressNamesNobody: whoever adds the address of somebody else is not found by it.
func TestUnprovedAddressNamesNobody(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	u := d.user(t, doorEmail)
	added, err := addEmail(t, d.App, `{"user_id":"`+u.ID+`","email_address":"victim@example.com"}`)
	must(t, err)
	_, err = d.begin(t, new(tab), "victim@example.com", "", "")
	expect(t, "an address that was never proved", err, "422 form_identifier_not_found identifier")

	_, err = d.UpdateEmailAddress(t.Context(), &api.UpdateEmailAddress{EmailAddressRef: api.EmailAddressRef{EmailAddressID: added.ID}, Verified: api.Set(true)})
	must(t, err)
	s := d.begun(t, new(tab), "Victim@Example.com", "")
	if got := shownAddresses(s); got != "m…@example.com victim@example.com" {
		t.Errorf("somebody who names one address is shown %q: they need not know the others", got)
	}
}

func shownAddresses(s *api.SignIn) string {
	var all []string
	for _, f := range s.SupportedFirstFactors {
		if f.Strategy == "email_code" {
			all = append(all, f.SafeIdentifier)
		}
	}
	return strings.Join(all, " ")
}

// TestANewAttemptReplacesTheOpenOne: nothing remains of the one before, its code included.
func TestANewAttemptReplacesTheOpenOne(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	d.user(t, doorEmail)
	b := new(tab)
	first := d.begun(t, b, doorEmail, "email_code")
	d.begun(t, b, doorEmail, "")
	_, err := d.attempt(t, b, first.ID, "email_code", d.mailed(t, doorEmail))
	expect(t, "an attempt at the sign-in before", err, "404 resource_not_found")
	_, err = ask(t.Context(), b, d.GetSignIn, &api.SignInRef{SignInID: first.ID})
	expect(t, "a look at the sign-in before", err, "404 resource_not_found")
}

// TestOtherCodesAreNotCounted: what is refused without a look at it is no guess.
func TestOtherCodesAreNotCounted(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	u := d.user(t, testersEmail)
	b := new(tab)
	s := d.begun(t, b, testersEmail, "")
	for range 12 {
		_, err := d.attempt(t, b, s.ID, "email_code", testCode)
		expect(t, "a code that nobody asked for", err, "400 verification_missing")
	}
	_, err := d.prepareFactor(t, b, s.ID, "email_code")
	must(t, err)
	d.advance(codeLifetime)
	for range 12 {
		_, err := d.attempt(t, b, s.ID, "email_code", testCode)
		expect(t, "a code after its time", err, "400 verification_expired")
	}
	_, err = d.prepareFactor(t, b, s.ID, "email_code")
	must(t, err)
	for n := range 12 {
		_, err := d.attempt(t, b, s.ID, "email_code", "000000")
		want := "422 form_code_incorrect code"
		if n >= codeAttempts {
			want = "400 verification_failed"
		}
		expect(t, "a wrong code", err, want)
	}
	if left := getUser(t, d.App, u.ID).VerificationAttemptsRemaining; left == nil || *left != 10-codeAttempts {
		t.Errorf("%v attempts remain, want %d", left, 10-codeAttempts)
	}
}

// TestStalePasswordsInParallel: while one sign-in renews the digest, others with the same password are not refused.
func TestStalePasswordsInParallel(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		d := newDoor(t, databaseURL)
		u := createUser(t, d.App, `{"email_address":["`+doorEmail+`"],"password_hasher":"md5","password_digest":"3cb4e732631f47e6eb961f34554b7cde"}`)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if _, err := d.begin(t, new(tab), doorEmail, "", "correct horse"); err != nil {
					t.Errorf("the right password: %s", told(err))
				}
			})
		}
		all.Wait()
		stored, err := d.Store.User(t.Context(), u.ID)
		must(t, err)
		if stored.PasswordHasher != "argon2id" {
			t.Errorf("the digest is still %s", stored.PasswordHasher)
		}
	})
}

// TestCompromisedPassword is of no use, but a reset is.
func TestCompromisedPassword(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	u := d.user(t, doorEmail)
	_, err := d.SetPasswordCompromised(t.Context(), &api.SetPasswordCompromised{UserRef: api.UserRef{UserID: u.ID}})
	must(t, err)
	b := new(tab)
	s := d.begun(t, b, doorEmail, "")
	_, err = d.attempt(t, b, s.ID, "password", doorPassword)
	expect(t, "a compromised password", err, "422 form_password_compromised password")
	_, err = d.prepareFactor(t, b, s.ID, "reset_password_email_code")
	must(t, err)
	_, err = d.attempt(t, b, s.ID, "reset_password_email_code", d.mailed(t, doorEmail))
	must(t, err)
	d.advance(time.Second)
	elsewhere := activeSessions(t, d.App, u.ID, 2)
	done, err := ask(t.Context(), b, d.ResetPassword, &api.ResetPassword{
		SignInRef: api.SignInRef{SignInID: s.ID}, Password: api.Set("another battery"), SignOutOfOtherSessions: api.Set(true),
	})
	must(t, err)
	if done.Status != "complete" || countActive(t, d.App, u.ID) != 1 {
		t.Errorf("the reset is %s, and %d sessions are active", done.Status, countActive(t, d.App, u.ID))
	}
	for _, id := range elsewhere {
		if got, err := d.GetSession(t.Context(), &api.SessionRef{SessionID: id}); err != nil || got.Status != "revoked" {
			t.Errorf("another session is %v, %v", got, err)
		}
	}
	mails, err := d.ListMails(t.Context(), &api.ListMails{To: doorEmail})
	must(t, err)
	if mails.Data[0].Kind != string(mail.PasswordChanged) {
		t.Errorf("the newest email is %s: nobody told the user", mails.Data[0].Kind)
	}
	_, err = d.begin(t, new(tab), doorEmail, "", "another battery")
	expect(t, "the new password", err, "")
	_, err = d.begin(t, new(tab), doorEmail, "", doorPassword)
	expect(t, "the old password", err, "422 form_password_incorrect password")
}

// noMail is a mailer that takes nothing.
type noMail struct{}

func (noMail) Send(context.Context, mail.Message) error { return errors.New("the mail server is away") }

// TestResetStandsWithoutItsEmail: who has a new password is signed in, though the email about it could not be sent.
func TestResetStandsWithoutItsEmail(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	d.user(t, doorEmail)
	b := new(tab)
	s := d.begun(t, b, doorEmail, "reset_password_email_code")
	_, err := d.attempt(t, b, s.ID, "reset_password_email_code", d.mailed(t, doorEmail))
	must(t, err)
	d.Mail = noMail{}
	done, err := ask(t.Context(), b, d.ResetPassword, &api.ResetPassword{SignInRef: api.SignInRef{SignInID: s.ID}, Password: api.Set("another battery")})
	if err != nil || done.Status != "complete" {
		t.Errorf("the reset is %v, %v", done, err)
	}
}

// TestBannedUsersStayOut, whatever they prove.
func TestBannedUsersStayOut(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	u := d.user(t, testersEmail)
	ticket, err := d.CreateSignInToken(t.Context(), &api.CreateSignInToken{UserID: api.Set(u.ID)})
	must(t, err)
	_, err = d.BanUser(t.Context(), &api.UserRef{UserID: u.ID})
	must(t, err)
	_, err = d.begin(t, new(tab), testersEmail, "", doorPassword)
	expect(t, "a password", err, "403 user_banned")
	b := new(tab)
	_, err = d.attempt(t, b, d.begun(t, b, testersEmail, "email_code").ID, "email_code", testCode)
	expect(t, "a code", err, "403 user_banned")
	_, err = ask(t.Context(), new(tab), d.CreateSignIn, &api.CreateSignIn{Strategy: api.Set("ticket"), Ticket: api.Set(ticket.Token)})
	expect(t, "a ticket", err, "403 user_banned")
	_, err = d.UnbanUser(t.Context(), &api.UserRef{UserID: u.ID})
	must(t, err)
	_, err = ask(t.Context(), new(tab), d.CreateSignIn, &api.CreateSignIn{Strategy: api.Set("ticket"), Ticket: api.Set(ticket.Token)})
	expect(t, "the ticket, which the ban did not use up", err, "")
}

// nameless are what differs between any two answers: ids, and pictures, which are made of names.
var nameless = regexp.MustCompile(`(sia|idn)_[0-9A-Za-z]{27}|data:image[^"]*`)

// TestNobodyIsLikeSomebody: where the instance does not tell whom it knows, it answers for nobody what it answers for
// somebody, whatever happened to either before.
func TestNobodyIsLikeSomebody(t *testing.T) {
	for name, test := range map[string]struct {
		somebody, nobody string
		before           func(t *testing.T, d *door, userID string) // what happened to somebody
	}{
		"an address":       {doorEmail, "nobody@example.com", nil},
		"in capitals":      {"MARIA@Example.com", "NOBODY@Example.com", nil},
		"a second address": {"second@example.com", "nobody@example.com", nil},
		"a username":       {"maria_1", "nobody_1", nil},
		"somebody is locked": {doorEmail, "nobody@example.com", func(t *testing.T, d *door, id string) {
			_, err := d.LockUser(t.Context(), &api.UserRef{UserID: id})
			must(t, err)
		}},
		"without a password": {doorEmail, "nobody@example.com", func(t *testing.T, d *door, id string) {
			_, err := d.RemovePassword(t.Context(), &api.RemovePassword{UserRef: api.UserRef{UserID: id}})
			must(t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, storetest.Fresh(t))
			d.Settings.Browsers.EnumerationProtection = true
			u := createUser(t, d.App, `{"username":"maria_1","first_name":"María","email_address":["`+doorEmail+`","second@example.com"],"password":"`+doorPassword+`"}`)
			if test.before != nil {
				test.before(t, d, u.ID)
			}
			start := d.passed.Load()
			walk := func(identifier string) (answers []string) {
				d.passed.Store(start)
				for _, text := range d.walkOfAProber(t, identifier) {
					text = strings.ReplaceAll(strings.ReplaceAll(text, strings.ToLower(identifier), "WHO"), identifier, "WHO")
					answers = append(answers, nameless.ReplaceAllString(text, "-"))
				}
				return answers
			}
			somebody, nobody := walk(test.somebody), walk(test.nobody)
			for n := range somebody {
				if somebody[n] != nobody[n] {
					t.Fatalf("answer %d differs:\nsomebody %s\nnobody   %s", n, somebody[n], nobody[n])
				}
			}
		})
	}
}

// walkOfAProber is what somebody sees who tries whether an identifier is known.
func (d *door) walkOfAProber(t *testing.T, identifier string) (answers []string) {
	note := func(s *api.SignIn, err error) *api.SignIn {
		answers = append(answers, told(err)+" "+jsonOf(t, s))
		return s
	}
	b := new(tab)
	s := note(d.begin(t, b, identifier, "", ""))
	if s == nil {
		t.Fatalf("a sign-in of %s: %s", identifier, answers)
	}
	for _, strategy := range []string{"email_code", "reset_password_email_code"} {
		note(d.prepareFactor(t, b, s.ID, strategy))
		note(d.prepareFactor(t, b, s.ID, strategy))
		for range codeAttempts + 1 {
			note(d.attempt(t, b, s.ID, strategy, "00000x"))
		}
		note(ask(t.Context(), b, d.GetSignIn, &api.SignInRef{SignInID: s.ID}))
	}
	for range 6 { // and six wrong codes: more than locks
		note(d.attempt(t, b, s.ID, "password", "wrong password"))
	}
	note(d.begin(t, new(tab), identifier, "", "wrong password"))
	d.advance(codeLifetime + time.Second)
	note(ask(t.Context(), b, d.GetSignIn, &api.SignInRef{SignInID: s.ID}))
	must(t, d.Sweep(t.Context()))
	note(ask(t.Context(), b, d.GetSignIn, &api.SignInRef{SignInID: s.ID}))
	for range codesPerHour {
		note(d.begin(t, new(tab), identifier, "email_code", ""))
	}
	return answers
}

// TestTakenCodesAreBounded: nobody's mailbox is filled, however many browsers ask.
func TestTakenCodesAreBounded(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	d.user(t, doorEmail)
	var refused []string
	for range codesPerHour + 2 {
		if _, err := d.begin(t, new(tab), doorEmail, "email_code", ""); err != nil {
			refused = append(refused, told(err))
		}
	}
	if !slices.Equal(refused, []string{"429 too_many_requests", "429 too_many_requests"}) {
		t.Errorf("refused: %v", refused)
	}
	d.advance(time.Hour)
	_, err := d.begin(t, new(tab), doorEmail, "email_code", "")
	expect(t, "an hour later", err, "")
}
