package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is one measurement.
type sample struct {
	cpu  time.Duration // per operation, of the process that did it
	rate float64       // operations a second, by the wall clock
	p50  time.Duration
	p99  time.Duration
}

// key names what was measured, beside which engine.
type key struct{ engine, name string }

type results map[key][]sample

func (r results) median(engine, name string, of func(sample) float64) float64 {
	var values []float64
	for _, s := range r[key{engine, name}] {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// cpu is the CPU time of one operation, in µs.
func (r results) cpu(engine, name string) float64 {
	return r.median(engine, name, func(s sample) float64 { return float64(s.cpu.Nanoseconds()) / 1000 })
}

func (r results) rate(engine, name string) float64 {
	return r.median(engine, name, func(s sample) float64 { return s.rate })
}

func (r results) report(o options, all []*target) {
	fmt.Printf("\n%-42s %12s %10s %10s %10s\n", "", "CPU µs/op", "ops/s", "p50 ms", "p99 ms")
	for _, t := range all {
		fmt.Printf("\n%s\n", t.name())
		for _, row := range []struct{ name, title string }{
			{rawRSA, "raw: RSA-2048 signature"},
			{rawHandler, "raw: net/http JSON handler"},
			{rawRead, "raw: row by primary key"},
			{rawCommit, "raw: row committed"},
			{"mint", "mint a session token"},
			{"get", "get a session"},
			{"list", fmt.Sprintf("list 10 of a user among %d", o.sessions)},
			{"list1k", "list 10 of a user among 1000"},
			{"create", "create a session"},
			{"revoke", "revoke a session"},
		} {
			r.row(t.name(), row.name, row.title)
		}
	}
	for _, t := range all {
		r.ratios(o, t)
	}
}

func (r results) row(engine, name, title string) {
	if len(r[key{engine, name}]) == 0 {
		return
	}
	ms := func(of func(sample) time.Duration) float64 {
		return r.median(engine, name, func(s sample) float64 { return float64(of(s).Microseconds()) / 1000 })
	}
	fmt.Printf("  %-40s %12.1f %10.0f %10.2f %10.2f\n", title, r.cpu(engine, name), r.rate(engine, name),
		ms(func(s sample) time.Duration { return s.p50 }), ms(func(s sample) time.Duration { return s.p99 }))
}

func (r results) ratios(o options, t *target) {
	e := t.name()
	fmt.Printf("\n%s\n", e)
	fmt.Printf("  mint: %.0f %% of raw RSA-2048 signing (aim: 85 or more)\n", 100*r.cpu(e, rawRSA)/r.cpu(e, "mint"))
	if len(r[key{e, rawRead}]) > 0 {
		fmt.Printf("  get: %.2f x a bare net/http JSON handler and a raw read together\n", r.cpu(e, "get")/(r.cpu(e, rawHandler)+r.cpu(e, rawRead)))
	} else {
		fmt.Printf("  get: %.2f x a bare net/http JSON handler (aim: 2.5 or less)\n", r.cpu(e, "get")/r.cpu(e, rawHandler))
	}
	fmt.Printf("  list: among %d sessions %.2f x among 1000 (aim: 1.5 or less)\n", o.sessions, r.cpu(e, "list")/r.cpu(e, "list1k"))
	fmt.Printf("  create: %.2f, revoke: %.2f for each raw commit by the wall clock\n",
		r.rate(e, "create")/r.rate(e, rawCommit), r.rate(e, "revoke")/r.rate(e, rawCommit))
}
