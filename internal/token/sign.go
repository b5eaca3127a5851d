package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The header member cat keeps the kinds of tokens apart: each is accepted only where its kind belongs. The first two
// are the wire contract's; the others are ours.
const (
	CategorySession  = "cl_B7d4PD111AAA"
	CategoryTemplate = "cl_B7d4PD222AAA"
	CategoryClient   = "sojourn_client"
	CategoryTicket   = "sojourn_ticket"
)

// Many verifiers never look at cat, and tickets and client tokens bear the same signature as session tokens. So that
// nobody takes one for a user's token, they have a typ of their own (RFC 8725, section 3.11) and no sub.
const (
	typeJWT    = "JWT"
	typeClient = "client+jwt"
	typeTicket = "ticket+jwt"
	typeEvent  = "secevent+jwt"
)

// sessionSkew is how far before iat a session token becomes valid, for verifiers whose clocks are late.
const sessionSkew = 10 * time.Second

// SessionClaims are what a session token says. The server's own claims win over Custom.
type SessionClaims struct {
	Issuer          string
	Subject         string // the user's id
	SessionID       string
	AuthorizedParty string // the origin that asked for the token; "" for none
	IssuedAt        time.Time
	Lifetime        time.Duration   // counts in whole seconds
	Status          string          // active or pending
	FactorAge       [2]int          // whole minutes since the first and second factor were verified; -1 for never
	Actor           json.RawMessage // who is behind an impersonated session; nil for nobody
	ID              string          // jti
	Version         int             // of the claims: 1, or else 2
	Custom          map[string]any
}

func (c SessionClaims) claims() jwt.MapClaims {
	m := common(c.Custom, c.Issuer, c.Subject, c.AuthorizedParty, c.ID, c.IssuedAt, c.Lifetime, sessionSkew)
	m["sid"], m["fva"] = c.SessionID, c.FactorAge
	if len(c.Actor) > 0 && string(c.Actor) != "null" {
		m["act"] = c.Actor
	}
	if c.Version != 1 {
		m["v"], m["sts"] = 2, c.Status
	}
	return m
}

// TemplateClaims are what a token from a JWT template says. The server's own claims win over Custom.
type TemplateClaims struct {
	Issuer          string
	Subject         string
	AuthorizedParty string
	IssuedAt        time.Time
	Lifetime        time.Duration // counts in whole seconds
	ClockSkew       time.Duration // nbf stands that long before iat
	ID              string        // jti
	Custom          map[string]any
}

func (c TemplateClaims) claims() jwt.MapClaims {
	return common(c.Custom, c.Issuer, c.Subject, c.AuthorizedParty, c.ID, c.IssuedAt, c.Lifetime, c.ClockSkew)
}

// reserved are the claims that only the server writes and not every token has. A custom claim of such a name must not
// stand in for the one left out: act would be a false impersonation, sid a false session.
var reserved = []string{"act", "azp", "fea", "fva", "o", "pla", "sid", "sts", "v"}

// common are the claims of every token that a session yields. Times are whole seconds, rounded down: a token must not
// come from the future of a verifier without leeway.
func common(custom map[string]any, issuer, subject, party, id string, issued time.Time, lifetime, skew time.Duration) jwt.MapClaims {
	m := make(jwt.MapClaims, len(custom)+12)
	maps.Copy(m, custom)
	for _, name := range reserved {
		delete(m, name)
	}
	iat := issued.Unix()
	m["iss"], m["sub"], m["jti"] = issuer, subject, id
	m["iat"], m["nbf"], m["exp"] = iat, iat-int64(skew/time.Second), iat+int64(lifetime/time.Second)
	if party != "" {
		m["azp"] = party
	}
	return m
}

// Ticket is a one-time credential that begins a session.
type Ticket struct {
	Issuer   string
	ID       string // of the sign-in token or actor token
	Subject  string // the user's id
	Kind     string // sign_in_token or actor_token
	IssuedAt time.Time
	ExpireAt time.Time
}

// Client is what the cookie of a client says.
type Client struct {
	ID            string
	RotatingToken string
	ExpireAt      time.Time
}

// SignSession signs a session token. Its header member oiat tells browsers which of two tokens is the later one.
func (k *Keyring) SignSession(c SessionClaims) (string, error) {
	header := map[string]any{"cat": CategorySession, "kid": k.signing.ID, "typ": typeJWT, "oiat": c.IssuedAt.Unix()}
	return sign(rs256{}, k.signing.Signer, header, c.claims())
}

// SignTemplate signs a token of a JWT template with the instance's key.
func (k *Keyring) SignTemplate(c TemplateClaims) (string, error) {
	return k.sign(CategoryTemplate, typeJWT, c.claims())
}

// SignTicket signs a ticket: claims exp, iat, iss, jti, st (the kind) and uid (the user's id).
func (k *Keyring) SignTicket(t Ticket) (string, error) {
	return k.sign(CategoryTicket, typeTicket, jwt.MapClaims{
		"iss": t.Issuer, "jti": t.ID, "uid": t.Subject, "st": t.Kind, "iat": t.IssuedAt.Unix(), "exp": t.ExpireAt.Unix(),
	})
}

// SignClient signs a client token: claims exp, id and rotating_token.
func (k *Keyring) SignClient(c Client) (string, error) {
	return k.sign(CategoryClient, typeClient, jwt.MapClaims{"id": c.ID, "rotating_token": c.RotatingToken, "exp": c.ExpireAt.Unix()})
}

// SignHandshake signs the cookies of a handshake: claim handshake, and no other. The contract gives these tokens the
// category of session tokens; as they have no exp and no sub, nobody takes them for one.
func (k *Keyring) SignHandshake(cookies []string) (string, error) {
	return k.sign(CategorySession, typeJWT, jwt.MapClaims{"handshake": cookies})
}

// SignEvent signs a security event token (RFC 8417); payload are its claims in JSON. Its typ keeps verifiers from taking
// it for any other token, and it has no category.
func (k *Keyring) SignEvent(payload []byte) (string, error) {
	header, err := json.Marshal(map[string]any{"alg": rs256{}.Alg(), "kid": k.signing.ID, "typ": typeEvent})
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := rs256{}.Sign(input, k.signing.Signer)
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (k *Keyring) sign(category, typ string, claims jwt.MapClaims) (string, error) {
	header := map[string]any{"cat": category, "kid": k.signing.ID, "typ": typ}
	return sign(rs256{}, k.signing.Signer, header, claims)
}

// sign encodes maps, whose keys come out sorted as in real tokens. Encoding costs hundredths of a signature, so there
// is no faster path by hand.
func sign(method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) (string, error) {
	header["alg"] = method.Alg()
	t := jwt.Token{Method: method, Header: header, Claims: claims}
	return t.SignedString(key)
}

// rs256 is RS256 by any Signer; golang-jwt's own takes nothing but an *rsa.PrivateKey.
type rs256 struct{}

func (rs256) Alg() string { return jwt.SigningMethodRS256.Alg() }

func (rs256) Sign(input string, key any) ([]byte, error) {
	signer, ok := key.(Signer)
	if !ok {
		return nil, fmt.Errorf("token: cannot sign with %T", key)
	}
	return signer.Sign(sha256.Sum256([]byte(input)))
}

func (rs256) Verify(input string, signature []byte, key any) error {
	return jwt.SigningMethodRS256.Verify(input, signature, key)
}
