package app

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// moving is an app on a database that holds no instance yet.
func moving(t *testing.T, databaseURL string, master secret.MasterKey) *App {
	t.Helper()
	return &App{
		Store: storetest.Open(t, databaseURL), Master: master, NewID: NewID, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return usersStart },
		Settings: Settings{
			Environment: Development, Issuer: "https://auth.example.com", PasswordMin: 8, MaxAttempts: 10, ClaimsVersion: 2,
			TokenLifetime: time.Minute, Lifetimes: session.Lifetimes{Max: session.DefaultMax, Abandon: session.DefaultAbandon},
		},
	}
}

// origin is an instance with something in every table, and what its users hold.
type origin struct {
	*App
	token, clientToken, ticket string
	sessionID, userID          string
}

const (
	movedPassword  = "correct horse battery staple"
	movedSecretKey = secret.Text("sk_test_a_key_that_must_not_be_in_any_export")
	movedHMAC      = "a template's own signing key of enough bytes"
)

func newOrigin(t *testing.T, databaseURL string) origin {
	t.Helper()
	a := moving(t, databaseURL, secret.NewMasterKey())
	ctx := t.Context()
	if created, err := a.Create(ctx); !created || err != nil {
		t.Fatalf("create: %t, %v", created, err)
	}
	must(t, a.Load(ctx))
	must(t, a.SetSecretKey(ctx, movedSecretKey))
	o := origin{App: a}
	o.userID = createUser(t, a, `{"username":"Maria_1","first_name":"María <&>","email_address":["maria@example.com","two@example.com"],
		"phone_number":["+12025550123"],"password":"`+movedPassword+`","public_metadata":{"plan":"pro \u2028"},"create_organizations_limit":3}`).ID
	createUser(t, a, `{"banned":true}`)
	for range 3 {
		o.sessionID = activeSessions(t, a, o.userID, 1)[0]
	}
	_, err := a.RevokeSession(ctx, &api.SessionRef{SessionID: activeSessions(t, a, o.userID, 1)[0]})
	must(t, err)
	_, err = a.CreateTemplate(ctx, parse[api.WriteTemplate](t, `{"name":"own","claims":{"a":"{{user.id}}"},"custom_signing_key":true,
		"signing_algorithm":"HS256","signing_key":"`+movedHMAC+`"}`))
	must(t, err)
	ticket, err := a.CreateSignInToken(ctx, &api.CreateSignInToken{UserID: api.Set(o.userID)})
	must(t, err)
	o.ticket = ticket.Token
	_, err = a.UpdateInstance(ctx, parse[api.UpdateInstance](t, `{"allowed_origins":["https://app.example.com"]}`))
	must(t, err)
	o.token = mint(t, a, o.sessionID)
	o.clientToken = newClientToken(t, a)
	return o
}

// newClientToken gives a new client a cookie, as a sign-in does.
func newClientToken(t *testing.T, a *App) string {
	t.Helper()
	rotating := rand.Text()
	c := store.Client{ID: a.NewID("client_"), RotatingTokenHash: secret.HashKey(rotating), CreatedAt: a.now(), UpdatedAt: a.now()}
	must(t, a.Store.Update(t.Context(), func(tx store.Conn) error { return tx.InsertClient(t.Context(), c) }))
	ring, err := a.keyring(t.Context())
	must(t, err)
	signed, err := ring.SignClient(token.Client{ID: c.ID, RotatingToken: rotating, ExpireAt: a.now().Add(time.Hour)})
	must(t, err)
	return signed
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mint(t *testing.T, a *App, sessionID string) string {
	t.Helper()
	minted, err := a.CreateToken(t.Context(), &api.CreateToken{SessionRef: api.SessionRef{SessionID: sessionID}})
	must(t, err)
	return minted.JWT
}

func quiet(int) {}

func exported(t *testing.T, a *App) string {
	t.Helper()
	var b bytes.Buffer
	_, err := a.Export(t.Context(), &b, nil, quiet)
	must(t, err)
	return b.String()
}

// body is an export without its header, whose moment differs.
func body(export string) string {
	_, rest, _ := strings.Cut(export, "\n")
	return rest
}

func imported(t *testing.T, databaseURL string, master secret.MasterKey, export string) *App {
	t.Helper()
	a := moving(t, databaseURL, master)
	_, err := a.Import(t.Context(), strings.NewReader(export), quiet)
	must(t, err)
	must(t, a.Load(t.Context()))
	return a
}

// TestMoveBetweenEngines goes from SQLite to PostgreSQL and back, and compares the exports of each.
func TestMoveBetweenEngines(t *testing.T) {
	o := newOrigin(t, storetest.SQLite(t))
	there := exported(t, o.App)
	for _, stop := range []struct {
		name        string
		databaseURL func(testing.TB) string
	}{
		{"postgres", storetest.Postgres},
		{"serializable", storetest.Serializable},
		{"sqlite", storetest.SQLite},
	} {
		t.Run(stop.name, func(t *testing.T) {
			a := imported(t, stop.databaseURL(t), o.Master, there)
			again := exported(t, a)
			if diff := cmp.Diff(strings.Split(body(there), "\n"), strings.Split(body(again), "\n")); diff != "" {
				t.Fatalf("the export of %s is another one:\n%s", stop.name, diff)
			}
			o.liveOn(t, a)
			there = again
		})
	}
}

// liveOn uses on a what users and apps were given by the origin.
func (o origin) liveOn(t *testing.T, a *App) {
	t.Helper()
	ctx := t.Context()
	if a.InstanceID() != o.InstanceID() {
		t.Errorf("instance %s, want %s", a.InstanceID(), o.InstanceID())
	}
	verify := func(token string) error {
		_, err := a.VerifySession(ctx, &api.VerifySession{SessionRef: api.SessionRef{SessionID: o.sessionID}, Token: api.Set(token)})
		return err
	}
	expect(t, "a token from before", verify(o.token), "")
	expect(t, "a token from after", verify(mint(t, a, o.sessionID)), "")
	if was, is := kidOf(t, o.token), kidOf(t, mint(t, a, o.sessionID)); was != is {
		t.Errorf("kid %s, was %s", is, was)
	}
	_, err := a.VerifyClient(ctx, &api.VerifyClient{Token: api.Set(o.clientToken)})
	expect(t, "a client token from before", err, "")
	_, err = a.VerifyPassword(ctx, &api.VerifyPassword{UserRef: api.UserRef{UserID: o.userID}, Password: api.Set(movedPassword)})
	expect(t, "the password", err, "")
	_, err = a.CreateTokenFromTemplate(ctx, &api.CreateToken{SessionRef: api.SessionRef{SessionID: o.sessionID}, TemplateName: "own"})
	expect(t, "the template", err, "")
	if ok, err := a.Authenticate(ctx, movedSecretKey.Reveal()); !ok || err != nil {
		t.Errorf("the secret key: %t, %v", ok, err)
	}
}

func kidOf(t *testing.T, raw string) string {
	t.Helper()
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
	must(t, err)
	return parse[struct{ Kid string }](t, string(head)).Kid
}

// TestExportHoldsNoSecret looks for everything that would let a reader of an export pass for somebody.
func TestExportHoldsNoSecret(t *testing.T) {
	o := newOrigin(t, storetest.Fresh(t))
	export := exported(t, o.App)
	secrets := map[string]string{
		"the secret key": movedSecretKey.Reveal(), "the master key": o.Master.Encode(), "a password": movedPassword,
		"a template's key": movedHMAC, "a session token": o.token, "a client token": o.clientToken, "a ticket": o.ticket,
		"PEM": "PRIVATE KEY", "a JWT": "eyJhbGciOi",
	}
	keys, err := o.Store.SigningKeys(t.Context())
	must(t, err)
	der, err := o.Master.Open(keys[0].Sealed, signingKeyPrefix+keys[0].ID)
	must(t, err)
	secrets["a private key"] = base64.StdEncoding.EncodeToString(der)[:100]
	secrets["a private key in PEM"] = strings.Split(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "\n")[1]
	secrets["a private key in hex"] = fmt.Sprintf("%x", der[:40])
	for what, text := range secrets {
		for _, form := range []string{text, base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text))} {
			if strings.Contains(export, form) {
				t.Errorf("the export holds %s", what)
			}
		}
	}
	if !strings.Contains(export, secret.HashKey(movedSecretKey.Reveal())) || !strings.Contains(export, keys[0].ID) {
		t.Error("the export lacks a hash or a key that should be there")
	}
}
