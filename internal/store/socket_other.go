//go:build !linux

package store

import "syscall"

// controlSocket leaves sockets as they are where TCP_USER_TIMEOUT does not exist.
func controlSocket(_, _ string, _ syscall.RawConn) error { return nil }
