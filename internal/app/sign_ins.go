package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// CreateSignIn begins a sign-in, in the place of the one that the client had on its way. With everything it needs it is
// complete at once.
func (a *App) CreateSignIn(ctx context.Context, v *Visitor, req *api.CreateSignIn) (*api.SignIn, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "sign_in"); err != nil {
		return nil, err
	}
	strategy := signin.Strategy(req.Strategy.Or(""))
	if ticket := req.Ticket.Or(""); ticket != "" || strategy == signin.Ticket {
		return a.signInByTicket(ctx, v, ticket)
	}
	identifier, plain := req.Identifier.Or(""), req.Password.Or("")
	if identifier == "" {
		if plain != "" || strategy != "" {
			return nil, missing("identifier")
		}
		return a.newSignIn(ctx, v, func(store.Conn, *browser, *signin.SignIn, time.Time) error { return nil })
	}
	who, err := a.whoIs(ctx, identifier)
	if err != nil {
		return nil, err
	}
	if err := a.notSignedIn(ctx, v, who.id()); err != nil {
		return nil, err
	}
	switch {
	case strategy.ByCode():
		return a.signInByCode(ctx, v, who, strategy)
	case strategy != "" && strategy != signin.Password:
		return nil, wrongStrategy()
	case plain != "":
		return a.signInByPassword(ctx, v, who, plain)
	}
	return a.newSignIn(ctx, v, func(_ store.Conn, _ *browser, s *signin.SignIn, _ time.Time) (err error) {
		*s, err = s.Identified(identifier, who.id())
		return err
	})
}

// id is the id of whoever signs in; "" for nobody.
func (w signer) id() string {
	if w.user == nil {
		return ""
	}
	return w.user.ID
}

// whoIs finds whoever has an identifier: an email address or a username. Nobody is refused, unless the instance does
// not tell whom it knows.
func (a *App) whoIs(ctx context.Context, identifier string) (signer, error) {
	if err := checkText("identifier", identifier, maxEmail); err != nil {
		return signer{}, err
	}
	userID, err := a.userNamed(ctx, identifier)
	if err != nil {
		return signer{}, err
	}
	if userID == "" && !a.Settings.Browsers.EnumerationProtection {
		return signer{}, at("identifier", fail(422, "form_identifier_not_found", "Unknown identifier", "There is no account with this identifier."))
	}
	return a.whoSignsIn(ctx, signin.SignIn{Identifier: identifier, UserID: userID})
}

// userNamed is the id of the user with an identifier; "" when there is none.
func (a *App) userNamed(ctx context.Context, identifier string) (string, error) {
	if strings.Contains(identifier, "@") {
		i, err := a.Store.IdentifierNamed(ctx, store.EmailAddress, strings.ToLower(identifier))
		if err != nil || proved(i) {
			return i.UserID, orNobody(err)
		}
		u, err := a.Store.User(ctx, i.UserID)
		if err != nil || u.PrimaryEmailID != i.ID { // whoever added it and never proved it may not be called that
			return "", orNobody(err)
		}
		return u.ID, nil
	}
	u, err := a.Store.UserWithUsername(ctx, identifier)
	return u.ID, orNobody(err)
}

func orNobody(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// notSignedIn refuses somebody who is signed in on the visitor's client already.
func (a *App) notSignedIn(ctx context.Context, v *Visitor, userID string) error {
	c, err := a.client(ctx, v)
	if c == nil || err != nil {
		return err
	}
	return a.signedInAlready(ctx, a.Store.Conn, c.ID, userID, a.now())
}

// newSignIn begins a sign-in on the visitor's client, as far as apply takes it.
func (a *App) newSignIn(ctx context.Context, v *Visitor, apply func(store.Conn, *browser, *signin.SignIn, time.Time) error) (*api.SignIn, error) {
	now := a.now()
	var s signin.SignIn
	err := a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) error {
		s = signin.New(a.NewID("sia_"), b.ID, now)
		if err := apply(tx, b, &s, now); err != nil {
			return err
		}
		before := b.SignInID
		b.SignInID = s.ID
		b.settled(s)
		b.changed(now)
		return replaceAttempt(ctx, tx, before, s.ID, b.ID, s.AbandonAt, s)
	})
	if err != nil {
		return nil, err
	}
	return a.signInView(ctx, s, now)
}

// settled forgets a sign-in that is complete: it is not on its way any more.
func (b *browser) settled(s signin.SignIn) {
	if s.Status == signin.Complete && b.SignInID == s.ID {
		b.SignInID = ""
	}
}

// GetSignIn shows a sign-in of the visitor's client.
func (a *App) GetSignIn(ctx context.Context, v *Visitor, req *api.SignInRef) (*api.SignIn, error) {
	s, err := a.signIn(ctx, v, req.SignInID)
	if err != nil {
		return nil, err
	}
	return a.signInView(ctx, s, a.now())
}

// signIn reads a sign-in of the visitor's client. Those of others do not exist for it.
func (a *App) signIn(ctx context.Context, v *Visitor, id string) (signin.SignIn, error) {
	c, err := a.client(ctx, v)
	if err != nil {
		return signin.SignIn{}, err
	}
	if c == nil {
		return signin.SignIn{}, signInNotFound(id)
	}
	s, err := readAttempt[signin.SignIn](ctx, a.Store.Conn, c.ID, id)
	return s.At(a.now()), whenAbsent(err, signInNotFound(id))
}

// changeSignIn lets apply take a sign-in further, which nobody else does meanwhile. What apply refuses is told after
// the transaction, which stands: a wrong code has been counted in it.
func (a *App) changeSignIn(ctx context.Context, v *Visitor, id string, apply func(store.Conn, *browser, *signin.SignIn, time.Time) (refusal *api.Error, err error)) (*api.SignIn, error) {
	if _, err := a.signIn(ctx, v, id); err != nil { // before a client is begun for nothing
		return nil, err
	}
	now := a.now()
	var s signin.SignIn
	var refusal *api.Error
	err := a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) (err error) {
		if s, err = readAttempt[signin.SignIn](ctx, tx, b.ID, id); err != nil {
			return whenAbsent(err, signInNotFound(id))
		}
		s = s.At(now)
		if refusal, err = apply(tx, b, &s, now); err != nil || refusal != nil {
			return whenNotNow(err)
		}
		b.settled(s)
		b.changed(now)
		return updateAttempt(ctx, tx, s.ID, s)
	})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	return a.signInView(ctx, s, now)
}

// whenNotNow tells that a sign-in is not where a request wants it to be.
func whenNotNow(err error) error {
	if errors.Is(err, signin.ErrNotNow) {
		return fail(400, "client_state_invalid", "Not possible now", "The sign-in is at another step; look at its status.")
	}
	return err
}

func wrongStrategy() *api.Error {
	return at("strategy", fail(400, "strategy_for_user_invalid", "Strategy is not possible", "This account cannot be verified in this way."))
}

// signInByCode begins a sign-in and mails its code.
func (a *App) signInByCode(ctx context.Context, v *Visitor, who signer, strategy signin.Strategy) (*api.SignIn, error) {
	var issued newCode
	view, err := a.newSignIn(ctx, v, func(tx store.Conn, _ *browser, s *signin.SignIn, now time.Time) (err error) {
		if *s, err = s.Identified(who.identifier, who.id()); err != nil {
			return err
		}
		issued, err = a.prepare(ctx, tx, s, who, strategy, "", now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return view, a.sendCode(ctx, issued)
}

// PrepareFirstFactor mails a code to an address of whoever signs in.
func (a *App) PrepareFirstFactor(ctx context.Context, v *Visitor, req *api.PrepareFirstFactor) (*api.SignIn, error) {
	strategy := signin.Strategy(req.Strategy.Or(""))
	if strategy == "" {
		return nil, missing("strategy")
	}
	if !strategy.ByCode() {
		return nil, at("strategy", fail(400, "verification_strategy_invalid", "Strategy needs no preparation", "Codes are mailed for email_code and reset_password_email_code only."))
	}
	s, err := a.signIn(ctx, v, req.SignInID)
	if err != nil {
		return nil, err
	}
	who, err := a.whoSignsIn(ctx, s)
	if err != nil {
		return nil, err
	}
	var issued newCode
	view, err := a.changeSignIn(ctx, v, req.SignInID, func(tx store.Conn, _ *browser, s *signin.SignIn, now time.Time) (_ *api.Error, err error) {
		issued, err = a.prepare(ctx, tx, s, who, strategy, req.EmailAddressID.Or(""), now)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return view, a.sendCode(ctx, issued)
}

// prepare makes the code of a sign-in for one of the signer's addresses: the one with emailID, or the one that they
// named, or their primary one. Nobody gets a code too, which nobody reads; so does whoever is locked, where that is not
// told.
func (a *App) prepare(ctx context.Context, tx store.Conn, s *signin.SignIn, who signer, strategy signin.Strategy, emailID string, now time.Time) (issued newCode, err error) {
	locked := who.user != nil && lockedAt(*who.user, now)
	if locked && !who.discreet {
		return newCode{}, userLocked(*who.user, now)
	}
	email, ok := who.email(emailID)
	if !ok {
		if emailID != "" {
			return newCode{}, at("email_address_id", fail(422, "form_param_value_invalid", "is invalid", "email_address_id names no address that takes codes for this sign-in."))
		}
		return newCode{}, wrongStrategy()
	}
	prepared, err := s.Prepared(strategy, email.ID)
	if err != nil {
		return newCode{}, whenNotNow(err)
	}
	*s = prepared
	if issued, err = a.issueCode(ctx, tx, s.ID, strategy, email.Value, now); err != nil {
		return newCode{}, err
	}
	issued.silent = issued.silent || who.user == nil || locked
	return issued, nil
}

// email is the signer's address with an id; without an id, the one that they named or the first.
func (w signer) email(id string) (store.Identifier, bool) {
	n := slices.IndexFunc(w.emails, func(i store.Identifier) bool {
		return id == i.ID || id == "" && w.named(i)
	})
	switch {
	case n >= 0:
		return w.emails[n], true
	case id != "" || len(w.emails) == 0:
		return store.Identifier{}, false
	default:
		return w.emails[0], true
	}
}

// AttemptFirstFactor proves who signs in, and begins their session when that is all it takes.
func (a *App) AttemptFirstFactor(ctx context.Context, v *Visitor, req *api.AttemptFirstFactor) (*api.SignIn, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.AttemptLimit, "attempt"); err != nil {
		return nil, err
	}
	switch strategy := signin.Strategy(req.Strategy.Or("")); {
	case strategy == "":
		return nil, missing("strategy")
	case strategy == signin.Password:
		return a.attemptPassword(ctx, v, req.SignInID, req.Password.Or(""))
	case strategy.ByCode():
		return a.attemptCode(ctx, v, req.SignInID, strategy, req.Code.Or(""))
	default:
		return nil, wrongStrategy()
	}
}

func (a *App) attemptCode(ctx context.Context, v *Visitor, id string, strategy signin.Strategy, code string) (*api.SignIn, error) {
	if code == "" {
		return nil, missing("code")
	}
	return a.changeSignIn(ctx, v, id, func(tx store.Conn, b *browser, s *signin.SignIn, now time.Time) (*api.Error, error) {
		if s.Status != signin.NeedsFirstFactor {
			return nil, signin.ErrNotNow
		}
		kept, refusal, err := a.tryCode(ctx, tx, s.ID, strategy, code, now)
		switch {
		case err != nil:
			return nil, err
		case refusal == nil && s.UserID == "": // nobody's code is never right
			return wrongCode(), nil
		case refusal == nil:
			return a.codeWasRight(ctx, tx, v, b, s, strategy, kept, now)
		case refusal.Code() == wrongCode().Code():
			return refusal, a.countFailure(ctx, tx, s.UserID, now)
		default: // it was not even looked at
			return refusal, nil
		}
	})
}

// codeWasRight takes a sign-in further whose code was right. The user's row is taken first: their address cannot go
// meanwhile.
func (a *App) codeWasRight(ctx context.Context, tx store.Conn, v *Visitor, b *browser, s *signin.SignIn, strategy signin.Strategy, kept store.Code, now time.Time) (*api.Error, error) {
	u, err := tx.UserForUpdate(ctx, s.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, wrongStrategy()
	}
	if err != nil {
		return nil, err
	}
	if lockedAt(u, now) {
		return a.whenLocked(u, now, wrongCode()), nil
	}
	if err := a.proveEmail(ctx, tx, &u, s.EmailID, kept, now); err != nil {
		return nil, err
	}
	if *s, err = s.Proved(strategy, u.ID); err != nil || s.Status != signin.Complete {
		return nil, err
	}
	return nil, a.complete(ctx, tx, v, b, s, beginning{userID: u.ID, strategy: strategy}, now)
}

// complete begins the session of a sign-in that is complete.
func (a *App) complete(ctx context.Context, tx store.Conn, v *Visitor, b *browser, s *signin.SignIn, w beginning, now time.Time) error {
	if err := a.signedInAlready(ctx, tx, b.ID, w.userID, now); err != nil {
		return err
	}
	begun, err := a.begin(ctx, tx, v, b, w, now)
	s.SessionID = begun.ID
	return err
}

// proveEmail notes that an address took a code, if nobody knew that it is its user's. One that is theirs no more proves
// nothing.
func (a *App) proveEmail(ctx context.Context, tx store.Conn, u *store.User, id string, kept store.Code, now time.Time) error {
	i, err := tx.Identifier(ctx, store.EmailAddress, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && i.UserID != u.ID {
		return wrongStrategy()
	}
	if err != nil || proved(i) {
		return err
	}
	i.Reserved, i.Verification, i.UpdatedAt = false, provedByCode(kept), now
	if err := tx.UpdateIdentifier(ctx, i); err != nil {
		return err
	}
	return a.updateUser(ctx, tx, u, u.ID, now, "identifiers")
}
