package app

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/mail"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/signin"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// A code proves that somebody reads the mail of an address. Its owner is what it is for: a sign-in, a sign-up or an
// email address. The bounds are the contract's, frontend section 12.
const (
	codeLifetime = 10 * time.Minute
	codeAttempts = 3                // wrong ones; the code is worth nothing after that
	codePause    = 30 * time.Second // until another one is mailed
	testCode     = "424242"
	testTag      = "+clerk_test"
)

// Mailer delivers emails. It answers once it has taken one; that one may still be on its way.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// newCode is a code on its way: what is kept of it, and the email that carries it.
type newCode struct {
	kept    store.Code
	message mail.Message
	silent  bool // the address is a test's
}

// issueCode makes the next code of an owner. It is worth something once the transaction is over; sendCode mails it.
func (a *App) issueCode(ctx context.Context, tx store.Conn, ownerID string, strategy signin.Strategy, address string, now time.Time) (newCode, error) {
	before, err := tx.Code(ctx, ownerID)
	if err == nil && before.Strategy == string(strategy) {
		if wait := before.SentAt.Add(codePause).Sub(now); wait > 0 {
			return newCode{}, tooSoon("verification_code_too_many_requests", "A code was sent a moment ago; wait before you ask for another one.", wait)
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return newCode{}, err
	}
	silent, err := a.isTestAddress(ctx, address)
	if err != nil {
		return newCode{}, err
	}
	if err := limitCodes(ctx, tx, address, silent, now); err != nil {
		return newCode{}, err
	}
	code := testCode
	if !silent {
		if code, err = randomCode(); err != nil {
			return newCode{}, err
		}
	}
	hash, err := a.codeHash(ownerID, code)
	if err != nil {
		return newCode{}, err
	}
	issued := newCode{
		kept: store.Code{OwnerID: ownerID, Strategy: string(strategy), Hash: hash, SentAt: now, ExpireAt: now.Add(codeLifetime)},
		message: mail.Message{
			Kind: mail.VerificationCode, To: address, Application: a.Settings.Browsers.ApplicationName, Code: code,
			Minutes: int(codeLifetime / time.Minute), At: now,
		},
		silent: silent,
	}
	if strategy == signin.ResetEmailCode {
		issued.message.Kind = mail.ResetPasswordCode
	}
	return issued, tx.PutCode(ctx, issued.kept)
}

// codesPerHour is how many codes an address is mailed, whoever asks: nobody's mailbox is to be filled.
const codesPerHour = 30

func limitCodes(ctx context.Context, tx store.Conn, address string, silent bool, now time.Time) error {
	if silent || address == "" {
		return nil
	}
	start := now.Truncate(time.Hour)
	ok, err := tx.Take(ctx, secret.HashKey("codes:"+address), start, 1, codesPerHour)
	if err == nil && !ok {
		return tooSoon("too_many_requests", "Too many codes were sent to this address; try again later.", start.Add(time.Hour).Sub(now))
	}
	return err
}

func randomCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%06d", n), nil
}

func (a *App) codeHash(ownerID, code string) (string, error) {
	return a.Master.MAC(code, "code:"+ownerID)
}

// isTestAddress reports whether an address belongs to a test: no email goes there, and its code is known.
func (a *App) isTestAddress(ctx context.Context, address string) (bool, error) {
	local, _, _ := strings.Cut(address, "@")
	if !strings.HasSuffix(local, testTag) && !strings.Contains(local, testTag+"+") {
		return false, nil
	}
	return a.testMode(ctx)
}

// testMode reports whether test addresses are known: in development, unless the Backend API says otherwise. Production
// has none, whatever anybody says: everyone would know the codes of such an address.
func (a *App) testMode(ctx context.Context) (bool, error) {
	if !a.Settings.Development() {
		return false, nil
	}
	settings, err := a.changeable(ctx)
	return err == nil && (settings.TestMode == nil || *settings.TestMode), err
}

// sendCode mails a code that is kept.
func (a *App) sendCode(ctx context.Context, issued newCode) error {
	if issued.silent || issued.message.To == "" {
		return nil
	}
	return a.send(ctx, issued.message)
}

// send hands an email to whoever delivers it.
func (a *App) send(ctx context.Context, m mail.Message) error {
	if a.Mail == nil {
		return errors.New("no email can be sent: set SOJOURN_SMTP_URL and SOJOURN_MAIL_FROM")
	}
	return a.Mail.Send(ctx, m)
}

// tryCode tries a code, for the one time that it works, and answers what is kept of it. A wrong one is refused in
// refusal, and counted: the transaction must go on and end well, or the count is lost.
func (a *App) tryCode(ctx context.Context, tx store.Conn, ownerID string, strategy signin.Strategy, given string, now time.Time) (kept store.Code, refusal *api.Error, err error) {
	kept, err = tx.CodeForUpdate(ctx, ownerID)
	if errors.Is(err, store.ErrNotFound) || err == nil && kept.Strategy != string(strategy) {
		return kept, noCodeSent(), nil
	}
	if err != nil {
		return kept, nil, err
	}
	switch {
	case kept.Hash == usedCode:
		return kept, fail(400, "verification_already_verified", "Already verified", "This code has been used; ask for another one."), nil
	case kept.Attempts >= codeAttempts:
		return kept, fail(400, "verification_failed", "Too many attempts", "Too many wrong codes; ask for another one."), nil
	case !now.Before(kept.ExpireAt):
		return kept, fail(400, "verification_expired", "The code has expired", "The code has expired; ask for another one."), nil
	}
	hash, err := a.codeHash(ownerID, given)
	if err != nil {
		return kept, nil, err
	}
	kept.Attempts++
	if subtle.ConstantTimeCompare([]byte(hash), []byte(kept.Hash)) == 1 {
		kept.Hash = usedCode
	} else {
		refusal = wrongCode()
	}
	return kept, refusal, tx.PutCode(ctx, kept)
}

func noCodeSent() *api.Error {
	return fail(400, "verification_missing", "No code was sent", "Ask for a code before you send one.")
}

// usedCode stands in the place of a code that was right: no code has this hash.
const usedCode = ""

func wrongCode() *api.Error {
	return at("code", fail(422, "form_code_incorrect", "Incorrect code", "This is not the code that was sent."))
}

// codeView shows how far an owner has come with its code; nil when none was sent.
func (a *App) codeView(ctx context.Context, c store.Conn, ownerID string, now time.Time) (*api.BrowserVerification, error) {
	kept, err := c.Code(ctx, ownerID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view := codeVerification(kept)
	return verificationAt(view, now), nil
}

func codeVerification(kept store.Code) api.BrowserVerification {
	expires, status := kept.ExpireAt.UnixMilli(), statusUnverified
	switch {
	case kept.Hash == usedCode:
		status = statusVerified
	case kept.Attempts >= codeAttempts:
		status = "failed"
	}
	return api.BrowserVerification{
		Object: "verification_otp", Status: &status, Strategy: &kept.Strategy, Attempts: &kept.Attempts, ExpireAt: &expires,
	}
}

// provedByCode is the verification of an address that took a code.
func provedByCode(kept store.Code) json.RawMessage {
	kept.Strategy = string(signin.EmailCode)
	raw, err := json.Marshal(codeVerification(kept))
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return raw
}
