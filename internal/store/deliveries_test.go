package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// newEndpoint writes ep_1, which is enabled.
func newEndpoint(t *testing.T, db *store.DB) store.Endpoint {
	t.Helper()
	e := store.Endpoint{ID: "ep_1", Kind: store.WebhookEndpoint, URL: "https://example.com/", Enabled: true, CreatedAt: start, UpdatedAt: start}
	update(t, db, func(tx store.Conn) error { return tx.InsertEndpoint(t.Context(), e) })
	return e
}

// happen writes events evt_1 to evt_n at a moment, each with a body, on their way to ep_1.
func happen(t *testing.T, db *store.DB, n int, at time.Time) {
	t.Helper()
	var events []event.Event
	var deliveries []store.Delivery
	for i := range n {
		id := fmt.Sprintf("%d", i+1)
		events = append(events, event.Event{ID: "evt_" + id, Type: event.UserUpdated, At: at, Subject: "user_1", UserID: "user_1", Position: int64(i + 1), By: "system", Body: json.RawMessage(`{}`)})
		deliveries = append(deliveries, store.Delivery{ID: "dlv_" + id, EndpointID: "ep_1", EventID: "evt_" + id, EventType: string(event.UserUpdated), Status: store.Waiting, NextAt: at, CreatedAt: at, UpdatedAt: at})
	}
	update(t, db, func(tx store.Conn) error {
		return errors.Join(tx.InsertEvents(t.Context(), events), tx.InsertDeliveries(t.Context(), deliveries))
	})
}

func TestEndpointComesBackAsItWasWritten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		want := store.Endpoint{
			ID: "ep_1", Kind: store.PushEndpoint, URL: "https://example.com/", Description: "x", EventTypes: []string{"a", "b"},
			DisabledReason: "why", Secret: []byte{1, 2}, OldSecret: []byte{3}, OldSecretUntil: start.Add(time.Hour), CreatedAt: start, UpdatedAt: start,
			Circuit: store.Circuit{Failures: 7, FailingSince: start, Openings: 2, OpenUntil: start.Add(time.Minute)},
		}
		update(t, db, func(tx store.Conn) error { return tx.InsertEndpoint(t.Context(), want) })
		check := func() {
			t.Helper()
			got, err := db.Endpoint(t.Context(), "ep_1")
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
			}
		}
		check()
		want.Enabled, want.DisabledReason, want.OldSecret, want.OldSecretUntil, want.Circuit = true, "", nil, time.Time{}, store.Circuit{}
		update(t, db, func(tx store.Conn) error { return tx.UpdateEndpoint(t.Context(), want) })
		check()
	})
}

// TestClaimsAreExclusive races workers for deliveries. What one has taken, no other takes until the lease is over.
func TestClaimsAreExclusive(t *testing.T) {
	const workers, deliveries, atATime = 8, 400, 7
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		happen(t, db, deliveries, start)
		lease := start.Add(time.Minute)
		var (
			mu    sync.Mutex
			taken = map[string]int{}
			all   sync.WaitGroup
		)
		claim := func() (n int, err error) {
			var claimed []store.Delivery
			err = db.Update(t.Context(), func(tx store.Conn) (err error) {
				claimed, err = tx.ClaimDeliveries(t.Context(), "ep_1", start, lease, atATime)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			for _, d := range claimed {
				taken[d.ID]++
			}
			return len(taken), err
		}
		for range workers {
			all.Go(func() {
				for n := 0; n < deliveries; {
					var err error
					if n, err = claim(); err != nil && !errors.Is(err, store.ErrUnavailable) { // which means: lost too many races
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		for id, times := range taken {
			if times != 1 {
				t.Errorf("%s was taken %d times", id, times)
			}
		}
		again := func(now time.Time) (found []store.Delivery) {
			update(t, db, func(tx store.Conn) (err error) {
				found, err = tx.ClaimDeliveries(t.Context(), "ep_1", now, now.Add(time.Minute), deliveries)
				return err
			})
			return found
		}
		if n := len(again(lease.Add(-time.Millisecond))); n != 0 {
			t.Errorf("%d are taken again before the lease is over", n)
		}
		if n := len(again(lease)); n != deliveries {
			t.Errorf("%d come back when it is over, want %d", n, deliveries)
		}
	})
}

// TestAnAttemptOfThePastChangesNothing: its delivery has been taken by somebody else, or begun anew.
func TestAnAttemptOfThePastChangesNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		happen(t, db, 1, start)
		lease := start.Add(time.Minute)
		finish := func(status store.DeliveryStatus, lease time.Time) store.Delivery {
			update(t, db, func(tx store.Conn) error {
				return tx.FinishAttempt(t.Context(), store.Delivery{ID: "dlv_1", Status: status, Attempts: 3, UpdatedAt: start.Add(time.Hour)}, lease)
			})
			found, err := db.Deliveries(t.Context(), store.DeliveryFilter{EndpointID: "ep_1"}, 10, 0)
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			return found[0]
		}
		if got := finish(store.Delivered, lease); got.Status != store.Waiting || got.Attempts != 0 || !got.NextAt.Equal(start) {
			t.Errorf("without a claim: %+v", got)
		}
		update(t, db, func(tx store.Conn) error {
			_, err := tx.ClaimDeliveries(t.Context(), "ep_1", start, lease, 1)
			return err
		})
		if got := finish(store.Failed, lease); got.Status != store.Failed || got.Attempts != 3 || !got.NextAt.IsZero() {
			t.Errorf("with one: %+v", got)
		}
	})
}

// TestDueEndpoints are those that something can be sent to.
func TestDueEndpoints(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		e := newEndpoint(t, db)
		due := func(now time.Time) bool {
			t.Helper()
			found, err := db.DueEndpoints(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			return len(found) == 1
		}
		change := func(do func(e *store.Endpoint)) {
			changed := e
			do(&changed)
			update(t, db, func(tx store.Conn) error { return tx.UpdateEndpoint(t.Context(), changed) })
		}
		if due(start) {
			t.Error("due without a delivery")
		}
		happen(t, db, 1, start)
		if due(start.Add(-time.Millisecond)) || !due(start) {
			t.Error("not due when its delivery is")
		}
		change(func(e *store.Endpoint) { e.Circuit.OpenUntil = start.Add(time.Minute) })
		if due(start.Add(time.Minute-time.Millisecond)) || !due(start.Add(time.Minute)) {
			t.Error("not due when its circuit is half-open")
		}
		change(func(e *store.Endpoint) { e.Enabled = false })
		if due(start) {
			t.Error("due although it is disabled")
		}
		change(func(e *store.Endpoint) { e.Kind = store.PollEndpoint })
		if due(start) {
			t.Error("due although it asks for itself")
		}
	})
}

// TestOneTakesTheProbe of many who want it.
func TestOneTakesTheProbe(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		e := newEndpoint(t, db)
		e.Circuit = store.Circuit{Failures: 10, Openings: 1, FailingSince: start, OpenUntil: start}
		update(t, db, func(tx store.Conn) error { return tx.UpdateEndpoint(t.Context(), e) })
		take := func(now time.Time) error {
			return db.Update(t.Context(), func(tx store.Conn) error { return tx.TakeProbe(t.Context(), "ep_1", now, now.Add(time.Minute)) })
		}
		var all sync.WaitGroup
		results := make(chan error, 8)
		for range cap(results) {
			all.Go(func() { results <- take(start) })
		}
		all.Wait()
		close(results)
		taken := 0
		for err := range results {
			if err == nil {
				taken++
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		}
		if taken != 1 {
			t.Errorf("%d took it, want 1", taken)
		}
		if err := take(start.Add(time.Minute)); err != nil {
			t.Errorf("whoever took it is gone, and nobody can take it again: %v", err)
		}
	})
}

func TestRedeliver(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		happen(t, db, 4, start)
		later := start.Add(time.Hour)
		update(t, db, func(tx store.Conn) error {
			claimed, err := tx.ClaimDeliveries(t.Context(), "ep_1", start, later, 4)
			for i, d := range claimed {
				d.Status, d.NextAt, d.Attempts = store.Delivered, time.Time{}, 1
				if i == 0 {
					d.Status = store.Failed
				}
				err = errors.Join(err, tx.FinishAttempt(t.Context(), d, later))
			}
			return err
		})
		redeliver := func(f store.DeliveryFilter) (n int64) {
			t.Helper()
			f.EndpointID = "ep_1"
			for after := (store.Delivery{}); ; n++ { // page by page, each of one
				var page []store.Delivery
				update(t, db, func(tx store.Conn) (err error) {
					if page, err = tx.Redeliverable(t.Context(), f, after, 1); err != nil {
						return err
					}
					return tx.Redeliver(t.Context(), page, later)
				})
				if len(page) == 0 {
					return n
				}
				after = page[0]
			}
		}
		for name, c := range map[string]struct {
			filter store.DeliveryFilter
			want   int64
		}{
			"an event":          {store.DeliveryFilter{EventID: "evt_2"}, 1},
			"an unknown event":  {store.DeliveryFilter{EventID: "evt_x"}, 0},
			"those of a time":   {store.DeliveryFilter{Since: start, Until: later}, 4},
			"those before it":   {store.DeliveryFilter{Until: start}, 0},
			"those after it":    {store.DeliveryFilter{Since: later}, 0},
			"what waits by now": {store.DeliveryFilter{Status: store.Failed, EventID: "evt_x"}, 0},
		} {
			if got := redeliver(c.filter); got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		}
		found, err := db.Deliveries(t.Context(), store.DeliveryFilter{EndpointID: "ep_1", Status: store.Waiting}, 10, 0)
		if err != nil || len(found) != 4 {
			t.Fatalf("%d wait, want 4 (%v)", len(found), err)
		}
		if d := found[0]; d.Attempts != 0 || !d.NextAt.Equal(later) {
			t.Errorf("not anew: %+v", d)
		}
		countable, err := db.CountRedeliverable(t.Context(), store.DeliveryFilter{EndpointID: "ep_1"}, 3)
		if all, err2 := db.CountRedeliverable(t.Context(), store.DeliveryFilter{EndpointID: "ep_1"}, 100); errors.Join(err, err2) != nil || countable != 3 || all != 4 {
			t.Errorf("counted %d up to 3, and %d (%v, %v)", countable, all, err, err2)
		}
		// What has been forgotten cannot be sent.
		update(t, db, func(tx store.Conn) error {
			return errors.Join(tx.DeleteEndpoint(t.Context(), "ep_1"), tx.ForgetUserBodies(t.Context(), "user_1"))
		})
		clearDeleted(t, db)
		newEndpoint(t, db)
		revoked := event.Event{ID: "evt_revoked", Type: event.SessionRevoked, At: start, Subject: "sess_1", Position: 1, By: "system", TokensUntil: later}
		update(t, db, func(tx store.Conn) error {
			return errors.Join(tx.InsertEvents(t.Context(), []event.Event{revoked}), tx.InsertDeliveries(t.Context(), []store.Delivery{
				{ID: "dlv_8", EndpointID: "ep_1", EventID: "evt_revoked", Status: store.Delivered, CreatedAt: start, UpdatedAt: start},
				{ID: "dlv_9", EndpointID: "ep_1", EventID: "evt_1", Status: store.Failed, CreatedAt: start, UpdatedAt: start},
			}))
		})
		if got := redeliver(store.DeliveryFilter{}); got != 0 {
			t.Errorf("%d begin anew whose body is forgotten", got)
		}
	})
}

// clearDeleted does what the sweeper does, and answers how many deliveries went.
func clearDeleted(t *testing.T, db *store.DB) (cleared int64) {
	t.Helper()
	for n := int64(2); n > 0; cleared += n {
		update(t, db, func(tx store.Conn) (err error) {
			n, err = tx.PurgeDeliveriesOfDeletedEndpoints(t.Context(), 2)
			return err
		})
		update(t, db, func(tx store.Conn) error { _, err := tx.PurgeDeletedEndpoints(t.Context()); return err })
	}
	return cleared
}

// TestADeletedEndpointIsGoneAtOnce, and what was on its way to it a few at a time.
func TestADeletedEndpointIsGoneAtOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		other := store.Endpoint{ID: "ep_2", Kind: store.WebhookEndpoint, URL: "https://example.com/", Enabled: true, CreatedAt: start, UpdatedAt: start}
		happen(t, db, 5, start)
		update(t, db, func(tx store.Conn) error {
			return errors.Join(tx.InsertEndpoint(t.Context(), other),
				tx.InsertDeliveries(t.Context(), []store.Delivery{{ID: "dlv_other", EndpointID: "ep_2", EventID: "evt_1", Status: store.Failed, CreatedAt: start, UpdatedAt: start}}),
				tx.DeleteEndpoint(t.Context(), "ep_1"))
		})
		all, err := db.Endpoints(t.Context())
		if err != nil || len(all) != 1 {
			t.Errorf("%d endpoints, %v", len(all), err)
		}
		due, err := db.DueEndpoints(t.Context(), start)
		if err != nil || len(due) != 0 {
			t.Errorf("%d are due, %v", len(due), err)
		}
		if _, err := db.Endpoint(t.Context(), "ep_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it is found: %v", err)
		}
		err = db.Update(t.Context(), func(tx store.Conn) error { _, err := tx.EndpointForUpdate(t.Context(), "ep_1"); return err })
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it can be changed: %v", err)
		}
		if err := db.Update(t.Context(), func(tx store.Conn) error { return tx.DeleteEndpoint(t.Context(), "ep_1") }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it is deleted again: %v", err)
		}
		if n := clearDeleted(t, db); n != 5 {
			t.Errorf("%d deliveries were cleared, want 5", n)
		}
		newEndpoint(t, db) // its row has gone too
		left, err := db.Deliveries(t.Context(), store.DeliveryFilter{EndpointID: "ep_2"}, 10, 0)
		if err != nil || len(left) != 1 {
			t.Errorf("%d to another endpoint are left, %v", len(left), err)
		}
	})
}

// TestBodiesOfDeletedUsersGo when they have arrived. That the user was deleted can be said again.
func TestBodiesOfDeletedUsersGo(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		happen(t, db, 3, start)
		deletion := event.Event{ID: "evt_deletion", Type: event.UserDeleted, At: start, Subject: "user_1", UserID: "user_1", Position: 4, By: "system", Body: json.RawMessage(`{}`)}
		stranger := event.Event{ID: "evt_stranger", Type: event.UserUpdated, At: start, Subject: "user_2", UserID: "user_2", Position: 1, By: "system", Body: json.RawMessage(`{}`)}
		later := start.Add(time.Hour)
		forget := func(after time.Time) (n int64) {
			t.Helper()
			update(t, db, func(tx store.Conn) (err error) {
				n, err = tx.ForgetBodiesOfDeletedUsers(t.Context(), after, 10)
				return err
			})
			return n
		}
		update(t, db, func(tx store.Conn) error {
			claimed, err := tx.ClaimDeliveries(t.Context(), "ep_1", start, later, 2)
			for _, d := range claimed {
				d.Status, d.NextAt = store.Delivered, time.Time{}
				err = errors.Join(err, tx.FinishAttempt(t.Context(), d, later))
			}
			return errors.Join(err, tx.InsertEvents(t.Context(), []event.Event{stranger}))
		})
		if n := forget(start); n != 0 {
			t.Errorf("%d bodies of a user who is there are forgotten", n)
		}
		update(t, db, func(tx store.Conn) error { return tx.InsertEvents(t.Context(), []event.Event{deletion}) })
		if n := forget(start.Add(time.Millisecond)); n != 0 {
			t.Errorf("%d bodies are forgotten for a deletion that is too long ago", n)
		}
		if n, again := forget(start), forget(start); n != 2 || again != 0 {
			t.Errorf("%d and then %d bodies are forgotten, want the two that have arrived", n, again)
		}
		update(t, db, func(tx store.Conn) error {
			back := event.Event{ID: "evt_back", Type: event.UserCreated, At: later, Subject: "user_1", UserID: "user_1", Position: 1, By: "system", Body: json.RawMessage(`{}`)}
			return errors.Join(tx.InsertUser(t.Context(), store.User{ID: "user_1"}), tx.InsertEvents(t.Context(), []event.Event{back}))
		})
		if n := forget(start); n != 0 {
			t.Errorf("%d bodies of a user who is back are forgotten", n)
		}
		for _, id := range []string{"evt_deletion", "evt_stranger"} {
			if e, err := db.Event(t.Context(), id); err != nil || e.Body == nil {
				t.Errorf("%s has lost its body (%v)", id, err)
			}
		}
	})
}

// TestSweepingSparesWhatIsOnItsWay: bodies, events and deliveries stay as long as somebody is to get them, and no longer.
func TestSweepingSparesWhatIsOnItsWay(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		e := newEndpoint(t, db)
		happen(t, db, 3, start)
		later := start.Add(time.Hour)
		update(t, db, func(tx store.Conn) error { // evt_1 arrives
			claimed, err := tx.ClaimDeliveries(t.Context(), "ep_1", start, later, 3)
			for _, d := range claimed {
				d.NextAt = later.Add(time.Hour)
				if d.EventID == "evt_1" {
					d.Status, d.NextAt = store.Delivered, time.Time{}
				}
				err = errors.Join(err, tx.FinishAttempt(t.Context(), d, later))
			}
			return err
		})
		sweep := func(want ...int64) {
			t.Helper()
			for i, step := range []func(tx store.Conn) (int64, error){
				func(tx store.Conn) (int64, error) { return tx.ForgetBodies(t.Context(), later, 10) },
				func(tx store.Conn) (int64, error) { return tx.PurgeDeliveries(t.Context(), later, 10) },
				func(tx store.Conn) (int64, error) { return tx.PurgeEvents(t.Context(), later, later, 10) },
			} {
				update(t, db, func(tx store.Conn) error {
					n, err := step(tx)
					if n != want[i] {
						t.Errorf("%s: %d, want %d", []string{"forget bodies", "purge deliveries", "purge events"}[i], n, want[i])
					}
					return err
				})
			}
		}
		sweep(1, 1, 1)
		sweep(0, 0, 0)
		e.Enabled = false // nobody may ever enable it again
		update(t, db, func(tx store.Conn) error { return tx.UpdateEndpoint(t.Context(), e) })
		sweep(2, 2, 2)
		happen(t, db, 2, start)
		e.Enabled, e.Kind = true, store.PollEndpoint // nothing is sent to it any more
		update(t, db, func(tx store.Conn) error { return tx.UpdateEndpoint(t.Context(), e) })
		sweep(2, 2, 2)
	})
}

// TestEventsAfter reads everything once, in order, however many share a moment.
func TestEventsAfter(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, db *store.DB) {
		newEndpoint(t, db)
		happen(t, db, 25, start)
		for most, want := range map[int64]int64{10: 10, 25: 25, 100: 25} {
			events, err := db.CountEvents(t.Context(), store.EventFilter{}, most)
			deliveries, err2 := db.CountDeliveries(t.Context(), store.DeliveryFilter{EndpointID: "ep_1"}, most)
			if err := errors.Join(err, err2); err != nil || events != want || deliveries != want {
				t.Errorf("up to %d: %d events and %d deliveries, want %d (%v)", most, events, deliveries, want, err)
			}
		}
		var after event.Event
		seen := map[string]bool{}
		for {
			page, err := db.EventsAfter(t.Context(), store.EventFilter{}, after, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if seen[e.ID] || e.ID <= after.ID {
					t.Errorf("%s comes after %s", e.ID, after.ID)
				}
				seen[e.ID], after = true, e
			}
			if len(page) < 10 {
				break
			}
		}
		if len(seen) != 25 {
			t.Errorf("%d events, want 25", len(seen))
		}
	})
}
