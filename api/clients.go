package api

// Client is one browser or device and the sessions in it.
type Client struct {
	Object                     string    `json:"object"` // "client"
	ID                         string    `json:"id"`
	SessionIDs                 []string  `json:"session_ids"`
	Sessions                   []Session `json:"sessions"`
	SignInID                   *string   `json:"sign_in_id"`
	SignUpID                   *string   `json:"sign_up_id"`
	LastActiveSessionID        *string   `json:"last_active_session_id"`
	LastAuthenticationStrategy *string   `json:"last_authentication_strategy"`
	CreatedAt                  int64     `json:"created_at"`
	UpdatedAt                  int64     `json:"updated_at"`
}

// ListClients lists clients, newest first. Deprecated by the contract, but official SDKs still call it.
type ListClients struct {
	Page
}

// ClientRef names a client.
type ClientRef struct {
	ClientID string `json:"-" path:"client_id"`
}

// VerifyClient finds the client of a client token (the __client cookie), not of a session token.
type VerifyClient struct {
	Token Field[string] `json:"token,omitzero"`
}

// Closed marks requests whose unknown members are refused.
func (VerifyClient) Closed() {}
