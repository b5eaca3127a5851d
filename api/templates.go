package api

import "encoding/json"

// JWTTemplate describes tokens with claims of one's own.
type JWTTemplate struct {
	Object           string          `json:"object"` // "jwt_template"
	ID               string          `json:"id"`
	Name             string          `json:"name"`               // unique; names the template in the token path
	Claims           json.RawMessage `json:"claims"`             // as stored, shortcodes unexpanded
	Lifetime         int64           `json:"lifetime"`           // seconds
	AllowedClockSkew int64           `json:"allowed_clock_skew"` // seconds before now that nbf stands at
	CustomSigningKey bool            `json:"custom_signing_key"`
	SigningAlgorithm string          `json:"signing_algorithm"`
	CreatedAt        int64           `json:"created_at"`
	UpdatedAt        int64           `json:"updated_at"`
}

// ListTemplates lists JWT templates, newest first.
type ListTemplates struct {
	Page
}

// TemplateRef names a JWT template by its id.
type TemplateRef struct {
	TemplateID string `json:"-" path:"template_id"`
}

// WriteTemplate is the body that creates or replaces a JWT template.
type WriteTemplate struct {
	TemplateRef
	Name             Field[string]          `json:"name,omitzero"`
	Claims           Field[json.RawMessage] `json:"claims,omitzero"`
	Lifetime         Field[int64]           `json:"lifetime,omitzero"`           // seconds, 30 to 315360000; 60 when absent
	AllowedClockSkew Field[int64]           `json:"allowed_clock_skew,omitzero"` // seconds, 0 to 300; 5 when absent
	CustomSigningKey Field[bool]            `json:"custom_signing_key,omitzero"`
	SigningAlgorithm Field[string]          `json:"signing_algorithm,omitzero"`
	SigningKey       Field[string]          `json:"signing_key,omitzero"` // written, never read back
}
