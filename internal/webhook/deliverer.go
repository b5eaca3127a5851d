package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// Deliverer sends what is due. Every node has one; what one of them has claimed, no other sends.
type Deliverer struct {
	Store *store.DB
	Post  func(context.Context, egress.Request) (egress.Answer, error)
	// Secrets are what an endpoint is told with, in the clear: of webhooks those that sign at a moment, of pushes the value
	// of the Authorization header, if there is one.
	Secrets func(e store.Endpoint, now time.Time) ([]secret.Text, error)
	// Token is the security event token of an event.
	Token  func(context.Context, event.Event) (string, error)
	Now    func() time.Time
	NewID  func(prefix string) string
	Jitter func() float64 // in [0, 1)
	Log    *slog.Logger
	Limits Limits
}

const (
	// lookPause lets changes that come close together share one look for what is due.
	lookPause = 10 * time.Millisecond
	// troublePause is how long an endpoint rests after an error that is ours.
	troublePause = time.Second
)

// now is the present in the precision that is stored.
func (d *Deliverer) now() time.Time { return d.Now().UTC().Truncate(time.Millisecond) }

// Run sends until ctx is done. Then it lets running attempts come to their end, for a while.
func (d *Deliverer) Run(ctx context.Context) {
	attempts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	r := &run{Deliverer: d, attempts: attempts, extra: newSlots(d.Limits.Shared), running: map[string]bool{}, idle: make(chan string)}
	r.watch(ctx)
	grace := time.AfterFunc(d.Limits.Grace, cut)
	defer grace.Stop()
	r.workers.Wait()
}

// run is what a deliverer is at work on: one worker for each endpoint that something is due to.
type run struct {
	*Deliverer
	attempts context.Context // of requests, which may outlast the context of the run
	extra    slots
	workers  sync.WaitGroup
	running  map[string]bool // by the id of the endpoint; watch's alone
	idle     chan string     // endpoints whose worker has nothing left to do
}

// watch starts workers until ctx is done. Whatever changes during a look, or while a worker is on its way to its end, is
// found by another look.
func (r *run) watch(ctx context.Context) {
	for {
		changed := r.Store.Changed()
		due, err := r.Store.DueEndpoints(ctx, r.now())
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("cannot look for deliveries, will try again", "error", err.Error())
		}
		for _, e := range due {
			r.start(ctx, e.ID)
		}
		if !r.wait(ctx, changed) || !sleep(ctx, lookPause) {
			return
		}
	}
}

func (r *run) start(ctx context.Context, endpointID string) {
	if r.running[endpointID] {
		return
	}
	r.running[endpointID] = true
	r.workers.Go(func() {
		r.work(ctx, endpointID)
		select {
		case r.idle <- endpointID:
		case <-ctx.Done():
		}
	})
}

// wait waits for a reason to look again, and reports whether there may be one.
func (r *run) wait(ctx context.Context, changed <-chan struct{}) bool {
	anyway := time.NewTimer(r.Store.LookEvery())
	defer anyway.Stop()
	select {
	case id := <-r.idle:
		delete(r.running, id)
	case <-changed:
	case <-anyway.C:
	case <-ctx.Done():
		return false
	}
	return true
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// work sends to an endpoint until nothing is due.
func (r *run) work(ctx context.Context, endpointID string) {
	for ctx.Err() == nil {
		more, err := r.round(ctx, endpointID)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("cannot deliver, will try again", "endpoint", endpointID, "error", err.Error())
			sleep(ctx, troublePause)
		}
		if !more || err != nil {
			return
		}
	}
}

// round sends some of what is due to an endpoint, all at a time, and reports whether there was anything. An endpoint that
// takes its time holds up nobody else: one attempt at a time is its own, and the others are spare.
func (r *run) round(ctx context.Context, endpointID string) (more bool, err error) {
	extra := r.extra.take(r.Limits.PerEndpoint - 1)
	defer func() { r.extra.give(extra) }()
	c, err := r.claim(ctx, endpointID, 1+extra)
	if err != nil || len(c.deliveries) == 0 {
		return false, err
	}
	needed := len(c.deliveries) - 1
	r.extra.give(extra - needed)
	extra = needed

	secrets, err := r.Secrets(c.endpoint, r.now())
	if err != nil {
		return false, err
	}
	made, err := r.tryAll(tell{c.endpoint, secrets}, c.deliveries)
	return true, errors.Join(err, r.finish(c, made))
}

// claimed is what nobody else sends until lease.
type claimed struct {
	endpoint   store.Endpoint
	deliveries []store.Delivery
	lease      time.Time
	probe      bool // the circuit is half-open, and this is the one delivery that is tried to see
}

func (r *run) claim(ctx context.Context, endpointID string, most int) (c claimed, err error) {
	err = r.Store.Update(ctx, func(tx store.Conn) error {
		now := r.now()
		c = claimed{lease: now.Add(r.Limits.Lease)}
		if c.endpoint, err = tx.Endpoint(ctx, endpointID); err != nil || !c.endpoint.Enabled || isOpen(c.endpoint.Circuit, now) {
			return err
		}
		if isHalfOpen(c.endpoint.Circuit, now) {
			if err := tx.TakeProbe(ctx, endpointID, now, c.lease); err != nil {
				return err
			}
			c.probe, most = true, 1
		}
		c.deliveries, err = tx.ClaimDeliveries(ctx, endpointID, now, c.lease, int64(most))
		return err
	})
	if errors.Is(err, store.ErrNotFound) { // the endpoint is gone, or somebody else has the probe
		return claimed{}, nil
	}
	return c, err
}

// tryAll makes attempts at a time. Those that failed through a fault of ours are left to come back when the lease is over.
func (r *run) tryAll(to tell, deliveries []store.Delivery) ([]attempt, error) {
	var (
		mu   sync.Mutex
		made []attempt
		errs error
		all  sync.WaitGroup
	)
	for _, delivery := range deliveries {
		all.Go(func() {
			a, err := r.try(r.attempts, to, delivery)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = errors.Join(errs, err)
				return
			}
			made = append(made, a)
		})
	}
	all.Wait()
	return made, errs
}

// finish writes what became of attempts, in as many tries as it takes before the lease is over: what was learnt and not
// written is sent once more.
func (r *run) finish(c claimed, made []attempt) error {
	ctx, now := context.Background(), r.now() // what is known is written, even when the server stops
	for i := range made {
		if over := r.settle(&made[i], now); over {
			r.Log.Warn("delivery given up", "endpoint", c.endpoint.ID, "event", made[i].delivery.EventID,
				"attempts", made[i].delivery.Attempts, "status", made[i].log.StatusCode, "error", made[i].log.Error)
		}
	}
	before, after := c.endpoint, c.endpoint
	for {
		err := r.Store.Update(ctx, func(tx store.Conn) (err error) {
			if err := write(ctx, tx, c.lease, made); err != nil {
				return err
			}
			before, after, err = r.moveCircuit(ctx, tx, c, made, now)
			return err
		})
		if err == nil || errors.Is(err, store.ErrExists) { // attempts are in the log already: the answer to an earlier try got lost
			r.tellOperator(before, after)
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) || !r.now().Before(c.lease) {
			return err
		}
		r.Log.Warn("cannot write what came of deliveries, will try again", "endpoint", c.endpoint.ID, "error", err.Error())
		if !sleep(r.attempts, troublePause) {
			return err
		}
	}
}

func write(ctx context.Context, tx store.Conn, lease time.Time, made []attempt) error {
	var log []store.DeliveryAttempt
	for _, a := range made {
		if err := tx.FinishAttempt(ctx, a.delivery, lease); err != nil {
			return err
		}
		if a.result != interrupted {
			log = append(log, a.log)
		}
	}
	return tx.InsertDeliveryAttempts(ctx, log)
}

// moveCircuit writes what attempts say of their endpoint, if they say anything new.
func (d *Deliverer) moveCircuit(ctx context.Context, tx store.Conn, c claimed, made []attempt, now time.Time) (before, after store.Endpoint, err error) {
	if c.endpoint.Circuit == d.Limits.after(c.endpoint.Circuit, c.probe, made, now) {
		return c.endpoint, c.endpoint, nil
	}
	before, err = tx.EndpointForUpdate(ctx, c.endpoint.ID)
	if errors.Is(err, store.ErrNotFound) {
		return before, before, nil // deleted meanwhile
	}
	if err != nil || before.URL != c.endpoint.URL || before.Kind != c.endpoint.Kind { // it was another receiver that answered
		return before, before, err
	}
	after = before
	after.Circuit = d.Limits.after(before.Circuit, c.probe, made, now)
	if reason := d.disabling(after.Circuit, made, now); after.Enabled && reason != "" {
		after.Enabled, after.DisabledReason = false, reason
	}
	return before, after, tx.UpdateEndpoint(ctx, after)
}

// disabling is why nothing more should be sent to an endpoint by itself; "" when it should.
func (d *Deliverer) disabling(c store.Circuit, made []attempt, now time.Time) string {
	for _, a := range made {
		if a.result == gone {
			return "it answered 410 Gone"
		}
	}
	if !c.FailingSince.IsZero() && now.Sub(c.FailingSince) >= d.Limits.DisableAfter {
		return "nothing could be delivered since " + c.FailingSince.Format(time.RFC3339)
	}
	return ""
}

// tellOperator logs what changed for an endpoint, which is named by its id: a URL may hold secrets.
func (d *Deliverer) tellOperator(before, after store.Endpoint) {
	log := d.Log.With("endpoint", after.ID, "kind", string(after.Kind))
	switch {
	case before.Enabled && !after.Enabled:
		log.Error("endpoint disabled", "reason", after.DisabledReason)
	case before.Circuit.Openings == 0 && after.Circuit.Openings > 0:
		log.Warn("endpoint fails, and is left alone for a while", "failures", after.Circuit.Failures, "until", after.Circuit.OpenUntil)
	case before.Circuit.Openings > 0 && after.Circuit.Openings == 0:
		log.Info("endpoint works again")
	}
}
