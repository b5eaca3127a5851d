package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sojourn-auth/sojourn/internal/egress"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// result is how an attempt ended.
type result int

const (
	delivered   result = iota
	failed             // the next attempt may do better
	refused            // no attempt will
	gone               // the receiver wants nothing any more
	impossible         // there is nothing to send
	interrupted        // by the end of this server; nothing was learnt
)

// attempt is one time that a delivery was tried.
type attempt struct {
	delivery store.Delivery
	result   result
	wish     time.Duration // for how long the receiver wants to be left alone
	log      store.DeliveryAttempt
}

// tell is what an attempt needs to know of an endpoint, the same for all that are made together.
type tell struct {
	endpoint store.Endpoint
	secrets  []secret.Text
}

// try makes an attempt. What it answers is not written yet.
func (d *Deliverer) try(ctx context.Context, to tell, delivery store.Delivery) (attempt, error) {
	a := attempt{delivery: delivery, log: store.DeliveryAttempt{ID: d.NewID("att_"), DeliveryID: delivery.ID, At: d.now()}}
	request, err := d.request(ctx, to, delivery.EventID, a.log.At)
	if errors.Is(err, store.ErrNotFound) {
		a.result, a.log.Error = impossible, "what the event said is no longer kept"
		return a, nil
	}
	if err != nil {
		return a, err
	}
	answer, err := d.Post(ctx, request)
	a.log.TookMS = d.now().Sub(a.log.At).Milliseconds()
	switch {
	case err != nil && ctx.Err() != nil:
		a.result = interrupted
	case err != nil:
		a.result, a.log.Error = failed, err.Error()
	default:
		a.read(to.endpoint.Kind, answer)
	}
	return a, nil
}

// request is what is sent of an event; store.ErrNotFound when nobody knows any more what it said.
func (d *Deliverer) request(ctx context.Context, to tell, eventID string, at time.Time) (egress.Request, error) {
	e, err := d.Store.Event(ctx, eventID)
	if err != nil {
		return egress.Request{}, err
	}
	var header http.Header
	var body []byte
	if to.endpoint.Kind == store.PushEndpoint {
		header, body, err = d.push(ctx, to, e)
	} else {
		header, body, err = message(to, e, at)
	}
	if err != nil {
		return egress.Request{}, err
	}
	header.Set("User-Agent", "Sojourn")
	return egress.Request{URL: to.endpoint.URL, Header: header, Body: body}, nil
}

// message is a webhook.
func message(to tell, e event.Event, at time.Time) (http.Header, []byte, error) {
	if e.Body == nil {
		return nil, nil, store.ErrNotFound
	}
	header, err := signed(e.MessageID(), at, e.Body, to.secrets)
	if err != nil {
		return nil, nil, err
	}
	header.Set("Content-Type", "application/json")
	return header, e.Body, nil
}

// push is a security event token on its way by RFC 8935.
func (d *Deliverer) push(ctx context.Context, to tell, e event.Event) (http.Header, []byte, error) {
	token, err := d.Token(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/secevent+jwt")
	header.Set("Accept", "application/json")
	if len(to.secrets) > 0 {
		header.Set("Authorization", to.secrets[0].Reveal())
	}
	return header, []byte(token), nil
}

// read judges an answer. Nothing but 2xx is a success: what redirects has not taken anything.
func (a *attempt) read(kind store.EndpointKind, answer egress.Answer) {
	a.log.StatusCode, a.wish = int64(answer.Status), answer.RetryAfter
	switch {
	case answer.OK():
		a.result = delivered
	case answer.Status == http.StatusGone:
		a.result = gone
	case kind == store.PushEndpoint && answer.Status == http.StatusBadRequest:
		a.readRefusal(answer.Body)
	default:
		a.result = failed
	}
}

// readRefusal reads why a receiver refuses a security event token (RFC 8935, section 2.3). Without a reason it has not
// understood the request, and may do better the next time.
func (a *attempt) readRefusal(body []byte) {
	var told struct{ Err string }
	if json.Unmarshal(body, &told) != nil || told.Err == "" {
		a.result = failed
		return
	}
	const most = 64 // characters; the registered codes are shorter
	a.result, a.log.Error = refused, fmt.Sprintf("refused: %.*q", most, told.Err)
}

// settle says how the delivery goes on, and reports whether it has come to an end without being delivered.
func (d *Deliverer) settle(a *attempt, now time.Time) (over bool) {
	a.delivery.UpdatedAt = now
	switch a.result {
	case delivered:
		a.delivery.Status, a.delivery.NextAt = store.Delivered, time.Time{}
		a.delivery.Attempts++
	case interrupted:
		a.delivery.NextAt = now // for whoever comes next
	case failed, gone:
		a.delivery.Attempts++
		pause, again := d.Limits.pause(a.delivery.Attempts, d.Jitter())
		if !again {
			return a.fail()
		}
		a.delivery.NextAt = now.Add(pause)
	case refused, impossible:
		a.delivery.Attempts++
		return a.fail()
	}
	return false
}

func (a *attempt) fail() bool {
	a.delivery.Status, a.delivery.NextAt = store.Failed, time.Time{}
	return true
}
