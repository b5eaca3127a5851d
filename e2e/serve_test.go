package e2e

import "testing"

// TestServe runs a production server from nothing: migrate, serve, and what differs there.
func TestServe(t *testing.T) {
	t.Parallel()
	p := newProduction(t, emptyDatabase(t))
	p.run(t, "migrate")
	n := p.serve(t)
	n.awaitReady(t)
	eventually(t, "it says so", func() bool { status, _ := get(t, n.backend+"/readyz"); return status == 200 })
	api := n.api()
	if env := api.object(t, "GET", "/instance", "")["environment_type"]; env != "production" {
		t.Errorf("environment %v", env)
	}
	user := api.object(t, "POST", "/users", `{}`)["id"].(string)
	wantError(t, api.call(t, "POST", "/sessions", `{"user_id":"`+user+`"}`), 400, "request_invalid_for_environment")
}
