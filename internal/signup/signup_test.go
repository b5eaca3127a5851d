package signup_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/signup"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rules = signup.Rules{Required: []string{signup.EmailAddress, signup.Password}, Optional: []string{signup.FirstName}}
)

func TestWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		give       func(signup.SignUp) signup.SignUp
		rules      signup.Rules
		missing    []string
		unverified []string
		ready      bool
	}{
		"nothing given":  {func(s signup.SignUp) signup.SignUp { return s }, rules, []string{"email_address", "password"}, []string{}, false},
		"address only":   {func(s signup.SignUp) signup.SignUp { return s.WithEmail("a@example.com") }, rules, []string{"password"}, []string{"email_address"}, false},
		"all unproved":   {given, rules, []string{}, []string{"email_address"}, false},
		"all and proved": {proved, rules, []string{}, []string{}, true},
		"complete already": {func(s signup.SignUp) signup.SignUp {
			s = proved(s)
			s.UserID = "user_1"
			return s
		}, rules, []string{}, []string{}, false},
		"a rule that nobody can fulfil": {proved, signup.Rules{Required: []string{"phone_number"}}, []string{"phone_number"}, []string{}, false},
		"names and username":            {proved, signup.Rules{Required: []string{"first_name", "last_name", "username"}}, []string{"first_name", "last_name", "username"}, []string{}, false},
		"names and username given": {func(s signup.SignUp) signup.SignUp {
			s = proved(s)
			s.FirstName, s.LastName, s.Username = "Ada", "Lovelace", "ada"
			return s
		}, signup.Rules{Required: []string{"first_name", "last_name", "username"}}, []string{}, []string{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.give(signup.New("sua_1", "client_1", start))
			if diff := cmp.Diff(c.missing, s.Missing(c.rules)); diff != "" {
				t.Errorf("missing:\n%s", diff)
			}
			if diff := cmp.Diff(c.unverified, s.Unverified()); diff != "" {
				t.Errorf("unverified:\n%s", diff)
			}
			if got := s.Ready(c.rules); got != c.ready {
				t.Errorf("ready: %t", got)
			}
		})
	}
}

// TestAnotherAddressIsUnproved: what was proved of one address says nothing of the next.
func TestAnotherAddressIsUnproved(t *testing.T) {
	s := proved(signup.New("sua_1", "client_1", start))
	if s = s.WithEmail("a@example.com"); !s.EmailVerified {
		t.Error("giving the same address again unproved it")
	}
	if s = s.WithEmail("b@example.com"); s.EmailVerified || s.EmailPrepared {
		t.Errorf("another address is proved: %+v", s)
	}
}

func TestTimeAbandons(t *testing.T) {
	s := signup.New("sua_1", "client_1", start)
	for _, c := range []struct {
		at   time.Time
		want signup.Status
	}{
		{s.AbandonAt.Add(-time.Millisecond), signup.MissingRequirements},
		{s.AbandonAt, signup.Abandoned},
	} {
		if got := s.StatusAt(c.at); got != c.want {
			t.Errorf("at %s: %s, want %s", c.at, got, c.want)
		}
	}
	s.UserID = "user_1"
	if got := s.StatusAt(s.AbandonAt); got != signup.Complete {
		t.Errorf("a complete sign-up became %s", got)
	}
}

func given(s signup.SignUp) signup.SignUp {
	s = s.WithEmail("a@example.com")
	s.PasswordDigest = "digest"
	return s
}

func proved(s signup.SignUp) signup.SignUp {
	s = given(s)
	s.EmailPrepared, s.EmailVerified = true, true
	return s
}
