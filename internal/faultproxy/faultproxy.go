// Package faultproxy stands between a test and a real PostgreSQL, and does to their conversation what networks,
// failing servers and serializable engines do: it cuts, resets and delays, before or after the server has done what it
// was asked, and it reports lost races.
package faultproxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Statement is one request of a client to the server: what it does between two moments of rest.
type Statement struct {
	SQL  string // the text, also of a statement that was prepared before
	Conn int64  // which connection it came on, counted from 1
	// InTransaction says that a transaction was open before it.
	InTransaction bool
}

// Commits reports whether the statement ends a transaction for good.
func (s Statement) Commits() bool { return strings.EqualFold(s.SQL, "commit") }

// Fault is what happens to a statement.
type Fault struct {
	Kind  Kind
	Delay time.Duration // before it reaches the server
}

// Kind is a kind of fault.
type Kind int

// The faults.
const (
	None      Kind = iota
	LostRace       // SQLSTATE 40001; the server has not seen the statement, and does not commit
	CutBefore      // the connection ends; the server has not seen the statement
	CutAfter       // the server has done it, and the connection ends in place of its answer
	Reset          // as CutAfter, with a TCP reset
)

// Proxy is a running proxy.
type Proxy struct {
	target   *url.URL
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	fault func(Statement) Fault
	down  bool
	count int64
	open  map[net.Conn]bool
}

// Start runs a proxy in front of the server of a database URL until the test ends.
func Start(t testing.TB, databaseURL string) *Proxy {
	t.Helper()
	target, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, open: map[net.Conn]bool{}}
	var lc net.ListenConfig
	if p.listener, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.Down()
		p.running.Wait()
	})
	return p
}

// URL is the database URL that leads through the proxy.
func (p *Proxy) URL() string {
	through := *p.target
	through.Host = p.listener.Addr().String()
	return through.String()
}

// Set chooses the fault of each statement from now on; nil for none. It is called from many goroutines. Beginning and
// rolling back a transaction and preparing a statement are not asked for.
func (p *Proxy) Set(fault func(Statement) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// Down cuts every connection and refuses new ones, as a server that is gone.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Up ends Down.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Connections counts the connections that are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) / 2
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// enter registers both ends of a connection, unless the server is to look gone.
func (p *Proxy) enter(client, server net.Conn) (number int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return 0, false
	}
	p.open[client], p.open[server] = true, true
	p.count++
	return p.count, true
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", p.target.Host, 5*time.Second) //nolint:noctx // loopback, and bounded
	if err != nil {
		return
	}
	defer server.Close()
	number, ok := p.enter(client, server)
	if !ok {
		return
	}
	c := &connection{proxy: p, number: number, client: client, server: server, prepared: map[string]string{}}
	_ = c.run() // whatever ended it, both sides see their connection close
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, server)
}

// connection is one conversation. Clients here wait for an answer before they ask again.
type connection struct {
	proxy          *Proxy
	number         int64
	client, server net.Conn
	prepared       map[string]string // statements by name
	status         byte              // of the transaction, as the server told last: I, T or E
}

func (c *connection) run() error {
	if err := c.startUp(); err != nil {
		return err
	}
	for {
		request, err := c.read()
		if err != nil {
			return err
		}
		if err := c.handle(request); err != nil {
			return err
		}
	}
}

// startUp passes the greeting on: it has no type byte, and authentication may go to and fro.
func (c *connection) startUp() error {
	greeting, err := readBody(c.client, nil)
	if err != nil {
		return err
	}
	if _, err := c.server.Write(greeting); err != nil {
		return err
	}
	for {
		m, err := readMessage(c.server)
		if err != nil {
			return err
		}
		if _, err := c.client.Write(m); err != nil {
			return err
		}
		switch m[0] {
		case 'Z':
			c.status = m[5]
			return nil
		case 'E':
			return errRefused
		case 'R':
			if asks := binary.BigEndian.Uint32(m[5:9]); asks == 0 || asks == 12 { // done; nothing to answer
				continue
			}
			answer, err := readMessage(c.client)
			if err != nil {
				return err
			}
			if _, err := c.server.Write(answer); err != nil {
				return err
			}
		}
	}
}

var (
	errRefused = errors.New("faultproxy: the server refused the connection")
	errCut     = errors.New("faultproxy: cut")
)

// request is what a client sends until it waits for an answer.
type request struct {
	raw []byte
	sql string // "" when nothing is executed
}

func (c *connection) read() (request, error) {
	var r request
	for {
		m, err := readMessage(c.client)
		if err != nil {
			return r, err
		}
		r.raw = append(r.raw, m...)
		body := m[5:]
		switch m[0] {
		case 'Q':
			r.sql = cString(body)
			return r, nil
		case 'P':
			name := cString(body)
			c.prepared[name] = cString(body[len(name)+1:])
		case 'B':
			portal := cString(body)
			r.sql = c.prepared[cString(body[len(portal)+1:])]
		case 'S', 'X':
			return r, nil
		}
	}
}

func (c *connection) handle(r request) error {
	fault := c.faultOf(r)
	time.Sleep(fault.Delay)
	switch fault.Kind {
	case LostRace:
		return c.loseRace(r)
	case CutBefore:
		return errCut
	default:
	}
	if _, err := c.server.Write(r.raw); err != nil {
		return err
	}
	if r.raw[0] == 'X' {
		return io.EOF
	}
	answer, err := c.answer()
	if err != nil {
		return err
	}
	switch fault.Kind {
	case CutAfter:
		return errCut
	case Reset:
		if tcp, ok := c.client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return errCut
	default:
		_, err = c.client.Write(answer)
		return err
	}
}

func (c *connection) faultOf(r request) Fault {
	sql := strings.ToLower(r.sql)
	if sql == "" || strings.HasPrefix(sql, "begin") || strings.HasPrefix(sql, "rollback") {
		return Fault{}
	}
	c.proxy.mu.Lock()
	choose := c.proxy.fault
	c.proxy.mu.Unlock()
	if choose == nil {
		return Fault{}
	}
	return choose(Statement{SQL: r.sql, Conn: c.number, InTransaction: c.status != 'I'})
}

// loseRace answers in the server's place. A transaction whose commit lost is over; in any other it has failed, and
// waits for the client to roll it back.
func (c *connection) loseRace(r request) error {
	status := c.status
	if status != 'I' {
		status = 'E'
	}
	if (Statement{SQL: r.sql}).Commits() {
		rollback, err := (&pgproto3.Query{String: "rollback"}).Encode(nil)
		if err != nil {
			return err
		}
		if _, err := c.server.Write(rollback); err != nil {
			return err
		}
		if _, err := c.answer(); err != nil {
			return err
		}
		status = 'I'
	}
	told, err := (&pgproto3.ErrorResponse{Severity: "ERROR", Code: "40001", Message: "could not serialize access"}).Encode(nil)
	if err != nil {
		return err
	}
	told, err = (&pgproto3.ReadyForQuery{TxStatus: status}).Encode(told)
	if err != nil {
		return err
	}
	_, err = c.client.Write(told)
	return err
}

// answer reads what the server says until it rests.
func (c *connection) answer() ([]byte, error) {
	var all []byte
	for {
		m, err := readMessage(c.server)
		if err != nil {
			return nil, err
		}
		all = append(all, m...)
		if m[0] == 'Z' {
			c.status = m[5]
			return all, nil
		}
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	kind := make([]byte, 1)
	if _, err := io.ReadFull(r, kind); err != nil {
		return nil, err
	}
	return readBody(r, kind)
}

const maxMessage = 64 << 20

// readBody reads a length, which counts itself, and what it is the length of.
func readBody(r io.Reader, before []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 4 || n > maxMessage {
		return nil, errors.New("faultproxy: not PostgreSQL's protocol")
	}
	m := append(before, length[:]...)
	m = append(m, make([]byte, n-4)...)
	_, err := io.ReadFull(r, m[len(m)-int(n-4):])
	return m, err
}

func cString(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	return text
}
