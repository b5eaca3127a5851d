// Command webapp is a small web app whose users sign up and in through Sojourn. The browser library draws the forms,
// the server verifies session tokens by itself.
//
//	go run ./cmd/sojourn assets add @clerk/clerk-js@6 @clerk/ui@1   # once
//	go run ./cmd/sojourn dev
//	go run ./examples/webapp                                        # in another terminal
package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/sojourn-auth/sojourn/verify"
)

//go:embed page.html
var page string

// prefix is where the app puts the Frontend API among its own pages, so that cookies belong to the app's own host.
const prefix = "/__clerk"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "webapp:", err)
		os.Exit(1)
	}
}

// run serves the app until ctx is done.
func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("webapp", flag.ContinueOnError)
	addr := flags.String("addr", "localhost:3000", "where the app listens")
	frontend := flags.String("frontend", "http://127.0.0.1:4001", "URL of Sojourn's Frontend API")
	key := flags.String("key", "", "publishable key; without it, the one of sojourn dev at that URL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*frontend)
	if err != nil {
		return fmt.Errorf("-frontend: %w", err)
	}
	if *key == "" {
		*key = "pk_test_" + base64.RawStdEncoding.EncodeToString([]byte(target.Host+"$"))
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	origin := "http://localhost:" + port // the name matters: browsers take localhost and 127.0.0.1 for two sites
	app, err := newApp(target, *key, origin)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "Open %s\n", origin); err != nil {
		return err
	}
	server := &http.Server{Handler: app, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// newApp is the whole app: its page, something private, and the Frontend API behind it.
func newApp(frontend *url.URL, key, origin string) (http.Handler, error) {
	v, err := verify.New(
		verify.WithJWKS(frontend.JoinPath("/.well-known/jwks.json").String()),
		verify.WithPublishableKey(key),
		verify.WithAuthorizedParties(origin),
	)
	if err != nil {
		return nil, err
	}
	html, err := template.New("page").Parse(page)
	if err != nil {
		return nil, err
	}
	values := map[string]string{"Key": key, "Prefix": prefix}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(frontend)
		r.Out.Host = r.In.Host // cookies are for the host that the browser knows
	}})
	show := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = html.Execute(w, values)
	}
	mux.HandleFunc("/{$}", show)
	mux.HandleFunc("/sign-up", show)
	mux.Handle("/private", v.Middleware(v.Require(http.HandlerFunc(private))))
	return mux, nil
}

// private answers those who are signed in. The token has been verified without asking anybody.
func private(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"user": claims.Subject, "session": claims.SessionID})
}
