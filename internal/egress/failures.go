package egress

import (
	"crypto/tls"
	"errors"
	"net"
)

// Why a request that the policy allows got no answer. Each names what to look at, and later it may succeed.
var (
	ErrTimeout     = errors.New("no whole answer came in time")
	ErrUnresolved  = errors.New("the name of the host could not be resolved")
	ErrUnreachable = errors.New("the host took no connection")
	ErrTLS         = errors.New("the host has no certificate that is valid and trusted, or speaks no TLS")
	ErrBroken      = errors.New("the connection broke, or brought no HTTP answer that could be read")
)

// named replaces an error by one of ours that it stands for: those of the standard library quote what was received.
func named(err error) error {
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	network, ok := errors.AsType[net.Error](err)
	switch {
	case ok && network.Timeout():
		return ErrTimeout
	case isA[*net.DNSError](err):
		return ErrUnresolved
	case isA[*tls.CertificateVerificationError](err), isA[tls.RecordHeaderError](err), isOf(err, "remote error"):
		return ErrTLS
	case isOf(err, "dial"):
		return ErrUnreachable
	}
	return ErrBroken
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isOf knows an operation of the network by its name: "dial", or "remote error", which is an alert of TLS.
func isOf(err error, operation string) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == operation
}
