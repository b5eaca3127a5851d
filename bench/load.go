package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// together calls one over and over, n at a time, for a while, and measures the CPU time that used tells meanwhile.
func together(n int, d time.Duration, used func() (time.Duration, error), one func() error) (sample, error) {
	before, err := used()
	if err != nil {
		return sample{}, err
	}
	var (
		wg     sync.WaitGroup
		failed atomic.Pointer[error]
		mu     sync.Mutex
		took   []time.Duration
	)
	began := time.Now()
	for range n {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(began) < d && failed.Load() == nil {
				at := time.Now()
				if err := one(); err != nil {
					failed.Store(&err)
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	after, err := used()
	if err != nil {
		return sample{}, err
	}
	if err := failed.Load(); err != nil {
		return sample{}, *err
	}
	slices.Sort(took)
	return sample{
		cpu: (after - before) / time.Duration(len(took)), rate: float64(len(took)) / elapsed.Seconds(),
		p50: took[len(took)/2], p99: took[len(took)*99/100],
	}, nil
}

type request struct{ method, path, body string }

// load makes requests for a while, over connections that stay open, and measures the server's CPU time meanwhile.
func load(ctx context.Context, p *process, o options, next func() request) (sample, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: o.connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return together(o.connections, o.duration, p.cpu, func() error { return do(ctx, client, p, next()) })
}

func do(ctx context.Context, client *http.Client, p *process, r request) error {
	req, err := http.NewRequestWithContext(ctx, r.method, p.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d", r.method, r.path, res.StatusCode)
	}
	return nil
}
