package api

import "encoding/json"

// Session is the period of information exchange between a user and the server.
type Session struct {
	Object                   string          `json:"object"` // "session"
	ID                       string          `json:"id"`
	ClientID                 string          `json:"client_id"`
	UserID                   string          `json:"user_id"`
	Actor                    json.RawMessage `json:"actor"` // who impersonates, or null
	Status                   string          `json:"status"`
	LastActiveOrganizationID *string         `json:"last_active_organization_id"`
	LastActiveAt             int64           `json:"last_active_at"`
	LatestActivity           *Activity       `json:"latest_activity,omitempty"`
	ExpireAt                 int64           `json:"expire_at"`
	AbandonAt                int64           `json:"abandon_at"`
	CreatedAt                int64           `json:"created_at"`
	UpdatedAt                int64           `json:"updated_at"`
	Tasks                    []Task          `json:"tasks,omitempty"` // what a pending session still lacks
}

// Activity describes the device that last used a session.
type Activity struct {
	Object         string  `json:"object"` // "session_activity"
	ID             string  `json:"id"`
	DeviceType     *string `json:"device_type,omitempty"`
	IsMobile       bool    `json:"is_mobile"`
	BrowserName    *string `json:"browser_name,omitempty"`
	BrowserVersion *string `json:"browser_version,omitempty"`
	IPAddress      *string `json:"ip_address,omitempty"`
	City           *string `json:"city,omitempty"`
	Country        *string `json:"country,omitempty"`
}

// Task is one step that a pending session waits for.
type Task struct {
	Key string `json:"key"`
}

// ListSessions filters sessions; the conditions combine with AND.
type ListSessions struct {
	ClientID string `query:"client_id"`
	UserID   string `query:"user_id"`
	Status   string `query:"status"`
	Page
}

// CreateSession starts a session for a user without a sign-in, for tests.
type CreateSession struct {
	UserID               Field[string] `json:"user_id,omitzero"`
	ActiveOrganizationID Field[string] `json:"active_organization_id,omitzero"`
}

// SessionRef names a session.
type SessionRef struct {
	SessionID string `json:"-" path:"session_id"`
}

// VerifySession checks a session token against its session.
type VerifySession struct {
	SessionRef
	Token Field[string] `json:"token,omitzero"` // absent: the session's state alone decides
}

// CreateToken mints a session token, or a token from the JWT template TemplateName.
type CreateToken struct {
	SessionRef
	TemplateName     string       `json:"-" path:"template_name"`
	ExpiresInSeconds Field[int64] `json:"expires_in_seconds,omitzero"` // 30 to 315360000; absent: the default lifetime
	Origin           string       `json:"-" header:"Origin"`           // becomes the azp claim
}

// Token is a minted JSON Web Token.
type Token struct {
	Object string `json:"object"` // "token"
	JWT    string `json:"jwt"`
}

// RefreshSession trades an expired session token and a refresh token for a new session token.
type RefreshSession struct {
	SessionRef
	SuffixedCookies      bool                       `json:"-" query:"suffixed_cookies"`
	ExpiredToken         Field[string]              `json:"expired_token,omitzero"`
	RefreshToken         Field[string]              `json:"refresh_token,omitzero"`
	RequestOrigin        Field[string]              `json:"request_origin,omitzero"`
	RequestHeaders       Field[map[string][]string] `json:"request_headers,omitzero"`
	Format               Field[string]              `json:"format,omitzero"` // "token" (default) or "cookie"
	RequestOriginatingIP Field[string]              `json:"request_originating_ip,omitzero"`
}

// Closed marks requests whose unknown members are refused.
func (RefreshSession) Closed() {}

// Closed marks requests whose unknown members are refused.
func (VerifySession) Closed() {}
