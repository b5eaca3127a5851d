package app

import (
	"context"
	"net/url"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/token"
)

// TouchBrowserClient renews the cookie of a browser that is on its way to a page. Cookies that pages cause to be set
// live shorter in some browsers than those of a visit like this.
func (a *App) TouchBrowserClient(ctx context.Context, v *Visitor, req *api.TouchClient) (*api.Redirect, error) {
	page, err := a.allowedRedirect(ctx, req.RedirectURL)
	if err != nil {
		return nil, err
	}
	if !a.DevBrowsers() {
		if err := a.renewCookie(ctx, v); err != nil {
			return nil, err
		}
	}
	return &api.Redirect{Location: page.String()}, nil
}

// renewCookie signs a visitor's client token anew. One that a newer one has replaced is left alone: the newer one is on
// its way to the browser, and must not be written over.
func (a *App) renewCookie(ctx context.Context, v *Visitor) error {
	c, err := a.client(ctx, v)
	if c == nil || err != nil {
		return err
	}
	claims, err := a.clientToken(ctx, v.Cookie)
	if claims == nil || err != nil || !secret.EqualHash(c.RotatingTokenHash, claims.RotatingToken) {
		return err
	}
	return a.keepCookie(ctx, v, browser{Client: *c, rotated: claims.RotatingToken}, a.now())
}

// AcceptTicket takes a browser to a page where its ticket is redeemed: by a sign-in with the strategy ticket. Whether
// it still can be is said there, in words for people.
func (a *App) AcceptTicket(ctx context.Context, _ *Visitor, req *api.AcceptTicket) (*api.Redirect, error) {
	if req.Ticket == "" {
		return nil, missing("ticket")
	}
	claims, err := verified[struct{}](ctx, a, req.Ticket, token.CategoryTicket, anyAge)
	if err != nil {
		return nil, err
	}
	if claims == nil {
		return nil, at("ticket", fail(400, "ticket_invalid_code", "Invalid ticket", "The ticket is not one of this instance."))
	}
	page, err := a.ticketPage(ctx, req.RedirectURL)
	if err != nil {
		return nil, err
	}
	return &api.Redirect{Location: with(page, "__clerk_ticket", req.Ticket)}, nil
}

// ticketPage is the page that redeems tickets: the one that is asked for, or the sign-in page.
func (a *App) ticketPage(ctx context.Context, asked string) (*url.URL, error) {
	if asked != "" {
		return a.allowedRedirect(ctx, asked)
	}
	return url.Parse(a.HostedPage(SignInPage))
}

// CheckProxy tells the operator of an app whether its proxy leads here, and whose address arrives.
func (a *App) CheckProxy(_ context.Context, v *Visitor, req *api.CheckProxy) (*api.Health, error) {
	if req.ProxyURL == "" {
		return nil, fail(400, "request_header_missing", "Missing request header", "This request needs the header Clerk-Proxy-Url, which proxies add.")
	}
	return &api.Health{Status: "healthy", XForwardedFor: v.Address}, nil
}

// OpenIDConfiguration tells verifiers that know nothing but the issuer where the keys are.
func (a *App) OpenIDConfiguration(context.Context, *api.None) (*api.OpenIDConfiguration, error) {
	return &api.OpenIDConfiguration{
		Issuer: a.Settings.Issuer, JWKSURI: a.Settings.Issuer + "/.well-known/jwks.json",
		SubjectTypesSupported: []string{"public"}, IDTokenSigningAlgValuesSupported: []string{"RS256"},
		ClaimsSupported: []string{"azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v"},
	}, nil
}
