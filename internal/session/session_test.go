package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/session"
)

var (
	verbs = []session.Verb{session.Activate, session.End, session.Remove, session.Replace, session.Revoke, session.Expire, session.Abandon}
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// The reviewed diagram of a session's life: changing the table changes this output.
func ExampleStatus_Can() {
	for _, from := range session.Statuses {
		var arrows []string
		for _, verb := range verbs {
			if from.Can(verb) {
				arrows = append(arrows, fmt.Sprintf("%s->%s", verb, verb.To()))
			}
		}
		if len(arrows) == 0 {
			arrows = []string{"terminal"}
		}
		fmt.Printf("%-9s %s\n", from, strings.Join(arrows, " "))
	}
	// Output:
	// active    end->ended remove->removed replace->replaced revoke->revoked expire->expired abandon->abandoned
	// pending   activate->active end->ended remove->removed replace->replaced revoke->revoked expire->expired abandon->abandoned
	// ended     terminal
	// removed   terminal
	// replaced  terminal
	// revoked   terminal
	// expired   abandon->abandoned
	// abandoned terminal
}

func TestNoVerbLeadsBackToLife(t *testing.T) {
	for _, verb := range verbs {
		for _, from := range verb.From() {
			if !from.Live() && verb.To().Live() {
				t.Errorf("%s brings %s back to %s", verb, from, verb.To())
			}
		}
	}
}

func TestUnknownVerbDoesNothing(t *testing.T) {
	if session.Active.Can("resurrect") || session.Verb("resurrect").To() != "" {
		t.Error("a verb that does not exist can happen")
	}
}

func TestStatusAtTheBoundary(t *testing.T) {
	week := session.Lifetimes{Max: 7 * 24 * time.Hour, Abandon: 30 * 24 * time.Hour}
	idle := session.Lifetimes{Inactivity: time.Hour, Abandon: 30 * 24 * time.Hour}
	both := session.Lifetimes{Max: 2 * time.Hour, Inactivity: time.Hour, Abandon: 30 * 24 * time.Hour}
	for name, c := range map[string]struct {
		lifetimes session.Lifetimes
		status    session.Status
		touchedAt time.Duration
		after     time.Duration
		want      session.Status
		reason    session.Reason
	}{
		"a new session is active":               {week, session.Active, 0, 0, session.Active, ""},
		"just before the maximum":               {week, session.Active, 0, week.Max - 1, session.Active, ""},
		"at the maximum":                        {week, session.Active, 0, week.Max, session.Expired, session.ReasonMaxLifetime},
		"activity never moves the maximum":      {week, session.Active, week.Max - 1, week.Max, session.Expired, session.ReasonMaxLifetime},
		"pending expires too":                   {week, session.Pending, 0, week.Max, session.Expired, session.ReasonMaxLifetime},
		"just before the inactivity timeout":    {idle, session.Active, 0, time.Hour - 1, session.Active, ""},
		"at the inactivity timeout":             {idle, session.Active, 0, time.Hour, session.Expired, session.ReasonInactivity},
		"activity moves the inactivity timeout": {idle, session.Active, 30 * time.Minute, 89 * time.Minute, session.Active, ""},
		"maximum beats activity":                {both, session.Active, 90 * time.Minute, 2 * time.Hour, session.Expired, session.ReasonMaxLifetime},
		"inactivity beats maximum":              {both, session.Active, 0, time.Hour, session.Expired, session.ReasonInactivity},
		"just before it is abandoned":           {week, session.Active, 0, week.Abandon - 1, session.Expired, session.ReasonMaxLifetime},
		"expired becomes abandoned":             {week, session.Expired, 0, week.Abandon, session.Abandoned, ""},
		"a forgotten row is abandoned":          {week, session.Active, 0, week.Abandon, session.Abandoned, session.ReasonMaxLifetime},
		"revoked stays revoked":                 {week, session.Revoked, 0, week.Abandon, session.Revoked, ""},
		"expired stays when the clock goes back": {
			week, session.Expired, 0, -time.Hour, session.Expired, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := session.New("sess_1", "user_1", "client_1", start, c.lifetimes)
			if c.touchedAt > 0 {
				s = s.Touched(start.Add(c.touchedAt))
			}
			s.Status = c.status
			now := start.Add(c.after)
			if got := s.StatusAt(now); got != c.want {
				t.Errorf("after %v: %s, want %s", c.after, got, c.want)
			}
			view := s.At(now)
			if view.Status != c.want {
				t.Errorf("At says %s, StatusAt %s", view.Status, c.want)
			}
			if c.reason != "" && (view.End == nil || view.End.Reason != c.reason || view.End.By != session.BySystem) {
				t.Errorf("ended %+v, want reason %s by the system", view.End, c.reason)
			}
			if again := view.At(now); again.Status != view.Status || !again.UpdatedAt.Equal(view.UpdatedAt) {
				t.Error("looking twice changes the session")
			}
		})
	}
}

func TestNewSessionDeadlines(t *testing.T) {
	s := session.New("sess_1", "user_1", "client_1", start, session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon})
	if got := s.ExpireAt.Sub(s.CreatedAt); got != 604_800_000*time.Millisecond {
		t.Errorf("expires after %v, want 7 days", got)
	}
	if got := s.AbandonAt.Sub(s.CreatedAt); got != 2_592_000_000*time.Millisecond {
		t.Errorf("abandoned after %v, want 30 days", got)
	}
	long := session.New("sess_1", "user_1", "client_1", start, session.Lifetimes{Max: 60 * 24 * time.Hour, Abandon: session.DefaultAbandon})
	if long.AbandonAt.Before(long.ExpireAt) {
		t.Error("abandoned before it expires")
	}
}

func TestLifetimesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		lifetimes session.Lifetimes
		wantErr   bool
	}{
		"both off":        {session.Lifetimes{}, true},
		"negative":        {session.Lifetimes{Max: -1, Inactivity: time.Hour}, true},
		"maximum only":    {session.Lifetimes{Max: time.Hour}, false},
		"inactive only":   {session.Lifetimes{Inactivity: time.Hour}, false},
		"the two of them": {session.Lifetimes{Max: time.Hour, Inactivity: time.Hour}, false},
	} {
		if err := c.lifetimes.Check(); (err != nil) != c.wantErr {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusesAreKnown(t *testing.T) {
	if !slices.ContainsFunc(session.Statuses, session.Status.Live) || session.Status("zombie").Known() {
		t.Error("statuses are wrong")
	}
}
