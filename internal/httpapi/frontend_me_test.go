package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// mine is a path under /v1/me on behalf of a session.
func mine(path, sessionID string) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return "/v1/me" + path + separator + "_clerk_session_id=" + sessionID
}

// TestProfile: users change their profile; an empty value clears, and what they do not name stays.
func TestProfile(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	w.clock.advance(time.Second)
	got := post[api.BrowserUser](t, b, mine("?_method=PATCH", id), form("first_name", "Maria", "last_name", "Silva", "unsafe_metadata", `{"a":{"b":1},"c":2}`)).Response
	if got.FirstName == nil || *got.FirstName != "Maria" || *got.LastName != "Silva" || got.UpdatedAt != w.clock.now().UnixMilli() {
		t.Errorf("the user is %+v", got)
	}
	got = post[api.BrowserUser](t, b, mine("?_method=PATCH", id), form("first_name", "")).Response
	if got.FirstName != nil || got.LastName == nil {
		t.Errorf("first name %v, last name %v: want the first cleared and the last kept", got.FirstName, got.LastName)
	}
	merged := post[api.BrowserUser](t, b, mine("/metadata?_method=PATCH", id), form("unsafe_metadata", `{"a":{"d":3},"c":null}`)).Response
	if string(merged.UnsafeMetadata) != `{"a":{"b":1,"d":3}}` {
		t.Errorf("the metadata is %s", merged.UnsafeMetadata)
	}
	refused(t, b, mine("?_method=PATCH", id), form("first_name", strings.Repeat("x", 300)), 422, "form_param_max_length_exceeded")
	refused(t, b, mine("/metadata?_method=PATCH", id), form("unsafe_metadata", `[]`), 422, "form_param_format_invalid")
	refused(t, b, mine("/profile_image", id), nil, 403, "feature_not_enabled")
	b.header = map[string]string{"Content-Type": "multipart/form-data; boundary=x"} // of a picture, as large as it may be
	refused(t, b, mine("/profile_image", id), form("file", strings.Repeat("x", 1<<20)), 403, "feature_not_enabled")
	b.header = nil
	if read := ok[api.Wrapped[api.BrowserUser]](t, b.send(t, http.MethodGet, mine("", id), nil)); read.Response.ID != got.ID || read.Client == nil {
		t.Errorf("GET /v1/me: %+v", read.Response)
	}
	if got := w.newTab(t).send(t, http.MethodGet, mine("", id), nil); got.status != http.StatusUnauthorized {
		t.Errorf("a stranger reads /v1/me: %d", got.status)
	}
}

// TestPasswordChange: it takes the current password, keeps to the policy, and can end the sessions elsewhere.
func TestPasswordChange(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	other := w.newTab(t)
	elsewhere := *post[api.SignIn](t, other, "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword)).Response.CreatedSessionID
	refused(t, b, mine("/change_password", id), form("new_password", "another good one"), 422, "form_param_missing")
	wrong := refused(t, b, mine("/change_password", id), form("current_password", "wrong password", "new_password", "another good one"), 422, "form_password_incorrect")
	if _, param := errorOf(wrong); param != "current_password" {
		t.Errorf("it is told of %q", param)
	}
	short := refused(t, b, mine("/change_password", id), form("current_password", goodPassword, "new_password", "short"), 422, "form_password_length_too_short")
	if _, param := errorOf(short); param != "new_password" {
		t.Errorf("it is told of %q", param)
	}
	post[api.BrowserUser](t, b, mine("/change_password", id), form("current_password", goodPassword, "new_password", "another good one", "sign_out_of_other_sessions", "true"))
	b.touch(t, id)
	refused(t, other, "/v1/client/sessions/"+elsewhere+"/tokens", nil, 401, "authentication_invalid")
	refused(t, w.newTab(t), "/v1/client/sign_ins", form("identifier", testEmail, "password", goodPassword), 422, "form_password_incorrect")
	post[api.SignIn](t, w.newTab(t), "/v1/client/sign_ins", form("identifier", testEmail, "password", "another good one"))
}

// TestPasswordRemoval: a password goes only where the instance lets people do without.
func TestPasswordRemoval(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	refused(t, b, mine("/remove_password", id), form("current_password", goodPassword), 403, "authorization_invalid")
	w.app.Settings.Browsers.PasswordOptional = true
	refused(t, b, mine("/remove_password", id), form("current_password", "wrong password"), 422, "form_password_incorrect")
	if got := post[api.BrowserUser](t, b, mine("/remove_password", id), form("current_password", goodPassword)).Response; got.PasswordEnabled {
		t.Error("the password is still there")
	}
	refused(t, b, mine("/remove_password", id), form("current_password", goodPassword), 400, "no_password_set")
	post[api.BrowserUser](t, b, mine("/change_password", id), form("new_password", goodPassword)) // who has none needs not know it
}

// TestMoreAddresses: an address is added, verified by a code, made primary, and the other one deleted.
func TestMoreAddresses(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	w.signedIn(t, "taken+clerk_test@example.com")
	refused(t, b, mine("/email_addresses/", id), form("email_address", "taken+clerk_test@example.com"), 422, "form_identifier_exists")
	refused(t, b, mine("/email_addresses", id), form("email_address", "nobody"), 422, "form_param_format_invalid")
	added := post[api.BrowserEmail](t, b, mine("/email_addresses/", id), form("email_address", secondEmail)).Response
	path := "/email_addresses/" + added.ID
	refused(t, b, mine("?_method=PATCH", id), form("primary_email_address_id", added.ID), 422, "form_verification_needed")
	refused(t, b, mine(path+"/attempt_verification", id), form("code", knownCode), 400, "verification_missing")
	prepared := post[api.BrowserEmail](t, b, mine(path+"/prepare_verification", id), form("strategy", "email_code")).Response
	if v := prepared.Verification; v == nil || *v.Status != "unverified" || v.ExpireAt == nil {
		t.Errorf("after a code was sent, the verification is %+v", v)
	}
	refused(t, b, mine(path+"/attempt_verification", id), form("code", "000000"), 422, "form_code_incorrect")
	if v := post[api.BrowserEmail](t, b, mine(path+"/attempt_verification", id), form("code", knownCode)).Response.Verification; v == nil || *v.Status != "verified" {
		t.Errorf("after the code, the verification is %+v", v)
	}
	user := post[api.BrowserUser](t, b, mine("?_method=PATCH", id), form("primary_email_address_id", added.ID)).Response
	if *user.PrimaryEmailAddressID != added.ID || len(user.EmailAddresses) != 2 {
		t.Errorf("the user is %+v", user)
	}
	old := user.EmailAddresses[0].ID
	post[api.Deleted](t, b, mine("/email_addresses/"+old+"?_method=DELETE", id), nil)
	refused(t, b, mine(path+"?_method=DELETE", id), nil, 400, "identification_deletion_failed")
	stranger, theirs := w.signedIn(t, "third+clerk_test@example.com")
	for _, request := range []string{path + "?_method=DELETE", path + "/prepare_verification", path + "/attempt_verification"} {
		refused(t, stranger, mine(request, theirs), form("strategy", "email_code", "code", knownCode), 404, "resource_not_found")
	}
	list := ok[[]api.BrowserEmail](t, b.send(t, http.MethodGet, mine("/email_addresses", id), nil))
	if len(list) != 1 || list[0].ID != added.ID {
		t.Errorf("the addresses are %+v", list)
	}
}

// TestDeletingOneself ends everything, where it is allowed.
func TestDeletingOneself(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	userID := b.client(t).Sessions[0].User.ID
	w.send(t, request{method: http.MethodPatch, path: "/v1/users/" + userID, body: `{"delete_self_enabled":false}`})
	refused(t, b, mine("?_method=DELETE", id), nil, 403, "authorization_invalid")
	w.send(t, request{method: http.MethodPatch, path: "/v1/users/" + userID, body: `{"delete_self_enabled":true}`})
	got := post[api.Deleted](t, b, mine("?_method=DELETE", id), nil)
	if !got.Response.Deleted || got.Response.ID != userID || len(got.Client.Sessions) != 0 {
		t.Errorf("%+v, and the client %+v", got.Response, got.Client)
	}
	if got := w.get(t, "/v1/users/"+userID); got.status != http.StatusNotFound {
		t.Errorf("the user is still there: %d", got.status)
	}
}

// TestImpersonatorsChangeLittle: who acts as a user cannot take the account over.
func TestImpersonatorsChangeLittle(t *testing.T) {
	w := serve(t)
	b, _ := w.signedIn(t, testEmail)
	user := b.client(t).Sessions[0].User
	actor := ok[api.ActorToken](t, w.post(t, "/v1/actor_tokens", `{"user_id":"`+user.ID+`","actor":{"sub":"user_support"}}`))
	support := w.newTab(t)
	id := *post[api.SignIn](t, support, "/v1/client/sign_ins", form("strategy", "ticket", "ticket", actor.Token)).Response.CreatedSessionID
	for path, values := range map[string][]string{
		"?_method=DELETE":  nil,
		"/change_password": {"current_password", goodPassword, "new_password", "another good one"},
		"/email_addresses": {"email_address", secondEmail},
		"/email_addresses/" + user.EmailAddresses[0].ID + "?_method=DELETE": nil,
		"?_method=PATCH": {"primary_email_address_id", user.EmailAddresses[0].ID},
	} {
		refused(t, support, mine(path, id), form(values...), 403, "authorization_invalid")
	}
	post[api.BrowserUser](t, support, mine("?_method=PATCH", id), form("first_name", "Maria"))
}

// TestAClaimKeepsNobodyOut: an address that somebody added and never proved is free for whoever proves it; once proved,
// it is taken.
func TestAClaimKeepsNobodyOut(t *testing.T) {
	w := serve(t)
	b, id := w.signedIn(t, testEmail)
	claim := post[api.BrowserEmail](t, b, mine("/email_addresses", id), form("email_address", secondEmail)).Response
	post[api.BrowserEmail](t, b, mine("/email_addresses/"+claim.ID+"/prepare_verification", id), form("strategy", "email_code"))
	refused(t, b, mine("/email_addresses", id), form("email_address", secondEmail), 422, "form_identifier_exists") // it is theirs to prove already

	owner := w.newTab(t)
	if got := owner.signUp(t, secondEmail).Response; got.Status != "complete" {
		t.Fatalf("the owner's sign-up is %s", got.Status)
	}
	refused(t, b, mine("/email_addresses/"+claim.ID+"/attempt_verification", id), form("code", knownCode), 404, "resource_not_found")
	if list := ok[[]api.BrowserEmail](t, b.send(t, http.MethodGet, mine("/email_addresses", id), nil)); len(list) != 1 {
		t.Errorf("the claim is still there: %+v", list)
	}
	lost := func(e event.Event) bool { return e.By != e.UserID && slices.Equal(e.Changes, []string{"identifiers"}) }
	if !slices.ContainsFunc(w.events(t, store.EventFilter{Types: []string{string(event.UserUpdated)}}), lost) {
		t.Error("that a user lost their claim has no event")
	}
	refused(t, b, mine("/email_addresses", id), form("email_address", secondEmail), 422, "form_identifier_exists")

	third, theirs := w.signedIn(t, "third+clerk_test@example.com")
	const contested = "contested+clerk_test@example.com"
	first := post[api.BrowserEmail](t, b, mine("/email_addresses", id), form("email_address", contested)).Response
	second := post[api.BrowserEmail](t, third, mine("/email_addresses", theirs), form("email_address", contested)).Response
	refused(t, b, mine("/email_addresses/"+first.ID+"/prepare_verification", id), form("strategy", "email_code"), 404, "resource_not_found")
	post[api.BrowserEmail](t, third, mine("/email_addresses/"+second.ID+"/prepare_verification", theirs), form("strategy", "email_code"))
	post[api.BrowserEmail](t, third, mine("/email_addresses/"+second.ID+"/attempt_verification", theirs), form("code", knownCode))
}
