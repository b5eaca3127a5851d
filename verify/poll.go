package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// How one poll is made.
const (
	pollPath      = "/v1/ssf/poll/"  // by the contract of docs/revocation-feed.md
	pollEvents    = 1000             // SETs asked for at once
	maxPoll       = 10 * time.Second // a poll that takes longer has failed
	maxConnect    = 2 * time.Second  // for a connection, so that a node that is gone is left soon
	maxAnswer     = 16 << 20         // bytes
	maxRefusal    = 64 << 10         // bytes that are read of an answer that is an error, to keep its connection
	maxRetryAfter = 30 * time.Second
)

type pollRequest struct {
	MaxEvents         int                 `json:"maxEvents"`
	ReturnImmediately bool                `json:"returnImmediately"`
	Ack               []string            `json:"ack,omitempty"`
	SetErrs           map[string]setError `json:"setErrs,omitempty"`
}

// setError tells the server why a SET was not taken (RFC 8936, section 2.6).
type setError struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

type pollAnswer struct {
	Sets          map[string]string `json:"sets"`
	MoreAvailable bool              `json:"moreAvailable"`
}

// statusError is an answer that says no.
type statusError struct {
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string { return fmt.Sprintf("the feed answered %d", e.status) }

// poll sends one request, with the acknowledgements that are due; they are due until an answer came.
func (f *feed) poll(ctx context.Context) (*pollAnswer, error) {
	f.mu.Lock()
	f.counts.Polls++
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, f.timeout())
	defer cancel()
	body, err := json.Marshal(pollRequest{pollEvents, f.immediately, f.acks, f.setErrs})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.urls[f.at], bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+f.config.Key)
	req.Header.Set("Content-Type", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := readAnswer(res)
	if err == nil {
		f.acks, f.setErrs = nil, nil
	}
	return answer, err
}

// timeout leaves time to ask another node before the last answer is stale.
func (f *feed) timeout() time.Duration { return min(maxPoll, (hold+f.config.StaleAfter)/2) }

func readAnswer(res *http.Response) (*pollAnswer, error) {
	if res.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, res.Body, maxRefusal)
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0
		}
		return nil, &statusError{res.StatusCode, min(maxRetryAfter, time.Duration(max(0, seconds))*time.Second)}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("the feed answered more than %d bytes", maxAnswer)
	}
	var answer pollAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	if answer.Sets == nil {
		return nil, errors.New("the feed answered something else")
	}
	return &answer, nil
}

// pollURLs are where a stream is polled. Its id tells this process from others and need not be registered.
func pollURLs(bases []string, stream string) ([]string, error) {
	var urls []string
	for i, base := range bases {
		u, err := url.Parse(base)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return nil, fmt.Errorf("verify: URL %d of the feed is not an HTTP URL", i+1)
		}
		urls = append(urls, u.JoinPath(pollPath, stream).String())
	}
	return urls, nil
}

// feedClient makes the client that polls, from the caller's if there is one. A poll has a time limit of its own, longer
// than the caller's may be. No redirect is followed: the key is for the URL that was configured. The client's own
// transport speaks HTTP/1.1, where a request that takes too long takes its dead connection with it.
func feedClient(given *http.Client) *http.Client {
	c := http.Client{Transport: &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: maxConnect}).DialContext,
	}}
	if given != nil {
		c = *given
		c.Timeout = 0
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}
