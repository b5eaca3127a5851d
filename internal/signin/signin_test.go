package signin_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/signin"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var verbs = []signin.Verb{signin.Identify, signin.Prepare, signin.Prove, signin.ProveReset, signin.SetPassword}

// TestWhatCanHappen is the whole table: every status and what may happen in it.
func TestWhatCanHappen(t *testing.T) {
	for _, c := range []struct {
		status signin.Status
		can    []signin.Verb
	}{
		{signin.NeedsIdentifier, []signin.Verb{signin.Identify, signin.Prove}},
		{signin.NeedsFirstFactor, []signin.Verb{signin.Identify, signin.Prepare, signin.Prove, signin.ProveReset}},
		{signin.NeedsNewPassword, []signin.Verb{signin.SetPassword}},
		{signin.Complete, nil},
		{signin.Abandoned, nil},
	} {
		t.Run(string(c.status), func(t *testing.T) {
			s := signin.SignIn{Status: c.status}
			allowed := map[signin.Verb]bool{}
			for _, verb := range c.can {
				allowed[verb] = true
			}
			for _, verb := range verbs {
				if got := s.Can(verb); got != allowed[verb] {
					t.Errorf("%s: %t", verb, got)
				}
			}
		})
	}
}

// TestWaysIn walks every way to a complete sign-in.
func TestWaysIn(t *testing.T) {
	named := func(t *testing.T) signin.SignIn {
		return after(t)(signin.New("sia_1", "client_1", start).Identified("a@example.com", "user_1"))
	}
	for name, walk := range map[string]func(*testing.T) signin.SignIn{
		"password": func(t *testing.T) signin.SignIn { return after(t)(named(t).Proved(signin.Password, "user_1")) },
		"code": func(t *testing.T) signin.SignIn {
			return after(t)(after(t)(named(t).Prepared(signin.EmailCode, "idn_1")).Proved(signin.EmailCode, "user_1"))
		},
		"ticket": func(t *testing.T) signin.SignIn {
			return after(t)(signin.New("sia_1", "client_1", start).Proved(signin.Ticket, "user_1"))
		},
		"reset": func(t *testing.T) signin.SignIn {
			s := after(t)(after(t)(named(t).Prepared(signin.ResetEmailCode, "idn_1")).Proved(signin.ResetEmailCode, "user_1"))
			if s.Status != signin.NeedsNewPassword {
				t.Fatalf("status %s after the code, want %s", s.Status, signin.NeedsNewPassword)
			}
			return after(t)(s.WithNewPassword())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := walk(t)
			if s.Status != signin.Complete || s.UserID != "user_1" {
				t.Errorf("got %s of %q, want a complete sign-in of user_1", s.Status, s.UserID)
			}
			if _, err := s.Proved(signin.Password, "user_2"); !errors.Is(err, signin.ErrNotNow) {
				t.Errorf("a complete sign-in was proved again: %v", err)
			}
		})
	}
}

// TestAnotherIdentifierForgetsTheFirst: a code for one address never completes a sign-in of another.
func TestAnotherIdentifierForgetsTheFirst(t *testing.T) {
	s := after(t)(signin.New("sia_1", "client_1", start).Identified("a@example.com", "user_1"))
	s = after(t)(s.Prepared(signin.EmailCode, "idn_1"))
	s = after(t)(s.Identified("b@example.com", "user_2"))
	if s.Strategy != "" || s.EmailID != "" || s.UserID != "user_2" {
		t.Errorf("got %+v, want nothing of the first identifier", s)
	}
}

func TestTimeAbandons(t *testing.T) {
	s := signin.New("sia_1", "client_1", start)
	for _, c := range []struct {
		at   time.Time
		want signin.Status
	}{
		{start, signin.NeedsIdentifier},
		{s.AbandonAt.Add(-time.Millisecond), signin.NeedsIdentifier},
		{s.AbandonAt, signin.Abandoned},
	} {
		if got := s.At(c.at).Status; got != c.want {
			t.Errorf("at %s: %s, want %s", c.at, got, c.want)
		}
	}
	s.Status = signin.Complete
	if got := s.At(s.AbandonAt).Status; got != signin.Complete {
		t.Errorf("a complete sign-in became %s", got)
	}
}

func after(t *testing.T) func(signin.SignIn, error) signin.SignIn {
	return func(s signin.SignIn, err error) signin.SignIn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
