package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/store"
)

type webhooksCommand struct {
	List       webhooksList       `cmd:"" help:"List the webhook endpoints, newest first."`
	Add        webhooksAdd        `cmd:"" help:"Make an endpoint, which is told of what happens from then on, and print its id."`
	Update     webhooksUpdate     `cmd:"" help:"Change an endpoint. Enabling it, and sending it elsewhere, forgets its failures."`
	Remove     webhooksRemove     `cmd:"" help:"Delete an endpoint with everything that is on its way to it."`
	Secret     webhooksSecret     `cmd:"" help:"Print what webhooks of an endpoint are signed with."`
	Rotate     webhooksRotate     `cmd:"" help:"Replace the secret of an endpoint and print the new one. The old one signs as well for a while."`
	Deliveries webhooksDeliveries `cmd:"" help:"List what is or was on its way to an endpoint, newest first."`
	Redeliver  webhooksRedeliver  `cmd:"" help:"Send events to an endpoint again."`
	Test       webhooksTest       `cmd:"" help:"Have a running server send a test to an endpoint, and say what came of it."`
}

// endpointArg is the endpoint that a command is about.
type endpointArg struct {
	ID string `arg:"" help:"The endpoint, ep_…"`
}

func (e endpointArg) ref() api.WebhookEndpointRef { return api.WebhookEndpointRef{EndpointID: e.ID} }

// printed writes an answer as JSON, or as a table.
func printed[T any](w io.Writer, asJSON bool, all []T, heading string, row func(T) []any) error {
	if asJSON {
		return json.NewEncoder(w).Encode(all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, heading)
	for _, v := range all {
		cells := row(v)
		_, _ = fmt.Fprintf(table, strings.Repeat("%v\t", len(cells)-1)+"%v\n", cells...)
	}
	return table.Flush()
}

// optional is a member that is absent when a flag is.
func optional[T comparable](v T) (f api.Field[T]) {
	if v != *new(T) {
		f = api.Set(v)
	}
	return f
}

func timeOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

const maxListed = 500

type webhooksList struct {
	JSON bool `help:"Print JSON."`
}

func (l webhooksList) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		found, err := a.ListWebhookEndpoints(ctx, &api.ListWebhookEndpoints{Page: api.Page{Limit: maxListed}})
		if err != nil {
			return err
		}
		return printed(w, l.JSON, found.Data, "ID\tSTATE\tFAILURES\tEVENTS\tURL", func(e api.WebhookEndpoint) []any {
			return []any{e.ID, endpointState(e), e.Failures, endpointEvents(e), e.URL}
		})
	})
}

func endpointState(e api.WebhookEndpoint) string {
	switch {
	case e.Enabled:
		return "enabled"
	case e.DisabledReason != nil:
		return "disabled: " + *e.DisabledReason
	default:
		return "disabled"
	}
}

func endpointEvents(e api.WebhookEndpoint) string {
	if len(e.EventTypes) == 0 {
		return "Clerk's"
	}
	return strings.Join(e.EventTypes, ",")
}

type webhooksAdd struct {
	URL         string   `arg:"" help:"Where to, https://…"`
	Description string   `help:"What it is for."`
	EventType   []string `help:"What it is told of, such as session.revoked. Without it, what Clerk's webhooks tell."`
}

func (d webhooksAdd) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	production(c)
	return withApp(ctx, c, log, func(a *app.App) error {
		e, err := a.CreateWebhookEndpoint(ctx, &api.CreateWebhookEndpoint{
			URL: api.Set(d.URL), Description: api.Set(d.Description), EventTypes: api.Set(d.EventType),
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, e.ID)
		return err
	})
}

type webhooksUpdate struct {
	endpointArg
	URL         string   `help:"Where to, https://…"`
	Description string   `help:"What it is for."`
	EventType   []string `help:"What it is told of, instead of what it was."`
	Enable      bool     `help:"Send to it." xor:"enabled"`
	Disable     bool     `help:"Send nothing. What is on its way waits." xor:"enabled"`
}

func (u webhooksUpdate) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	production(c)
	req := &api.UpdateWebhookEndpoint{WebhookEndpointRef: u.ref(), URL: optional(u.URL), Description: optional(u.Description)}
	if u.EventType != nil {
		req.EventTypes = api.Set(u.EventType)
	}
	if u.Enable || u.Disable {
		req.Enabled = api.Set(u.Enable)
	}
	return withApp(ctx, c, log, func(a *app.App) error {
		_, err := a.UpdateWebhookEndpoint(ctx, req)
		return say(w, err, "updated %s\n", u.ID)
	})
}

type webhooksRemove struct {
	endpointArg
}

func (r webhooksRemove) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		ref := r.ref()
		_, err := a.DeleteWebhookEndpoint(ctx, &ref)
		return say(w, err, "removed %s\n", r.ID)
	})
}

type webhooksSecret struct {
	endpointArg
}

func (s webhooksSecret) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		ref := s.ref()
		found, err := a.GetWebhookSecret(ctx, &ref)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, found.Secret)
		return err
	})
}

type webhooksRotate struct {
	endpointArg
	ExpireOldAfter time.Duration `default:"24h" help:"How long the old secret signs as well."`
}

func (r webhooksRotate) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		made, err := a.RotateWebhookSecret(ctx, &api.RotateWebhookSecret{
			WebhookEndpointRef: r.ref(), ExpireOldSecretAfterSeconds: api.Set(int64(r.ExpireOldAfter / time.Second)),
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, made.Secret)
		return err
	})
}

type webhooksDeliveries struct {
	endpointArg
	Status string `help:"Only those that are waiting, delivered or failed."`
	Event  string `help:"Only the delivery of this event." placeholder:"ID"`
	Since  string `help:"Only of events from this moment on: RFC 3339, or milliseconds since the Unix epoch." placeholder:"TIME"`
	Until  string `help:"Only of events before this moment." placeholder:"TIME"`
	Limit  int64  `default:"50" help:"How many, at most 500."`
	JSON   bool   `help:"Print JSON."`
}

func (d webhooksDeliveries) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	if d.Limit < 1 || d.Limit > maxListed {
		return errors.New("--limit must be between 1 and 500")
	}
	return withApp(ctx, c, log, func(a *app.App) error {
		found, err := a.ListWebhookDeliveries(ctx, &api.ListWebhookDeliveries{
			WebhookEndpointRef: d.ref(), Page: api.Page{Limit: d.Limit}, Status: d.Status, EventID: d.Event, Since: d.Since, Until: d.Until,
		})
		if err != nil {
			return err
		}
		return printed(w, d.JSON, found.Data, "EVENT\tTYPE\tTIME\tSTATUS\tATTEMPTS\tLAST", func(v api.WebhookDelivery) []any {
			return []any{v.EventID, v.EventType, timeOf(v.CreatedAt), v.Status, len(v.Attempts), lastAttempt(v)}
		})
	})
}

// lastAttempt is how the last attempt of a delivery went.
func lastAttempt(d api.WebhookDelivery) string {
	if len(d.Attempts) == 0 {
		return ""
	}
	last := d.Attempts[len(d.Attempts)-1]
	switch {
	case last.Error != nil:
		return *last.Error
	case last.Status != nil:
		return fmt.Sprintf("%d in %d ms", *last.Status, last.TookMS)
	default:
		return ""
	}
}

type webhooksRedeliver struct {
	endpointArg
	Event  string `help:"The event." placeholder:"ID"`
	Since  string `help:"Events from this moment on: RFC 3339, or milliseconds since the Unix epoch." placeholder:"TIME"`
	Until  string `help:"Events before this moment." placeholder:"TIME"`
	Status string `help:"Only deliveries that are waiting, delivered or failed."`
}

func (r webhooksRedeliver) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		done, err := a.RedeliverWebhooks(ctx, &api.RedeliverWebhooks{
			WebhookEndpointRef: r.ref(), EventID: optional(r.Event), Since: optional(r.Since), Until: optional(r.Until), Status: optional(r.Status),
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%d deliveries begin anew\n", done.Count)
		return err
	})
}

type webhooksTest struct {
	endpointArg
	Wait time.Duration `default:"20s" help:"How long to wait for the first attempt."`
}

func (t webhooksTest) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	return withApp(ctx, c, log, func(a *app.App) error {
		ref := t.ref()
		sent, err := a.TestWebhookEndpoint(ctx, &ref)
		if err != nil {
			return err
		}
		d, err := t.outcome(ctx, a, sent.EventID)
		switch {
		case err != nil:
			return err
		case len(d.Attempts) == 0:
			return fmt.Errorf("%s has not been sent for %v: is a server running, and does the endpoint's circuit let it through?", d.EventID, t.Wait)
		case d.Status != string(store.Delivered):
			return fmt.Errorf("%s failed: %s", d.EventID, lastAttempt(d))
		default:
			_, err = fmt.Fprintf(w, "%s was delivered: %s\n", d.EventID, lastAttempt(d))
			return err
		}
	})
}

// outcome is the delivery of a test after its first attempt, which another process makes, or when there was none in time.
func (t webhooksTest) outcome(ctx context.Context, a *app.App, eventID string) (api.WebhookDelivery, error) {
	deadline := time.After(t.Wait)
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		found, err := a.ListWebhookDeliveries(ctx, &api.ListWebhookDeliveries{
			WebhookEndpointRef: t.ref(), Page: api.Page{Limit: 1}, EventID: eventID,
		})
		if err != nil {
			return api.WebhookDelivery{}, err
		}
		if len(found.Data) == 0 {
			return api.WebhookDelivery{}, fmt.Errorf("the endpoint %s is gone", t.ID)
		}
		d := found.Data[0]
		if len(d.Attempts) > 0 {
			return d, nil
		}
		select {
		case <-look.C:
		case <-deadline:
			return d, nil
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}
