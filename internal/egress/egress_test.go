package egress_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/egress"
)

var onLoopback = egress.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// serve starts a receiver on loopback.
func serve(t *testing.T, receive http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(receive)
	t.Cleanup(s.Close)
	return s
}

// serveTLS starts one that speaks TLS, and gives the certificates that are to be trusted for it.
func serveTLS(t *testing.T, versions *tls.Config, receive http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(receive)
	s.TLS, s.EnableHTTP2, s.Config.ErrorLog = versions, true, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func answerOK(http.ResponseWriter, *http.Request) {}

// raw starts a receiver that writes bytes instead of HTTP.
func raw(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return "http://" + ln.Addr().String()
}

func TestPost(t *testing.T) {
	var got struct {
		Method, Path, Body string
		Header             http.Header
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Method, got.Path, got.Body, got.Header = r.Method, r.URL.RequestURI(), string(body), r.Header
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "thanks")
	})
	header := http.Header{"Webhook-Id": {"msg_1"}, "Content-Type": {"application/json"}}
	answer, err := egress.New(onLoopback).Post(t.Context(), egress.Request{URL: s.URL + "/hook?token=1", Header: header, Body: []byte(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(egress.Answer{Status: http.StatusAccepted, Body: []byte("thanks")}, answer); diff != "" || !answer.OK() {
		t.Errorf("answer (-want +got)\n%s", diff)
	}
	if got.Method != http.MethodPost || got.Path != "/hook?token=1" || got.Body != `{"a":1}` {
		t.Errorf("received %s %s %s", got.Method, got.Path, got.Body)
	}
	for name, want := range map[string]string{"Webhook-Id": "msg_1", "Content-Type": "application/json", "Accept-Encoding": "", "Authorization": "", "Cookie": ""} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("received %s %q, want %q", name, value, want)
		}
	}
}

func TestDevelopmentReachesLoopback(t *testing.T) {
	s := serve(t, answerOK)
	if _, err := egress.New(egress.Policy{Development: true}).Post(t.Context(), egress.Request{URL: s.URL}); err != nil {
		t.Error(err)
	}
	if _, err := egress.New(egress.Policy{}).Post(t.Context(), egress.Request{URL: s.URL}); !errors.Is(err, egress.ErrForbidden) {
		t.Errorf("production: %v, want %v", err, egress.ErrForbidden)
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	l := listen(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://127.0.0.1:" + l.port + "/", "http://169.254.169.254/", "https://example.com/", "/elsewhere", "//localhost:" + l.port, "file:///etc/passwd"} {
			var asked atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			})
			c, v := fenced(t, onLoopback, nil)
			answer, err := c.Post(t.Context(), egress.Request{URL: s.URL})
			if err != nil || answer.Status != status || answer.OK() {
				t.Errorf("%d to %s: %+v, %v", status, to, answer, err)
			}
			if asked.Load() != 1 || len(v.take()) != 1 {
				t.Errorf("%d to %s: followed", status, to)
			}
		}
	}
	if reached := l.reached(t); reached != nil {
		t.Errorf("reached %v", reached)
	}
}

func TestTLS(t *testing.T) {
	var protocol atomic.Int32
	s, roots := serveTLS(t, nil, func(_ http.ResponseWriter, r *http.Request) { protocol.Store(int32(r.ProtoMajor)) })
	old, oldRoots := serveTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, answerOK)
	plain := serve(t, answerOK)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	for name, c := range map[string]struct {
		url   string
		roots *x509.CertPool
		want  error
	}{
		"trusted":               {s.URL, roots, nil},
		"trusted, by name":      {"https://example.com:" + port, roots, nil},
		"of nobody we trust":    {s.URL, nil, egress.ErrTLS},
		"of somebody else":      {"https://hooks.test:" + port, roots, egress.ErrTLS},
		"too old":               {old.URL, oldRoots, egress.ErrTLS},
		"HTTP where TLS is due": {strings.Replace(plain.URL, "http:", "https:", 1), roots, egress.ErrTLS},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := fenced(t, onLoopback, nil)
			client.SetRoots(c.roots)
			if _, err := client.Post(t.Context(), egress.Request{URL: c.url}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if protocol.Load() != 2 {
		t.Errorf("HTTP/%d, want 2", protocol.Load())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	s, roots := serveTLS(t, nil, endless)
	for _, url := range []string{s.URL, serve(t, endless).URL} {
		c := egress.New(onLoopback)
		c.SetRoots(roots)
		answer, err := c.Post(t.Context(), egress.Request{URL: url})
		if err != nil || len(answer.Body) != 16<<10 {
			t.Errorf("%s: read %d bytes of an endless body, %v", url, len(answer.Body), err)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	large := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 64<<10))
	}
	s, roots := serveTLS(t, nil, large)
	for _, url := range []string{s.URL, serve(t, large).URL} {
		c := egress.New(onLoopback)
		c.SetRoots(roots)
		if _, err := c.Post(t.Context(), egress.Request{URL: url}); !errors.Is(err, egress.ErrBroken) {
			t.Errorf("%s: %v, want %v", url, err, egress.ErrBroken)
		}
	}
}

func TestWhatIsCompressedStaysSo(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 8<<20))
	z.Close()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	for _, header := range []http.Header{nil, {"Accept-Encoding": {"gzip"}}} {
		answer, err := egress.New(onLoopback).Post(t.Context(), egress.Request{URL: s.URL, Header: header})
		if err != nil || !bytes.Equal(answer.Body, bomb.Bytes()[:min(bomb.Len(), 16<<10)]) {
			t.Errorf("%v: %d bytes of %d, %v", header, len(answer.Body), bomb.Len(), err)
		}
	}
}

// A receiver that keeps sending a little is cut off all the same. It sees that, or its server would never close.
func TestSlowAnswersAreCut(t *testing.T) {
	for name, drip := range map[string]func(http.ResponseWriter){
		"no answer at all": func(http.ResponseWriter) {},
		"a hint at a time": func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) },
		"a byte at a time": func(w http.ResponseWriter) { w.Write([]byte{'x'}); w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			receive := func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				tick := time.NewTicker(30 * time.Millisecond)
				defer tick.Stop()
				for r.Context().Err() == nil {
					drip(w)
					<-tick.C
				}
			}
			s, roots := serveTLS(t, nil, receive)
			for _, url := range []string{s.URL, serve(t, receive).URL} {
				c := egress.New(onLoopback)
				c.SetRoots(roots)
				c.SetTimeout(100 * time.Millisecond)
				if _, err := c.Post(t.Context(), egress.Request{URL: url, Body: []byte("{}")}); !errors.Is(err, egress.ErrTimeout) {
					t.Errorf("%s: %v, want %v", url, err, egress.ErrTimeout)
				}
			}
		})
	}
}

func TestWhoAsksCanEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	if _, err := egress.New(onLoopback).Post(ctx, egress.Request{URL: s.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

// proxied counts the connections to the proxy that the environment of this test binary names. The environment is read
// once in a process, so it is set before all tests.
var proxied atomic.Int32

func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(answerOK))
	proxy.Config.ConnState = func(net.Conn, http.ConnState) { proxied.Add(1) }
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		os.Setenv(name, proxy.URL)
	}
	os.Unsetenv("NO_PROXY")
	os.Unsetenv("no_proxy")
	os.Exit(m.Run())
}

func TestTheEnvironmentsProxyIsIgnored(t *testing.T) {
	s, roots := serveTLS(t, nil, answerOK)
	plain := serve(t, answerOK)
	c, _ := fenced(t, onLoopback, nil)
	c.SetRoots(roots)
	for _, server := range []*httptest.Server{s, plain} {
		scheme, _, _ := strings.Cut(server.URL, ":")
		_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		url := scheme + "://example.com:" + port
		req := httptest.NewRequest(http.MethodPost, url, nil)
		if proxy, err := http.ProxyFromEnvironment(req); err != nil || proxy == nil {
			t.Fatalf("the environment has no proxy for %s: %v", url, err)
		}
		if _, err := c.Post(t.Context(), egress.Request{URL: url}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := proxied.Load(); n != 0 {
		t.Errorf("the proxy saw %d connections", n)
	}
}

func TestNoCookieIsKept(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" {
			w.WriteHeader(http.StatusTeapot)
		}
		http.SetCookie(w, &http.Cookie{Name: "kept", Value: "1"})
	})
	c := egress.New(onLoopback)
	for range 2 {
		if answer, err := c.Post(t.Context(), egress.Request{URL: s.URL}); err != nil || !answer.OK() {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const sent = "Mon, 02 Jan 2006 15:04:05 GMT"
	for value, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"0":                             0,
		"-1":                            0,
		"1.5":                           0,
		"soon":                          0,
		"2147483648":                    0,
		"99999999999999999999":          0,
		"Mon, 02 Jan 2006 15:05:05 GMT": time.Minute,
		"Mon, 02 Jan 2006 15:03:05 GMT": 0,
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", sent)
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		answer, err := egress.New(onLoopback).Post(t.Context(), egress.Request{URL: s.URL})
		if err != nil || answer.RetryAfter != want {
			t.Errorf("%q: %v, %v, want %v", value, answer.RetryAfter, err, want)
		}
	}
}

// Errors are shown to people and kept, so they repeat neither the URL, which may hold a token, nor what a stranger wrote.
func TestErrorsRepeatNothing(t *testing.T) {
	const canary = "c4n4ry"
	untrusted, _ := serveTLS(t, nil, answerOK)
	for name, c := range map[string]struct {
		url  string
		want error
	}{
		"no URL":                {"https://exa mple.com", egress.ErrForbidden},
		"a password":            {"https://" + canary + ":" + canary + "@example.com", egress.ErrForbidden},
		"forbidden":             {"https://10.0.0.1", egress.ErrForbidden},
		"forbidden by name":     {"https://private.test", egress.ErrForbidden},
		"unknown name":          {"https://nowhere.test", egress.ErrUnresolved},
		"nobody listens":        {"http://127.0.0.1:1", egress.ErrUnreachable},
		"not trusted":           {untrusted.URL, egress.ErrTLS},
		"no HTTP":               {raw(t, canary+"\r\n\r\n"), egress.ErrBroken},
		"no status":             {raw(t, "HTTP/1.1 "+canary+" OK\r\n\r\n"), egress.ErrBroken},
		"a header that is none": {raw(t, "HTTP/1.1 200 OK\r\n"+canary+"\r\n\r\n"), egress.ErrBroken},
		"a length that is none": {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: "+canary+"\r\n\r\n"), egress.ErrBroken},
		"a chunk that is none":  {raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+canary+"\r\n"), egress.ErrBroken},
		"a body cut short":      {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+canary), egress.ErrBroken},
		"nothing":               {raw(t, ""), egress.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := fenced(t, onLoopback, records{"private.test": {{"10.0.0.1"}}, "nowhere.test": {{}}})
			answer, err := client.Post(t.Context(), egress.Request{URL: c.url + "/" + canary + "?token=" + canary})
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if strings.Contains(err.Error(), canary) || answer.Status != 0 || answer.Body != nil {
				t.Errorf("%v with %+v", err, answer)
			}
		})
	}
}
