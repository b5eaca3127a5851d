package api

import "encoding/json"

// SignInToken is a one-time ticket that signs a user in.
type SignInToken struct {
	Object    string  `json:"object"` // "sign_in_token"
	ID        string  `json:"id"`
	Status    string  `json:"status"` // pending, accepted or revoked
	UserID    string  `json:"user_id"`
	Token     string  `json:"token,omitempty"` // the ticket, a JWT; only in the answer that creates it
	URL       *string `json:"url"`
	CreatedAt int64   `json:"created_at"`
	UpdatedAt int64   `json:"updated_at"`
}

// CreateSignInToken makes a sign-in token.
type CreateSignInToken struct {
	UserID           Field[string] `json:"user_id,omitzero"`
	OrgID            Field[string] `json:"org_id,omitzero"`
	ExpiresInSeconds Field[int64]  `json:"expires_in_seconds,omitzero"` // 1 or more; 2592000 (30 days) when absent
}

// SignInTokenRef names a sign-in token.
type SignInTokenRef struct {
	SignInTokenID string `json:"-" path:"sign_in_token_id"`
}

// ActorToken is a one-time ticket that lets somebody impersonate a user.
type ActorToken struct {
	Object    string          `json:"object"` // "actor_token"
	ID        string          `json:"id"`
	Status    string          `json:"status"` // pending, accepted or revoked
	UserID    string          `json:"user_id"`
	Actor     json.RawMessage `json:"actor"`
	Token     string          `json:"token,omitempty"` // the ticket, a JWT; only in the answer that creates it
	URL       *string         `json:"url,omitempty"`   // only together with Token
	CreatedAt int64           `json:"created_at"`
	UpdatedAt int64           `json:"updated_at"`
}

// CreateActorToken makes an actor token.
type CreateActorToken struct {
	UserID                      Field[string]          `json:"user_id,omitzero"`
	Actor                       Field[json.RawMessage] `json:"actor,omitzero"`                           // an object with sub, who impersonates
	ExpiresInSeconds            Field[int64]           `json:"expires_in_seconds,omitzero"`              // 3600 when absent
	SessionMaxDurationInSeconds Field[int64]           `json:"session_max_duration_in_seconds,omitzero"` // 1800 when absent
}

// Closed marks requests whose unknown members are refused.
func (CreateActorToken) Closed() {}

// ActorTokenRef names an actor token.
type ActorTokenRef struct {
	ActorTokenID string `json:"-" path:"actor_token_id"`
}
