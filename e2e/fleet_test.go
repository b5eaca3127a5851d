package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

const (
	fleetNodes      = 3
	fleetOperations = 100_000 // checked; FLEET_OPERATIONS overrides it
	fleetUsers      = 3       // at work at the same time
	fleetCallers    = 6       // of each user
	fleetSteps      = 10      // that each of them takes
	fleetSlots      = 8       // sessions of a user, at most
)

// TestFleet runs three nodes over one database, each request to any of them, while nodes are killed and keys rotate,
// and judges everything that callers saw.
func TestFleet(t *testing.T) {
	if storetest.Engine() != storetest.EnginePostgres {
		t.Skip("a fleet needs PostgreSQL: set TEST_ENGINE=postgres")
	}
	f := startFleetOn(t, storetest.EmptyPostgres(t))
	goal := operationsWanted(t)
	killed := goal / 5
	rotated := ""
	began := time.Now()
	var histories [][]porcupine.Operation
	for f.checked.Load() < goal || !f.signs(rotated) {
		if rotated == "" {
			rotated = f.nodes[0].run(t, "keys", "rotate")
		}
		if f.checked.Load() > killed {
			killed += goal / 5
			f.crash(t, 1+rand.IntN(fleetNodes-1))
		}
		histories = append(histories, f.live(t)...)
		if t.Failed() || time.Since(began) > 15*time.Minute {
			t.Fatalf("after %d operations", f.checked.Load())
		}
	}
	took := time.Since(began)
	t.Logf("%d operations on %d users in %v (%.0f a second); %d unanswered, %d keys seen",
		f.checked.Load(), len(histories), took.Round(time.Second), float64(f.checked.Load())/took.Seconds(), f.unanswered.Load(), f.kidsSeen())
	for _, history := range histories {
		if verdict := judge(history); verdict != porcupine.Ok {
			t.Errorf("%v: this could not have happened one thing at a time:\n%s", verdict, describe(history))
		}
	}
	if f.unanswered.Load() == 0 {
		t.Error("nodes were killed and no operation was left unanswered: the kills came to nothing")
	}
}

func operationsWanted(t *testing.T) int64 {
	t.Helper()
	setting := os.Getenv("FLEET_OPERATIONS")
	if setting == "" {
		return fleetOperations
	}
	n, err := strconv.ParseInt(setting, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fleet is some nodes over one database.
type fleet struct {
	nodes      []*node
	client     *http.Client
	began      time.Time
	checked    atomic.Int64 // operations that are in a history
	unanswered atomic.Int64

	mu   sync.Mutex
	kids map[string]bool // that signed a token
}

// startFleetOn starts all nodes at once on an empty database, which each of them would migrate.
func startFleetOn(t *testing.T, databaseURL string) *fleet {
	t.Helper()
	p := newProduction(t, databaseURL, "SOJOURN_MIGRATE=true", "SOJOURN_ALLOW_CREATE_SESSION=true")
	f := &fleet{began: time.Now(), kids: map[string]bool{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fleetUsers * fleetCallers}}}
	t.Cleanup(f.client.CloseIdleConnections)
	for range fleetNodes {
		f.nodes = append(f.nodes, p.serve(t))
	}
	instances := map[any]bool{}
	for _, n := range f.nodes {
		n.awaitReady(t)
		instances[n.api().object(t, "GET", "/instance", "")["id"]] = true
	}
	if len(instances) != 1 {
		t.Fatalf("nodes that migrated at the same time made %d instances: %v", len(instances), instances)
	}
	return f
}

// crash kills a node as a power cut would, and starts it again, while the others serve.
func (f *fleet) crash(t *testing.T, i int) {
	t.Helper()
	n := f.nodes[i]
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		n.stop(t, syscall.SIGKILL)
	}()
	f.live(t)
	<-cut
	n.start(t)
	n.awaitReady(t)
}

// live lets some users live their lives at the same time, and answers their histories.
func (f *fleet) live(t *testing.T) [][]porcupine.Operation {
	t.Helper()
	histories := make([][]porcupine.Operation, fleetUsers)
	var wg sync.WaitGroup
	for i := range histories {
		wg.Go(func() { histories[i] = f.life(t) })
	}
	wg.Wait()
	return histories
}

// person is a user whose sessions several callers use at the same time, each through any node.
type person struct {
	*fleet
	t  *testing.T
	id string

	mu       sync.Mutex
	sessions []string // by slot; "" when creating it was refused, or is under way
	listed   map[int][]string
	history  []porcupine.Operation
}

// life is the history of a user with one session, to which callers do what they like.
func (f *fleet) life(t *testing.T) []porcupine.Operation {
	u := &person{fleet: f, t: t, listed: map[int][]string{}}
	for u.id == "" { // nodes may be down
		if _, answer, ok := u.call("POST", "/users", "{}"); ok {
			u.id = answer.ID
		}
	}
	u.create()
	var wg sync.WaitGroup
	for range fleetCallers {
		wg.Go(func() {
			for range fleetSteps {
				u.step()
			}
		})
	}
	wg.Wait()
	u.resolveLists()
	f.checked.Add(int64(len(u.history)))
	return u.history
}

func (u *person) step() {
	slot, session := u.anySession()
	if session == "" {
		u.create()
		return
	}
	path := "/sessions/" + session
	switch p := rand.IntN(100); {
	case p < 35:
		u.token(slot, path)
	case p < 55:
		u.ask(question{read, slot}, "GET", path, "")
	case p < 65:
		u.ask(question{verify, slot}, "POST", path+"/verify", "")
	case p < 77:
		u.list()
	case p < 87:
		u.create()
	case p < 98:
		u.ask(question{revoke, slot}, "POST", path+"/revoke", "")
	default:
		u.ask(question{ban, 0}, "POST", "/users/"+u.id+"/ban", "")
	}
}

// anySession is a session that is known to have begun.
func (u *person) anySession() (slot uint, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.sessions) == 0 {
		return 0, ""
	}
	i := rand.IntN(len(u.sessions))
	return uint(i), u.sessions[i]
}

func (u *person) create() {
	u.mu.Lock()
	slot := len(u.sessions)
	if slot == fleetSlots {
		u.mu.Unlock()
		return
	}
	u.sessions = append(u.sessions, "")
	u.mu.Unlock()
	if answer, ok := u.ask(question{create, uint(slot)}, "POST", "/sessions", `{"user_id":"`+u.id+`"}`); ok {
		u.mu.Lock()
		u.sessions[slot] = answer.ID
		u.mu.Unlock()
	}
}

func (u *person) token(slot uint, path string) {
	answer, ok := u.ask(question{mint, slot}, "POST", path+"/tokens", "")
	if !ok {
		return
	}
	if kid := kidOf(u.t, answer.JWT); u.firstSeen(kid) {
		u.wantPublished(u.t, kid)
	}
}

// list keeps the ids that it was told: which slots they are may be known only later.
func (u *person) list() {
	call, answer, ok := u.call("GET", "/sessions?status=active&user_id="+u.id, "")
	if !ok || answer.status != http.StatusOK {
		return
	}
	ids := make([]string, len(answer.list))
	for i, s := range answer.list {
		ids[i] = s.ID
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.listed[len(u.history)] = ids
	u.history = append(u.history, porcupine.Operation{Input: question{kind: list}, Call: call, Return: u.now()})
}

// resolveLists turns ids into slots. A session whose creation was never answered has none.
func (u *person) resolveLists() {
	slots := map[string]uint{}
	for slot, id := range u.sessions {
		slots[id] = uint(slot)
	}
	for i, ids := range u.listed {
		var active uint64
		for _, id := range ids {
			if slot, ok := slots[id]; ok {
				active |= 1 << slot
			}
		}
		u.history[i].Output = verdict{active: active}
	}
}

// ask makes an operation part of the history. ok means that it was done. What only reads and got no answer has told
// nothing, and what creates and got no answer has made a session that nobody knows.
func (u *person) ask(q question, method, path, body string) (got told, ok bool) {
	call, got, answered := u.call(method, path, body)
	v := verdict{done: answered && got.status == http.StatusOK, unknown: !answered}
	if q.kind == read {
		v.done = got.Status == "active"
	}
	operation := porcupine.Operation{Input: q, Call: call, Output: v, Return: u.now()}
	if !answered {
		if q.kind != revoke && q.kind != ban {
			return got, false
		}
		operation.Return = never
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.history = append(u.history, operation)
	return got, v.done
}

// told is what an answer says.
type told struct {
	status int
	list   []struct{ ID string }

	ID     string
	Status string
	JWT    string
}

// call asks any node, and answers when it did. There is no answer when the connection broke, and a 503 is none either.
func (u *person) call(method, path, body string) (call int64, got told, ok bool) {
	node := u.nodes[rand.IntN(fleetNodes)]
	request, err := http.NewRequest(method, node.backend+"/v1"+path, strings.NewReader(body))
	if err != nil {
		u.t.Error(err)
		return 0, got, false
	}
	request.Header.Set("Authorization", "Bearer "+node.key)
	call = u.now()
	response, err := u.client.Do(request)
	if err != nil {
		u.unanswered.Add(1)
		return call, got, false
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusServiceUnavailable {
		u.unanswered.Add(1)
		if err == nil && response.Header.Get("Retry-After") == "" {
			u.t.Errorf("%s %s: 503 that does not say when to try again", method, path)
		}
		return call, got, false
	}
	got.status = response.StatusCode
	switch {
	case got.status != http.StatusOK && got.status != http.StatusUnauthorized && got.status != http.StatusForbidden:
		u.t.Errorf("%s %s: %d %s", method, path, got.status, content)
	case strings.HasPrefix(string(content), "["):
		err = json.Unmarshal(content, &got.list)
	default:
		err = json.Unmarshal(content, &got)
	}
	if err != nil {
		u.t.Errorf("%s %s: %v in %s", method, path, err, content)
	}
	return call, got, true
}

func (f *fleet) now() int64 { return int64(time.Since(f.began)) }

func kidOf(t *testing.T, jwt string) string {
	header, _, _ := strings.Cut(jwt, ".")
	content, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Errorf("%v in a token", err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(content, &h); err != nil {
		t.Errorf("%v in a token", err)
	}
	return h.Kid
}

func (f *fleet) firstSeen(kid string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kids[kid] {
		return false
	}
	f.kids[kid] = true
	return true
}

func (f *fleet) signs(kid string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kids[kid]
}

func (f *fleet) kidsSeen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.kids)
}

// wantPublished wants every node to publish a key as soon as any node has signed with it.
func (f *fleet) wantPublished(t *testing.T, kid string) {
	for i, n := range f.nodes {
		response, err := f.client.Get(n.frontend + "/.well-known/jwks.json")
		if err != nil {
			continue // it was killed
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK && !strings.Contains(string(content), `"`+kid+`"`) {
			t.Errorf("node %d does not publish %s, with which another has signed", i, kid)
		}
	}
}

func describe(history []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range history {
		fmt.Fprintf(&b, "%12d %12d %v %+v\n", o.Call, o.Return, o.Input, o.Output)
	}
	return b.String()
}
