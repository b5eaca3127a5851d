package client

import (
	"context"
	"iter"

	"github.com/sojourn-auth/sojourn/api"
)

// The wire's types of events.
type (
	Event      = api.Event
	Origin     = api.Origin
	ListEvents = api.ListEvents
)

// Events are what happened to sessions, users and keys. Clerk has no such operations.
type Events struct{ c *connection }

// List lists events, newest first.
func (e Events) List(ctx context.Context, params ListEvents) (*List[Event], error) {
	params.Paginated = true
	return do[List[Event]](ctx, e.c, get("events").asking(params))
}

// All goes through all events that the filters of params select, page by page. The command sojourn events exports them
// without leaving any out.
func (e Events) All(ctx context.Context, params ListEvents) iter.Seq2[*Event, error] {
	return all(func(limit, offset int64) ([]Event, error) {
		params.Limit, params.Offset = limit, offset
		page, err := e.List(ctx, params)
		if err != nil {
			return nil, err
		}
		return page.Data, nil
	})
}

// Get finds an event, or ErrNotFound.
func (e Events) Get(ctx context.Context, id string) (*Event, error) {
	return do[Event](ctx, e.c, get("events", id))
}
