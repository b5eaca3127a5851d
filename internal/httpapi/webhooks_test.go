package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
)

// webhookSpec is where Clerk's description of its webhooks may lie: beside those of its Backend API.
var webhookSpec = filepath.Join("..", "..", "..", "shared", "spec", "webhooks-2025-04-15.yml")

// clerkWebhooks reads what Clerk says of a webhook, and of what can be in it.
func clerkWebhooks(t *testing.T) openapi3.Schemas {
	t.Helper()
	source, err := os.ReadFile(webhookSpec)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no Clerk OpenAPI file beside the repository (%s)", webhookSpec)
	}
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(source)
	if err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

// TestWebhooksAreClerks makes happen what Clerk has webhooks for, and holds their bodies against its description.
func TestWebhooksAreClerks(t *testing.T) {
	t.Parallel()
	schemas := clerkWebhooks(t)
	w := servePeopled(t)
	began := w.clock.now()
	b, ended := w.signedIn(t, testEmail)
	post[api.BrowserSession](t, b, "/v1/client/sessions/"+ended+"/end", nil)
	b, removed := w.signedIn(t, secondEmail)
	post[api.BrowserSession](t, b, "/v1/client/sessions/"+removed+"/remove", nil)
	ok[any](t, w.post(t, "/v1/sessions/{active}/revoke", ""))
	ok[any](t, w.post(t, "/v1/users", `{"email_address":["grace@example.com"],"first_name":"Grace","external_id":"ext_grace","public_metadata":{"a":1}}`))
	ok[any](t, w.send(t, request{method: "PATCH", path: "/v1/users/{ada}", body: `{"first_name":"Augusta"}`}))
	ok[any](t, w.send(t, request{method: "DELETE", path: "/v1/users/{banned}"}))

	written, err := w.app.Store.Events(bg, store.EventFilter{Since: began}, 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen []event.Type
	for _, e := range written {
		if !slices.Contains(event.Contract, e.Type) {
			continue
		}
		if e.Body == nil {
			t.Errorf("%s has no body", e.Type)
			continue
		}
		seen = append(seen, e.Type)
		if err := checkWebhook(schemas, e); err != nil {
			t.Errorf("%s: %v\n%s", e.Type, err, e.Body)
		}
	}
	for _, kind := range event.Contract {
		if kind != event.SessionPending && !slices.Contains(seen, kind) { // this server makes no pending sessions yet
			t.Errorf("no %s was seen", kind)
		}
	}
}

func checkWebhook(schemas openapi3.Schemas, e event.Event) error {
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	if body["object"] != "event" || body["type"] != string(e.Type) || body["timestamp"] != float64(e.At.UnixMilli()) {
		return fmt.Errorf("the envelope says %v, %v, %v", body["object"], body["type"], body["timestamp"])
	}
	fits := func(schema string, v any) error {
		return schemas[schema].Value.VisitJSON(v, openapi3.VisitAsResponse(), openapi3.MultiErrors())
	}
	data, _ := body["data"].(map[string]any)
	err := fits("WebhookEventPayload", body)
	switch e.Type {
	case event.UserDeleted:
		return errors.Join(err, fits("DeletedObject", data))
	case event.UserCreated, event.UserUpdated:
		return errors.Join(err, fits("User", data))
	default:
		// The file adds the user to a session that it says has no other members: they are judged one by one.
		user := data["user"]
		delete(data, "user")
		return errors.Join(err, fits("Session", data), fits("User", user))
	}
}

// TestSecretsWhileTheyRotate are what signs at a moment: first the new one, and the old one until its time is over.
func TestSecretsWhileTheyRotate(t *testing.T) {
	t.Parallel()
	w := servePeopled(t)
	fresh := ok[api.WebhookSecret](t, w.post(t, "/v1/webhook_endpoints/{endpoint}/secret/rotate", `{"expire_old_secret_after_seconds":60}`)).Secret
	e, err := w.app.Store.Endpoint(bg, w.names["endpoint"])
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration][]string{0: {fresh, webhookSecret}, 59 * time.Second: {fresh, webhookSecret}, time.Minute: {fresh}} {
		secrets, err := w.app.EndpointSecrets(e, w.clock.now().Add(after))
		var got []string
		for _, s := range secrets {
			got = append(got, s.Reveal())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("after %v: %d secrets, want %d (%v)", after, len(got), len(want), err)
		}
	}
	// Another rotation would leave receivers without the secret that they have.
	for _, body := range []string{`{}`, `{"expire_old_secret_after_seconds":1}`} {
		if a := w.post(t, "/v1/webhook_endpoints/{endpoint}/secret/rotate", body); a.status != 422 {
			t.Errorf("rotated again with %s: %v", body, a)
		}
	}
	w.expect(t, w.get(t, "/v1/webhook_endpoints/{endpoint}/secret"), "secret="+fresh)
	ok[any](t, w.post(t, "/v1/webhook_endpoints/{endpoint}/secret/rotate", `{"expire_old_secret_after_seconds":0}`))
	ok[any](t, w.post(t, "/v1/webhook_endpoints/{endpoint}/secret/rotate", `{}`))
	w.clock.advance(24 * time.Hour)
	ok[any](t, w.post(t, "/v1/webhook_endpoints/{endpoint}/secret/rotate", `{}`))
	e.ID = w.names["endpoint.off"] // a secret opens in its own place alone
	if _, err := w.app.EndpointSecrets(e, w.clock.now()); err == nil {
		t.Error("the secret of one endpoint opens for another")
	}
}

// TestRedeliveringMany begins more deliveries anew than one transaction takes.
func TestRedeliveringMany(t *testing.T) {
	t.Parallel()
	const many = 1200
	w := servePeopled(t)
	var events []event.Event
	var deliveries []store.Delivery
	for i := range many {
		e := event.Event{ID: fmt.Sprintf("evt_%d", i), Type: event.UserUpdated, At: w.clock.now(), Subject: "user_x", Position: int64(i), By: "system", Body: json.RawMessage(`{}`)}
		events = append(events, e)
		deliveries = append(deliveries, store.Delivery{ID: fmt.Sprintf("dlv_%d", i), EndpointID: w.names["endpoint"], EventID: e.ID, EventType: string(e.Type), Status: store.Failed, CreatedAt: e.At, UpdatedAt: e.At})
	}
	err := w.app.Store.Update(bg, func(tx store.Conn) error {
		return errors.Join(tx.InsertEvents(bg, events), tx.InsertDeliveries(bg, deliveries))
	})
	if err != nil {
		t.Fatal(err)
	}
	const rows = `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < 50000) `
	storetest.Exec(t, w.database,
		rows+`INSERT INTO events (id, type, at, subject, position, caused_by, body) SELECT 'evt_more_' || n, 'user.updated', 0, 'user_x', n, 'system', '{}' FROM rows`,
		rows+`INSERT INTO deliveries (id, endpoint_id, event_id, event_type, status, attempts, created_at, updated_at)
			SELECT 'dlv_more_' || n, '`+w.names["endpoint"]+`', 'evt_more_' || n, 'user.updated', 'delivered', 1, 0, 0 FROM rows`)
	w.clock.advance(time.Hour)
	if a := w.post(t, "/v1/webhook_endpoints/{endpoint}/redeliver", `{"since":"0"}`); a.status != 422 {
		t.Errorf("more than one request has time for: %v", a)
	}
	begun := w.post(t, "/v1/webhook_endpoints/{endpoint}/redeliver", `{"since":"0","status":"failed"}`)
	w.expect(t, begun, fmt.Sprintf("count=%d", many))
	left := w.get(t, "/v1/webhook_endpoints/{endpoint}/deliveries?status=failed&paginated=true")
	w.expect(t, left, "total_count=0")
}
