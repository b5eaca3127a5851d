package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/httpapi"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/webhook"
)

// Bounds on what a connection may cost.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// open opens the database and the instance in it.
func open(ctx context.Context, c *config.Config, log *slog.Logger) (*app.App, error) {
	if err := store.CheckSchema(ctx, c.Database()); err != nil {
		return nil, err
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return nil, err
	}
	if err := a.Load(ctx); err != nil {
		return nil, errors.Join(err, a.Store.Close())
	}
	return a, nil
}

// newApp wires an app that has not looked at its instance yet.
func newApp(ctx context.Context, c *config.Config, log *slog.Logger) (*app.App, error) {
	master, err := c.ReadMasterKey()
	if err != nil {
		return nil, err
	}
	rules, err := settings(c)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, c.Database())
	if err != nil {
		return nil, err
	}
	a := &app.App{Store: db, Settings: rules, Master: master, Now: time.Now, NewID: app.NewID, Log: log}
	a.Feed = a.NewFeed()
	if err := a.Settings.Check(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func settings(c *config.Config) (app.Settings, error) {
	proxies, err := c.Proxies()
	if err != nil {
		return app.Settings{}, err
	}
	reachable, err := c.WebhookNetworks()
	if err != nil {
		return app.Settings{}, err
	}
	return app.Settings{
		Egress:      egress.Policy{Development: c.Environment == app.Development, Networks: reachable},
		Environment: c.Environment, Issuer: c.Issuer(),
		Lifetimes: session.Lifetimes{Max: c.SessionMaxLifetime, Inactivity: c.SessionInactivityTimeout, Abandon: session.DefaultAbandon},
		Retention: c.SessionRetention, EventRetention: c.EventRetention, WebhookRetention: c.WebhookRetention,
		TokenLifetime: c.TokenLifetime, ClaimsVersion: c.ClaimsVersion, SessionClaims: c.SessionClaims,
		PasswordMin: c.PasswordMinLength, MaxAttempts: c.LockoutAttempts,
		AllowCreate: c.AllowCreateSession, StrictVerify: c.StrictVerify, RateLimit: c.BackendRateLimit, StrictList: c.StrictList,
		BackendHost: hostOf(c.BackendAddr),
		Browsers: app.Browsers{
			PublishableKey: c.PublishableKey(), ApplicationName: c.ApplicationName, HomeURL: c.HomeURL,
			AllowedOrigins: c.AllowedOrigins, TrustedProxies: proxies, Assets: c.AssetsPath(),
			SingleSession: c.SingleSession, SignUpRestricted: c.SignUpMode == config.SignUpRestricted,
			PasswordOptional: c.PasswordOptional, EnumerationProtection: c.EnumerationProtection,
			LockoutDuration: c.LockoutDuration, CreateLimit: c.SignInRateLimit, AttemptLimit: c.AttemptRateLimit,
		},
	}, nil
}

// hostOf is the host of an address to listen on; "" when that is every one.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip != nil && ip.IsUnspecified() {
		return ""
	}
	return host
}

// listeners are the two sockets, bound before anything is announced.
type listeners struct{ backend, frontend net.Listener }

func listen(ctx context.Context, c *config.Config) (listeners, error) {
	var lc net.ListenConfig
	backend, err := lc.Listen(ctx, "tcp", c.BackendAddr)
	if err != nil {
		return listeners{}, fmt.Errorf("SOJOURN_BACKEND_ADDR: %w", err)
	}
	frontend, err := lc.Listen(ctx, "tcp", c.FrontendAddr)
	if err != nil {
		return listeners{}, errors.Join(fmt.Errorf("SOJOURN_FRONTEND_ADDR: %w", err), backend.Close())
	}
	return listeners{backend: backend, frontend: frontend}, nil
}

func (l listeners) close() { _ = errors.Join(l.backend.Close(), l.frontend.Close()) }

// serve answers requests until ctx is done, and then lets the running ones finish.
func serve(ctx context.Context, c *config.Config, a *app.App, l listeners, log *slog.Logger) error {
	servers := []*http.Server{server(httpapi.Backend(a), log), server(httpapi.Frontend(a), log)}
	failed := make(chan error, len(servers))
	for i, ln := range []net.Listener{l.backend, l.frontend} {
		go func() { failed <- servers[i].Serve(ln) }()
	}
	stopSweeping := background(ctx, func(ctx context.Context) { sweep(ctx, a, c.SweepInterval, log) })
	stopFeed := background(ctx, a.Feed.Run)
	stopDelivering := background(ctx, newDeliverer(c, a, log).Run)

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	stopSweeping()
	stopFeed()
	err = errors.Join(err, shutDown(c, servers), drainMail(c, a))
	stopDelivering() // which began to end with ctx
	return errors.Join(err, a.Store.Close())
}

// background starts work, and answers what ends it and waits for its end.
func background(ctx context.Context, work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// newDeliverer wires what sends webhooks and security event tokens.
func newDeliverer(c *config.Config, a *app.App, log *slog.Logger) *webhook.Deliverer {
	limits := webhook.DefaultLimits()
	limits.Schedule, limits.Grace = c.WebhookRetrySchedule, c.ShutdownTimeout
	return &webhook.Deliverer{
		Store: a.Store, Post: egress.New(a.Settings.Egress).Post, Secrets: a.EndpointSecrets, Token: a.EventToken,
		Now: a.Now, NewID: a.NewID, Jitter: rand.Float64, Log: log, Limits: limits,
	}
}

func server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func shutDown(c *config.Config, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	var err error
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(ctx))
	}
	return err
}

func sweep(ctx context.Context, a *app.App, every time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Warn("sweep failed, will try again", "error", err.Error())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// databaseMissing reports whether the embedded database has not been made yet.
func databaseMissing(c *config.Config) (path string, missing bool) {
	path, ok := strings.CutPrefix(c.Database(), "sqlite:")
	if !ok {
		return "", false
	}
	_, err := os.Stat(path)
	return path, errors.Is(err, os.ErrNotExist)
}
