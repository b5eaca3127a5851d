package api

// Redirect sends a browser somewhere else.
type Redirect struct {
	Location string
	Cookie   string // to keep on the way, a whole Set-Cookie header; "" for none
}

// TouchClient renews the cookie of a client whose browser is on its way to a page.
type TouchClient struct {
	RedirectURL string `json:"-" query:"redirect_url"`
}

// AcceptTicket takes a browser to where its ticket can be redeemed.
type AcceptTicket struct {
	Ticket      string `json:"-" query:"ticket"`
	RedirectURL string `json:"-" query:"redirect_url"` // absent: the sign-in page
}

// CheckProxy asks whether an app's proxy leads here.
type CheckProxy struct {
	ProxyURL string `json:"-" header:"Clerk-Proxy-Url"`
}

// Health is how the server is, as browsers and SDKs ask for it.
type Health struct {
	Status        string `json:"status"`                    // "healthy" or "unhealthy"
	Message       string `json:"message,omitempty"`         // of what is unhealthy
	XForwardedFor string `json:"x_forwarded_for,omitempty"` // the visitor's address, as it arrived through a proxy
}

// OpenIDConfiguration tells verifiers where the keys are. Nothing else of OpenID Connect is here.
type OpenIDConfiguration struct {
	Issuer                           string   `json:"issuer"`
	JWKSURI                          string   `json:"jwks_uri"`
	SubjectTypesSupported            []string `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported []string `json:"id_token_signing_alg_values_supported"`
	ClaimsSupported                  []string `json:"claims_supported"`
}
