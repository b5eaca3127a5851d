package client

import (
	"context"
	"iter"

	"github.com/sojourn-auth/sojourn/api"
)

// The wire's types of webhooks.
type (
	WebhookEndpoint       = api.WebhookEndpoint
	CreateWebhookEndpoint = api.CreateWebhookEndpoint
	UpdateWebhookEndpoint = api.UpdateWebhookEndpoint
	WebhookSecret         = api.WebhookSecret
	RotateWebhookSecret   = api.RotateWebhookSecret
	WebhookDelivery       = api.WebhookDelivery
	WebhookAttempt        = api.WebhookAttempt
	ListWebhookDeliveries = api.ListWebhookDeliveries
	RedeliverWebhooks     = api.RedeliverWebhooks
	Redelivered           = api.Redelivered
)

// WebhookEndpoints are those who are told of events. Clerk has no such operations.
type WebhookEndpoints struct{ c *connection }

const webhookEndpoints = "webhook_endpoints"

// List lists webhook endpoints, newest first.
func (w WebhookEndpoints) List(ctx context.Context, page Page) (*List[WebhookEndpoint], error) {
	page.Paginated = true
	return do[List[WebhookEndpoint]](ctx, w.c, get(webhookEndpoints).asking(page))
}

// Get finds a webhook endpoint, or ErrNotFound.
func (w WebhookEndpoints) Get(ctx context.Context, id string) (*WebhookEndpoint, error) {
	return do[WebhookEndpoint](ctx, w.c, get(webhookEndpoints, id))
}

// Create makes a webhook endpoint, which is told of what happens from then on.
func (w WebhookEndpoints) Create(ctx context.Context, params CreateWebhookEndpoint) (*WebhookEndpoint, error) {
	return do[WebhookEndpoint](ctx, w.c, post(webhookEndpoints).with(params))
}

// Update changes what is present. Enabling an endpoint, and sending it elsewhere, forgets its failures.
func (w WebhookEndpoints) Update(ctx context.Context, id string, params UpdateWebhookEndpoint) (*WebhookEndpoint, error) {
	return do[WebhookEndpoint](ctx, w.c, patch(webhookEndpoints, id).with(params))
}

// Delete deletes a webhook endpoint with everything that is on its way to it.
func (w WebhookEndpoints) Delete(ctx context.Context, id string) (*Deleted, error) {
	return do[Deleted](ctx, w.c, remove(webhookEndpoints, id))
}

// Secret reads what webhooks of an endpoint are signed with.
func (w WebhookEndpoints) Secret(ctx context.Context, id string) (*WebhookSecret, error) {
	return do[WebhookSecret](ctx, w.c, get(webhookEndpoints, id, "secret"))
}

// RotateSecret replaces the secret of an endpoint. The one before signs as well for a while.
func (w WebhookEndpoints) RotateSecret(ctx context.Context, id string, params RotateWebhookSecret) (*WebhookSecret, error) {
	return do[WebhookSecret](ctx, w.c, post(webhookEndpoints, id, "secret", "rotate").with(params))
}

// Deliveries lists what is or was on its way to an endpoint, newest first.
func (w WebhookEndpoints) Deliveries(ctx context.Context, id string, params ListWebhookDeliveries) (*List[WebhookDelivery], error) {
	params.Paginated = true
	return do[List[WebhookDelivery]](ctx, w.c, get(webhookEndpoints, id, "deliveries").asking(params))
}

// AllDeliveries goes through all deliveries to an endpoint that the filters of params select, page by page.
func (w WebhookEndpoints) AllDeliveries(ctx context.Context, id string, params ListWebhookDeliveries) iter.Seq2[*WebhookDelivery, error] {
	return all(func(limit, offset int64) ([]WebhookDelivery, error) {
		params.Limit, params.Offset = limit, offset
		page, err := w.Deliveries(ctx, id, params)
		if err != nil {
			return nil, err
		}
		return page.Data, nil
	})
}

// Test sends an event of the type webhook_endpoint.test to an endpoint, whatever it wants to be told of. It answers the
// delivery, which is on its way: Deliveries, with its EventID, says what became of it.
func (w WebhookEndpoints) Test(ctx context.Context, id string) (*WebhookDelivery, error) {
	return do[WebhookDelivery](ctx, w.c, post(webhookEndpoints, id, "test"))
}

// Redeliver sends events to an endpoint again, and answers how many.
func (w WebhookEndpoints) Redeliver(ctx context.Context, id string, params RedeliverWebhooks) (*Redelivered, error) {
	return do[Redelivered](ctx, w.c, post(webhookEndpoints, id, "redeliver").with(params))
}
