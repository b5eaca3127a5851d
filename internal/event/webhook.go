package event

import (
	"encoding/json"
	"strings"
)

// Webhook is the body of a webhook: the contract, section 7. Its timestamp is in milliseconds.
type Webhook struct {
	Data       json.RawMessage   `json:"data"`
	Object     string            `json:"object"` // event
	Type       Type              `json:"type"`
	Timestamp  int64             `json:"timestamp"`
	InstanceID string            `json:"instance_id"`
	Attributes *WebhookAttribute `json:"event_attributes,omitempty"`
}

// WebhookAttribute is what a webhook says of its cause.
type WebhookAttribute struct {
	HTTPRequest HTTPRequest `json:"http_request"`
}

// HTTPRequest is the request that caused an event.
type HTTPRequest struct {
	ClientIP  string `json:"client_ip"`
	UserAgent string `json:"user_agent"`
}

// WebhookBody is the body of the webhook of an event. data is the session, the user or the key after it, in JSON.
func (e Event) WebhookBody(instanceID string, data any) (json.RawMessage, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	w := Webhook{Data: raw, Object: "event", Type: e.Type, Timestamp: e.At.UnixMilli(), InstanceID: instanceID}
	if e.Origin.Address != "" || e.Origin.UserAgent != "" {
		w.Attributes = &WebhookAttribute{HTTPRequest{ClientIP: e.Origin.Address, UserAgent: e.Origin.UserAgent}}
	}
	return json.Marshal(w)
}

// IDPrefix begins the ids of events.
const IDPrefix = "evt_"

// MessageID is the id of an event as webhooks have it, the same at every delivery.
func (e Event) MessageID() string { return "msg_" + strings.TrimPrefix(e.ID, IDPrefix) }
