package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what a verified token says.
type Claims struct {
	Subject         string   // sub: the user's id
	SessionID       string   // sid; "" in tokens of JWT templates
	Issuer          string   // iss
	AuthorizedParty string   // azp: the origin that asked for the token, "" for none
	Audience        []string // aud
	ID              string   // jti
	IssuedAt        time.Time
	NotBefore       time.Time
	ExpiresAt       time.Time
	Version         int             // v: of the claims; 1 when the token does not say
	Status          string          // sts: active or pending; "" when the token does not say
	FactorAge       *[2]int         // fva: minutes since the first and second factor were verified, -1 for never; nil when the token does not say
	Actor           json.RawMessage // act: who impersonates the user; nil for nobody
	Organization    *Organization   // the active organization; nil for none
	raw             json.RawMessage
	category        string
}

// Organization is the active organization of a session.
type Organization struct {
	ID          string
	Slug        string
	Role        string   // with the prefix org:
	Permissions []string // such as org:teams:read
}

// Decode reads the whole payload, custom claims too, into v.
func (c *Claims) Decode(v any) error { return json.Unmarshal(c.raw, v) }

// IsTemplate reports whether the token is one of a JWT template, which says nothing of its session.
func (c *Claims) IsTemplate() bool { return c.category == categoryTemplate }

// payload is the claims as the token has them.
type payload struct {
	Sub string           `json:"sub"`
	Sid string           `json:"sid"`
	Iss string           `json:"iss"`
	Azp string           `json:"azp"`
	Aud jwt.ClaimStrings `json:"aud"`
	Jti string           `json:"jti"`
	Iat *seconds         `json:"iat"`
	Nbf *seconds         `json:"nbf"`
	Exp *seconds         `json:"exp"`
	V   int              `json:"v"`
	Sts string           `json:"sts"`
	Fva *[2]int          `json:"fva"`
	Act json.RawMessage  `json:"act"`
	Fea string           `json:"fea"`
	O   *struct {
		ID  string `json:"id"`
		Slg string `json:"slg"`
		Rol string `json:"rol"`
		Per string `json:"per"`
		Fpm string `json:"fpm"`
	} `json:"o"`
	OrgID          string   `json:"org_id"`
	OrgSlug        string   `json:"org_slug"`
	OrgRole        string   `json:"org_role"`
	OrgPermissions []string `json:"org_permissions"`
}

// seconds is a NumericDate (RFC 7519, section 2).
type seconds time.Time

func (s *seconds) UnmarshalJSON(raw []byte) error {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<40 {
		return fmt.Errorf("not a time: %.40s", raw)
	}
	whole, fraction := math.Modf(f)
	*s = seconds(time.Unix(int64(whole), int64(fraction*1e9)))
	return nil
}

func (s *seconds) time() time.Time {
	if s == nil {
		return time.Time{}
	}
	return time.Time(*s)
}

// UnmarshalJSON reads the payload of a token.
func (c *Claims) UnmarshalJSON(raw []byte) error {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	*c = Claims{
		Subject: p.Sub, SessionID: p.Sid, Issuer: p.Iss, AuthorizedParty: p.Azp, Audience: p.Aud, ID: p.Jti,
		IssuedAt: p.Iat.time(), NotBefore: p.Nbf.time(), ExpiresAt: p.Exp.time(),
		Version: max(p.V, 1), Status: p.Sts, FactorAge: p.Fva, Actor: p.Act,
		Organization: p.organization(), raw: slices.Clone(raw),
	}
	return nil
}

func (p *payload) organization() *Organization {
	switch {
	case p.O != nil:
		return &Organization{ID: p.O.ID, Slug: p.O.Slg, Role: "org:" + strings.TrimPrefix(p.O.Rol, "org:"), Permissions: permissions(p.Fea, p.O.Per, p.O.Fpm)}
	case p.OrgID != "":
		return &Organization{ID: p.OrgID, Slug: p.OrgSlug, Role: p.OrgRole, Permissions: p.OrgPermissions}
	default:
		return nil
	}
}

// permissions unfolds version 2 of the claims: per names the permissions, and for each feature of an organization in
// fea, fpm has a number whose bit i grants the i-th of them.
func permissions(fea, per, fpm string) []string {
	var features []string
	for entry := range strings.SplitSeq(fea, ",") {
		scope, feature, ok := strings.Cut(strings.TrimSpace(entry), ":")
		if ok && strings.Contains(scope, "o") {
			features = append(features, feature)
		}
	}
	names := strings.Split(per, ",")
	var granted []string
	for i, number := range strings.Split(fpm, ",") {
		bits, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		if err != nil || i >= len(features) {
			continue
		}
		for j, name := range names {
			if name = strings.TrimSpace(name); name != "" && j < 64 && bits>>j&1 == 1 {
				granted = append(granted, "org:"+features[i]+":"+name)
			}
		}
	}
	return granted
}

// The rest is what golang-jwt asks of claims; this package checks them itself.

// GetExpirationTime implements jwt.Claims.
func (c *Claims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.ExpiresAt), nil }

// GetIssuedAt implements jwt.Claims.
func (c *Claims) GetIssuedAt() (*jwt.NumericDate, error) { return date(c.IssuedAt), nil }

// GetNotBefore implements jwt.Claims.
func (c *Claims) GetNotBefore() (*jwt.NumericDate, error) { return date(c.NotBefore), nil }

// GetIssuer implements jwt.Claims.
func (c *Claims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject implements jwt.Claims.
func (c *Claims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience implements jwt.Claims.
func (c *Claims) GetAudience() (jwt.ClaimStrings, error) { return c.Audience, nil }

func date(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}
