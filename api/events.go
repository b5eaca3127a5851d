package api

// Event is something that happened to a session, a user or a key. It is ours: the contract knows events only as webhooks.
type Event struct {
	Object      string   `json:"object"` // "event"
	ID          string   `json:"id"`
	Type        string   `json:"type"`
	Timestamp   int64    `json:"timestamp"`  // milliseconds
	SubjectID   string   `json:"subject_id"` // of the session, user or key it happened to
	Position    int64    `json:"position"`   // 1, 2, 3, … for each subject
	SessionID   *string  `json:"session_id"`
	UserID      *string  `json:"user_id"`
	Reason      *string  `json:"reason"`       // why a session ended
	By          string   `json:"by"`           // a user's id, backend_api, operator or system
	Changes     []string `json:"changes"`      // names of the user's fields that changed
	TokensUntil *int64   `json:"tokens_until"` // milliseconds: until when revoked tokens may be accepted somewhere
	Origin      *Origin  `json:"origin"`       // null for what no request caused
}

// Origin is the request that caused an event.
type Origin struct {
	Operation string  `json:"operation"`
	TraceID   string  `json:"trace_id"`
	ClientIP  *string `json:"client_ip"`
	UserAgent *string `json:"user_agent"`
}

// ListEvents selects events; what is absent selects all.
type ListEvents struct {
	Page
	Types     []string `query:"type"`
	SessionID string   `query:"session_id"`
	UserID    string   `query:"user_id"`
	Since     string   `query:"since"` // RFC 3339 or milliseconds; inclusive
	Until     string   `query:"until"` // the same; exclusive
}

// EventRef names an event.
type EventRef struct {
	EventID string `path:"event_id"`
}

// SessionOfUser is a session with its user, as webhooks show it.
type SessionOfUser struct {
	Session
	User *User `json:"user"`
}

// Ref names something of which nothing else is shown.
type Ref struct {
	Object string `json:"object"`
	ID     string `json:"id"`
}
