package verify

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// errRetired is both: the feed told it, and the key is one that the key set no longer has.
var errRetired = fmt.Errorf("%w: %w", ErrRevoked, ErrUnknownKey)

const (
	digestLength = 20 // hex digits of a session's digest
	forgetAtOnce = 64
)

// denylist is what the feed told: the sessions that ended, until no token of theirs could be accepted any more, and the
// keys that were retired. Keys are few and stay, as who stole one can sign tokens that are good for years.
// Times are nanoseconds since 1970, of the wall clock: they go on while a machine sleeps.
type denylist struct {
	templates bool // keep the digests too, which only tokens of templates need

	mu       sync.RWMutex
	sessions map[string]int64    // by session id: when it is forgotten
	digests  map[string]struct{} // of the same sessions, as tokens of templates have them
	kids     map[string]struct{}
	events   map[string]struct{} // by jti, as long as the session of the event is kept
	queue    queue
}

func newDenylist(templates bool) *denylist {
	return &denylist{
		templates: templates,
		sessions:  map[string]int64{}, digests: map[string]struct{}{}, kids: map[string]struct{}{}, events: map[string]struct{}{},
	}
}

// denies answers why a token with this kid and these claims is refused, nil if it is not. Every verification comes
// here: two reads of maps under one read lock, and nothing is allocated.
func (d *denylist) denies(kid string, c *Claims) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if _, retired := d.kids[kid]; retired {
		return errRetired
	}
	if d.ended(c) {
		return ErrRevoked
	}
	return nil
}

// ended looks for the session of a token. Tokens of templates do not name it: their jti, 40 hex digits, ends with its digest.
func (d *denylist) ended(c *Claims) bool {
	if c.SessionID != "" && !c.IsTemplate() {
		_, ended := d.sessions[c.SessionID]
		return ended
	}
	if len(c.ID) != 2*digestLength {
		return false
	}
	_, ended := d.digests[c.ID[digestLength:]]
	return ended
}

// digest is what the jti of a template's token says of its session.
func digest(sessionID string) string {
	sum := sha256.Sum256([]byte(sessionID))
	return hex.EncodeToString(sum[:digestLength/2])
}

// retired reports whether tokens and events that name this kid are refused.
func (d *denylist) retired(kid string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, retired := d.kids[kid]
	return retired
}

// heard reports whether the event with this jti is in the list already.
func (d *denylist) heard(jti string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, heard := d.events[jti]
	return heard
}

// retire refuses a kid from now on.
func (d *denylist) retire(jti, kid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kids[kid], d.events[jti] = struct{}{}, struct{}{}
}

// end refuses the tokens of a session until the given time, and reports whether they were not refused before. Of two
// events the later time counts.
func (d *denylist) end(jti, sessionID string, until time.Time) (first bool) {
	at := until.UnixNano()
	d.mu.Lock()
	defer d.mu.Unlock()
	before, refused := d.sessions[sessionID]
	d.sessions[sessionID] = max(before, at)
	if d.templates {
		d.digests[digest(sessionID)] = struct{}{}
	}
	d.events[jti] = struct{}{}
	heap.Push(&d.queue, entry{at, jti, sessionID})
	return !refused
}

// forget drops the sessions whose time has come. It holds the lock for a few at a time, so verifications go on meanwhile.
func (d *denylist) forget(now time.Time) {
	at := now.UnixNano()
	for more := true; more; {
		more = d.forgetSome(at)
	}
}

// forgetSome reports whether there may be more to forget.
func (d *denylist) forgetSome(now int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range forgetAtOnce {
		if len(d.queue) == 0 || d.queue[0].until > now {
			return false
		}
		e := heap.Pop(&d.queue).(entry)
		delete(d.events, e.jti)
		if d.sessions[e.sessionID] <= now {
			delete(d.sessions, e.sessionID)
			if d.templates {
				delete(d.digests, digest(e.sessionID))
			}
		}
	}
	return true
}

// size is how many sessions and keys are refused.
func (d *denylist) size() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.sessions) + len(d.kids)
}

// entry is an event about a session that will be forgotten.
type entry struct {
	until          int64
	jti, sessionID string
}

// queue implements heap.Interface: what is forgotten first comes first.
type queue []entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until < q[j].until }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(e any)        { *q = append(*q, e.(entry)) }

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = entry{} // the array goes on holding what is not overwritten
	*q = (*q)[:last]
	return e
}
