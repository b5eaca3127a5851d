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

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/store"
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
	switch e.Type { //nolint:exhaustive // the others are sessions
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
