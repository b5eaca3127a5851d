package app

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/signup"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// readAttempt reads the state of a client's sign-in or sign-up; ErrNotFound when the client has none of that id.
func readAttempt[T any](ctx context.Context, c store.Conn, clientID, id string) (state T, err error) {
	kept, err := c.Attempt(ctx, clientID, id)
	if err != nil {
		return state, err
	}
	return state, json.Unmarshal(kept.State, &state)
}

func insertAttempt(ctx context.Context, tx store.Conn, id, clientID string, abandonAt time.Time, state any) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return tx.InsertAttempt(ctx, store.Attempt{ID: id, ClientID: clientID, State: raw, AbandonAt: abandonAt})
}

// replaceAttempt inserts an attempt in the place of the one that the client had on its way, of which nothing remains.
func replaceAttempt(ctx context.Context, tx store.Conn, before, id, clientID string, abandonAt time.Time, state any) error {
	if before != "" {
		if err := tx.DeleteAttempt(ctx, before); err != nil {
			return err
		}
	}
	return insertAttempt(ctx, tx, id, clientID, abandonAt, state)
}

func updateAttempt(ctx context.Context, tx store.Conn, id string, state any) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return tx.UpdateAttempt(ctx, store.Attempt{ID: id, State: raw})
}

func signInNotFound(id string) *api.Error {
	return notFound("Sign-in", "This client has no sign-in with the id "+id+".")
}

func signUpNotFound(id string) *api.Error {
	return notFound("Sign-up", "This client has no sign-up with the id "+id+".")
}

// openSignIn shows the sign-in that a client has on its way; nil when there is none.
func (a *App) openSignIn(ctx context.Context, c store.Client, now time.Time) (*api.SignIn, error) {
	if c.SignInID == "" {
		return nil, nil
	}
	s, err := readAttempt[signin.SignIn](ctx, a.Store.Conn, c.ID, c.SignInID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s = s.At(now); s.Status == signin.Complete || s.Status == signin.Abandoned {
		return nil, nil
	}
	return a.signInView(ctx, s, now)
}

// openSignUp shows the sign-up that a client has on its way; nil when there is none.
func (a *App) openSignUp(ctx context.Context, c store.Client, now time.Time) (*api.SignUp, error) {
	if c.SignUpID == "" {
		return nil, nil
	}
	s, err := readAttempt[signup.SignUp](ctx, a.Store.Conn, c.ID, c.SignUpID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || s.StatusAt(now) != signup.MissingRequirements {
		return nil, err
	}
	return a.signUpView(ctx, s, now)
}

// signInView is a sign-in as its browser sees it.
func (a *App) signInView(ctx context.Context, s signin.SignIn, now time.Time) (*api.SignIn, error) {
	s = s.At(now)
	view := &api.SignIn{
		Object: "sign_in_attempt", ID: s.ID, Status: string(s.Status), SupportedIdentifiers: []string{string(store.EmailAddress)},
		Identifier: pointer(s.Identifier), CreatedSessionID: pointer(s.SessionID), ClientTrustState: "known", AbandonAt: s.AbandonAt.UnixMilli(),
	}
	var err error
	if view.FirstFactorVerification, err = a.factorView(ctx, s, now); err != nil {
		return nil, err
	}
	if s.Status != signin.NeedsFirstFactor && s.Status != signin.NeedsNewPassword {
		return view, nil
	}
	who, err := a.whoSignsIn(ctx, s)
	if err != nil {
		return nil, err
	}
	view.SupportedFirstFactors, view.UserData = who.factors(), who.greeting()
	return view, nil
}

// factorView shows how far the first factor has come; nil before it was begun.
func (a *App) factorView(ctx context.Context, s signin.SignIn, now time.Time) (*api.BrowserVerification, error) {
	if s.Strategy == "" {
		return nil, nil
	}
	if !s.Strategy.ByCode() {
		return provedBy(s.Strategy), nil
	}
	return a.codeView(ctx, a.Store.Conn, s.ID, now)
}

// provedBy is the verification of a factor that was right.
func provedBy(strategy signin.Strategy) *api.BrowserVerification {
	object, status, name := "verification_password", statusVerified, string(strategy)
	if strategy == signin.Ticket {
		object = "verification_ticket"
	}
	return &api.BrowserVerification{Object: object, Status: &status, Strategy: &name}
}

// signer is who signs in: a user, or nobody, when the instance does not tell whom it knows.
type signer struct {
	user       *store.User
	emails     []store.Identifier // that take codes; the primary one first
	identifier string             // as it was given
	discreet   bool               // the instance does not tell
}

func (a *App) whoSignsIn(ctx context.Context, s signin.SignIn) (signer, error) {
	who := signer{identifier: s.Identifier, discreet: a.Settings.Browsers.EnumerationProtection}
	u, ids, err := a.userWithIdentifiers(ctx, s.UserID)
	if errors.Is(err, store.ErrNotFound) {
		who.emails, err = a.nobodysEmails(s.Identifier)
		return who, err
	}
	who.user = &u
	for _, i := range emailsAmong(ids) {
		switch {
		case who.discreet && !who.named(i): // the answer for nobody has no other address than the one that was named
		case i.ID == u.PrimaryEmailID:
			who.emails = append([]store.Identifier{i}, who.emails...)
		case proved(i):
			who.emails = append(who.emails, i)
		}
	}
	return who, err
}

// named reports whether an address is the one by which somebody named themselves.
func (w signer) named(i store.Identifier) bool { return i.Lookup == strings.ToLower(w.identifier) }

// factors are the ways in which somebody can prove who they are. Where the instance does not tell whom it knows,
// everybody seems to have a password and the address that they named.
func (w signer) factors() []api.Factor {
	factors := []api.Factor{}
	if w.discreet || w.hasPassword() {
		factors = append(factors, api.Factor{Strategy: string(signin.Password)})
	}
	for _, i := range w.emails {
		factors = append(factors, w.byCode(i)...)
	}
	return factors
}

// byCode are the factors that an address takes codes for. It is shown in full to those who know it already.
func (w signer) byCode(i store.Identifier) []api.Factor {
	primary := w.discreet || w.user != nil && i.ID == w.user.PrimaryEmailID
	factor := api.Factor{Strategy: string(signin.EmailCode), EmailAddressID: i.ID, SafeIdentifier: i.Value, Primary: &primary}
	if !w.named(i) {
		factor.SafeIdentifier = mail.Masked(i.Value)
	}
	reset := factor
	reset.Strategy = string(signin.ResetEmailCode)
	return []api.Factor{factor, reset}
}

// greeting names whoever signs in, unless the instance tells nobody whom it knows.
func (w signer) greeting() *api.SignInUserData {
	if w.user == nil || w.discreet {
		return &api.SignInUserData{ImageURL: avatar(w.identifier, w.identifier)}
	}
	public := publicUserData(*w.user, w.emails)
	return &api.SignInUserData{FirstName: public.FirstName, LastName: public.LastName, ImageURL: public.ImageURL}
}

// signUpRules are what the instance asks of people who sign up.
func (a *App) signUpRules() signup.Rules {
	r := signup.Rules{Required: []string{signup.EmailAddress}, Optional: []string{signup.FirstName, signup.LastName}}
	if a.Settings.Browsers.PasswordOptional {
		r.Optional = append(r.Optional, signup.Password)
	} else {
		r.Required = append(r.Required, signup.Password)
	}
	return r
}

// signUpView is a sign-up as its browser sees it.
func (a *App) signUpView(ctx context.Context, s signup.SignUp, now time.Time) (*api.SignUp, error) {
	rules := a.signUpRules()
	view := &api.SignUp{
		Object: "sign_up_attempt", ID: s.ID, Status: string(s.StatusAt(now)),
		RequiredFields: rules.Required, OptionalFields: rules.Optional,
		MissingFields: s.Missing(rules), UnverifiedFields: s.Unverified(),
		EmailAddress: pointer(s.Email), Username: pointer(s.Username), FirstName: pointer(s.FirstName), LastName: pointer(s.LastName),
		HasPassword: s.PasswordDigest != "", PasswordEnabled: s.PasswordDigest != "",
		UnsafeMetadata: s.UnsafeMetadata, PublicMetadata: noMetadata,
		CreatedSessionID: pointer(s.SessionID), CreatedUserID: pointer(s.UserID),
		AbandonAt: s.AbandonAt.UnixMilli(), LegalAcceptedAt: unixMilli(s.LegalAccepted), Locale: pointer(s.Locale), Timezone: pointer(s.Timezone),
	}
	if view.UnsafeMetadata == nil {
		view.UnsafeMetadata = noMetadata
	}
	if s.Email == "" {
		return view, nil
	}
	verification := &api.SignUpVerification{
		BrowserVerification: api.BrowserVerification{Object: "verification_otp"},
		NextAction:          "needs_prepare", SupportedStrategies: []string{string(signin.EmailCode)},
	}
	view.Verifications.EmailAddress = verification
	if !s.EmailPrepared { // components must not believe that a code is on its way
		return view, nil
	}
	kept, err := a.codeView(ctx, a.Store.Conn, s.ID, now)
	if kept == nil || err != nil {
		return view, err
	}
	verification.BrowserVerification, verification.NextAction = *kept, "needs_attempt"
	if s.EmailVerified {
		verification.NextAction = ""
	}
	return view, nil
}

// nobodysEmails are the addresses of nobody: the one that was named, if it was one.
func (a *App) nobodysEmails(identifier string) ([]store.Identifier, error) {
	if !strings.Contains(identifier, "@") {
		return nil, nil
	}
	address := strings.ToLower(identifier)
	id, err := a.nobodysEmail(address)
	return []store.Identifier{{ID: id, Value: address, Lookup: address}}, err
}

// nobodysEmail is the id of the address of nobody: the same whenever somebody asks, and made like any other.
func (a *App) nobodysEmail(address string) (string, error) {
	mac, err := a.Master.MAC(address, "nobody")
	if err != nil {
		return "", err
	}
	raw, err := hex.DecodeString(mac)
	if err != nil {
		return "", err
	}
	day := time.Duration(binary.BigEndian.Uint16(raw[16:])%nobodysDays) * 24 * time.Hour
	second := time.Duration(binary.BigEndian.Uint32(raw[18:])%86400) * time.Second
	id, err := ksuid.FromParts(nobodysStart.Add(day+second), raw[:16])
	return "idn_" + id.String(), err
}

// When nobody's addresses were given.
var nobodysStart = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

const nobodysDays = 500
