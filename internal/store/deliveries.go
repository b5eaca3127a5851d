package store

import (
	"context"
	"strings"
	"time"
)

// DeliveryStatus is how far a delivery has come.
type DeliveryStatus string

// The statuses of deliveries.
const (
	Waiting   DeliveryStatus = "waiting"   // for its next attempt
	Delivered DeliveryStatus = "delivered" // its receiver has said so
	Failed    DeliveryStatus = "failed"    // given up, unless somebody asks for it again
)

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	ID         string
	EndpointID string
	EventID    string
	EventType  string
	Status     DeliveryStatus
	Attempts   int64     // of the schedule that runs
	NextAt     time.Time // when it is tried next; zero when it is not
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

const deliveryColumns = `id, endpoint_id, event_id, event_type, status, attempts, next_at, created_at, updated_at`

func scanDelivery(r row) (Delivery, error) {
	var (
		d                Delivery
		status           string
		next             *int64
		created, updated int64
	)
	err := r.Scan(&d.ID, &d.EndpointID, &d.EventID, &d.EventType, &status, &d.Attempts, &next, &created, &updated)
	d.Status, d.NextAt, d.CreatedAt, d.UpdatedAt = DeliveryStatus(status), optionalMoment(next), moment(created), moment(updated)
	return d, err
}

const maxDeliveryRows = 500 // of one statement

// InsertDeliveries puts events on their way. What is on its way already, or has been, stays as it is.
func (c Conn) InsertDeliveries(ctx context.Context, deliveries []Delivery) error {
	for len(deliveries) > 0 {
		n := min(len(deliveries), maxDeliveryRows)
		w := &where{}
		rows := make([]string, n)
		for i, d := range deliveries[:n] {
			rows[i] = w.row(d.ID, d.EndpointID, d.EventID, d.EventType, string(d.Status), d.Attempts, optionalMS(d.NextAt), ms(d.CreatedAt), ms(d.UpdatedAt))
		}
		_, err := c.exec(ctx, `INSERT INTO deliveries (`+deliveryColumns+`) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT (event_id, endpoint_id) DO NOTHING`, w.args...)
		if err != nil {
			return err
		}
		deliveries = deliveries[n:]
	}
	return nil
}

// ClaimDeliveries takes up to limit deliveries to an endpoint that are due at now: nobody else gets them until lease,
// when they are due again, for whoever took them may be gone. The outer condition looks again at what another claim has
// just taken; without it two would take the same.
func (c Conn) ClaimDeliveries(ctx context.Context, endpointID string, now, lease time.Time, limit int64) ([]Delivery, error) {
	return many(ctx, c, scanDelivery, `UPDATE deliveries SET next_at = $3 WHERE id IN (SELECT id FROM deliveries
		WHERE endpoint_id = $1 AND next_at IS NOT NULL AND next_at <= $2 ORDER BY next_at LIMIT $4)
		AND next_at <= $2 RETURNING `+deliveryColumns, endpointID, ms(now), ms(lease), limit)
}

// FinishAttempt writes what became of an attempt, unless the delivery is no longer as the claim left it: then somebody
// else has taken it, or it was asked for again.
func (c Conn) FinishAttempt(ctx context.Context, d Delivery, lease time.Time) error {
	_, err := c.exec(ctx, `UPDATE deliveries SET status = $3, attempts = $4, next_at = $5, updated_at = $6
		WHERE id = $1 AND next_at = $2`, d.ID, ms(lease), string(d.Status), d.Attempts, optionalMS(d.NextAt), ms(d.UpdatedAt))
	return err
}

// DeliveryFilter selects deliveries to an endpoint; empty fields select all.
type DeliveryFilter struct {
	EndpointID string
	Status     DeliveryStatus
	EventID    string
	Since      time.Time // when the event was written; inclusive
	Until      time.Time // exclusive
}

func (f DeliveryFilter) where() *where {
	w := &where{}
	w.and(`endpoint_id = ?`, f.EndpointID)
	if f.Status != "" {
		w.and(`status = ?`, string(f.Status))
	}
	if f.EventID != "" {
		w.and(`event_id = ?`, f.EventID)
	}
	if !f.Since.IsZero() {
		w.and(`created_at >= ?`, ms(f.Since))
	}
	if !f.Until.IsZero() {
		w.and(`created_at < ?`, ms(f.Until))
	}
	return w
}

// Deliveries lists deliveries, newest first.
func (c Conn) Deliveries(ctx context.Context, f DeliveryFilter, limit, offset int64) ([]Delivery, error) {
	w := f.where()
	sql := `SELECT ` + deliveryColumns + ` FROM deliveries` + w.String() + ` ORDER BY created_at DESC, id DESC LIMIT ` + w.arg(limit) + ` OFFSET ` + w.arg(offset)
	return many(ctx, c, scanDelivery, sql, w.args...)
}

// CountDeliveries counts the deliveries that Deliveries would list without a limit, up to most.
func (c Conn) CountDeliveries(ctx context.Context, f DeliveryFilter, most int64) (int64, error) {
	return c.countUpTo(ctx, `deliveries`, f.where(), most)
}

// Redeliverable reads a page of deliveries that can begin anew, newest first, after one of them; the zero delivery stands for
// the beginning. What has lost its body is left out: nobody knows what it said.
func (c Conn) Redeliverable(ctx context.Context, f DeliveryFilter, after Delivery, limit int64) ([]Delivery, error) {
	w := f.where()
	if after.ID != "" {
		w.and(`(created_at, id) < (?, ?)`, ms(after.CreatedAt), after.ID)
	}
	w.and(hasBody)
	sql := `SELECT ` + deliveryColumns + ` FROM deliveries` + w.String() + ` ORDER BY created_at DESC, id DESC LIMIT ` + w.arg(limit)
	return many(ctx, c, scanDelivery, sql, w.args...)
}

// hasBody is true of a delivery of which is known what it said. PostgreSQL would make a join of EXISTS, and begin with all
// bodies there are.
const hasBody = `(SELECT body IS NOT NULL FROM events WHERE events.id = deliveries.event_id)`

// CountRedeliverable counts the deliveries that can begin anew, up to most.
func (c Conn) CountRedeliverable(ctx context.Context, f DeliveryFilter, most int64) (int64, error) {
	w := f.where()
	w.and(hasBody)
	return c.countUpTo(ctx, `deliveries`, w, most)
}

// Redeliver begins the schedule of deliveries anew, whatever became of them.
func (c Conn) Redeliver(ctx context.Context, deliveries []Delivery, now time.Time) error {
	if len(deliveries) == 0 {
		return nil
	}
	ids := make([]string, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.ID
	}
	w := &where{}
	set := `status = ` + w.arg(string(Waiting)) + `, attempts = 0, next_at = ` + w.arg(ms(now)) + `, updated_at = ` + w.arg(ms(now))
	w.in(`id`, ids)
	_, err := c.exec(ctx, `UPDATE deliveries SET `+set+w.String(), w.args...)
	return err
}

// DeliveryAttempt is one time that a delivery was tried.
type DeliveryAttempt struct {
	ID         string
	DeliveryID string
	At         time.Time
	TookMS     int64 // milliseconds
	StatusCode int64 // 0 when there was no answer
	Error      string
}

const deliveryAttemptColumns = `id, delivery_id, at, took_ms, status_code, error`

// InsertDeliveryAttempts writes attempts into the log; not more than one statement takes.
func (c Conn) InsertDeliveryAttempts(ctx context.Context, attempts []DeliveryAttempt) error {
	if len(attempts) == 0 {
		return nil
	}
	w := &where{}
	rows := make([]string, len(attempts))
	for i, a := range attempts {
		var code *int64
		if a.StatusCode != 0 {
			code = &a.StatusCode
		}
		rows[i] = w.row(a.ID, a.DeliveryID, ms(a.At), a.TookMS, code, optional(a.Error))
	}
	_, err := c.exec(ctx, `INSERT INTO delivery_attempts (`+deliveryAttemptColumns+`) VALUES `+strings.Join(rows, ", "), w.args...)
	return err
}

// DeliveryAttempts lists the attempts of deliveries, oldest first.
func (c Conn) DeliveryAttempts(ctx context.Context, deliveryIDs ...string) ([]DeliveryAttempt, error) {
	if len(deliveryIDs) == 0 {
		return nil, nil
	}
	w := &where{}
	w.in(`delivery_id`, deliveryIDs)
	return many(ctx, c, scanDeliveryAttempt, `SELECT `+deliveryAttemptColumns+` FROM delivery_attempts`+w.String()+` ORDER BY at, id`, w.args...)
}

func scanDeliveryAttempt(r row) (DeliveryAttempt, error) {
	var (
		a     DeliveryAttempt
		at    int64
		code  *int64
		cause *string
	)
	err := r.Scan(&a.ID, &a.DeliveryID, &at, &a.TookMS, &code, &cause)
	if code != nil {
		a.StatusCode = *code
	}
	a.At, a.Error = moment(at), text(cause)
	return a, err
}

// PurgeDeliveries deletes up to limit deliveries that came to their end before a moment, or have waited since then for an
// endpoint to which nothing is sent.
func (c Conn) PurgeDeliveries(ctx context.Context, before time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries d
		WHERE updated_at < $1 AND NOT (`+onItsWay+`) ORDER BY updated_at LIMIT $2)`, ms(before), limit)
}

// onItsWay is true of a delivery d that will be tried. What waits for an endpoint that is disabled, or polls by now, may
// wait for ever.
const onItsWay = `d.next_at IS NOT NULL AND EXISTS (SELECT 1 FROM endpoints WHERE endpoints.id = d.endpoint_id AND enabled AND kind <> '` + string(PollEndpoint) + `')`

// PurgeDeliveryAttempts deletes up to limit attempts that were made before a moment from the log of deliveries.
func (c Conn) PurgeDeliveryAttempts(ctx context.Context, before time.Time, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM delivery_attempts WHERE id IN
		(SELECT id FROM delivery_attempts WHERE at < $1 ORDER BY at LIMIT $2)`, ms(before), limit)
}
