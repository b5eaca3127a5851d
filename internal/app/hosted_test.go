package app

import "testing"

const devBrowsers = "pk_test_c29qb3Vybi50ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ"

func TestHostedPage(t *testing.T) {
	const live, test = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k", "pk_test_MTI3LjAuMC4xOjQwMDEk"
	for _, c := range []struct{ key, issuer, home, want string }{
		{live, "https://clerk.example.com", "", "https://clerk.example.com/sign-in"},
		{live, "https://clerk.example.com/", "https://app.example.com", "https://clerk.example.com/sign-in"},
		{test, "http://127.0.0.1:4001", "", "/sign-in"},
		{test, "http://127.0.0.1:4001", "http://localhost:3000/app/", "http://localhost:3000/app/sign-in"},
		{devBrowsers, "https://x.clerk.accounts.dev", "", "/sign-in"},
	} {
		a := &App{Settings: Settings{Issuer: c.issuer, Browsers: Browsers{PublishableKey: c.key, HomeURL: c.home}}}
		if got := a.HostedPage(SignInPage); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.issuer, c.key, got, c.want)
		}
	}
}

func TestDestination(t *testing.T) {
	const cookies = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"
	for _, c := range []struct{ key, home, page, want string }{
		{cookies, "", "", ""},
		{cookies, "https://home.example.com", "", "https://home.example.com"},
		{cookies, "https://home.example.com", "https://app.example.com/a?b", "https://app.example.com/a?b"},
		{devBrowsers, "", "", ""},
		{devBrowsers, "", "https://app.example.com/a?b#c", "https://app.example.com/a?b&__clerk_db_jwt=dvb_1#c"},
		{devBrowsers, "", "https://app.example.com/?__clerk_db_jwt=dvb_2", "https://app.example.com/?__clerk_db_jwt=dvb_1"},
	} {
		a := &App{Settings: Settings{Browsers: Browsers{PublishableKey: c.key, HomeURL: c.home}}}
		if got := a.Destination(&Visitor{DevBrowser: "dvb_1"}, c.page); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.home, c.page, got, c.want)
		}
	}
}
