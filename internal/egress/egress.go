// Package egress is the one HTTP client by which the server calls URLs that somebody configured. It judges each address
// at the moment it is dialled, and knows nothing of ours: not what is sent, to whom or why.
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

const (
	totalTimeout   = 15 * time.Second // from the name's lookup to the last byte that is read
	connectTimeout = 5 * time.Second
	idleTimeout    = 30 * time.Second
	maxIdle        = 32
	maxIdlePerHost = 2
	maxHeader      = 16 << 10
	maxBody        = 16 << 10
)

// Client sends requests where its policy lets them go. Several goroutines may use it at once.
type Client struct {
	policy     Policy
	guard      func(scheme, address string) error
	dialer     net.Dialer
	timeout    time.Duration
	transports map[string]*http.Transport // by scheme, because what may be dialled depends on it
}

// New makes a client with a policy, which must not change any more.
func New(p Policy) *Client {
	c := &Client{policy: p, guard: p.guard, dialer: net.Dialer{Timeout: connectTimeout}, timeout: totalTimeout}
	c.transports = map[string]*http.Transport{"https": c.transport("https"), "http": c.transport("http")}
	return c
}

// transport has no proxy, so that what is dialled is what was asked for, and does not decompress, so that an answer is
// no larger than what came over the network.
func (c *Client) transport(scheme string) *http.Transport {
	return &http.Transport{
		DialContext:            c.dial(scheme),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    connectTimeout,
	}
}

// dial asks the guard between the lookup of a name and each connection, so it does not matter what the name meant before
// or which of its addresses is tried.
func (c *Client) dial(scheme string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := c.dialer
		dialer.Control = func(_, dialled string, _ syscall.RawConn) error { return c.guard(scheme, dialled) }
		return dialer.DialContext(ctx, network, address)
	}
}

// Request is what is sent.
type Request struct {
	URL    string
	Header http.Header
	Body   []byte
}

// Answer is what came back, whatever its status.
type Answer struct {
	Status     int
	Body       []byte        // its first 16 KiB, as they came
	RetryAfter time.Duration // how long the receiver wants to be left alone; 0 if it does not say
}

// OK says whether the receiver took the request. A redirect is not followed, and so is no success.
func (a Answer) OK() bool { return a.Status/100 == 2 }

// Post sends a request and reads its answer within 15 seconds. Its error is ErrForbidden or another one of this package,
// or that of ctx if ctx ended first. None of them repeats the URL or anything that was received.
func (c *Client) Post(ctx context.Context, r Request) (Answer, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.post(bounded, r)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	}
	return Answer{}, named(err)
}

// post goes to the transport itself: it follows no redirect and keeps no cookie.
func (c *Client) post(ctx context.Context, r Request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, notURL
	}
	if err := c.policy.check(req.URL); err != nil {
		return Answer{}, err
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	resp, err := c.transports[req.URL.Scheme].RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: resp.StatusCode, Body: body, RetryAfter: retryAfter(resp.Header)}, nil
}

// retryAfter counts a date from the answer's own, so that only the receiver's clock matters.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, errUntil := http.ParseTime(value)
	sent, errSent := http.ParseTime(h.Get("Date"))
	if errUntil != nil || errSent != nil {
		return 0
	}
	return max(0, until.Sub(sent))
}
