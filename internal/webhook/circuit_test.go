package webhook_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/webhook"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func TestSchedule(t *testing.T) {
	limits := webhook.DefaultLimits()
	var pauses []time.Duration
	for n := int64(1); ; n++ {
		pause, again := limits.Pause(n, 0.5)
		if !again {
			break
		}
		pauses = append(pauses, pause)
		shortest, _ := limits.Pause(n, 0)
		longest, _ := limits.Pause(n, 1)
		if shortest != pause*9/10 || longest != pause*11/10 {
			t.Errorf("after %d attempts: %v to %v, want %v ± a tenth", n, shortest, longest, pause)
		}
	}
	want := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses of %v, want %v", pauses, want)
	}
}

func TestCircuit(t *testing.T) {
	limits := webhook.DefaultLimits()
	failing := func(failures, openings int64, open time.Duration) store.Circuit {
		c := store.Circuit{Failures: failures, Openings: openings, FailingSince: start.Add(-time.Hour)}
		if open != 0 {
			c.OpenUntil = start.Add(open)
		}
		return c
	}
	fails := func(n int) []int { return slices.Repeat([]int{500}, n) }
	for name, c := range map[string]struct {
		before   store.Circuit
		probe    bool
		wish     time.Duration
		statuses []int
		want     store.Circuit
	}{
		"a success":                      {store.Circuit{}, false, 0, []int{200}, store.Circuit{}},
		"the first failure":              {store.Circuit{}, false, 0, []int{500}, store.Circuit{Failures: 1, FailingSince: start}},
		"another failure":                {failing(1, 0, 0), false, 0, []int{500}, failing(2, 0, 0)},
		"a success after failures":       {failing(9, 0, 0), false, 0, []int{200}, store.Circuit{}},
		"a success amid failures":        {failing(9, 0, 0), false, 0, []int{500, 200, 500}, store.Circuit{Failures: 1, FailingSince: start}},
		"the tenth failure":              {failing(9, 0, 0), false, 0, []int{500}, failing(10, 1, 30*time.Second)},
		"ten failures at once and more":  {failing(5, 0, 0), false, 0, fails(8), failing(13, 1, 30*time.Second)},
		"failures after another opened":  {failing(12, 1, 20*time.Second), false, 0, fails(2), failing(14, 1, 20*time.Second)},
		"a probe fails":                  {failing(13, 1, 25*time.Second), true, 0, []int{500}, failing(14, 2, time.Minute)},
		"the fourth probe fails":         {failing(16, 4, 25*time.Second), true, 0, []int{500}, failing(17, 5, 5*time.Minute)},
		"the thousandth probe fails":     {failing(1013, 1000, 25*time.Second), true, 0, []int{500}, failing(1014, 1001, 5*time.Minute)},
		"a probe succeeds":               {failing(16, 4, 25*time.Second), true, 0, []int{200}, store.Circuit{}},
		"a probe that says nothing":      {failing(16, 4, 25*time.Second), true, 0, []int{0}, store.Circuit{Failures: 16, Openings: 4, FailingSince: start.Add(-time.Hour), OpenUntil: start}},
		"nothing is said":                {store.Circuit{}, false, 0, []int{0}, store.Circuit{}},
		"a wish":                         {failing(1, 0, 0), false, time.Minute, []int{429}, failing(2, 0, time.Minute)},
		"a wish beyond bounds":           {failing(1, 0, 0), false, 100 * time.Hour, []int{429}, failing(2, 0, time.Hour)},
		"a wish shorter than an opening": {failing(9, 0, 0), false, time.Second, []int{429}, failing(10, 1, 30*time.Second)},
		"a wish of who has taken it":     {store.Circuit{}, false, time.Minute, []int{200}, store.Circuit{}},
	} {
		if got := limits.After(c.before, c.probe, start, c.wish, c.statuses...); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, c.want)
		}
	}
}
