package app

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// contenders race for one credential at once.
const contenders = 100

// raceRounds is how many credentials of a kind are raced for: with SQLite 10,000 contenders in all, and TEST_RACE_ROUNDS
// says otherwise.
func raceRounds(t *testing.T, d *door) int {
	t.Helper()
	text := os.Getenv("TEST_RACE_ROUNDS")
	rounds, err := strconv.Atoi(text)
	switch {
	case text == "" && d.onSQLite:
		return 100
	case text == "":
		return 5
	case err != nil:
		t.Fatal(err)
	}
	return rounds
}

// TestCredentialsWorkOnce: of all who come with the same code or ticket at once, one is let in.
func TestCredentialsWorkOnce(t *testing.T) {
	for _, kind := range []struct {
		name string
		race func(t *testing.T, d *door) (redeem func(ctx context.Context) error)
	}{
		{"code", func(t *testing.T, d *door) func(context.Context) error { return d.codeRace(t, "email_code") }},
		{"code of a reset", func(t *testing.T, d *door) func(context.Context) error {
			return d.codeRace(t, "reset_password_email_code")
		}},
		{"code of a sign-up", func(t *testing.T, d *door) func(context.Context) error { return d.signUpRace(t) }},
		{"ticket", func(t *testing.T, d *door) func(context.Context) error {
			ticket, err := d.CreateSignInToken(t.Context(), &api.CreateSignInToken{UserID: api.Set(d.userID)})
			must(t, err)
			return d.ticketRace(ticket.Token)
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			onEveryDoor(t, func(t *testing.T, d *door) {
				for range raceRounds(t, d) {
					won, refused := contend(t, contenders, kind.race(t, d))
					if won != 1 || won+refused != contenders {
						t.Fatalf("%d of %d were let in, %d refused", won, contenders, refused)
					}
				}
			})
		})
	}
}

func onEveryDoor(t *testing.T, test func(t *testing.T, d *door)) {
	storetest.EachEngine(t, func(t *testing.T, databaseURL string) {
		d := newDoor(t, databaseURL)
		d.onSQLite = strings.HasPrefix(databaseURL, "sqlite:")
		d.userID = d.user(t, testersEmail).ID
		test(t, d)
	})
}

// contend lets n come at once, and counts who is let in and who is refused. Whoever is neither fails the test.
func contend(t *testing.T, n int, redeem func(context.Context) error) (won, refused int) {
	t.Helper()
	var in, out atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range n {
		all.Go(func() {
			<-start
			switch text := told(redeem(t.Context())); {
			case text == "":
				in.Add(1)
			case strings.HasPrefix(text, "4"):
				out.Add(1)
			default:
				t.Error(text)
			}
		})
	}
	close(start)
	all.Wait()
	return int(in.Load()), int(out.Load())
}

func (d *door) codeRace(t *testing.T, strategy string) func(context.Context) error {
	b := new(tab)
	s := d.begun(t, b, testersEmail, strategy)
	return func(ctx context.Context) error {
		_, err := d.AttemptFirstFactor(ctx, b.visitor(), attemptOf(s.ID, strategy, testCode))
		return err
	}
}

func (d *door) signUpRace(t *testing.T) func(context.Context) error {
	d.Settings.Browsers.PasswordOptional = true
	b := new(tab)
	s, err := ask(t.Context(), b, d.CreateSignUp, &api.CreateSignUp{SignUpFields: api.SignUpFields{EmailAddress: api.Set(d.NewID("x") + "+clerk_test@example.com")}})
	must(t, err)
	_, err = d.prepareSignUp(t, b, s.ID)
	must(t, err)
	return func(ctx context.Context) error {
		_, err := d.AttemptVerification(ctx, b.visitor(), verificationOfCode(s.ID, testCode))
		return err
	}
}

// ticketRace lets another browser come each time.
func (d *door) ticketRace(ticket string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := d.CreateSignIn(ctx, new(tab).visitor(), &api.CreateSignIn{Strategy: api.Set("ticket"), Ticket: api.Set(ticket)})
		return err
	}
}

// TestOneNewPassword: of all who choose a new password after one code, one is heard. Each of them costs a digest, so
// they are few.
func TestOneNewPassword(t *testing.T) {
	onEveryDoor(t, func(t *testing.T, d *door) {
		b := new(tab)
		s := d.begun(t, b, testersEmail, "reset_password_email_code")
		_, err := d.attempt(t, b, s.ID, "reset_password_email_code", testCode)
		must(t, err)
		var n atomic.Int64
		heard := make(chan string, 16)
		won, refused := contend(t, 16, func(ctx context.Context) error {
			chosen := "another battery " + strconv.FormatInt(n.Add(1), 10)
			_, err := d.ResetPassword(ctx, b.visitor(), &api.ResetPassword{SignInRef: api.SignInRef{SignInID: s.ID}, Password: api.Set(chosen)})
			if err == nil {
				heard <- chosen
			}
			return err
		})
		if won != 1 || refused != 15 {
			t.Fatalf("%d were heard, %d refused", won, refused)
		}
		_, err = d.begin(t, new(tab), testersEmail, "", <-heard)
		expect(t, "the password of the one who was heard", err, "")
	})
}

const guesses = 500

// TestParallelGuesses: however many guess at once, so many are told that they were wrong, and everybody else that the
// account is locked, be they right or not.
func TestParallelGuesses(t *testing.T) {
	for _, kind := range []struct {
		name  string
		guess func(t *testing.T, d *door) func(context.Context) error
	}{
		{"passwords", func(_ *testing.T, d *door) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := d.CreateSignIn(ctx, new(tab).visitor(), &api.CreateSignIn{Identifier: api.Set(testersEmail), Password: api.Set("wrong password")})
				return err
			}
		}},
		{"codes", func(t *testing.T, d *door) func(context.Context) error { // of enough sign-ins to take them all
			var attempts []func(context.Context) error
			for range guesses/codeAttempts + 1 {
				b := new(tab)
				s := d.begun(t, b, testersEmail, "email_code")
				attempts = append(attempts, func(ctx context.Context) error {
					_, err := d.AttemptFirstFactor(ctx, b.visitor(), attemptOf(s.ID, "email_code", "000000"))
					return err
				})
			}
			var n atomic.Int64
			return func(ctx context.Context) error { return attempts[int(n.Add(1))%len(attempts)](ctx) }
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			onEveryDoor(t, func(t *testing.T, d *door) {
				// A digest that costs nothing: what is raced for is the count.
				cheap := parse[api.UpdateUser](t, `{"password_hasher":"md5","password_digest":"3cb4e732631f47e6eb961f34554b7cde"}`)
				cheap.UserID = d.userID
				_, err := d.UpdateUser(t.Context(), cheap)
				must(t, err)
				guess := kind.guess(t, d)
				var wrong atomic.Int64
				won, refused := contend(t, guesses, func(ctx context.Context) error {
					err := guess(ctx)
					if text := told(err); strings.HasPrefix(text, "422") {
						wrong.Add(1)
					} else if !strings.HasPrefix(text, "403 user_locked") {
						t.Error(text)
					}
					return err
				})
				if won != 0 || refused != guesses || wrong.Load() != d.Settings.MaxAttempts {
					t.Errorf("%d let in, %d refused, %d told that they were wrong", won, refused, wrong.Load())
				}
				_, err = d.begin(t, new(tab), testersEmail, "", "correct horse")
				expect(t, "the right password after that", err, "403 user_locked ")
				d.advance(d.Settings.Browsers.LockoutDuration)
				_, err = d.begin(t, new(tab), testersEmail, "", "correct horse")
				expect(t, "the right password after the lock", err, "")
			})
		})
	}
}

// TestManySignInsAtOnce: digests are computed a few at a time, since each takes memory, and tokens are minted meanwhile.
func TestManySignInsAtOnce(t *testing.T) {
	d := newDoor(t, storetest.Fresh(t))
	d.user(t, testersEmail)
	d.Settings.MaxAttempts = 0
	b := new(tab)
	in, err := d.begin(t, b, testersEmail, "", doorPassword)
	must(t, err)

	ctx, giveUp := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range guesses {
		all.Go(func() {
			_, _ = d.CreateSignIn(ctx, new(tab).visitor(), &api.CreateSignIn{Identifier: api.Set(testersEmail), Password: api.Set("wrong password")})
		})
	}
	defer all.Wait()
	defer giveUp()

	most := 2 * runtime.GOMAXPROCS(0)
	for waiting := 0; waiting < guesses/2; runtime.Gosched() { // until they are many
		_, waiting = hashing()
	}
	for range 5 {
		if _, err := ask(t.Context(), b, d.CreateBrowserToken, &api.BrowserToken{SessionRef: api.SessionRef{SessionID: *in.CreatedSessionID}}); err != nil {
			t.Fatal(err)
		}
		d.advance(time.Second) // so that each is signed anew
		now, waiting := hashing()
		if now > most {
			t.Fatalf("%d digests are computed at once, want %d at most", now, most)
		}
		if waiting == 0 {
			t.Fatal("the token had to wait for all the sign-ins")
		}
	}
}

// hashing counts the goroutines that compute a digest, and those that wait to.
func hashing() (now, waiting int) {
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		switch {
		case strings.Contains(stack, "argon2.IDKey("):
			now++
		case strings.Contains(stack, "password.slot("):
			waiting++
		}
	}
	return now, waiting
}
