package e2e

import (
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A history is what callers saw of one user, on any node: when they asked, what they were told, and when. It is right
// if all of it could have happened one after the other, each operation at some moment between its question and its
// answer.

// kind is a kind of operation.
type kind string

// The operations. Those on a session name its slot among the sessions of the user.
const (
	create kind = "create" // done, or refused
	mint   kind = "mint"   // done, or refused
	verify kind = "verify" // done, or refused
	read   kind = "read"   // active: done, revoked: refused
	list   kind = "list"   // the slots of the active sessions
	revoke kind = "revoke" // done
	ban    kind = "ban"    // done; ends all sessions
)

type question struct {
	kind kind
	slot uint
}

type verdict struct {
	done    bool   // false: refused
	unknown bool   // no answer came: it took place after the question, or never
	active  uint64 // what list told: a bit for each slot
}

// userState is all that the operations may depend on.
type userState struct {
	active uint64 // a bit for each slot whose session is active
	banned bool
}

// userModel is what one user's sessions are if there is only one of everything, and one thing happens at a time.
var userModel = porcupine.Model{
	Init: func() any { return userState{} },
	Step: func(state, input, output any) (bool, any) {
		s, q, v := state.(userState), input.(question), output.(verdict)
		bit := uint64(1) << q.slot
		switch q.kind {
		case create:
			if v.done {
				return !s.banned, userState{active: s.active | bit, banned: s.banned}
			}
			return s.banned, s
		case revoke:
			return true, userState{active: s.active &^ bit, banned: s.banned}
		case ban:
			return true, userState{banned: true}
		case list:
			return v.active == s.active, s
		default:
			return v.done == (s.active&bit != 0), s
		}
	},
}

// never is when an operation ends whose answer did not come.
const never = math.MaxInt64

// judge answers whether a history could have happened one thing at a time. It gives up after a time that no history
// of these tests comes near.
func judge(history []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(userModel, history, time.Minute)
}

// TestTheJudgeConvicts plants what must never happen into histories that are right, and wants it found.
func TestTheJudgeConvicts(t *testing.T) {
	t.Parallel()
	at := func(call, back int64, kind kind, slot uint, v verdict) porcupine.Operation {
		return porcupine.Operation{Input: question{kind, slot}, Call: call, Output: v, Return: back}
	}
	done, refused, unknown := verdict{done: true}, verdict{}, verdict{unknown: true}
	begun := at(0, 1, create, 0, done)
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    porcupine.CheckResult
	}{
		"a session's life":                        {[]porcupine.Operation{begun, at(2, 3, mint, 0, done), at(4, 5, revoke, 0, done), at(6, 7, mint, 0, refused)}, porcupine.Ok},
		"a token while it is revoked":             {[]porcupine.Operation{begun, at(2, 9, revoke, 0, done), at(3, 8, mint, 0, done), at(4, 7, mint, 0, done)}, porcupine.Ok},
		"a token after an acknowledged revoke":    {[]porcupine.Operation{begun, at(2, 3, revoke, 0, done), at(4, 5, mint, 0, done)}, porcupine.Illegal},
		"a token after a refusal":                 {[]porcupine.Operation{begun, at(2, 9, revoke, 0, done), at(3, 4, mint, 0, refused), at(5, 6, mint, 0, done)}, porcupine.Illegal},
		"a refusal before anything ended it":      {[]porcupine.Operation{begun, at(2, 3, mint, 0, refused)}, porcupine.Illegal},
		"an unanswered revoke that took place":    {[]porcupine.Operation{begun, at(2, never, revoke, 0, unknown), at(4, 5, mint, 0, done), at(6, 7, mint, 0, refused)}, porcupine.Ok},
		"an unanswered revoke that never was":     {[]porcupine.Operation{begun, at(2, never, revoke, 0, unknown), at(4, 5, mint, 0, done)}, porcupine.Ok},
		"an unanswered revoke that came undone":   {[]porcupine.Operation{begun, at(2, never, revoke, 0, unknown), at(4, 5, mint, 0, refused), at(6, 7, mint, 0, done)}, porcupine.Illegal},
		"active again after it was revoked":       {[]porcupine.Operation{begun, at(2, 3, revoke, 0, done), at(4, 5, read, 0, done)}, porcupine.Illegal},
		"not there after it was created":          {[]porcupine.Operation{begun, at(2, 3, list, 0, verdict{})}, porcupine.Illegal},
		"a session that survives a ban":           {[]porcupine.Operation{begun, at(2, 9, create, 1, done), at(3, 4, ban, 0, done), at(10, 11, list, 0, verdict{active: 2})}, porcupine.Illegal},
		"a ban that ends one session and not two": {[]porcupine.Operation{begun, at(2, 3, create, 1, done), at(4, 9, ban, 0, done), at(5, 6, list, 0, verdict{active: 2})}, porcupine.Illegal},
		"a session that begins after a ban":       {[]porcupine.Operation{begun, at(2, 3, ban, 0, done), at(4, 5, create, 1, done)}, porcupine.Illegal},
	} {
		if got := judge(c.history); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
