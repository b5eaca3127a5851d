// Command bench measures the server over HTTP on each engine, beside the machine's own limits in the same run. What it
// prints to compare is CPU time per request, of the server's process alone: it holds on machines that are shared.
//
//	go run ./bench            # everything, with a million sessions
//	go run ./bench -quick     # a look
//	go run ./bench -revocations
//
// PostgreSQL is the server that TEST_POSTGRES names; without it there is SQLite only. Load goes to loopback, and each
// measurement is bounded in time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

type options struct {
	sessions    int
	rounds      int
	duration    time.Duration
	connections int
}

func main() {
	o := options{}
	flag.IntVar(&o.sessions, "sessions", 1_000_000, "sessions in the large databases")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; medians are printed")
	flag.DurationVar(&o.duration, "duration", time.Second, "of each measurement in a round")
	flag.IntVar(&o.connections, "connections", 8, "that make requests at once")
	quick := flag.Bool("quick", false, "small databases and short rounds")
	revocations := flag.Bool("revocations", false, "measure how fast revocations reach verifiers, and nothing else")
	bare := flag.Bool("bare", false, "serve the bare handler that reads are compared with (used by bench itself)")
	flag.Parse()
	if *quick {
		o.sessions, o.rounds, o.duration = 50_000, 3, 300*time.Millisecond
	}
	do := func() error { return run(context.Background(), o) }
	if *revocations {
		do = func() error { return runRevocations(context.Background(), *quick) }
	}
	if *bare {
		do = serveBare
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	bin, err := build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin.dir)) }()
	fmt.Printf("%s, %d CPUs, %s/%s; %d rounds of %v, %d connections, medians\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, o.rounds, o.duration, o.connections)

	m := machine{}
	if m.sign, err = newSigning(); err != nil {
		return err
	}
	if m.plain, err = startBare(ctx); err != nil {
		return err
	}
	defer m.plain.stop()
	engines := []engine{&sqlite{dir: bin.dir}}
	if server := os.Getenv("TEST_POSTGRES"); server != "" {
		engines = append(engines, &postgres{server: server})
	} else {
		fmt.Println("SQLite only: TEST_POSTGRES names no PostgreSQL server; see scripts/with-postgres")
	}
	var all []*target
	for _, e := range engines {
		var t *target
		if t, err = startTarget(ctx, bin, m, e, o); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close(ctx)) }()
		all = append(all, t)
	}
	r := results{}
	for range o.rounds {
		if err := r.round(ctx, o, all); err != nil {
			return err
		}
	}
	r.report(o, all)
	return nil
}

// round makes each measurement once.
func (r results) round(ctx context.Context, o options, all []*target) error {
	var measurements []measurement
	for _, t := range all {
		measurements = append(measurements, t.measurements(ctx, o)...)
	}
	for _, m := range measurements {
		s, err := m.take()
		if err != nil {
			return fmt.Errorf("%s %s: %w", m.engine, m.name, err)
		}
		r[m.key] = append(r[m.key], s)
	}
	return nil
}

// measurement is one row of the report.
type measurement struct {
	key
	take func() (sample, error)
}
