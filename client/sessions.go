package client

import (
	"context"
	"iter"

	"github.com/sojourn-auth/sojourn/api"
)

// The wire's types, so that users of this package import nothing else.
type (
	Session        = api.Session
	Activity       = api.Activity
	Token          = api.Token
	ListSessions   = api.ListSessions
	CreateSession  = api.CreateSession
	CreateToken    = api.CreateToken
	RefreshSession = api.RefreshSession
	Refreshed      = api.Refreshed
	Page           = api.Page
	Deleted        = api.Deleted
)

// Field is an optional member of a request: absent, null or a value.
type Field[T any] = api.Field[T]

// List is one page of a list, with the total.
type List[T any] = api.List[T]

// Set makes a Field that carries v.
func Set[T any](v T) Field[T] { return api.Set(v) }

// Null makes a Field that carries null, which clears what it names.
func Null[T any]() Field[T] { return api.Null[T]() }

// Sessions are the periods in which users are signed in.
type Sessions struct{ c *connection }

// List lists sessions, newest first.
func (s Sessions) List(ctx context.Context, params ListSessions) (*List[Session], error) {
	params.Paginated = true
	return do[List[Session]](ctx, s.c, get("sessions").asking(params))
}

// All goes through all sessions that the filters of params select, page by page.
func (s Sessions) All(ctx context.Context, params ListSessions) iter.Seq2[*Session, error] {
	return all(func(limit, offset int64) ([]Session, error) {
		params.Limit, params.Offset = limit, offset
		page, err := s.List(ctx, params)
		if err != nil {
			return nil, err
		}
		return page.Data, nil
	})
}

// Create starts a session without a sign-in. Production instances refuse it, with ErrInvalid, unless they are set up
// otherwise; a banned user is ErrForbidden.
func (s Sessions) Create(ctx context.Context, params CreateSession) (*Session, error) {
	return do[Session](ctx, s.c, post("sessions").with(params))
}

// Get finds a session, or ErrNotFound.
func (s Sessions) Get(ctx context.Context, id string) (*Session, error) {
	return do[Session](ctx, s.c, get("sessions", id))
}

// Revoke ends a session. Revoking one that has ended already changes nothing, so it is safe to repeat and is repeated
// when the connection fails.
func (s Sessions) Revoke(ctx context.Context, id string) (*Session, error) {
	r := post("sessions", id, "revoke")
	r.repeatable = true
	return do[Session](ctx, s.c, r)
}

// Verify checks a session token against its session: ErrInvalid for a token that is not the session's,
// ErrUnauthorized for a session that is not active. Verification without the network (package verify) is cheaper.
//
// Deprecated: API versions from 2025-04-10 on do not have it; instances may answer ErrGone.
func (s Sessions) Verify(ctx context.Context, id, token string) (*Session, error) {
	return do[Session](ctx, s.c, post("sessions", id, "verify").with(api.VerifySession{Token: Set(token)}))
}

// CreateToken mints a session token. ErrUnauthorized means that the session has ended.
func (s Sessions) CreateToken(ctx context.Context, id string, params CreateToken) (*Token, error) {
	r := post("sessions", id, "tokens").with(params)
	r.origin = params.Origin
	return do[Token](ctx, s.c, r)
}

// CreateTokenFromTemplate mints a token from the JWT template of that name.
func (s Sessions) CreateTokenFromTemplate(ctx context.Context, id, template string, params CreateToken) (*Token, error) {
	r := post("sessions", id, "tokens", template).with(params)
	r.origin = params.Origin
	return do[Token](ctx, s.c, r)
}

// Refresh trades an expired session token and a refresh token for a new session token, or for the cookies that hold
// it. Every refusal is ErrUnauthorized with a code that says why.
func (s Sessions) Refresh(ctx context.Context, id string, params RefreshSession) (*Refreshed, error) {
	return do[Refreshed](ctx, s.c, post("sessions", id, "refresh").with(params))
}
