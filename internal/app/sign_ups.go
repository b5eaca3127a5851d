package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/password"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/signup"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// CreateSignUp begins a sign-up, in the place of the one that the client had on its way.
func (a *App) CreateSignUp(ctx context.Context, v *Visitor, req *api.CreateSignUp) (*api.SignUp, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "sign_up"); err != nil {
		return nil, err
	}
	if err := a.mayAnybodySignUp(); err != nil {
		return nil, err
	}
	now := a.now()
	fields, err := a.signUpFields(ctx, &req.SignUpFields, now)
	if err != nil {
		return nil, err
	}
	var s signup.SignUp
	err = a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) error {
		if err := a.signedInAlready(ctx, tx, b.ID, "", now); err != nil {
			return err
		}
		before := b.SignUpID
		s = fields.applied(signup.New(a.NewID("sua_"), b.ID, now))
		b.SignUpID = s.ID
		b.changed(now)
		return replaceAttempt(ctx, tx, before, s.ID, b.ID, s.AbandonAt, s)
	})
	if err != nil {
		return nil, err
	}
	return a.signUpView(ctx, s, now)
}

func (a *App) mayAnybodySignUp() error {
	if a.Settings.Browsers.SignUpRestricted {
		return fail(403, "sign_up_mode_restricted", "Sign-up is restricted", "Nobody can sign up here by themselves.")
	}
	return nil
}

// GetSignUp shows a sign-up of the visitor's client.
func (a *App) GetSignUp(ctx context.Context, v *Visitor, req *api.SignUpRef) (*api.SignUp, error) {
	s, err := a.signUp(ctx, v, req.SignUpID)
	if err != nil {
		return nil, err
	}
	return a.signUpView(ctx, s, a.now())
}

// UpdateSignUp says more in a sign-up, or something else.
func (a *App) UpdateSignUp(ctx context.Context, v *Visitor, req *api.UpdateSignUp) (*api.SignUp, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.CreateLimit, "sign_up_update"); err != nil {
		return nil, err
	}
	if _, err := a.signUp(ctx, v, req.SignUpID); err != nil { // before a password is hashed for nobody
		return nil, err
	}
	fields, err := a.signUpFields(ctx, &req.SignUpFields, a.now())
	if err != nil {
		return nil, err
	}
	return a.changeSignUp(ctx, v, req.SignUpID, func(tx store.Conn, b *browser, s *signup.SignUp, now time.Time) (*api.Error, error) {
		before := s.Email
		*s = fields.applied(*s)
		if s.Email != before { // the code that the other address got proves nothing of this one
			if err := tx.DeleteCode(ctx, s.ID); err != nil {
				return nil, err
			}
		}
		return nil, a.whenReady(ctx, tx, v, b, s, now)
	})
}

// PrepareVerification mails a code to the address of a sign-up.
func (a *App) PrepareVerification(ctx context.Context, v *Visitor, req *api.PrepareVerification) (*api.SignUp, error) {
	if err := codesOnly(req.Strategy); err != nil {
		return nil, err
	}
	var issued newCode
	view, err := a.changeSignUp(ctx, v, req.SignUpID, func(tx store.Conn, _ *browser, s *signup.SignUp, now time.Time) (_ *api.Error, err error) {
		switch {
		case s.Email == "":
			return nil, missing("email_address")
		case s.EmailVerified:
			return nil, fail(400, "verification_already_verified", "Already verified", "This email address is verified already.")
		}
		s.EmailPrepared = true
		issued, err = a.issueCode(ctx, tx, s.ID, signin.EmailCode, s.Email, now)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return view, a.sendCode(ctx, issued)
}

// AttemptVerification proves the address of a sign-up. When nothing else is missing it becomes a user, and their
// session begins.
func (a *App) AttemptVerification(ctx context.Context, v *Visitor, req *api.AttemptVerification) (*api.SignUp, error) {
	if err := a.admitVisitor(ctx, v, a.Settings.Browsers.AttemptLimit, "attempt"); err != nil {
		return nil, err
	}
	if err := codesOnly(req.Strategy); err != nil {
		return nil, err
	}
	code := req.Code.Or("")
	if code == "" {
		return nil, missing("code")
	}
	return a.changeSignUp(ctx, v, req.SignUpID, func(tx store.Conn, b *browser, s *signup.SignUp, now time.Time) (*api.Error, error) {
		if s.EmailVerified {
			return nil, fail(400, "verification_already_verified", "Already verified", "This email address is verified already.")
		}
		if !s.EmailPrepared {
			return nil, noCodeSent()
		}
		_, refusal, err := a.tryCode(ctx, tx, s.ID, signin.EmailCode, code, now)
		if refusal != nil || err != nil {
			return refusal, err
		}
		s.EmailVerified = true
		return nil, a.whenReady(ctx, tx, v, b, s, now)
	})
}

func codesOnly(strategy api.Field[string]) error {
	switch strategy.Or("") {
	case "":
		return missing("strategy")
	case string(signin.EmailCode):
		return nil
	default:
		return at("strategy", fail(400, "verification_strategy_invalid", "Strategy is not possible", "A sign-up is verified by email_code."))
	}
}

// signUp reads a sign-up of the visitor's client. Those of others do not exist for it.
func (a *App) signUp(ctx context.Context, v *Visitor, id string) (signup.SignUp, error) {
	c, err := a.client(ctx, v)
	if err != nil {
		return signup.SignUp{}, err
	}
	if c == nil {
		return signup.SignUp{}, signUpNotFound(id)
	}
	s, err := readAttempt[signup.SignUp](ctx, a.Store.Conn, c.ID, id)
	return s, whenAbsent(err, signUpNotFound(id))
}

// changeSignUp lets apply take a sign-up further, which nobody else does meanwhile. What apply refuses is told after the
// transaction, which stands.
func (a *App) changeSignUp(ctx context.Context, v *Visitor, id string, apply func(store.Conn, *browser, *signup.SignUp, time.Time) (refusal *api.Error, err error)) (*api.SignUp, error) {
	if err := a.mayAnybodySignUp(); err != nil {
		return nil, err
	}
	if _, err := a.signUp(ctx, v, id); err != nil { // before a client is begun for nothing
		return nil, err
	}
	now := a.now()
	var s signup.SignUp
	var refusal *api.Error
	err := a.changeClient(ctx, v, now, func(tx store.Conn, b *browser) (err error) {
		if s, err = readAttempt[signup.SignUp](ctx, tx, b.ID, id); err != nil {
			return whenAbsent(err, signUpNotFound(id))
		}
		if s.StatusAt(now) != signup.MissingRequirements {
			return fail(400, "client_state_invalid", "Not possible now", "The sign-up is over; look at its status.")
		}
		if refusal, err = apply(tx, b, &s, now); err != nil || refusal != nil {
			return err
		}
		b.changed(now)
		return updateAttempt(ctx, tx, s.ID, s)
	})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, refusal
	}
	return a.signUpView(ctx, s, now)
}

// whenReady makes a user of a sign-up that has all it needs, and begins their session.
func (a *App) whenReady(ctx context.Context, tx store.Conn, v *Visitor, b *browser, s *signup.SignUp, now time.Time) error {
	if !s.Ready(a.signUpRules()) {
		return nil
	}
	if err := a.signedInAlready(ctx, tx, b.ID, "", now); err != nil {
		return err
	}
	u := store.User{
		ID: a.NewID("user_"), Username: s.Username, FirstName: s.FirstName, LastName: s.LastName, Locale: s.Locale,
		PublicMetadata: noMetadata, PrivateMetadata: noMetadata, UnsafeMetadata: noMetadata,
		DeleteSelfEnabled: true, CreateOrgEnabled: true, LegalAcceptedAt: s.LegalAccepted, CreatedAt: now, UpdatedAt: now,
	}
	if s.UnsafeMetadata != nil {
		u.UnsafeMetadata = s.UnsafeMetadata
	}
	if s.PasswordDigest != "" {
		setPassword(&u, &password.Digest{Hasher: s.PasswordHasher, Text: s.PasswordDigest}, now)
	}
	email := a.newIdentifier(u.ID, store.EmailAddress, s.Email, s.Email, statusVerified, now)
	kept, err := tx.Code(ctx, s.ID)
	if errors.Is(err, store.ErrNotFound) { // it was right a while ago, and has been purged
		kept, err = store.Code{Hash: usedCode, Attempts: 1, ExpireAt: now}, nil
	}
	if err != nil {
		return err
	}
	email.Verification = provedByCode(kept)
	u.PrimaryEmailID = email.ID
	if err := a.dropClaim(ctx, tx, s.Email, u.ID, now); err != nil {
		return err
	}
	if err := a.insertUserRows(ctx, tx, u, []store.Identifier{email}, u.ID, now); err != nil {
		return err
	}
	begun, err := a.begin(ctx, tx, v, b, beginning{userID: u.ID, strategy: signin.EmailCode}, now)
	if s.PasswordDigest != "" { // which is what they will use
		b.LastStrategy = string(signin.Password)
	}
	s.UserID, s.SessionID = u.ID, begun.ID
	b.SignUpID = ""
	return err
}

// signUpFields are what somebody says of themselves, checked.
type signUpFields struct {
	given  *api.SignUpFields
	email  string
	digest *password.Digest
	unsafe json.RawMessage
	now    time.Time
}

// signUpFields checks what somebody says of themselves. What the browser adds by itself, its language and time zone, is
// passed over when it makes no sense.
func (a *App) signUpFields(ctx context.Context, given *api.SignUpFields, now time.Time) (f signUpFields, err error) {
	f = signUpFields{given: given, now: now}
	switch strategy := given.Strategy.Or(""); strategy {
	case "", string(signin.Password), string(signin.EmailCode):
	case string(signin.Ticket):
		return f, invalidTicket() // tickets are for users that exist
	default:
		return f, at("strategy", fail(400, "verification_strategy_invalid", "Strategy is not possible", "A sign-up takes an email address, and a password."))
	}
	checked := store.User{UnsafeMetadata: noMetadata}
	p := profile{firstName: given.FirstName, lastName: given.LastName, username: given.Username, unsafe: given.UnsafeMetadata}
	if err := p.apply(&checked); err != nil {
		return f, err
	}
	f.unsafe = checked.UnsafeMetadata
	if err := checkUnique(ctx, a.Store.Conn, checked); err != nil {
		return f, err
	}
	if email := given.EmailAddress.Or(""); email != "" {
		address, told := emailAddress("email_address", email)
		if told != nil {
			return f, told
		}
		if _, err := claimOn(ctx, a.Store.Conn, address); err != nil {
			return f, err
		}
		f.email = address
	}
	f.digest, err = a.newDigest(ctx, newPassword{plain: given.Password})
	return f, err
}

// applied is a sign-up with what was said.
func (f signUpFields) applied(s signup.SignUp) signup.SignUp {
	if f.email != "" {
		s = s.WithEmail(f.email)
	}
	for _, field := range []struct {
		given api.Field[string]
		to    *string
	}{{f.given.FirstName, &s.FirstName}, {f.given.LastName, &s.LastName}, {f.given.Username, &s.Username}} {
		if field.given.Present() {
			*field.to = field.given.Or("")
		}
	}
	if locale := f.given.Locale.Or(""); locale != "" && checkLocale("locale", locale) == nil {
		s.Locale = locale
	}
	if zone := f.given.Timezone.Or(""); zone != "" && checkText("timezone", zone, maxName) == nil {
		s.Timezone = zone
	}
	if f.given.UnsafeMetadata.Present() {
		s.UnsafeMetadata = f.unsafe
	}
	if f.given.LegalAccepted.Or(false) {
		s.LegalAccepted = f.now
	}
	if f.digest != nil {
		s.PasswordHasher, s.PasswordDigest = f.digest.Hasher, f.digest.Text
	}
	return s
}
