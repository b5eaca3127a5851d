package api

// Handshake asks for cookies that fit together, for the page that a browser is on its way to.
type Handshake struct {
	RedirectURL     string `json:"-" query:"redirect_url"`     // the page
	Format          string `json:"-" query:"format"`           // "token" (default) or "nonce"
	SessionToken    string `json:"-" query:"__session"`        // the one that the page's server was sent, of any age
	SuffixedCookies bool   `json:"-" query:"suffixed_cookies"` // the page's server reads cookie names with a suffix
}

// GetHandshakePayload names a handshake by its nonce.
type GetHandshakePayload struct {
	Nonce string `json:"-" query:"nonce"`
}

// HandshakePayload is what a browser fetched for the server of its page.
type HandshakePayload struct {
	Object     string   `json:"object"` // "handshake_payload"
	Nonce      string   `json:"nonce"`
	Directives []string `json:"directives"` // Set-Cookie headers, in the order to send them
}

// Refreshed is what a refresh token was traded for: a session token, or the cookies that hold it.
type Refreshed struct {
	Object  string   `json:"object"`            // "token" or "cookies"
	JWT     string   `json:"jwt,omitempty"`     // of a token
	Cookies []string `json:"cookies,omitempty"` // Set-Cookie headers, in the order to send them
}
