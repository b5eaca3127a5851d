package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/session"
	"github.com/sojourn-auth/sojourn/internal/store"
	"github.com/sojourn-auth/sojourn/internal/store/storetest"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// people is a database in which everything that operations can meet exists, by name.
type people struct {
	template *storetest.Template
	names    map[string]string
}

const (
	appOrigin = "https://app.example.com"
	password  = "canary battery staple"
	// webhookSecret is the base64 of canary, twice and a half.
	webhookSecret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
)

// peopled is made once, and every test gets a copy.
var peopled = sync.OnceValues(func() (people, error) {
	empty, err := emptyDatabase()
	if err != nil {
		return people{}, err
	}
	p := people{names: map[string]string{}}
	p.template, err = makeDatabase(empty, func(w *world) error {
		w.names = p.names
		return errors.Join(w.addUsers(), w.addSessions(), w.addTemplates(), w.addTickets(), w.addTokens(), w.addWebhooks())
	})
	return p, err
})

func (w *world) addUsers() error {
	for _, u := range []struct {
		name string
		make api.CreateUser
	}{
		{"ada", api.CreateUser{
			EmailAddress: []string{"Ada@example.com", "reserved@example.com"}, EmailAddressIdentificationStatus: []string{"verified", "reserved"},
			PhoneNumber: []string{"+12025550123"}, Web3Wallet: []string{"0x52908400098527886E0F7030069857D2E4169EE7"},
			Username: api.Set("ada_l"), FirstName: api.Set("Ada"), LastName: api.Set("Lovelace"), Locale: api.Set("en-GB"),
			ExternalID: api.Set("ext_ada"), Password: api.Set(password),
			PublicMetadata:  api.Set(json.RawMessage(`{"plan":"pro","seats":{"used":1,"free":2}}`)),
			PrivateMetadata: api.Set(json.RawMessage(`{"note":"canary private"}`)),
		}},
		{"bob", api.CreateUser{CreateOrganizationsLimit: api.Set(int64(3))}},
		{"banned", api.CreateUser{Banned: api.Set(true), EmailAddress: []string{"banned@example.com"}}},
		{"locked", api.CreateUser{Locked: api.Set(true), Password: api.Set(password)}},
	} {
		w.clock.advance(time.Second)
		made, err := w.app.CreateUser(bg, &u.make)
		if err != nil {
			return fmt.Errorf("create user %s: %w", u.name, err)
		}
		w.names[u.name] = made.ID
		if u.name == "ada" {
			w.names["email"], w.names["reserved"] = made.EmailAddresses[0].ID, made.EmailAddresses[1].ID
		}
	}
	spare, err := w.app.CreateEmailAddress(bg, &api.CreateEmailAddress{UserID: api.Set(w.names["ada"]), EmailAddress: api.Set("spare@example.com"), Verified: api.Set(true)})
	if err != nil {
		return err
	}
	w.names["spare"] = spare.ID
	return nil
}

// addSessions gives ada a session in every state. The oldest stands last.
func (w *world) addSessions() error {
	life := w.app.Settings.Lifetimes
	for _, s := range []struct {
		name   string
		age    time.Duration
		status session.Status // as written down
		verb   session.Verb   // what happened to it
		user   string
	}{
		{name: "abandoned", age: 31 * 24 * time.Hour, status: session.Active, user: "ada"},
		{name: "expired", age: 8 * 24 * time.Hour, status: session.Active, user: "ada"},
		{name: "revoked", age: 6 * time.Hour, status: session.Active, verb: session.Revoke, user: "ada"},
		{name: "ended", age: 5 * time.Hour, status: session.Active, verb: session.End, user: "ada"},
		{name: "removed", age: 4 * time.Hour, status: session.Active, verb: session.Remove, user: "ada"},
		{name: "replaced", age: 3 * time.Hour, status: session.Active, verb: session.Replace, user: "ada"},
		{name: "pending", age: 2 * time.Hour, status: session.Pending, user: "ada"},
		{name: "impersonated", age: time.Hour, status: session.Active, user: "bob"},
		{name: "orphan", age: time.Minute, status: session.Active, user: "nobody"},
		{name: "active", age: 0, status: session.Active, user: "ada"},
	} {
		now := w.clock.now()
		made := session.New(app.NewID("sess_"), w.names[s.user], app.NewID("client_"), now.Add(-s.age), life)
		made.Status = s.status
		if s.user == "nobody" {
			made.UserID = "user_nobody"
		}
		if s.name == "impersonated" {
			made.Actor = json.RawMessage(`{"sub":"user_support"}`)
			made.Activity = json.RawMessage(`{"object":"session_activity","id":"sess_activity_1","is_mobile":false,"browser_name":"Firefox","city":"London"}`)
		}
		rotating := secret.NewToken("", 32)
		client := store.Client{ID: made.ClientID, RotatingTokenHash: secret.HashKey(rotating), LastActiveSessionID: made.ID, CreatedAt: made.CreatedAt, UpdatedAt: made.CreatedAt}
		err := w.app.Store.Update(bg, func(tx store.Conn) error {
			if err := errors.Join(tx.InsertClient(bg, client), tx.InsertSession(bg, made)); err != nil || s.verb == "" {
				return err
			}
			_, err := tx.MoveSession(bg, made.ID, s.verb, session.Ending{Reason: session.ReasonRevoked, By: session.ByBackend, At: now})
			return err
		})
		if err != nil {
			return fmt.Errorf("add session %s: %w", s.name, err)
		}
		w.names[s.name], w.names[s.name+".client"], w.names["rotating."+s.name] = made.ID, made.ClientID, rotating
	}
	return nil
}

func (w *world) addTemplates() error {
	for name, claims := range map[string]string{
		"greeting": `{"aud":"https://api.example.com","hello":"Hi {{user.first_name}}","plan":"{{user.public_metadata.plan}}","age":"{{user.public_metadata.age || 30}}"}`,
		"a.b-c_d":  `{}`,
	} {
		w.clock.advance(time.Second)
		made, err := w.app.CreateTemplate(bg, &api.WriteTemplate{Name: api.Set(name), Claims: api.Set(json.RawMessage(claims)), Lifetime: api.Set(int64(120))})
		if err != nil {
			return err
		}
		if name == "greeting" {
			w.names["template"] = made.ID
		}
	}
	return nil
}

// addWebhooks makes endpoints, and an event that is on its way to one of them.
func (w *world) addWebhooks() error {
	for name, req := range map[string]api.CreateWebhookEndpoint{
		"endpoint":     {URL: api.Set("https://hooks.example.com/in"), Description: api.Set("the books"), Secret: api.Set(webhookSecret)},
		"endpoint.off": {URL: api.Set("https://hooks.example.com/off"), EventTypes: api.Set([]string{"user.deleted"}), Enabled: api.Set(false)},
	} {
		made, err := w.app.CreateWebhookEndpoint(bg, &req)
		if err != nil {
			return err
		}
		w.names[name] = made.ID
	}
	if _, err := w.app.UpdateUser(bg, &api.UpdateUser{UserRef: api.UserRef{UserID: w.names["bob"]}, FirstName: api.Set("Bob")}); err != nil {
		return err
	}
	sent, err := w.app.ListWebhookDeliveries(bg, &api.ListWebhookDeliveries{WebhookEndpointRef: api.WebhookEndpointRef{EndpointID: w.names["endpoint"]}, Page: api.Page{Limit: 1}})
	if err != nil {
		return err
	}
	w.names["event"] = sent.Data[0].EventID
	return nil
}

func (w *world) addTickets() error {
	for _, name := range []string{"ticket", "ticket.revoked"} {
		made, err := w.app.CreateSignInToken(bg, &api.CreateSignInToken{UserID: api.Set(w.names["ada"])})
		if err != nil {
			return err
		}
		w.names["signin."+name], w.names["token.signin."+name] = made.ID, made.Token
		actor, err := w.app.CreateActorToken(bg, &api.CreateActorToken{UserID: api.Set(w.names["ada"]), Actor: api.Set(json.RawMessage(`{"sub":"user_support"}`))})
		if err != nil {
			return err
		}
		w.names["actor."+name], w.names["token.actor."+name] = actor.ID, actor.Token
	}
	_, err1 := w.app.RevokeSignInToken(bg, &api.SignInTokenRef{SignInTokenID: w.names["signin.ticket.revoked"]})
	_, err2 := w.app.RevokeActorToken(bg, &api.ActorTokenRef{ActorTokenID: w.names["actor.ticket.revoked"]})
	return errors.Join(err1, err2)
}

// addTokens signs tokens with the instance's key, past the rules of minting.
func (w *world) addTokens() error {
	ring, err := w.keyring()
	if err != nil {
		return err
	}
	claims := token.SessionClaims{
		Issuer: issuer, Subject: w.names["ada"], SessionID: w.names["active"], AuthorizedParty: appOrigin,
		IssuedAt: w.clock.now(), Lifetime: time.Minute, Status: "active", ID: "1", Version: 2,
	}
	for name, change := range map[string]func(*token.SessionClaims){
		"session": func(*token.SessionClaims) {},
		"no.azp":  func(c *token.SessionClaims) { c.AuthorizedParty = "" },
		"no.sid":  func(c *token.SessionClaims) { c.SessionID = "" },
		"old":     func(c *token.SessionClaims) { c.IssuedAt = c.IssuedAt.Add(-time.Hour) },
		"other":   func(c *token.SessionClaims) { c.SessionID = w.names["impersonated"] },
		"revoked": func(c *token.SessionClaims) { c.SessionID = w.names["revoked"] },
		"orphan":  func(c *token.SessionClaims) { c.SessionID = w.names["orphan"] },
		"nowhere": func(c *token.SessionClaims) { c.SessionID = "sess_nowhere" },
	} {
		c := claims
		change(&c)
		signed, err := ring.SignSession(c)
		if err != nil {
			return err
		}
		w.names["token."+name] = signed
	}
	for name, c := range map[string]token.Client{
		"client":       {ID: w.names["active.client"], RotatingToken: w.names["rotating.active"], ExpireAt: start.Add(time.Hour)},
		"client.stale": {ID: w.names["active.client"], RotatingToken: "another", ExpireAt: start.Add(time.Hour)},
		"client.gone":  {ID: "client_gone", RotatingToken: "another", ExpireAt: start.Add(time.Hour)},
	} {
		if w.names["token."+name], err = ring.SignClient(c); err != nil {
			return err
		}
	}
	w.names["token.template"], err = ring.SignTemplate(token.TemplateClaims{Issuer: issuer, Subject: w.names["ada"], IssuedAt: w.clock.now(), Lifetime: time.Minute, ID: "1"})
	return err
}

// keyring opens the instance's signing key, as only who has the master key can.
func (w *world) keyring() (*token.Keyring, error) {
	keys, err := w.app.Store.SigningKeys(bg)
	if err != nil {
		return nil, err
	}
	der, err := w.app.Master.Open(keys[0].Sealed, "signing_key:"+keys[0].ID)
	if err != nil {
		return nil, err
	}
	private, err := token.ParsePrivate(der)
	if err != nil {
		return nil, err
	}
	return token.NewKeyring(token.NewKey(keys[0].ID, private))
}
