package egress_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// records are what a name server says about names: one answer after another, the last one again and again. A record is
// an address, or the name that is the real one.
type records map[string][][]string

// resolver asks a name server of the test's, which answers with this machine's address for every name that it does not
// know, as helpful resolvers do for odd spellings of it.
func resolver(t *testing.T, known records) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{known: known, asked: map[dnsmessage.Question]int{}}
	var serving sync.WaitGroup
	serving.Go(func() { s.serve(conn) })
	t.Cleanup(func() { conn.Close(); serving.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

type nameServer struct {
	known records
	asked map[dnsmessage.Question]int
}

func (s *nameServer) serve(conn net.PacketConn) {
	packet := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(packet[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		if answer, err := s.answer(m).Pack(); err == nil {
			conn.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) answer(m dnsmessage.Message) *dnsmessage.Message {
	q := m.Questions[0]
	answer := &dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	owner := q.Name
	for _, record := range s.next(q) {
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}
		addr, err := netip.ParseAddr(record)
		switch {
		case err != nil:
			owner = dnsmessage.MustNewName(record)
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: owner}})
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return answer
}

func (s *nameServer) next(q dnsmessage.Question) []string {
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	answers, ok := s.known[name]
	for known := range s.known {
		if strings.HasPrefix(name, known+".") { // with a domain in which the machine searches
			return nil
		}
	}
	if !ok {
		return []string{"127.0.0.1", "::1"}
	}
	i := min(s.asked[q], len(answers)-1)
	s.asked[q]++
	return answers[i]
}
