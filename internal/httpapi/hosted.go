package httpapi

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sojourn-auth/sojourn/api"
	"github.com/sojourn-auth/sojourn/internal/app"
)

var hostedTemplates = template.Must(template.New("hosted").Funcs(template.FuncMap{
	"moment": func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2 January 2006, 15:04 UTC") },
}).ParseFS(pages, "pages/hosted*.html"))

// hosted are the pages by which people sign up, sign in and see to their account without any page of an app. They work
// without scripts: each form is sent to the page it is on, which does what the Frontend API does and either shows
// itself again or sends the browser on.
func hosted(a *app.App, mux *http.ServeMux) {
	for name, p := range map[string]struct{ show, act func(*stop) error }{
		app.SignInPage: {(*stop).showSignIn, (*stop).signIn},
		app.SignUpPage: {(*stop).showSignUp, (*stop).signUp},
		app.UserPage:   {(*stop).showUser, (*stop).changeUser},
	} {
		mux.Handle("GET /"+name, hostedPage(a, name, p.show))
		mux.Handle("POST /"+name, hostedPage(a, name, p.act))
	}
	mux.Handle("GET /{$}", hostedPage(a, "", (*stop).showFront))
	mux.Handle("GET /"+leavePage, hostedPage(a, leavePage, (*stop).sendOn))
	for _, file := range []string{"hosted.css", "hosted.js"} {
		mux.HandleFunc("GET /hosted/"+file, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", keepTag)
			http.ServeFileFS(w, r, pages, "pages/"+file)
		})
	}
}

// stop is one visit to a hosted page.
type stop struct {
	a      *app.App
	w      http.ResponseWriter
	r      *http.Request
	v      *app.Visitor
	page   string             // which one
	form   url.Values         // of the query or, in a POST, of the body
	client *api.BrowserClient // nil when the visitor is none
	asked  string             // the page to go to afterwards, which is one that may be; "" when nobody said
	status int                // of the answer, when something is wrong
	wrong  problem
}

// problem is what people are told is wrong.
type problem struct {
	Text  string
	Field string // the input that it is about; "" for none
}

func hostedPage(a *app.App, name string, serve func(*stop) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(app.WithOrigin(r.Context(), visitOrigin(r, r.Method+" /"+name)))
		s := &stop{a: a, w: w, r: r, v: visitorOf(r), page: name, status: http.StatusOK}
		err := s.arrive()
		if err == nil {
			err = serve(s)
		}
		if errors.Is(err, errSentOn) {
			return
		}
		if err != nil {
			s.apologize(err)
		}
	})
}

// errSentOn says that the visit is over: the browser goes elsewhere.
var errSentOn = errors.New("the browser was sent on")

// arrive finds out who visits and what they want. Pages of apps are not to read these, though they may use the API.
func (s *stop) arrive() error {
	h := s.w.Header()
	h.Del("Access-Control-Allow-Origin")
	h.Del("Access-Control-Allow-Credentials")
	h.Set("Referrer-Policy", "same-origin") // with none at all browsers hide the origin of forms, too
	h.Set("X-Content-Type-Options", "nosniff")
	s.policy("")
	if err := s.read(); err != nil {
		return err
	}
	if err := s.nameDevBrowser(); err != nil {
		return err
	}
	var err error
	if s.client, err = s.known(); err != nil {
		return err
	}
	asked := s.form.Get("redirect_url")
	if s.asked, err = s.a.AllowedPage(s.r.Context(), asked); err != nil {
		return err
	}
	if asked != "" && s.asked == "" && s.r.Method == http.MethodGet { // no script of a page is to see it, either
		return s.goTo(s.here())
	}
	s.policy(s.destination())
	return nil
}

// policy lets a page load its style, and send its forms here. Some browsers hold forms to it wherever the answer sends
// them, so it names the page to go to.
func (s *stop) policy(destination string) {
	forms := "'self'"
	if u, err := url.Parse(destination); err == nil && u.Host != "" {
		forms += " " + u.Scheme + "://" + u.Host
	}
	s.w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action "+forms+"; base-uri 'none'; frame-ancestors 'none'")
}

// read reads the form that was sent, or the query.
func (s *stop) read() error {
	s.form = s.r.URL.Query()
	if s.r.Method == http.MethodPost {
		if !isForm(s.r) {
			return plain(http.StatusUnsupportedMediaType, "unsupported_content_type", "Unsupported content type", "This page takes forms.")
		}
		s.r.Body = http.MaxBytesReader(s.w, s.r.Body, maxBody)
		if err := s.r.ParseForm(); err != nil {
			return malformed("The form cannot be read.")
		}
		s.form = s.r.PostForm
	}
	for name, values := range s.form {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return malformed("The form holds what is no text.")
			}
		}
	}
	return nil
}

// devBrowserCookie keeps the dev browser of these pages. It is the one of the browser library, so that forms and
// components, and apps on other ports of this host, are one browser.
func (s *stop) devBrowserCookie() string { return "__clerk_db_jwt_" + s.a.CookieSuffix() }

// nameDevBrowser lets a browser of a development instance name itself by a cookie: forms have no scripts that could put
// the name into each request. An app on another host names its browser in the query.
func (s *stop) nameDevBrowser() error {
	if !s.a.DevBrowsers() {
		return nil
	}
	named := s.v.DevBrowser
	if c, err := s.r.Cookie(s.devBrowserCookie()); err == nil && named == "" {
		s.v.DevBrowser = storable(c.Value)
	}
	if _, err := s.known(); err != nil {
		if told, ok := errors.AsType[*api.Error](err); !ok || !told.Has("dev_browser_unauthenticated") {
			return err
		}
		if _, err := s.a.CreateDevBrowser(s.r.Context(), s.v, &api.None{}); err != nil {
			return err
		}
	}
	http.SetCookie(s.w, &http.Cookie{ //nolint:gosec // the browser library reads and writes it, and keeps no other secret
		Name: s.devBrowserCookie(), Value: s.v.DevBrowser, Path: "/", MaxAge: cookieMaxAge,
		Secure: infoOf(s.r).secure, SameSite: http.SameSiteLaxMode,
	})
	if named != "" && s.r.Method == http.MethodGet { // it has no business in the address bar
		return s.goTo(s.here())
	}
	return nil
}

// here is the URL of this very page, without what it does not want in it.
func (s *stop) here() string {
	query := s.r.URL.Query()
	query.Del("__clerk_db_jwt")
	if asked, err := s.a.AllowedPage(s.r.Context(), query.Get("redirect_url")); err != nil || asked == "" {
		query.Del("redirect_url")
	}
	return pathWith("/"+s.page, query)
}

func pathWith(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// link is the path of a hosted page that keeps what this one knows: where to go afterwards, and that scripts are not
// wanted.
func (s *stop) link(page string, more ...string) string {
	query := url.Values{}
	if s.asked != "" {
		query.Set("redirect_url", s.asked)
	}
	if s.r.Method == http.MethodPost && s.components() != nil || s.form.Has("plain") {
		query.Set("plain", "1")
	}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return pathWith("/"+page, query)
}

// self is the URL of a hosted page under the name by which the browser reaches it.
func (s *stop) self(page string) string {
	info, scheme := infoOf(s.r), "http"
	if info.secure {
		scheme = "https"
	}
	return scheme + "://" + info.host + "/" + page
}

// destination is where the browser goes when all is done; "" when nobody says where.
func (s *stop) destination() string { return s.a.Destination(s.v, s.asked) }

// leave sends the browser where it wanted to go, or to a page of ours.
func (s *stop) leave(otherwise string) error {
	if to := s.destination(); to != "" {
		return s.goTo(to)
	}
	return s.goTo(s.link(otherwise))
}

// goTo sends the browser on, with what it must keep.
func (s *stop) goTo(location string) error {
	if err := s.settle(); err != nil {
		return err
	}
	h := s.w.Header()
	h.Set("Location", location)
	h["Cache-Control"] = noStore
	s.w.WriteHeader(http.StatusSeeOther)
	return errSentOn
}

// settle gives the browser the cookies that it must keep.
func (s *stop) settle() error {
	keep(s.a, s.w, s.r, s.v)
	if s.r.Method != http.MethodPost { // nothing has changed
		return nil
	}
	client, err := s.known()
	if err == nil {
		s.client = client
		putRight(s.a, s.w, s.r, client)
	}
	return err
}

// refused turns what an operation refuses into what the page says. Other errors stay.
func (s *stop) refused(err error) error {
	told, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	s.status, s.wrong = told.Status, problem{Text: told.Errors[0].LongMessage}
	if meta := told.Errors[0].Meta; meta != nil {
		s.wrong.Field = meta.ParamName
	}
	if s.wrong.Text == "" {
		s.wrong.Text = told.Errors[0].Message
	}
	if told.RetryAfter > 0 {
		s.w.Header().Set("Retry-After", strconv.FormatInt(int64((told.RetryAfter+time.Second-1)/time.Second), 10))
	}
	return nil
}

// needs says that an input is empty.
func (s *stop) needs(field, text string) {
	s.status, s.wrong = http.StatusUnprocessableEntity, problem{Text: text, Field: field}
}

// sight is what every page shows.
type sight struct {
	Application string
	Title       string
	Page        string
	Step        string
	Wrong       problem
	Asked       string // hidden in forms
	Plain       bool
	To          map[string]string // paths of pages: sign-in, sign-up, user, again
	Form        url.Values        // what was typed before; passwords are not shown again
}

func (s *stop) sight(title, step string) sight {
	return sight{
		Application: s.a.Settings.Browsers.ApplicationName, Title: title, Page: s.page, Step: step, Wrong: s.wrong, Asked: s.asked,
		Plain: s.form.Has("plain"), Form: s.form,
		To: map[string]string{
			"signIn": s.link(app.SignInPage), "signUp": s.link(app.SignUpPage), "user": s.link(app.UserPage), "again": s.link(s.page, "step", "start"),
		},
	}
}

// show sends a page.
func (s *stop) show(name string, data any) error {
	var page bytes.Buffer
	if err := hostedTemplates.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	h := s.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h["Cache-Control"] = noStore
	h.Set("Content-Length", strconv.Itoa(page.Len()))
	s.w.WriteHeader(s.status)
	_, _ = s.w.Write(page.Bytes()) // the reader is gone; nothing to tell anybody
	return nil
}

// apologize shows what cannot be shown on the page itself.
func (s *stop) apologize(err error) {
	told, ok := errors.AsType[*api.Error](err)
	if !ok {
		told = untold(s.a, s.r, err)
	}
	if s.refused(told) != nil || s.status == http.StatusOK {
		s.status = http.StatusInternalServerError
	}
	keep(s.a, s.w, s.r, s.v) // what was done stands
	var page bytes.Buffer
	view := sight{Application: s.a.Settings.Browsers.ApplicationName, Title: "Something went wrong", Wrong: s.wrong}
	if err := hostedTemplates.ExecuteTemplate(&page, "problem", view); err != nil {
		fail(s.a, s.w, s.r, err)
		return
	}
	s.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s.w.Header()["Cache-Control"] = noStore
	s.w.WriteHeader(s.status)
	_, _ = s.w.Write(page.Bytes()) // as in show
}

// showFront takes people from the front to where they belong.
func (s *stop) showFront() error {
	if s.signedIn() {
		return s.goTo("/" + app.UserPage)
	}
	return s.goTo("/" + app.SignInPage)
}

// known is the client that visits; nil when the visitor is none.
func (s *stop) known() (*api.BrowserClient, error) {
	return s.a.BrowserClient(s.r.Context(), s.v, app.WithoutTokens)
}

func (s *stop) signedIn() bool { return s.client != nil && len(s.client.Sessions) > 0 }

// finish makes a session the one that the browser uses, and sends the browser on.
func (s *stop) finish(sessionID string) error {
	req := &api.TouchSession{SessionRef: api.SessionRef{SessionID: sessionID}}
	if _, err := s.a.TouchSession(s.r.Context(), s.v, req); err != nil {
		return err
	}
	return s.leave(app.UserPage)
}

// given is a field of a form; an empty one is not given.
func (s *stop) given(name string) api.Field[string] {
	if text := s.form.Get(name); text != "" {
		return api.Set(text)
	}
	return api.Field[string]{}
}
