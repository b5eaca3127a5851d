package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Staleness says what becomes of tokens while a Verifier does not hear from its feed.
type Staleness int

const (
	// FailOpen accepts them until they expire, as a Verifier without a feed does.
	FailOpen Staleness = iota
	// FailClosed refuses them with ErrStale.
	FailClosed
)

// RevocationFeed says where a Verifier hears of sessions that ended and of keys that were retired.
type RevocationFeed struct {
	// URLs are the Frontend API's base URLs, of the server or of each of its nodes. When one does not answer, the next
	// one is asked.
	URLs []string
	// Key is a feed key or a secret key, sent as bearer token.
	Key string
	// WhenStale is what becomes of tokens after StaleAfter without an answer, and before the first picture is complete.
	WhenStale Staleness
	// StaleAfter is how old the last answer may be; 10 seconds if it is zero. It must be more than the 5 seconds that the
	// server takes for an answer when there is nothing to tell, by what the answer and another node need.
	StaleAfter time.Duration
	// OnRevoked is called once for each session that ended, when its tokens are refused already: to close what it has
	// open, such as a WebSocket. It is called by the goroutine that reads the feed, so it must not block. nil for nothing.
	OnRevoked func(sessionID string)
}

// FeedStats is how a feed is doing. Counts are since New.
type FeedStats struct {
	Ready         bool      // the first picture is complete
	Stale         bool      // nothing was heard for StaleAfter, or there is no complete picture yet
	Entries       int       // sessions and keys whose tokens are refused now
	Events        int64     // SETs that were valid, those of other event types included
	Duplicates    int64     // SETs that were delivered again
	Rejected      int64     // SETs that were not valid; the server was told why
	Polls         int64     // requests sent
	Failures      int64     // polls without an answer that could be used
	RefusedTokens int64     // tokens refused with ErrRevoked or ErrStale that were good otherwise
	LastAnswer    time.Time // when the picture was last known to be complete; zero for never
	LastError     error     // why the last poll failed; nil when one has succeeded since
}

// How a feed is read. The first two are the contract of docs/revocation-feed.md.
const (
	hold          = 5 * time.Second  // how long the server holds a poll while there is nothing to tell
	maxFeedLeeway = time.Minute      // the leeway that tokens_until allows for
	defaultStale  = 10 * time.Second // StaleAfter when it is not said
	maxKeyWait    = 5 * time.Second  // for the keys of all SETs of an answer
	minGap        = 50 * time.Millisecond
	firstPause    = 100 * time.Millisecond
	maxPause      = 2 * time.Second
	maxDoublings  = 10 // of firstPause; more would overflow
)

// WithRevocationFeed hears of sessions that ended and of keys that were retired, and refuses their tokens with
// ErrRevoked. The Verifier reads the feed from New on, in a goroutine that Close ends. Only SETs are believed that are
// signed with a key that the Verifier knows: with WithPEM or WithKeys it cannot follow a rotation.
//
// The leeway (WithLeeway) must not be more than a minute then, as the server tells of a session for that long only.
func WithRevocationFeed(f RevocationFeed) Option { return func(s *settings) { s.feedFrom = &f } }

// Ready waits until the first picture of the feed is complete: all sessions are known that ended before. When ctx ends
// first, it says what the feed lacks. Without a feed there is nothing to wait for.
func (v *Verifier) Ready(ctx context.Context) error {
	if v.feed == nil {
		return nil
	}
	return v.feed.ready(ctx)
}

// Close stops the feed and waits for its goroutine. The Verifier goes on with what it has heard, which gets stale. It
// may be called twice, and without a feed.
func (v *Verifier) Close() {
	if v.feed != nil {
		v.feed.close()
	}
}

// FeedStats answers how the feed is doing; all zero without one.
func (v *Verifier) FeedStats() FeedStats {
	if v.feed == nil {
		return FeedStats{}
	}
	return v.feed.stats()
}

// feed hears of ended sessions and retired keys. One goroutine asks for them; verifications read what it has heard.
type feed struct {
	config  RevocationFeed
	urls    []string // that are polled
	client  *http.Client
	shared  bool // the client's transport is the caller's
	keys    keySource
	issuers []string
	leeway  time.Duration
	now     func() time.Time
	denied  *denylist

	stop      context.CancelFunc
	done      chan struct{} // closed when the goroutine has ended
	attempted chan struct{} // closed when the first picture is complete, or every URL has failed
	complete  chan struct{} // closed when the first picture is complete
	settle    func()        // closes attempted
	finish    func()        // closes complete

	lastAnswer    atomic.Int64 // nanoseconds since 1970, by the wall clock; 0 for never
	refusedTokens atomic.Int64

	mu     sync.Mutex
	counts FeedStats // the counts of the goroutine, and its LastError

	// The rest belongs to the goroutine.
	at          int         // the URL that is asked
	notBefore   []time.Time // by URL, when it wants to be asked again
	failures    int         // polls that failed since the last one that did not
	immediately bool        // the next poll is not to be held
	acks        []string    // for the next poll, like setErrs
	setErrs     map[string]setError
	undecided   map[string]time.Time // by jti of a SET whose key could not be found yet, since when
}

// newFeed checks what the caller wants. The feed asks nothing before it is started.
func newFeed(s *settings, keys keySource) (*feed, error) {
	config := *s.feedFrom
	if config.StaleAfter == 0 {
		config.StaleAfter = defaultStale
	}
	urls, err := pollURLs(config.URLs, rand.Text())
	switch {
	case err != nil:
		return nil, err
	case len(urls) == 0 || config.Key == "":
		return nil, errors.New("verify: a feed needs a URL and a key")
	case config.StaleAfter <= hold:
		return nil, fmt.Errorf("verify: the feed's StaleAfter must be more than %v", hold)
	case s.leeway > maxFeedLeeway:
		return nil, fmt.Errorf("verify: with a feed the leeway is %v at most", maxFeedLeeway)
	}
	f := &feed{
		config: config, urls: urls, client: feedClient(s.client), shared: s.client != nil, keys: keys,
		issuers: s.issuers, leeway: s.leeway, now: s.now, denied: newDenylist(s.templates),
		done: make(chan struct{}), attempted: make(chan struct{}), complete: make(chan struct{}),
		notBefore: make([]time.Time, len(urls)), immediately: true, undecided: map[string]time.Time{},
	}
	f.settle = sync.OnceFunc(func() { close(f.attempted) })
	f.finish = sync.OnceFunc(func() { close(f.complete) })
	return f, nil
}

func (f *feed) start() {
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	go f.run(ctx)
}

func (f *feed) close() {
	f.stop()
	<-f.done
	if !f.shared {
		f.client.CloseIdleConnections()
	}
}

func (f *feed) ready(ctx context.Context) error {
	err := errors.New("it was closed")
	select {
	case <-f.complete:
	case <-f.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if f.isComplete() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Errorf("verify: the feed has no complete picture yet: %w", errors.Join(err, f.counts.LastError))
}

func (f *feed) isComplete() bool {
	select {
	case <-f.complete:
		return true
	default:
		return false
	}
}

func (f *feed) stats() FeedStats {
	f.mu.Lock()
	s := f.counts
	f.mu.Unlock()
	if at := f.lastAnswer.Load(); at != 0 {
		s.LastAnswer = time.Unix(0, at)
	}
	s.Ready, s.Stale = f.isComplete(), f.stale()
	s.Entries, s.RefusedTokens = f.denied.size(), f.refusedTokens.Load()
	return s
}

// admit refuses a token, valid in all else, whose session ended or whose key was retired, and what cannot be told. While
// the first picture is on its way it waits for it, as long as ctx allows.
func (f *feed) admit(ctx context.Context, kid string, c *Claims) error {
	select {
	case <-f.attempted:
	default:
		select {
		case <-f.attempted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := f.denied.denies(kid, c)
	if err == nil && f.config.WhenStale == FailClosed && f.stale() {
		err = ErrStale
	}
	if err != nil {
		f.refusedTokens.Add(1)
	}
	return err
}

// stale compares moments of the wall clock: the monotonic one may stand still while a machine sleeps. A last answer
// that lies in the future says that the clock was set back, so that its age is unknown.
func (f *feed) stale() bool {
	last := f.lastAnswer.Load()
	return last == 0 || time.Duration(f.now().UnixNano()-last).Abs() > f.config.StaleAfter
}

// current notes that all is known which the server could tell at a moment, in nanoseconds since 1970.
func (f *feed) current(at int64) {
	f.lastAnswer.Store(at)
	f.finish()
	f.settle()
}

// run asks again and again until ctx ends. Polls that bring nothing new are minGap apart at least, whatever a server
// does that does not hold them. One that was not to be held is followed by one that is at once: what happens in between
// would have to wait.
func (f *feed) run(ctx context.Context) {
	defer close(f.done)
	defer f.settle()
	for ctx.Err() == nil {
		gap, held := time.After(minGap), !f.immediately
		news, err := f.listen(ctx)
		f.denied.forget(f.now())
		switch {
		case ctx.Err() != nil:
		case err != nil:
			sleep(ctx, time.After(f.failed(err)))
		case news == 0 && (held || f.immediately):
			sleep(ctx, gap)
		}
	}
}

func sleep(ctx context.Context, until <-chan time.Time) {
	select {
	case <-until:
	case <-ctx.Done():
	}
}

// listen asks once, takes in what is answered, and counts what was new.
func (f *feed) listen(ctx context.Context) (news int, err error) {
	asked := f.now()
	answer, err := f.poll(ctx)
	if err != nil {
		return 0, err
	}
	// The answer may have lain around while this process slept: it is not newer than the server can have made it.
	heard := min(f.now().UnixNano(), asked.UnixNano()+int64(hold))
	if news, err = f.take(ctx, answer.Sets); err != nil {
		return news, err
	}
	f.failures = 0
	f.noteError(nil)
	if !answer.MoreAvailable {
		f.current(heard)
	}
	f.immediately = answer.MoreAvailable || f.stale()
	return news, nil
}

// failed notes a poll that brought no answer that can be used, and answers how long to wait before the next one.
func (f *feed) failed(err error) time.Duration {
	f.noteError(err)
	f.immediately = true // the next answer is to hold what this one lacked
	if f.failures++; f.failures >= len(f.urls) {
		f.settle()
	}
	if errors.Is(err, errUndecided) { // which is not the node's fault
		return f.backOff()
	}
	if status, ok := errors.AsType[*statusError](err); ok {
		f.notBefore[f.at] = f.now().Add(status.retryAfter)
	}
	return max(f.turn(), f.backOff())
}

func (f *feed) noteError(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts.LastError = err; err != nil {
		f.counts.Failures++
	}
}

// backOff is nothing for the first retry, and until each URL was asked. Then it grows, with a random part.
func (f *feed) backOff() time.Duration {
	grown := f.failures - max(1, len(f.urls)-1)
	if grown <= 0 {
		return 0
	}
	pause := min(maxPause, firstPause<<min(grown-1, maxDoublings))
	return pause/2 + mathrand.N(pause/2) //nolint:gosec // no secret
}

// turn goes on to the next URL, to one that wants to be left alone only if all do. It answers how long to wait for it.
func (f *feed) turn() time.Duration {
	wait := func(i int) time.Duration { return max(0, f.notBefore[i].Sub(f.now())) }
	n := len(f.urls)
	next := (f.at + 1) % n
	for i := range n {
		if k := (f.at + 1 + i) % n; wait(k) < wait(next) {
			next = k
		}
	}
	f.at = next
	return wait(next)
}

// errUndecided says that a SET can neither be taken nor refused at the moment. It is not acknowledged, so it is sent again.
var errUndecided = errors.New("the key of a SET cannot be fetched")

// take puts SETs into the denylist and notes what to tell the server of each. It counts what was new.
func (f *feed) take(ctx context.Context, sets map[string]string) (news int, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxKeyWait)
	defer cancel()
	var c FeedStats
	for jti, raw := range sets {
		if f.denied.heard(jti) {
			f.acks = append(f.acks, jti)
			c.Duplicates++
			continue
		}
		switch reason := f.takeOne(ctx, jti, raw); {
		case reason == nil:
			f.acks = append(f.acks, jti)
			c.Events++
		case errors.Is(reason, errUndecided):
			err = reason
		default:
			f.refuse(jti, reason)
			c.Rejected++
		}
	}
	if err == nil {
		clear(f.undecided)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Events += c.Events
	f.counts.Duplicates += c.Duplicates
	f.counts.Rejected += c.Rejected
	return int(c.Events), err
}

func (f *feed) refuse(jti string, reason error) {
	if f.setErrs == nil {
		f.setErrs = map[string]setError{}
	}
	f.setErrs[jti] = refusal(reason)
}
