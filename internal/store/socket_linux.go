package store

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// controlSocket sets TCP_USER_TIMEOUT (RFC 5482): without it, a statement that was sent to a host without power waits
// for the kernel's retransmissions, a quarter of an hour.
func controlSocket(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(sendTimeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
