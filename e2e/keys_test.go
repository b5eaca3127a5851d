package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// TestRotation changes the signing key of a running server from the command line: no token is refused
// while both keys are published, and the old key's are once it is retired.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := raw{server: s, key: s.SecretKey}
	mine, _ := api.newSession(t)
	mint := func() string { return api.object(t, "POST", "/sessions/"+mine+"/tokens", "")["jwt"].(string) }
	before := mint()
	old := kid(t, before)

	fresh := strings.TrimSpace(s.tool(t, "keys", "rotate"))
	eventually(t, "the new key is published and signs", func() bool {
		token := mint()
		verified(t, s, token)
		verified(t, s, before)
		return kid(t, token) == fresh
	})

	s.tool(t, "keys", "retire", old)
	eventually(t, "the old key is not published any more", func() bool {
		status, body := get(t, s.JWKSURL)
		return status == http.StatusOK && !strings.Contains(string(body), old)
	})
	verified(t, s, mint())
	wantError(t, api.call(t, "POST", "/sessions/"+mine+"/verify", `{"token":"`+before+`"}`),
		http.StatusBadRequest, "invalid_session_token")
}

func kid(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header["kid"].(string)
}

// tool runs another command of the binary on the data of a running server.
func (s *server) tool(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), sojourn, args...)
	command.Env = append(append(cleanEnv(), "SOJOURN_DATA_DIR="+s.DataDir), s.database...)
	var log output
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("sojourn %s: %v\n%s", strings.Join(args, " "), err, log.String())
	}
	return string(out)
}
