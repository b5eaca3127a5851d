package httpapi

import (
	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/assets"
)

// The tags of the libraries whose components the hosted pages show.
const (
	hostedClerkJS = "6"
	hostedClerkUI = "1"
)

// libraryVersions are the versions of the libraries that are there.
type libraryVersions struct{ ClerkJS, UI string }

// components are the libraries of the hosted pages; nil when they are not there, or not both.
func (s *stop) components() *libraryVersions {
	if s.a.Settings.Browsers.Assets == "" {
		return nil
	}
	dir := assets.Dir(s.a.Settings.Browsers.Assets)
	js, err := dir.Version(assets.ClerkJS, hostedClerkJS)
	if err != nil || js == "" { // without them there are forms
		return nil
	}
	ui, err := dir.Version(assets.ClerkUI, hostedClerkUI)
	if err != nil || ui == "" {
		return nil
	}
	return &libraryVersions{ClerkJS: js, UI: ui}
}

// componentsPolicy lets the libraries do what they need: run from here, ask the API here, style their parts as they
// make them, show avatars, and keep time in a worker.
const componentsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; font-src 'self' data:; " +
	"connect-src 'self'; worker-src blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// componentsSight is what a page of components has.
type componentsSight struct {
	sight
	Libraries      *libraryVersions
	PublishableKey string
	ProxyURL       string
	After          string // where components go when all is done: a path of ours, which leads on
	WithoutScripts string
}

// showComponents shows a page that is one component of the browser libraries.
func (s *stop) showComponents(title string) error {
	s.w.Header().Set("Content-Security-Policy", componentsPolicy)
	return s.show("components", componentsSight{
		sight: s.sight(title, ""), Libraries: s.components(), PublishableKey: s.a.Settings.Browsers.PublishableKey, ProxyURL: proxyPrefix,
		After: s.link(leavePage), WithoutScripts: s.link(s.page, "plain", "1"),
	})
}

// leavePage is the path by which components leave. With keys for development they do not lead to other origins by
// themselves.
const leavePage = "hosted/leave"

// sendOn sends a visitor where they wanted to go before the components took over.
func (s *stop) sendOn() error { return s.leave(app.UserPage) }
