package app

import (
	"context"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// Visitor is who sends a request to the Frontend API: a browser, by what it brought along. Operations leave in it what
// the browser must keep.
type Visitor struct {
	Cookie     string // client tokens that the browser holds, the one to believe
	DevBrowser string // how a browser of a development instance names itself; "" when it did not
	SessionID  string // on behalf of which of the client's sessions it asks; "" for the one used last
	Origin     string // of the page; "" when the browser did not say
	Address    string // the IP address it comes from
	UserAgent  string
	Host       string // by which it reached the Frontend API, with the port
	Secure     bool   // and whether over TLS

	NewCookie string // a client token to keep; "" keeps the old one
	Forget    bool   // the browser is to forget its client

	asked bool // for the client, which is below
	known *store.Client
}

const (
	// cookieLifetime is how long a browser keeps its client, if the browser lets it.
	cookieLifetime = 10 * 365 * 24 * time.Hour
	// rotationGrace is how long the client token before the last rotation is still taken: requests of other tabs were
	// on their way with it.
	rotationGrace = 30 * time.Second
)

// signedOut says that a request needs a session and has none.
func signedOut() *api.Error {
	return fail(401, "authentication_invalid", "Invalid authentication", "This needs an active session, and there is none.")
}

// client finds the client that a visitor is; nil when the visitor is none. A token that is garbage, stale or of
// nobody is no error: then the visitor is a new browser.
func (a *App) client(ctx context.Context, v *Visitor) (*store.Client, error) {
	if v.asked {
		return v.known, nil
	}
	find := a.clientOfCookie
	if a.DevBrowsers() {
		find = a.clientOfDevBrowser
	}
	found, err := find(ctx, v)
	if err != nil {
		return nil, err
	}
	v.asked, v.known = true, found
	return found, nil
}

func (a *App) clientOfCookie(ctx context.Context, v *Visitor) (*store.Client, error) {
	if v.Cookie == "" {
		return nil, nil
	}
	claims, err := a.clientToken(ctx, v.Cookie)
	if claims == nil || err != nil {
		return nil, err
	}
	c, err := a.Store.Client(ctx, claims.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !holds(c, claims.RotatingToken, a.now()) {
		return nil, nil
	}
	return &c, nil
}

// holds reports whether a rotating token is a client's, or was until a moment ago.
func holds(c store.Client, rotating string, now time.Time) bool {
	return c.RotatingTokenHash != "" && secret.EqualHash(c.RotatingTokenHash, rotating) ||
		c.PreviousTokenHash != "" && now.Before(c.PreviousTokenUntil) && secret.EqualHash(c.PreviousTokenHash, rotating)
}

// browser is a client while it changes.
type browser struct {
	store.Client
	begun   bool   // in this very transaction
	rotated string // its new rotating token; "" when the old one stays
	before  store.Client
}

// rotate gives the browser another client token. What somebody planted in the browser, or took from it, is worth
// nothing after that.
func (b *browser) rotate(now time.Time) {
	b.PreviousTokenHash, b.PreviousTokenUntil = b.RotatingTokenHash, now.Add(rotationGrace)
	b.rotated = secret.NewToken("", rotatingTokenSize)
	b.RotatingTokenHash = secret.HashKey(b.rotated)
}

const rotatingTokenSize = 32 // characters

// changed moves the moment that tells pages and servers to look again. It always grows.
func (b *browser) changed(now time.Time) {
	if !now.After(b.UpdatedAt) && !b.begun {
		now = b.UpdatedAt.Add(time.Millisecond)
	}
	b.UpdatedAt = now
}

// changeClient lets apply change the client of a visitor, whom nobody else changes meanwhile; a visitor that is no
// client yet becomes one. Rows are taken in the order client, user, session.
func (a *App) changeClient(ctx context.Context, v *Visitor, now time.Time, apply func(store.Conn, *browser) error) error {
	for {
		known, err := a.client(ctx, v)
		if err != nil {
			return err
		}
		b, err := a.applyToClient(ctx, v, known, now, apply)
		if errors.Is(err, errBegunMeanwhile) {
			v.asked = false
			continue
		}
		if err != nil {
			return err
		}
		v.asked, v.known = true, &b.Client
		return a.keepCookie(ctx, v, b, now)
	}
}

// errBegunMeanwhile says that another request of the same dev browser has just begun its client.
var errBegunMeanwhile = errors.New("the client has begun meanwhile")

func (a *App) applyToClient(ctx context.Context, v *Visitor, known *store.Client, now time.Time, apply func(store.Conn, *browser) error) (b browser, err error) {
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		if b, err = a.takeClient(ctx, tx, v, known, now); err != nil {
			return err
		}
		if b.begun { // first, so that of two only one goes on
			if err := tx.InsertClient(ctx, b.Client); errors.Is(err, store.ErrExists) {
				return errBegunMeanwhile
			} else if err != nil {
				return err
			}
		}
		if err := apply(tx, &b); err != nil || b.Client == b.before {
			return err
		}
		return tx.UpdateClient(ctx, b.Client)
	})
	return b, err
}

// takeClient takes the row of a client that is known and still there, or begins one.
func (a *App) takeClient(ctx context.Context, tx store.Conn, v *Visitor, known *store.Client, now time.Time) (browser, error) {
	if known != nil {
		c, err := tx.ClientForUpdate(ctx, known.ID)
		if !errors.Is(err, store.ErrNotFound) {
			return browser{Client: c, before: c}, err
		}
	}
	id, err := a.newClientID(ctx, tx, v)
	b := browser{Client: store.Client{ID: id, CreatedAt: now, UpdatedAt: now}, begun: true}
	b.rotate(now)
	b.before = b.Client
	return b, err
}

// newClientID is the id of a client that begins. A dev browser had one chosen for it when it was made.
func (a *App) newClientID(ctx context.Context, tx store.Conn, v *Visitor) (string, error) {
	if !a.DevBrowsers() {
		return a.NewID("client_"), nil
	}
	b, err := tx.DevBrowser(ctx, secret.HashKey(v.DevBrowser))
	return b.ClientID, whenAbsent(err, unknownDevBrowser())
}

// keepCookie signs the client token that a visitor must keep from now on.
func (a *App) keepCookie(ctx context.Context, v *Visitor, b browser, now time.Time) error {
	if b.rotated == "" || a.DevBrowsers() {
		return nil
	}
	ring, err := a.keyring(ctx)
	if err != nil {
		return err
	}
	v.NewCookie, err = ring.SignClient(token.Client{ID: b.ID, RotatingToken: b.rotated, ExpireAt: now.Add(cookieLifetime)})
	return err
}

// ownSession finds a session of the visitor's client, as it stands now. The moment is taken before anything is read.
func (a *App) ownSession(ctx context.Context, v *Visitor, id string) (session.Session, time.Time, error) {
	now := a.now()
	c, err := a.client(ctx, v)
	if err != nil {
		return session.Session{}, now, err
	}
	if c == nil {
		return session.Session{}, now, signedOut()
	}
	s, err := a.Store.Session(ctx, id)
	if err != nil {
		return s, now, whenAbsent(err, sessionNotFound(id))
	}
	if s.ClientID != c.ID {
		return s, now, sessionNotFound(id)
	}
	return s.At(now), now, nil
}

// liveSession is ownSession for what only a live one can do. Pages take the 401 as a sign to look at their client again.
func (a *App) liveSession(ctx context.Context, v *Visitor, id string) (session.Session, time.Time, error) {
	s, now, err := a.ownSession(ctx, v, id)
	if err == nil && !s.Status.Live() {
		err = signedOut()
	}
	return s, now, err
}

// onBehalf is the session on whose behalf a visitor asks: the one it names, or the one it used last.
func (a *App) onBehalf(ctx context.Context, v *Visitor) (session.Session, time.Time, error) {
	id := v.SessionID
	if id == "" {
		c, err := a.client(ctx, v)
		if err != nil {
			return session.Session{}, a.now(), err
		}
		if c != nil {
			id = c.LastActiveSessionID
		}
	}
	if id == "" {
		return session.Session{}, a.now(), signedOut()
	}
	return a.usedSession(ctx, v, id)
}

// usedSession is liveSession for pages that live on a session. One that is not there is as one that has ended: told of a
// 404, a page would go on as if it were signed in, and sessions of deleted users are not there.
func (a *App) usedSession(ctx context.Context, v *Visitor, id string) (session.Session, time.Time, error) {
	s, now, err := a.liveSession(ctx, v, id)
	if told, ok := errors.AsType[*api.Error](err); ok && told.Status == 404 {
		err = signedOut()
	}
	return s, now, err
}
