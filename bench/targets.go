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
	machine
	limits       []limit
	small, large *process
}

// machine is what any server is bound by, whatever its database.
type machine struct {
	sign  func() error
	plain *process // serves the bare handler
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

// The names of what others are compared with.
const (
	rawRSA     = "raw RSA-2048 signature"
	rawHandler = "raw net/http JSON handler"
	rawRead    = "raw read"   // of one row by its primary key
	rawCommit  = "raw commit" // of one row, durable
)

const smallSessions = 1_000

func startTarget(ctx context.Context, bin binary, m machine, e engine, o options) (*target, error) {
	t := &target{engine: e, machine: m}
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

// measurements are one round's; what is compared lies close together.
func (t *target) measurements(ctx context.Context, o options) []measurement {
	var all []measurement
	raw := func(name string, callers int, one func(context.Context) error) {
		all = append(all, measurement{key{t.name(), name}, func() (sample, error) {
			return together(callers, o.duration, ownCPU, func() error { return one(ctx) })
		}})
	}
	served := func(name string, p *process, next func() request) {
		all = append(all, measurement{key{t.name(), name}, func() (sample, error) { return load(ctx, p, o, next) }})
	}
	raw(rawRSA, 1, func(context.Context) error { return t.sign() })
	served("mint", t.large, func() request { return request{"POST", "/v1/sessions/" + t.large.session() + "/tokens", ""} })
	served(rawHandler, t.plain, func() request { return request{"GET", "/", ""} })
	served("get", t.large, func() request { return request{"GET", "/v1/sessions/" + t.large.session(), ""} })
	served("list", t.large, func() request { return request{"GET", "/v1/sessions?user_id=" + t.large.user(), ""} })
	served("list1k", t.small, func() request { return request{"GET", "/v1/sessions?user_id=" + t.small.user(), ""} })
	for _, l := range t.limits {
		raw(l.name, l.callers, l.one)
	}
	served("create", t.large, func() request { return request{"POST", "/v1/sessions", `{"user_id":"` + t.large.user() + `"}`} })
	served("revoke", t.large, func() request { return request{"POST", "/v1/sessions/" + t.large.doomed() + "/revoke", ""} })
	return all
}
