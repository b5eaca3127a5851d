package api

// WebhookEndpoint is somebody who is told of events. It is ours: Clerk's webhooks are set up in its Dashboard.
type WebhookEndpoint struct {
	Object          string   `json:"object"` // "webhook_endpoint"
	ID              string   `json:"id"`
	URL             string   `json:"url"`
	Description     string   `json:"description"`
	EventTypes      []string `json:"event_types"` // empty: those that Clerk has
	Enabled         bool     `json:"enabled"`
	DisabledReason  *string  `json:"disabled_reason"`   // null when somebody wished it so
	Failures        int64    `json:"failures"`          // in a row
	FailingSince    *int64   `json:"failing_since"`     // milliseconds
	OpenUntil       *int64   `json:"open_until"`        // milliseconds: nothing is sent before
	OldSecretExpire *int64   `json:"old_secret_expire"` // milliseconds: until when the secret before signs as well
	CreatedAt       int64    `json:"created_at"`
	UpdatedAt       int64    `json:"updated_at"`
}

// ListWebhookEndpoints lists endpoints, newest first.
type ListWebhookEndpoints struct {
	Page
}

// WebhookEndpointRef names an endpoint.
type WebhookEndpointRef struct {
	EndpointID string `json:"-" path:"endpoint_id"`
}

// CreateWebhookEndpoint makes an endpoint.
type CreateWebhookEndpoint struct {
	URL         Field[string]   `json:"url,omitzero"` // required
	Description Field[string]   `json:"description,omitzero"`
	EventTypes  Field[[]string] `json:"event_types,omitzero"` // those that Clerk has when absent
	Enabled     Field[bool]     `json:"enabled,omitzero"`     // true when absent
	Secret      Field[string]   `json:"secret,omitzero"`      // whsec_ and 24 to 64 bytes in base64; made when absent
}

// Closed refuses unknown members.
func (CreateWebhookEndpoint) Closed() {}

// UpdateWebhookEndpoint changes what is present.
type UpdateWebhookEndpoint struct {
	WebhookEndpointRef
	URL         Field[string]   `json:"url,omitzero"`
	Description Field[string]   `json:"description,omitzero"`
	EventTypes  Field[[]string] `json:"event_types,omitzero"`
	Enabled     Field[bool]     `json:"enabled,omitzero"` // true makes failures forgotten
}

// Closed refuses unknown members.
func (UpdateWebhookEndpoint) Closed() {}

// WebhookSecret is what webhooks of an endpoint are signed with.
type WebhookSecret struct {
	Object string `json:"object"` // "webhook_secret"
	Secret string `json:"secret"` // whsec_…
}

// RotateWebhookSecret replaces a secret. The one before signs as well for a while.
type RotateWebhookSecret struct {
	WebhookEndpointRef
	Secret                      Field[string] `json:"secret,omitzero"`                          // made when absent
	ExpireOldSecretAfterSeconds Field[int64]  `json:"expire_old_secret_after_seconds,omitzero"` // 0 to 604800; 86400 when absent
}

// Closed refuses unknown members.
func (RotateWebhookSecret) Closed() {}

// WebhookDelivery is an event on its way to an endpoint.
type WebhookDelivery struct {
	Object        string           `json:"object"` // "webhook_delivery"
	ID            string           `json:"id"`
	EndpointID    string           `json:"endpoint_id"`
	EventID       string           `json:"event_id"`
	EventType     string           `json:"event_type"`
	Status        string           `json:"status"`          // waiting, delivered or failed
	NextAttemptAt *int64           `json:"next_attempt_at"` // milliseconds
	Attempts      []WebhookAttempt `json:"attempts"`        // oldest first
	CreatedAt     int64            `json:"created_at"`      // when its event was written
	UpdatedAt     int64            `json:"updated_at"`
}

// WebhookAttempt is one time that a delivery was tried.
type WebhookAttempt struct {
	At     int64   `json:"at"`      // milliseconds
	TookMS int64   `json:"took_ms"` // milliseconds
	Status *int64  `json:"status"`  // of the receiver's answer; null when there was none
	Error  *string `json:"error"`   // what went wrong; null when an answer tells it
}

// ListWebhookDeliveries selects deliveries to an endpoint; what is absent selects all.
type ListWebhookDeliveries struct {
	WebhookEndpointRef
	Page
	Status  string `query:"status"`
	EventID string `query:"event_id"`
	Since   string `query:"since"` // when the event was written: RFC 3339 or milliseconds; inclusive
	Until   string `query:"until"` // the same; exclusive
}

// RedeliverWebhooks sends events again: one, or those of a time.
type RedeliverWebhooks struct {
	WebhookEndpointRef
	EventID Field[string] `json:"event_id,omitzero"`
	Since   Field[string] `json:"since,omitzero"` // required without event_id
	Until   Field[string] `json:"until,omitzero"`
	Status  Field[string] `json:"status,omitzero"` // only deliveries with this status
}

// Closed refuses unknown members.
func (RedeliverWebhooks) Closed() {}

// Redelivered is how many deliveries have begun anew.
type Redelivered struct {
	Object string `json:"object"` // "webhook_redelivery"
	Count  int64  `json:"count"`
}
