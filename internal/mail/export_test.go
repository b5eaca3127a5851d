package mail

import (
	"context"
	"net"
)

// DialWith makes a server reach another address than its name has.
func (s *SMTP) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	s.dial = dial
}

// MaxWaiting is how many emails a queue holds.
const MaxWaiting = maxWaiting

// Pauses are those between the attempts.
var Pauses = pauses
