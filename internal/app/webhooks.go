package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/webhook"
)

const (
	maxEndpoints           = 50 // each change of a session writes a delivery for every one
	maxEndpointURL         = 2048
	maxEndpointDescription = 500
	endpointSecretPrefix   = "endpoint_secret:" // binds a sealed secret to its endpoint

	maxRedelivered = 50_000 // at once: what a request has time for

	oldSecretFor    = 24 * 60 * 60     // seconds
	maxOldSecretFor = 7 * 24 * 60 * 60 // seconds
)

// ListWebhookEndpoints lists webhook endpoints, newest first.
func (a *App) ListWebhookEndpoints(ctx context.Context, req *api.ListWebhookEndpoints) (*api.List[api.WebhookEndpoint], error) {
	all, err := webhookEndpoints(ctx, a.Store.Conn)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.WebhookEndpoint]{Data: []api.WebhookEndpoint{}, Enveloped: req.Paginated, TotalCount: int64(len(all))}
	from := min(req.Offset, int64(len(all)))
	for _, e := range all[from:min(from+req.Limit, int64(len(all)))] {
		list.Data = append(list.Data, *endpointView(e))
	}
	return list, nil
}

// webhookEndpoints are the endpoints that webhooks go to; others are told in other ways.
func webhookEndpoints(ctx context.Context, c store.Conn) ([]store.Endpoint, error) {
	all, err := c.Endpoints(ctx)
	return slices.DeleteFunc(all, func(e store.Endpoint) bool { return e.Kind != store.WebhookEndpoint }), err
}

// GetWebhookEndpoint finds a webhook endpoint.
func (a *App) GetWebhookEndpoint(ctx context.Context, req *api.WebhookEndpointRef) (*api.WebhookEndpoint, error) {
	e, err := webhookEndpoint(ctx, a.Store.Endpoint, req.EndpointID)
	if err != nil {
		return nil, err
	}
	return endpointView(e), nil
}

// CreateWebhookEndpoint makes an endpoint, which is told of what happens from then on.
func (a *App) CreateWebhookEndpoint(ctx context.Context, req *api.CreateWebhookEndpoint) (*api.WebhookEndpoint, error) {
	now := a.now()
	e := store.Endpoint{ID: a.NewID("ep_"), Kind: store.WebhookEndpoint, CreatedAt: now, UpdatedAt: now, Enabled: req.Enabled.Or(true)}
	if url, _ := req.URL.Get(); url == "" {
		return nil, missing("url")
	}
	if err := a.fillEndpoint(&e, req.URL, req.Description, req.EventTypes); err != nil {
		return nil, err
	}
	sealed, err := a.newEndpointSecret(e.ID, req.Secret)
	if err != nil {
		return nil, err
	}
	e.Secret = sealed
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		all, err := webhookEndpoints(ctx, tx)
		if err != nil {
			return err
		}
		if len(all) >= maxEndpoints {
			return fail(422, "quota_exceeded", "too many endpoints", fmt.Sprintf("There can be %d webhook endpoints.", maxEndpoints))
		}
		return tx.InsertEndpoint(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return endpointView(e), nil
}

// UpdateWebhookEndpoint changes what is present. Enabling an endpoint, and sending it elsewhere, forgets its failures.
func (a *App) UpdateWebhookEndpoint(ctx context.Context, req *api.UpdateWebhookEndpoint) (*api.WebhookEndpoint, error) {
	return a.changeEndpoint(ctx, req.EndpointID, func(e *store.Endpoint, _ time.Time) error {
		if err := a.fillEndpoint(e, req.URL, req.Description, req.EventTypes); err != nil {
			return err
		}
		enabled, ok := req.Enabled.Get()
		if ok {
			e.Enabled, e.DisabledReason = enabled, ""
		}
		if enabled || req.URL.Present() {
			e.Circuit = store.Circuit{}
		}
		return nil
	})
}

// changeEndpoint changes an endpoint whose row it takes.
func (a *App) changeEndpoint(ctx context.Context, id string, change func(e *store.Endpoint, now time.Time) error) (*api.WebhookEndpoint, error) {
	var e store.Endpoint
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		now := a.now()
		if e, err = webhookEndpoint(ctx, tx.EndpointForUpdate, id); err != nil {
			return err
		}
		if err := change(&e, now); err != nil {
			return err
		}
		e.UpdatedAt = now
		return tx.UpdateEndpoint(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return endpointView(e), nil
}

// DeleteWebhookEndpoint deletes an endpoint with everything that is on its way to it.
func (a *App) DeleteWebhookEndpoint(ctx context.Context, req *api.WebhookEndpointRef) (*api.Deleted, error) {
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		if _, err := webhookEndpoint(ctx, tx.Endpoint, req.EndpointID); err != nil {
			return err
		}
		return whenAbsent(tx.DeleteEndpoint(ctx, req.EndpointID), endpointNotFound(req.EndpointID))
	})
	if err != nil {
		return nil, err
	}
	return &api.Deleted{Object: "webhook_endpoint", ID: req.EndpointID, Deleted: true}, nil
}

// fillEndpoint writes a request into an endpoint, or says what is wrong with it.
func (a *App) fillEndpoint(e *store.Endpoint, url, description api.Field[string], types api.Field[[]string]) error {
	if url.Present() {
		if err := a.checkEndpointURL("url", url.Or("")); err != nil {
			return err
		}
		e.URL = url.Or("")
	}
	if description.Present() {
		if err := checkText("description", description.Or(""), maxEndpointDescription); err != nil {
			return err
		}
		e.Description = description.Or("")
	}
	if types.Present() {
		if err := checkEventTypes("event_types", types.Or(nil)); err != nil {
			return err
		}
		e.EventTypes = types.Or(nil)
	}
	return nil
}

// checkEndpointURL refuses URLs that could never be called. Where they lead is judged again whenever they are.
func (a *App) checkEndpointURL(param, url string) error {
	if len(url) > maxEndpointURL {
		return tooLong(param, maxEndpointURL)
	}
	if err := a.Settings.Egress.CheckURL(url); err != nil {
		return at(param, fail(422, "form_param_format_invalid", "is invalid", param+" cannot be called: "+err.Error()+"."))
	}
	return nil
}

func checkEventTypes(param string, types []string) error {
	for i, t := range types {
		if !slices.Contains(event.WebhookTypes, event.Type(t)) {
			return notAllowed(param, t, typeNames(event.WebhookTypes)...)
		}
		if slices.Contains(types[:i], t) {
			return duplicate(param)
		}
	}
	return nil
}

// GetWebhookSecret shows what webhooks of an endpoint are signed with.
func (a *App) GetWebhookSecret(ctx context.Context, req *api.WebhookEndpointRef) (*api.WebhookSecret, error) {
	e, err := webhookEndpoint(ctx, a.Store.Endpoint, req.EndpointID)
	if err != nil {
		return nil, err
	}
	opened, err := a.openEndpointSecret(e.ID, e.Secret)
	return secretView(opened), err
}

// RotateWebhookSecret gives an endpoint another secret. The one before signs as well for a while, so that receivers can
// follow. Meanwhile it refuses another rotation, which would take from them the one that they have, unless no secret but
// the new one is to count at once.
func (a *App) RotateWebhookSecret(ctx context.Context, req *api.RotateWebhookSecret) (*api.WebhookSecret, error) {
	keep := req.ExpireOldSecretAfterSeconds.Or(oldSecretFor)
	if err := within("expire_old_secret_after_seconds", keep, 0, maxOldSecretFor); err != nil {
		return nil, err
	}
	sealed, err := a.newEndpointSecret(req.EndpointID, req.Secret)
	if err != nil {
		return nil, err
	}
	_, err = a.changeEndpoint(ctx, req.EndpointID, func(e *store.Endpoint, now time.Time) error {
		if keep > 0 && e.OldSecretUntil.After(now) {
			return fail(422, "webhook_secret_rotating", "is being rotated", "The secret before the last rotation still signs: wait until it has expired, "+
				"or pass 0 as expire_old_secret_after_seconds to end both at once. To see the current one, get the secret.")
		}
		e.OldSecret, e.OldSecretUntil = e.Secret, now.Add(time.Duration(keep)*time.Second)
		e.Secret = sealed
		return nil
	})
	if err != nil {
		return nil, err
	}
	opened, err := a.openEndpointSecret(req.EndpointID, sealed)
	return secretView(opened), err
}

// newEndpointSecret seals the secret that is given, or a fresh one.
func (a *App) newEndpointSecret(endpointID string, given api.Field[string]) ([]byte, error) {
	chosen, ok := given.Get()
	if !ok {
		return a.sealEndpointSecret(endpointID, webhook.NewSecret())
	}
	if err := webhook.CheckSecret(secret.Text(chosen)); err != nil {
		return nil, badFormat("secret", err.Error())
	}
	return a.sealEndpointSecret(endpointID, secret.Text(chosen))
}

func (a *App) sealEndpointSecret(endpointID string, s secret.Text) ([]byte, error) {
	return a.Master.Seal([]byte(s.Reveal()), endpointSecretPrefix+endpointID)
}

func (a *App) openEndpointSecret(endpointID string, sealed []byte) (secret.Text, error) {
	opened, err := a.Master.Open(sealed, endpointSecretPrefix+endpointID)
	return secret.Text(opened), err
}

// EndpointSecrets are what an endpoint is told with at a moment: what signs webhooks, first the newest, or the value of
// the Authorization header of pushes.
func (a *App) EndpointSecrets(e store.Endpoint, now time.Time) ([]secret.Text, error) {
	sealed := [][]byte{e.Secret}
	if e.OldSecretUntil.After(now) {
		sealed = append(sealed, e.OldSecret)
	}
	var opened []secret.Text
	for _, s := range sealed {
		if s == nil {
			continue
		}
		o, err := a.openEndpointSecret(e.ID, s)
		if err != nil {
			return nil, err
		}
		opened = append(opened, o)
	}
	return opened, nil
}

// ListWebhookDeliveries lists what is or was on its way to an endpoint, newest first, with every attempt that is noted.
func (a *App) ListWebhookDeliveries(ctx context.Context, req *api.ListWebhookDeliveries) (*api.List[api.WebhookDelivery], error) {
	if _, err := webhookEndpoint(ctx, a.Store.Endpoint, req.EndpointID); err != nil {
		return nil, err
	}
	filter, err := deliveryFilter(req.EndpointID, req.Status, req.EventID, req.Since, req.Until)
	if err != nil {
		return nil, err
	}
	found, err := a.Store.Deliveries(ctx, filter, req.Limit, req.Offset)
	if err != nil {
		return nil, err
	}
	list := &api.List[api.WebhookDelivery]{Enveloped: req.Paginated}
	if list.Data, err = a.deliveryViews(ctx, found); err == nil && req.Paginated {
		list.TotalCount, err = a.Store.CountDeliveries(ctx, filter, maxCounted)
	}
	return list, err
}

var deliveryStatuses = []string{string(store.Waiting), string(store.Delivered), string(store.Failed)}

func deliveryFilter(endpointID, status, eventID, from, to string) (f store.DeliveryFilter, err error) {
	f = store.DeliveryFilter{EndpointID: endpointID, Status: store.DeliveryStatus(status), EventID: eventID}
	if status != "" && !slices.Contains(deliveryStatuses, status) {
		return f, notAllowed("status", status, deliveryStatuses...)
	}
	if f.Since, err = since("since", from); err == nil {
		f.Until, err = since("until", to)
	}
	return f, err
}

func (a *App) deliveryViews(ctx context.Context, found []store.Delivery) ([]api.WebhookDelivery, error) {
	ids, views := make([]string, len(found)), make([]api.WebhookDelivery, len(found))
	byID := map[string]*api.WebhookDelivery{}
	for i, d := range found {
		ids[i] = d.ID
		views[i] = deliveryView(d)
		byID[d.ID] = &views[i]
	}
	attempts, err := a.Store.DeliveryAttempts(ctx, ids...)
	for _, t := range attempts {
		view := api.WebhookAttempt{At: t.At.UnixMilli(), TookMS: t.TookMS, Error: pointer(t.Error)}
		if t.StatusCode != 0 {
			view.Status = &t.StatusCode
		}
		byID[t.DeliveryID].Attempts = append(byID[t.DeliveryID].Attempts, view)
	}
	return views, err
}

func deliveryView(d store.Delivery) api.WebhookDelivery {
	return api.WebhookDelivery{
		Object: "webhook_delivery", ID: d.ID, EndpointID: d.EndpointID, EventID: d.EventID, EventType: d.EventType,
		Status: string(d.Status), NextAttemptAt: unixMilli(d.NextAt), Attempts: []api.WebhookAttempt{},
		CreatedAt: d.CreatedAt.UnixMilli(), UpdatedAt: d.UpdatedAt.UnixMilli(),
	}
}

// RedeliverWebhooks sends events to an endpoint again, whatever became of them, for as long as it is known what they said.
func (a *App) RedeliverWebhooks(ctx context.Context, req *api.RedeliverWebhooks) (*api.Redelivered, error) {
	if _, err := webhookEndpoint(ctx, a.Store.Endpoint, req.EndpointID); err != nil {
		return nil, err
	}
	one, from := req.EventID.Or(""), req.Since.Or("")
	switch {
	case one == "" && from == "":
		return nil, missing("event_id")
	case one != "" && (req.Since.Present() || req.Until.Present()):
		return nil, notTogether("event_id", "since and until")
	}
	filter, err := deliveryFilter(req.EndpointID, req.Status.Or(""), one, from, req.Until.Or(""))
	if err != nil {
		return nil, err
	}
	many, err := a.Store.CountRedeliverable(ctx, filter, maxRedelivered+1)
	if err != nil {
		return nil, err
	}
	if many > maxRedelivered {
		return nil, fail(422, "too_many_deliveries", "too many deliveries", fmt.Sprintf("These are more than %d deliveries: choose a shorter time.", maxRedelivered))
	}
	n, err := a.redeliver(ctx, filter)
	return &api.Redelivered{Object: "webhook_redelivery", Count: n}, err
}

// redeliver goes page by page, so that nobody waits long for the database.
func (a *App) redeliver(ctx context.Context, filter store.DeliveryFilter) (n int64, err error) {
	for after := (store.Delivery{}); ; {
		var page []store.Delivery
		err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
			if page, err = tx.Redeliverable(ctx, filter, after, sweepBatch); err != nil {
				return err
			}
			return tx.Redeliver(ctx, page, a.now())
		})
		if err != nil {
			return n, err
		}
		n += int64(len(page))
		if len(page) < sweepBatch {
			return n, nil
		}
		after = page[len(page)-1]
	}
}

// TestWebhookEndpoint sends an event to an endpoint that says nothing but that it is a test, whatever the endpoint wants
// to be told of. It answers the delivery, which is on its way.
func (a *App) TestWebhookEndpoint(ctx context.Context, req *api.WebhookEndpointRef) (*api.WebhookDelivery, error) {
	now := a.now()
	test := event.Event{ // an endpoint counts nothing, so the moment orders its tests
		ID: a.NewID(event.IDPrefix), Type: event.WebhookTest, At: now, Subject: req.EndpointID, Position: now.UnixMilli(),
		By: session.ByBackend, Origin: eventOrigin(ctx),
	}
	var err error
	if test.Body, err = test.WebhookBody(a.instance.ID, &api.Ref{Object: "webhook_endpoint", ID: req.EndpointID}); err != nil {
		return nil, err
	}
	var d store.Delivery
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		e, err := webhookEndpoint(ctx, tx.Endpoint, req.EndpointID)
		if err != nil {
			return err
		}
		if !e.Enabled {
			return fail(422, "webhook_endpoint_disabled", "endpoint is disabled", "Nothing is sent to "+e.ID+" until it is enabled.")
		}
		d = a.newDelivery(e, test)
		return errors.Join(tx.InsertEvents(ctx, []event.Event{test}), tx.InsertDeliveries(ctx, []store.Delivery{d}))
	})
	if err != nil {
		return nil, err
	}
	return new(deliveryView(d)), nil
}

// webhookEndpoint finds an endpoint by a method of the store, and refuses what is told in other ways.
func webhookEndpoint(ctx context.Context, find func(context.Context, string) (store.Endpoint, error), id string) (store.Endpoint, error) {
	e, err := find(ctx, id)
	if err == nil && e.Kind != store.WebhookEndpoint {
		err = store.ErrNotFound
	}
	return e, whenAbsent(err, endpointNotFound(id))
}

func endpointNotFound(id string) *api.Error {
	return notFound("Webhook endpoint", "There is no webhook endpoint with the id "+id+".")
}

func endpointView(e store.Endpoint) *api.WebhookEndpoint {
	return &api.WebhookEndpoint{
		Object: "webhook_endpoint", ID: e.ID, URL: e.URL, Description: e.Description, EventTypes: append([]string{}, e.EventTypes...),
		Enabled: e.Enabled, DisabledReason: pointer(e.DisabledReason), Failures: e.Circuit.Failures,
		FailingSince: unixMilli(e.Circuit.FailingSince), OpenUntil: unixMilli(e.Circuit.OpenUntil),
		OldSecretExpire: unixMilli(e.OldSecretUntil), CreatedAt: e.CreatedAt.UnixMilli(), UpdatedAt: e.UpdatedAt.UnixMilli(),
	}
}

func secretView(s secret.Text) *api.WebhookSecret {
	return &api.WebhookSecret{Object: "webhook_secret", Secret: s.Reveal()}
}
