package api

// Instance is the one application that a server serves.
type Instance struct {
	Object          string   `json:"object"` // "instance"
	ID              string   `json:"id"`
	EnvironmentType string   `json:"environment_type"` // development or production
	AllowedOrigins  []string `json:"allowed_origins"`  // null when not restricted
	WorkspaceID     *string  `json:"workspace_id"`     // always null: a server is one workspace
}

// UpdateInstance changes instance settings; absent ones stay.
type UpdateInstance struct {
	TestMode                    Field[bool]     `json:"test_mode,omitzero"`
	HIBP                        Field[bool]     `json:"hibp,omitzero"`
	SupportEmail                Field[string]   `json:"support_email,omitzero"`
	ClerkJSVersion              Field[string]   `json:"clerk_js_version,omitzero"`
	DevelopmentOrigin           Field[string]   `json:"development_origin,omitzero"`
	AllowedOrigins              Field[[]string] `json:"allowed_origins,omitzero"`
	CookielessDev               Field[bool]     `json:"cookieless_dev,omitzero"`
	URLBasedSessionSyncing      Field[bool]     `json:"url_based_session_syncing,omitzero"`
	PreferredSignInWhenPassword Field[string]   `json:"preferred_sign_in_strategy_when_password_required,omitzero"`
}

// TestingToken lets end-to-end tests past bot protection.
type TestingToken struct {
	Object    string `json:"object"` // "testing_token"
	Token     string `json:"token"`
	ExpiresAt int64  `json:"expires_at"` // Unix SECONDS
}

// JWKS is a JSON Web Key Set (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is the public half of an RSA signing key.
type JWK struct {
	Use string `json:"use"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	N   string `json:"n"`
	E   string `json:"e"`
}
