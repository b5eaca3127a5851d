package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sojourn-auth/sojourn/internal/store"
)

type request struct{ method, path, body string }

// load makes requests for a while, over connections that stay open, and measures the server's CPU time meanwhile.
func load(ctx context.Context, p *process, o options, next func(i int) request) (sample, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: o.connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	before, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	var (
		wg     sync.WaitGroup
		n      atomic.Int64
		failed atomic.Pointer[error]
		mu     sync.Mutex
		took   []time.Duration
	)
	began := time.Now()
	for range o.connections {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(began) < o.duration && failed.Load() == nil {
				at := time.Now()
				if err := do(ctx, client, p, next(int(n.Add(1)))); err != nil {
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
	after, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	if err := failed.Load(); err != nil {
		return sample{}, *err
	}
	slices.Sort(took)
	return sample{
		cpu: (after - before) / time.Duration(n.Load()), rate: float64(n.Load()) / elapsed.Seconds(),
		p50: took[len(took)/2], p99: took[len(took)*99/100],
	}, nil
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

// rawCommits is one row for each commit, one after the other, on the store's own settings.
func rawCommits(ctx context.Context, d time.Duration) sample {
	dir, err := os.MkdirTemp("", "sojourn-commits")
	if err != nil {
		fatal(err)
	}
	defer os.RemoveAll(dir)
	url := "sqlite:" + filepath.Join(dir, "raw.db")
	if _, err := store.Migrate(ctx, url); err != nil {
		fatal(err)
	}
	db, err := store.Open(ctx, url)
	if err != nil {
		fatal(err)
	}
	n, began, cpu := 0, time.Now(), ownCPU()
	for ; time.Since(began) < d; n++ {
		name := fmt.Sprint(n)
		if err := db.Update(ctx, func(tx store.Conn) error { return tx.SetSetting(ctx, name, name) }); err != nil {
			fatal(err)
		}
	}
	s := sample{cpu: (ownCPU() - cpu) / time.Duration(n), rate: float64(n) / time.Since(began).Seconds()}
	if err := db.Close(); err != nil {
		fatal(err)
	}
	return s
}
