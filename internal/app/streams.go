package app

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/feed"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// How security events are delivered, by the names of SSF 1.0, section 6.1.
const (
	deliverByPoll = "urn:ietf:rfc:8936"
	deliverByPush = "urn:ietf:rfc:8935"
)

// Where streams are found, under the issuer's URL.
const (
	StreamPath       = "/v1/ssf/stream"
	StreamStatusPath = "/v1/ssf/status"
	StreamVerifyPath = "/v1/ssf/verify"
	StreamPollPath   = "/v1/ssf/poll/"
)

// streamPrefix begins the ids of streams that are registered. Receivers that poll may choose any other id.
const streamPrefix = "stream_"

// SSFConfiguration tells receivers of security events where everything is.
func (a *App) SSFConfiguration(context.Context, *api.None) (*api.SSFConfiguration, error) {
	issuer := a.Settings.Issuer
	return &api.SSFConfiguration{
		SpecVersion: "1_0", Issuer: issuer, JWKSURI: issuer + "/.well-known/jwks.json",
		DeliveryMethods:       []string{deliverByPoll, deliverByPush},
		ConfigurationEndpoint: issuer + StreamPath, StatusEndpoint: issuer + StreamStatusPath, VerificationEndpoint: issuer + StreamVerifyPath,
		AuthorizationSchemes: []api.Scheme{{SpecURN: "urn:ietf:rfc:6750"}}, DefaultSubjects: "ALL", CriticalSubjectMembers: []string{},
	}, nil
}

const maxStreams = 100 // that are registered

// CreateStream registers a stream: one that is pushed, or one that polls.
func (a *App) CreateStream(ctx context.Context, req *api.ChangeStream) (*api.NewStream, error) {
	now := a.now()
	e := store.Endpoint{ID: a.NewID(streamPrefix), Kind: store.PollEndpoint, Enabled: true, CreatedAt: now, UpdatedAt: now}
	if err := a.applyStream(&e, req); err != nil {
		return nil, err
	}
	err := a.Store.Update(ctx, func(tx store.Conn) error {
		all, err := tx.Endpoints(ctx)
		if err != nil {
			return err
		}
		if len(streamsAmong(all)) >= maxStreams {
			return fail(422, "quota_exceeded", "too many streams", fmt.Sprintf("There can be %d streams.", maxStreams))
		}
		return tx.InsertEndpoint(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return &api.NewStream{Stream: *a.streamView(e)}, nil
}

// applyStream checks what a request says of a stream and writes it to e. What is absent stays.
func (a *App) applyStream(e *store.Endpoint, req *api.ChangeStream) error {
	if types, ok := req.EventsRequested.Get(); ok {
		e.EventTypes = slices.DeleteFunc(slices.Clone(types), func(t string) bool { return !slices.Contains(event.SETTypes, t) })
		if len(e.EventTypes) == 0 && len(types) > 0 {
			return notAllowed("events_requested", strings.Join(types, ", "), event.SETTypes...)
		}
	}
	if description, ok := req.Description.Get(); ok {
		if err := checkText("description", description, maxName); err != nil {
			return err
		}
		e.Description = description
	}
	delivery, ok := req.Delivery.Get()
	if !ok {
		return nil
	}
	switch delivery.Method {
	case deliverByPoll:
		e.Kind, e.URL, e.Secret = store.PollEndpoint, "", nil
		return nil
	case deliverByPush:
		return a.applyPush(e, delivery)
	default:
		return notAllowed("delivery.method", delivery.Method, deliverByPoll, deliverByPush)
	}
}

const maxAuthorization = 4096 // characters

func (a *App) applyPush(e *store.Endpoint, delivery api.StreamDelivery) error {
	if delivery.EndpointURL == "" {
		return missing("delivery.endpoint_url")
	}
	if err := a.checkEndpointURL("delivery.endpoint_url", delivery.EndpointURL); err != nil {
		return err
	}
	if e.URL != delivery.EndpointURL { // another receiver must not see what the one before was sent
		e.Secret, e.Circuit = nil, store.Circuit{}
	}
	e.Kind, e.URL = store.PushEndpoint, delivery.EndpointURL
	if delivery.AuthorizationHeader == "" {
		return nil
	}
	if err := checkText("delivery.authorization_header", delivery.AuthorizationHeader, maxAuthorization); err != nil {
		return err
	}
	if strings.ContainsFunc(delivery.AuthorizationHeader, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return badFormat("delivery.authorization_header", "the value of a header, on one line")
	}
	var err error
	e.Secret, err = a.sealEndpointSecret(e.ID, secret.Text(delivery.AuthorizationHeader))
	return err
}

func streamsAmong(endpoints []store.Endpoint) []store.Endpoint {
	return slices.DeleteFunc(slices.Clone(endpoints), func(e store.Endpoint) bool { return e.Kind == store.WebhookEndpoint })
}

// GetStreams shows the stream that the request names, or all.
func (a *App) GetStreams(ctx context.Context, req *api.StreamRef) (*api.Streams, error) {
	if req.StreamID != "" {
		e, err := a.stream(ctx, a.Store.Endpoint, req.StreamID)
		if err != nil {
			return nil, err
		}
		return &api.Streams{One: a.streamView(e)}, nil
	}
	all, err := a.Store.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	list := &api.Streams{}
	for _, e := range streamsAmong(all) {
		list.All = append(list.All, *a.streamView(e))
	}
	return list, nil
}

// stream finds a registered stream. To this API, other endpoints do not exist.
func (a *App) stream(ctx context.Context, find func(context.Context, string) (store.Endpoint, error), id string) (store.Endpoint, error) {
	e, err := find(ctx, id)
	if err == nil && e.Kind == store.WebhookEndpoint {
		err = store.ErrNotFound
	}
	return e, whenAbsent(err, streamNotFound(id))
}

func streamNotFound(id string) *api.Error {
	return notFound("Stream", "There is no stream with the id "+id+".")
}

// UpdateStream changes what is present in the request.
func (a *App) UpdateStream(ctx context.Context, req *api.ChangeStream) (*api.Stream, error) {
	return a.changeStream(ctx, req.StreamID, func(e *store.Endpoint) error { return a.applyStream(e, req) })
}

// ReplaceStream makes a stream what the request says, and the rest as it is in the beginning.
func (a *App) ReplaceStream(ctx context.Context, req *api.ChangeStream) (*api.Stream, error) {
	return a.changeStream(ctx, req.StreamID, func(e *store.Endpoint) error {
		e.Kind, e.URL, e.Secret, e.EventTypes, e.Description = store.PollEndpoint, "", nil, nil, ""
		return a.applyStream(e, req)
	})
}

func (a *App) changeStream(ctx context.Context, given api.Field[string], apply func(*store.Endpoint) error) (*api.Stream, error) {
	id := given.Or("")
	if id == "" {
		return nil, missing("stream_id")
	}
	var e store.Endpoint
	err := a.Store.Update(ctx, func(tx store.Conn) (err error) {
		if e, err = a.stream(ctx, tx.EndpointForUpdate, id); err != nil {
			return err
		}
		if err := apply(&e); err != nil {
			return err
		}
		e.UpdatedAt = a.now()
		return tx.UpdateEndpoint(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return a.streamView(e), nil
}

// DeleteStream ends a stream.
func (a *App) DeleteStream(ctx context.Context, req *api.StreamRef) (*api.Empty, error) {
	if req.StreamID == "" {
		return nil, missing("stream_id")
	}
	return &api.Empty{}, a.Store.Update(ctx, func(tx store.Conn) error {
		if _, err := a.stream(ctx, tx.Endpoint, req.StreamID); err != nil {
			return err
		}
		return whenAbsent(tx.DeleteEndpoint(ctx, req.StreamID), streamNotFound(req.StreamID))
	})
}

// The statuses of streams. This transmitter makes no difference between the last two: what happens meanwhile is found by
// polling, and not pushed.
const (
	streamEnabled  = "enabled"
	streamPaused   = "paused"
	streamDisabled = "disabled"
)

// GetStreamStatus tells whether a stream delivers.
func (a *App) GetStreamStatus(ctx context.Context, req *api.StreamRef) (*api.StreamStatus, error) {
	if req.StreamID == "" {
		return nil, missing("stream_id")
	}
	e, err := a.stream(ctx, a.Store.Endpoint, req.StreamID)
	if err != nil {
		return nil, err
	}
	return streamStatus(e), nil
}

func streamStatus(e store.Endpoint) *api.StreamStatus {
	s := &api.StreamStatus{StreamID: e.ID, Status: streamEnabled, Reason: e.DisabledReason}
	if !e.Enabled {
		s.Status = streamPaused
	}
	return s
}

// SetStreamStatus makes a stream deliver, or not.
func (a *App) SetStreamStatus(ctx context.Context, req *api.SetStreamStatus) (*api.StreamStatus, error) {
	status := req.Status.Or("")
	if !slices.Contains([]string{streamEnabled, streamPaused, streamDisabled}, status) {
		return nil, notAllowed("status", status, streamEnabled, streamPaused, streamDisabled)
	}
	reason := req.Reason.Or("")
	if err := checkText("reason", reason, maxName); err != nil {
		return nil, err
	}
	var changed store.Endpoint
	_, err := a.changeStream(ctx, req.StreamID, func(e *store.Endpoint) error {
		e.Enabled, e.DisabledReason, e.Circuit = status == streamEnabled, reason, store.Circuit{}
		changed = *e
		return nil
	})
	if err != nil {
		return nil, err
	}
	return streamStatus(changed), nil
}

// verificationAge is how long a verification event is worth hearing.
const verificationAge = 5 * time.Minute

// VerifyStream sends an event through a stream, which shows its receiver that the stream works.
func (a *App) VerifyStream(ctx context.Context, req *api.VerifyStream) (*api.Empty, error) {
	id, state := req.StreamID.Or(""), req.State.Or("")
	if id == "" {
		return nil, missing("stream_id")
	}
	if err := checkText("state", state, maxName); err != nil {
		return nil, err
	}
	now := a.now()
	return &api.Empty{}, a.Store.Update(ctx, func(tx store.Conn) error {
		e, err := a.stream(ctx, tx.Endpoint, id)
		if err != nil {
			return err
		}
		sent := event.Event{ // a stream counts nothing, so the moment orders its verifications
			ID: a.NewID(event.IDPrefix), Type: event.StreamVerification, At: now, Subject: id, Position: now.UnixMilli(),
			Reason: state, By: session.ByBackend, Origin: eventOrigin(ctx), TokensUntil: now.Add(verificationAge),
		}
		if err := tx.InsertEvents(ctx, []event.Event{sent}); err != nil || e.Kind != store.PushEndpoint {
			return err
		}
		return tx.InsertDeliveries(ctx, []store.Delivery{a.newDelivery(e, sent)})
	})
}

func (a *App) streamView(e store.Endpoint) *api.Stream {
	s := &api.Stream{
		StreamID: e.ID, Issuer: a.Settings.Issuer, Audience: a.instance.ID, Description: e.Description,
		Delivery:        api.StreamDelivery{Method: deliverByPush, EndpointURL: e.URL},
		EventsSupported: event.SETTypes, EventsRequested: append([]string{}, e.EventTypes...), EventsDelivered: e.EventTypes,
	}
	if e.Kind == store.PollEndpoint {
		s.Delivery = api.StreamDelivery{Method: deliverByPoll, EndpointURL: a.Settings.Issuer + StreamPollPath + e.ID}
	}
	if len(e.EventTypes) == 0 {
		s.EventsRequested, s.EventsDelivered = event.SETTypes, event.SETTypes
	}
	return s
}

const (
	maxPolled     = 1000 // events in one answer, and what an absent maxEvents stands for
	maxStreamAcks = 10_000
)

var streamID = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// PollStream answers the security events that a receiver has not been sent, and waits for some when there are none.
func (a *App) PollStream(ctx context.Context, req *api.PollStream) (*api.Polled, error) {
	if !streamID.MatchString(req.StreamID) {
		return nil, fail(400, "stream_id_invalid", "Invalid stream id", "A stream id has 8 to 64 letters, digits, _ and -.")
	}
	poll := feed.Poll{
		Stream: req.StreamID, Max: int(min(req.MaxEvents.Or(maxPolled), maxPolled)), Immediately: req.ReturnImmediately.Or(false),
		Acks: req.Ack.Or(nil), Errors: map[string]feed.Refusal{},
	}
	if poll.Max < 0 || len(poll.Acks) > maxStreamAcks || len(req.SetErrs.Or(nil)) > maxStreamAcks {
		return nil, fail(400, "request_body_invalid", "Invalid request body", "maxEvents cannot be negative, and ack and setErrs take 10,000 ids at most.")
	}
	for id, refusal := range req.SetErrs.Or(nil) {
		poll.Errors[id] = feed.Refusal{Code: refusal.Err, Description: refusal.Description}
	}
	if strings.HasPrefix(req.StreamID, streamPrefix) {
		e, err := a.stream(ctx, a.Store.Endpoint, req.StreamID)
		if err != nil {
			return nil, err
		}
		if e.Kind != store.PollEndpoint {
			return nil, streamNotFound(req.StreamID)
		}
		poll.Types = e.EventTypes
		poll.Paused = !e.Enabled
	}
	answer, err := a.Feed.Poll(ctx, poll)
	if errors.Is(err, feed.ErrBlind) {
		return nil, notNow() // the feed has logged why, once for all polls
	}
	if err != nil {
		return nil, err
	}
	if answer.SETs == nil {
		answer.SETs = map[string]string{}
	}
	return &api.Polled{Sets: answer.SETs, MoreAvailable: answer.More}, nil
}

// notNow sends a receiver to another node, or lets it ask again soon.
func notNow() *api.Error {
	told := fail(503, "service_unavailable", "Service unavailable", "This node cannot tell what was revoked right now. Ask another one, or again.")
	told.RetryAfter = time.Second
	return told
}
