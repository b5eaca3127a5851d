package client

import (
	"context"
	"iter"

	"github.com/sojourn-auth/sojourn/api"
)

// The wire's types of the smaller resources.
type (
	Device            = api.Client
	ListClients       = api.ListClients
	HandshakePayload  = api.HandshakePayload
	JWTTemplate       = api.JWTTemplate
	ListTemplates     = api.ListTemplates
	WriteTemplate     = api.WriteTemplate
	SignInToken       = api.SignInToken
	CreateSignInToken = api.CreateSignInToken
	ActorToken        = api.ActorToken
	CreateActorToken  = api.CreateActorToken
	TestingToken      = api.TestingToken
	Instance          = api.Instance
	UpdateInstance    = api.UpdateInstance
	KeySet            = api.JWKS
	Key               = api.JWK
)

// Clients are browsers and devices, with the sessions in them.
type Clients struct{ c *connection }

// List lists clients, newest first.
func (s Clients) List(ctx context.Context, params ListClients) (*List[Device], error) {
	params.Paginated = true
	return do[List[Device]](ctx, s.c, get("clients").asking(params))
}

// All goes through all clients, page by page.
func (s Clients) All(ctx context.Context) iter.Seq2[*Device, error] {
	return all(func(limit, offset int64) ([]Device, error) {
		page, err := s.List(ctx, ListClients{Page: Page{Limit: limit, Offset: offset}})
		if err != nil {
			return nil, err
		}
		return page.Data, nil
	})
}

// Get finds a client, or ErrNotFound.
func (s Clients) Get(ctx context.Context, id string) (*Device, error) {
	return do[Device](ctx, s.c, get("clients", id))
}

// Verify finds the client of a client token (the __client cookie).
func (s Clients) Verify(ctx context.Context, token string) (*Device, error) {
	return do[Device](ctx, s.c, post("clients", "verify").with(api.VerifyClient{Token: Set(token)}))
}

// HandshakePayload finds the cookies that a browser fetched for its app, by the nonce it brought: ErrNotFound once a
// minute has passed.
func (s Clients) HandshakePayload(ctx context.Context, nonce string) (*HandshakePayload, error) {
	return do[HandshakePayload](ctx, s.c, get("clients", "handshake_payload").asking(api.GetHandshakePayload{Nonce: nonce}))
}

// JWTTemplates describe tokens with claims of one's own.
type JWTTemplates struct{ c *connection }

// List lists JWT templates, newest first.
func (t JWTTemplates) List(ctx context.Context, params ListTemplates) (*List[JWTTemplate], error) {
	params.Paginated = true
	return do[List[JWTTemplate]](ctx, t.c, get("jwt_templates").asking(params))
}

// All goes through all JWT templates, page by page.
func (t JWTTemplates) All(ctx context.Context) iter.Seq2[*JWTTemplate, error] {
	return all(func(limit, offset int64) ([]JWTTemplate, error) {
		page, err := t.List(ctx, ListTemplates{Page: Page{Limit: limit, Offset: offset}})
		if err != nil {
			return nil, err
		}
		return page.Data, nil
	})
}

// Get finds a JWT template by id, or ErrNotFound.
func (t JWTTemplates) Get(ctx context.Context, id string) (*JWTTemplate, error) {
	return do[JWTTemplate](ctx, t.c, get("jwt_templates", id))
}

// Create saves a JWT template.
func (t JWTTemplates) Create(ctx context.Context, params WriteTemplate) (*JWTTemplate, error) {
	return do[JWTTemplate](ctx, t.c, post("jwt_templates").with(params))
}

// Update replaces a JWT template; its name and claims are required.
func (t JWTTemplates) Update(ctx context.Context, id string, params WriteTemplate) (*JWTTemplate, error) {
	return do[JWTTemplate](ctx, t.c, patch("jwt_templates", id).with(params))
}

// Delete deletes a JWT template.
func (t JWTTemplates) Delete(ctx context.Context, id string) (*Deleted, error) {
	return do[Deleted](ctx, t.c, remove("jwt_templates", id))
}

// SignInTokens are one-time tickets that sign users in.
type SignInTokens struct{ c *connection }

// Create makes a sign-in token.
func (t SignInTokens) Create(ctx context.Context, params CreateSignInToken) (*SignInToken, error) {
	return do[SignInToken](ctx, t.c, post("sign_in_tokens").with(params))
}

// Revoke makes a pending sign-in token useless.
func (t SignInTokens) Revoke(ctx context.Context, id string) (*SignInToken, error) {
	return do[SignInToken](ctx, t.c, post("sign_in_tokens", id, "revoke"))
}

// ActorTokens are one-time tickets that let somebody impersonate a user.
type ActorTokens struct{ c *connection }

// Create makes an actor token.
func (t ActorTokens) Create(ctx context.Context, params CreateActorToken) (*ActorToken, error) {
	return do[ActorToken](ctx, t.c, post("actor_tokens").with(params))
}

// Revoke makes a pending actor token useless.
func (t ActorTokens) Revoke(ctx context.Context, id string) (*ActorToken, error) {
	return do[ActorToken](ctx, t.c, post("actor_tokens", id, "revoke"))
}

// TestingTokens let end-to-end tests past bot protection.
type TestingTokens struct{ c *connection }

// Create makes a testing token. Its ExpiresAt is in seconds.
func (t TestingTokens) Create(ctx context.Context) (*TestingToken, error) {
	return do[TestingToken](ctx, t.c, post("testing_tokens"))
}

// InstanceSettings are the settings of the instance.
type InstanceSettings struct{ c *connection }

// Get describes the instance.
func (i InstanceSettings) Get(ctx context.Context) (*Instance, error) {
	return do[Instance](ctx, i.c, get("instance"))
}

// Update changes the settings that are present.
func (i InstanceSettings) Update(ctx context.Context, params UpdateInstance) error {
	_, err := do[api.Empty](ctx, i.c, patch("instance").with(params))
	return err
}

// JWKS is the instance's JSON Web Key Set.
type JWKS struct{ c *connection }

// Get fetches the key set. Package verify fetches and keeps it by itself.
func (j JWKS) Get(ctx context.Context) (*KeySet, error) {
	return do[KeySet](ctx, j.c, get("jwks"))
}
