package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// target is the server on a small and on a large database of one engine, beside what the engine does by itself.
type target struct {
	engine
	limits       []limit
	small, large *process
}

// engine is a kind of database.
type engine interface {
	name() string
	// database answers the URL of a new, empty database.
	database(ctx context.Context, name string) (url string, err error)
	// filled is called when a database has its rows.
	filled(ctx context.Context, databaseURL string) error
	// limits are what the engine does without a server, on a database that is filled.
	limits(ctx context.Context, o options, filledURL string) ([]limit, error)
	close(ctx context.Context) error
}

// limit is an operation of the engine itself, and how many callers make it at once.
type limit struct {
	name    string // rawRead or rawCommit
	callers int
	one     func(context.Context) error
}

const (
	rawRead   = "raw read"   // of one row by its primary key
	rawCommit = "raw commit" // of one row, durable
)

const smallSessions = 1_000

func startTarget(ctx context.Context, bin binary, e engine, o options) (*target, error) {
	t := &target{engine: e}
	largeURL, err := t.serve(ctx, bin, &t.large, "large", o.sessions)
	if err == nil {
		_, err = t.serve(ctx, bin, &t.small, "small", smallSessions)
	}
	if err == nil {
		t.limits, err = e.limits(ctx, o, largeURL)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", e.name(), err), t.close(ctx))
	}
	return t, nil
}

// serve fills a database with sessions and starts a server on it.
func (t *target) serve(ctx context.Context, bin binary, p **process, name string, sessions int) (url string, err error) {
	if url, err = t.database(ctx, name); err != nil {
		return "", err
	}
	took, err := fill(ctx, url, sessions)
	if err != nil {
		return "", err
	}
	if err := t.filled(ctx, url); err != nil {
		return "", err
	}
	if *p, err = startSojourn(ctx, bin, filepath.Join(bin.dir, t.name()+"-"+name), url, sessions); err != nil {
		return "", err
	}
	fmt.Printf("%s, %d sessions (written in %.1f s): ready %d ms after start, %.1f MiB resident when idle\n",
		t.name(), sessions, took.Seconds(), (*p).ready.Milliseconds(), (*p).idleMiB)
	return url, nil
}

// close stops the servers, and then the engine that they ran on.
func (t *target) close(ctx context.Context) error {
	for _, p := range []*process{t.small, t.large} {
		if p != nil {
			p.stop()
		}
	}
	return t.engine.close(ctx)
}

// measurements are one round's.
func (t *target) measurements(ctx context.Context, o options) []measurement {
	var all []measurement
	for _, l := range t.limits {
		all = append(all, measurement{key{t.name(), l.name}, func() (sample, error) {
			return together(l.callers, o.duration, ownCPU, func() error { return l.one(ctx) })
		}})
	}
	small, large := t.small, t.large
	for _, m := range []struct {
		name   string
		server *process
		next   func() request
	}{
		{"get", large, func() request { return request{"GET", "/v1/sessions/" + large.session(), ""} }},
		{"mint", large, func() request { return request{"POST", "/v1/sessions/" + large.session() + "/tokens", ""} }},
		{"list", large, func() request { return request{"GET", "/v1/sessions?user_id=" + large.user(), ""} }},
		{"list1k", small, func() request { return request{"GET", "/v1/sessions?user_id=" + small.user(), ""} }},
		{"create", large, func() request { return request{"POST", "/v1/sessions", `{"user_id":"` + large.user() + `"}`} }},
		{"revoke", large, func() request { return request{"POST", "/v1/sessions/" + large.doomed() + "/revoke", ""} }},
	} {
		all = append(all, measurement{key{t.name(), m.name}, func() (sample, error) { return load(ctx, m.server, o, m.next) }})
	}
	return all
}
