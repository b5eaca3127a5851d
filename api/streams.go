package api

import "encoding/json"

// What follows is the Shared Signals Framework 1.0, with the names that it has. Times are in seconds here.

// SSFConfiguration tells receivers where everything is (section 7.1).
type SSFConfiguration struct {
	SpecVersion            string   `json:"spec_version"` // "1_0"
	Issuer                 string   `json:"issuer"`
	JWKSURI                string   `json:"jwks_uri"`
	DeliveryMethods        []string `json:"delivery_methods_supported"`
	ConfigurationEndpoint  string   `json:"configuration_endpoint"`
	StatusEndpoint         string   `json:"status_endpoint"`
	VerificationEndpoint   string   `json:"verification_endpoint"`
	AuthorizationSchemes   []Scheme `json:"authorization_schemes"`
	DefaultSubjects        string   `json:"default_subjects"` // "ALL"
	CriticalSubjectMembers []string `json:"critical_subject_members"`
}

// Scheme is a way in which receivers authorize themselves.
type Scheme struct {
	SpecURN string `json:"spec_urn"`
}

// Stream is the configuration of a stream of security events (section 8.1.1).
type Stream struct {
	StreamID        string         `json:"stream_id"`
	Issuer          string         `json:"iss"`
	Audience        string         `json:"aud"`
	Delivery        StreamDelivery `json:"delivery"`
	EventsSupported []string       `json:"events_supported"`
	EventsRequested []string       `json:"events_requested"`
	EventsDelivered []string       `json:"events_delivered"`
	Description     string         `json:"description,omitempty"`
}

// StreamDelivery is how a receiver is told.
type StreamDelivery struct {
	Method              string `json:"method"` // urn:ietf:rfc:8936 (poll) or urn:ietf:rfc:8935 (push)
	EndpointURL         string `json:"endpoint_url,omitempty"`
	AuthorizationHeader string `json:"authorization_header,omitempty"` // of pushes; never shown
}

// NewStream is the answer of CreateStream: 201.
type NewStream struct{ Stream }

// Created marks answers that are told as 201.
func (NewStream) Created() {}

// ChangeStream creates, replaces or updates a stream. What the transmitter decides may be present and is passed over.
type ChangeStream struct {
	StreamID        Field[string]         `json:"stream_id,omitzero"`
	Delivery        Field[StreamDelivery] `json:"delivery,omitzero"` // absent: poll
	EventsRequested Field[[]string]       `json:"events_requested,omitzero"`
	Description     Field[string]         `json:"description,omitzero"`
}

// StreamRef names a stream.
type StreamRef struct {
	StreamID string `json:"-" query:"stream_id"`
}

// StreamStatus says whether a stream delivers (section 8.1.2).
type StreamStatus struct {
	StreamID string `json:"stream_id"`
	Status   string `json:"status"` // enabled, paused or disabled
	Reason   string `json:"reason,omitempty"`
}

// SetStreamStatus changes whether a stream delivers.
type SetStreamStatus struct {
	StreamID Field[string] `json:"stream_id,omitzero"`
	Status   Field[string] `json:"status,omitzero"`
	Reason   Field[string] `json:"reason,omitzero"`
}

// VerifyStream asks for a verification event (section 8.1.4).
type VerifyStream struct {
	StreamID Field[string] `json:"stream_id,omitzero"`
	State    Field[string] `json:"state,omitzero"`
}

// PollStream asks for security events (RFC 8936, section 2.4).
type PollStream struct {
	StreamID          string                     `json:"-" path:"stream_id"`
	MaxEvents         Field[int64]               `json:"maxEvents,omitzero"`
	ReturnImmediately Field[bool]                `json:"returnImmediately,omitzero"`
	Ack               Field[[]string]            `json:"ack,omitzero"`
	SetErrs           Field[map[string]SETError] `json:"setErrs,omitzero"`
}

// SETError is why a receiver could not take an event.
type SETError struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

// Polled are security events, by their ids.
type Polled struct {
	Sets          map[string]string `json:"sets"`
	MoreAvailable bool              `json:"moreAvailable,omitempty"`
}

// Streams is one stream, or all of them when the request names none.
type Streams struct {
	One *Stream
	All []Stream
}

// MarshalJSON writes an object or an array.
func (s Streams) MarshalJSON() ([]byte, error) {
	if s.One != nil {
		return json.Marshal(s.One)
	}
	return json.Marshal(append([]Stream{}, s.All...))
}
