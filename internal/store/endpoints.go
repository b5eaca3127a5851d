package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// EndpointKind is how an endpoint is told.
type EndpointKind string

// The kinds of endpoints.
const (
	WebhookEndpoint EndpointKind = "webhook" // Standard Webhooks
	PushEndpoint    EndpointKind = "push"    // security event tokens, RFC 8935
	PollEndpoint    EndpointKind = "poll"    // security event tokens, RFC 8936; it asks for itself
	// deletedEndpoint is one that is gone for everybody but the sweeper, who has yet to clear up after it.
	deletedEndpoint EndpointKind = "deleted"
)

// Endpoint is somebody who is told of events.
type Endpoint struct {
	ID             string
	Kind           EndpointKind
	URL            string // "" for one that polls
	Description    string
	EventTypes     []string // none: those of the contract
	Enabled        bool
	DisabledReason string // "" when somebody wished it so
	Secret         []byte // sealed; nil when it has none
	OldSecret      []byte // sealed; good for signing until OldSecretUntil
	OldSecretUntil time.Time
	Circuit        Circuit
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Circuit keeps an endpoint that fails from being asked all the time.
type Circuit struct {
	Failures     int64 // in a row
	FailingSince time.Time
	Openings     int64     // since something was delivered
	OpenUntil    time.Time // nothing is sent before, and one delivery after, to see
}

const endpointColumns = `id, kind, url, description, event_types, enabled, disabled_reason, secret, old_secret,
	old_secret_until, failures, failing_since, openings, open_until, created_at, updated_at`

func scanEndpoint(r row) (Endpoint, error) {
	var (
		e                          Endpoint
		kind, types                string
		reason, secret, old        *string
		oldUntil, failing, circuit *int64
		created, updated           int64
	)
	err := r.Scan(&e.ID, &kind, &e.URL, &e.Description, &types, &e.Enabled, &reason, &secret, &old, &oldUntil,
		&e.Circuit.Failures, &failing, &e.Circuit.Openings, &circuit, &created, &updated)
	if err != nil {
		return e, err
	}
	e.Kind, e.DisabledReason, e.OldSecretUntil = EndpointKind(kind), text(reason), optionalMoment(oldUntil)
	e.Circuit.FailingSince, e.Circuit.OpenUntil = optionalMoment(failing), optionalMoment(circuit)
	e.CreatedAt, e.UpdatedAt = moment(created), moment(updated)
	var err1, err2 error
	e.Secret, err1 = sealedBytes(secret)
	e.OldSecret, err2 = sealedBytes(old)
	return e, errors.Join(json.Unmarshal([]byte(types), &e.EventTypes), err1, err2)
}

func sealedBytes(s *string) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(*s)
}

func sealedText(b []byte) *string {
	if b == nil {
		return nil
	}
	return optional(base64.StdEncoding.EncodeToString(b))
}

func (e Endpoint) args() ([]any, error) {
	types, err := json.Marshal(append([]string{}, e.EventTypes...))
	return []any{
		e.ID, string(e.Kind), e.URL, e.Description, string(types), e.Enabled, optional(e.DisabledReason),
		sealedText(e.Secret), sealedText(e.OldSecret), optionalMS(e.OldSecretUntil), e.Circuit.Failures,
		optionalMS(e.Circuit.FailingSince), e.Circuit.Openings, optionalMS(e.Circuit.OpenUntil), ms(e.CreatedAt), ms(e.UpdatedAt),
	}, err
}

// InsertEndpoint writes a new endpoint.
func (c Conn) InsertEndpoint(ctx context.Context, e Endpoint) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, `INSERT INTO endpoints (`+endpointColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, args...)
	return err
}

// Endpoint finds an endpoint, or ErrNotFound.
func (c Conn) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	return one(ctx, c, scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints WHERE id = $1 AND kind <> $2`, id, string(deletedEndpoint))
}

// EndpointForUpdate reads an endpoint that nobody else can change until the transaction ends, or ErrNotFound.
func (c Conn) EndpointForUpdate(ctx context.Context, id string) (Endpoint, error) {
	return one(ctx, c, scanEndpoint, `UPDATE endpoints SET updated_at = updated_at WHERE id = $1 AND kind <> $2 RETURNING `+endpointColumns, id, string(deletedEndpoint))
}

// UpdateEndpoint writes the whole row. Read it with EndpointForUpdate in the same transaction.
func (c Conn) UpdateEndpoint(ctx context.Context, e Endpoint) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	return c.execOne(ctx, `UPDATE endpoints SET (`+endpointColumns+`) =
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WHERE id = $1`, args...)
}

// Endpoints lists all endpoints, newest first. There are few.
func (c Conn) Endpoints(ctx context.Context) ([]Endpoint, error) {
	return many(ctx, c, scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints WHERE kind <> $1 ORDER BY created_at DESC, id DESC`, string(deletedEndpoint))
}

// DeleteEndpoint deletes an endpoint; ErrNotFound when there is none. Its row stays until PurgeDeliveriesOfDeletedEndpoints has
// deleted what was on its way to it, or has been, which may be more than one transaction should.
func (c Conn) DeleteEndpoint(ctx context.Context, id string) error {
	return c.execOne(ctx, `UPDATE endpoints SET kind = $2, url = '', description = '', enabled = FALSE, secret = NULL, old_secret = NULL
		WHERE id = $1 AND kind <> $2`, id, string(deletedEndpoint))
}

// PurgeDeliveriesOfDeletedEndpoints deletes up to limit deliveries to endpoints that were deleted. Their attempts go with their time.
func (c Conn) PurgeDeliveriesOfDeletedEndpoints(ctx context.Context, limit int64) (int64, error) {
	return c.exec(ctx, `DELETE FROM deliveries WHERE id IN (SELECT d.id FROM endpoints JOIN deliveries d ON d.endpoint_id = endpoints.id
		WHERE endpoints.kind = $1 LIMIT $2)`, string(deletedEndpoint), limit)
}

// PurgeDeletedEndpoints deletes what is left of endpoints that were deleted, when nothing else is.
func (c Conn) PurgeDeletedEndpoints(ctx context.Context) (int64, error) {
	return c.exec(ctx, `DELETE FROM endpoints WHERE kind = $1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = endpoints.id)`,
		string(deletedEndpoint))
}

// DueEndpoints are the endpoints that something can be sent to at now: enabled, with a circuit that is not open, and with
// a delivery that is due.
func (c Conn) DueEndpoints(ctx context.Context, now time.Time) ([]Endpoint, error) {
	return many(ctx, c, scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints
		WHERE enabled AND kind <> $2 AND (open_until IS NULL OR open_until <= $1)
		AND EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = endpoints.id AND d.next_at IS NOT NULL AND d.next_at <= $1)
		ORDER BY created_at DESC, id DESC`, ms(now), string(PollEndpoint))
}

// TakeProbe lets one caller of all try whether an endpoint works again whose circuit was open until now; ErrNotFound for
// everybody else. Who takes it and says nothing until lease loses it.
func (c Conn) TakeProbe(ctx context.Context, id string, now, lease time.Time) error {
	return c.execOne(ctx, `UPDATE endpoints SET open_until = $3 WHERE id = $1 AND open_until <= $2`, id, ms(now), ms(lease))
}
