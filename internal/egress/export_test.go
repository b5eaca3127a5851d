package egress

import (
	"context"
	"crypto/x509"
	"net"
	"time"
)

func (c *Client) SetTimeout(d time.Duration)  { c.timeout = d }
func (c *Client) SetResolver(r *net.Resolver) { c.dialer.Resolver = r }
func (c *Client) SetRoots(pool *x509.CertPool) {
	c.transports["https"].TLSClientConfig.RootCAs = pool
}

// Intercept stands between the verdict and the connection: it is told each verdict, and its error is the one that counts.
func (c *Client) Intercept(f func(dialled string, verdict error) error) {
	guard := c.guard
	c.guard = func(scheme, dialled string) error { return f(dialled, guard(scheme, dialled)) }
}

// Dial dials as a request does that nobody checked the URL of.
func (c *Client) Dial(ctx context.Context, scheme, address string) (net.Conn, error) {
	return c.transports[scheme].DialContext(ctx, "tcp", address)
}
