// Command bench measures the server over HTTP on SQLite, beside the machine's own limits in the same run. What it
// prints to compare is CPU time per request, of the server's process alone: it holds on machines that are shared.
//
//	go run ./bench            # everything, with a million sessions
//	go run ./bench -quick     # a look
//
// Load goes to loopback only, and each measurement is bounded in time.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
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
	flag.IntVar(&o.sessions, "sessions", 1_000_000, "sessions in the large database")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; medians are printed")
	flag.DurationVar(&o.duration, "duration", time.Second, "of each measurement in a round")
	flag.IntVar(&o.connections, "connections", 8, "that make requests at once")
	quick := flag.Bool("quick", false, "a small database and short rounds")
	bare := flag.Bool("bare", false, "serve the bare handler that reads are compared with (used by bench itself)")
	flag.Parse()
	if *bare {
		fatal(serveBare())
	}
	if *quick {
		o.sessions, o.rounds, o.duration = 20_000, 3, 300*time.Millisecond
	}
	if err := run(context.Background(), o); err != nil {
		fatal(err)
	}
}

// fatal ends a measurement that cannot be made.
func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, o options) error {
	bin, err := build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin.dir)
	fmt.Printf("%s, %d CPUs, %s/%s; %d rounds of %v, %d connections, medians\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, o.rounds, o.duration, o.connections)

	plain, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer plain.stop()
	small, err := startSojourn(ctx, bin, 1_000)
	if err != nil {
		return err
	}
	defer small.stop()
	fmt.Printf("ready %d ms after start, %.1f MiB resident when idle (1,000 sessions)\n", small.ready.Milliseconds(), small.idleMiB)
	large, err := startSojourn(ctx, bin, o.sessions)
	if err != nil {
		return err
	}
	defer large.stop()
	fmt.Printf("ready %d ms after start, %.1f MiB resident when idle (%d sessions)\n\n", large.ready.Milliseconds(), large.idleMiB, o.sessions)

	results := map[string][]sample{}
	for range o.rounds {
		results["rsa"] = append(results["rsa"], rawRSA(o.duration))
		results["commit"] = append(results["commit"], rawCommits(ctx, o.duration))
		for _, m := range []struct {
			name   string
			server *process
			next   func(i int) request
		}{
			{"bare", plain, func(int) request { return request{"GET", "/", ""} }},
			{"get", large, func(i int) request { return request{"GET", "/v1/sessions/" + large.session(i), ""} }},
			{"mint", large, func(i int) request { return request{"POST", "/v1/sessions/" + large.session(i) + "/tokens", ""} }},
			{"list", large, func(i int) request { return request{"GET", "/v1/sessions?user_id=" + large.user(i), ""} }},
			{"list1k", small, func(i int) request { return request{"GET", "/v1/sessions?user_id=" + small.user(i), ""} }},
			{"create", large, func(i int) request { return request{"POST", "/v1/sessions", `{"user_id":"` + large.user(i) + `"}`} }},
			{"revoke", large, func(i int) request { return request{"POST", "/v1/sessions/" + large.doomed() + "/revoke", ""} }},
		} {
			s, err := load(ctx, m.server, o, m.next)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			results[m.name] = append(results[m.name], s)
		}
	}
	report(results, o)
	return nil
}

// sample is one measurement.
type sample struct {
	cpu  time.Duration // per operation, of the process that did it
	rate float64       // operations a second, by the wall clock
	p50  time.Duration
	p99  time.Duration
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func report(results map[string][]sample, o options) {
	cpu := func(name string) float64 {
		return median(results[name], func(s sample) float64 { return float64(s.cpu.Nanoseconds()) / 1000 })
	}
	fmt.Printf("%-34s %12s %10s %10s %10s\n", "", "CPU µs/op", "ops/s", "p50 ms", "p99 ms")
	for _, row := range []struct{ name, title string }{
		{"rsa", "raw: RSA-2048 signature"},
		{"commit", "raw: SQLite commit, WAL and FULL"},
		{"bare", "raw: net/http JSON handler"},
		{"mint", "mint a session token"},
		{"get", "get a session"},
		{"list", fmt.Sprintf("list 10 of a user among %d", o.sessions)},
		{"list1k", "list 10 of a user among 1000"},
		{"create", "create a session"},
		{"revoke", "revoke a session"},
	} {
		s := results[row.name]
		ms := func(of func(sample) time.Duration) float64 {
			return median(s, func(s sample) float64 { return float64(of(s).Microseconds()) / 1000 })
		}
		fmt.Printf("%-34s %12.1f %10.0f %10.2f %10.2f\n", row.title, cpu(row.name), median(s, func(s sample) float64 { return s.rate }),
			ms(func(s sample) time.Duration { return s.p50 }), ms(func(s sample) time.Duration { return s.p99 }))
	}
	fmt.Println()
	fmt.Printf("mint: %.0f %% of raw RSA-2048 signing (aim: 85 or more)\n", 100*cpu("rsa")/cpu("mint"))
	fmt.Printf("get: %.2f x a bare net/http JSON handler (aim: 2.5 or less)\n", cpu("get")/cpu("bare"))
	fmt.Printf("list: among %d sessions %.2f x among 1000 (aim: 1.5 or less)\n", o.sessions, cpu("list")/cpu("list1k"))
}

// ownCPU is the CPU time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func rawRSA(d time.Duration) sample {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fatal(err)
	}
	digest := sha256.Sum256([]byte("token"))
	n, began, cpu := 0, time.Now(), ownCPU()
	for ; time.Since(began) < d; n++ {
		if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil {
			fatal(err)
		}
	}
	return sample{cpu: (ownCPU() - cpu) / time.Duration(n), rate: float64(n) / time.Since(began).Seconds()}
}

// serveBare answers a session's worth of JSON, and nothing else.
func serveBare() error {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	body := []byte(bareBody)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(ln)
}

const bareBody = `{"object":"session","id":"sess_3MWNkMwntZtYNn05MOMUVSIFWYk","client_id":"client_3MWNkLYZirRjNjOkUJcWaDdhByW","user_id":"user_3MWNkOO5mP6e4DEcD4jRwKEJUoa","actor":null,"status":"active","last_active_organization_id":null,"last_active_at":1795462505256,"expire_at":1796067305256,"abandon_at":1798054505256,"created_at":1795462505256,"updated_at":1795462505256}`
