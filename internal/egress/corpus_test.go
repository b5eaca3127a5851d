package egress_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sojourn-auth/sojourn/internal/egress"
)

// Hosts that no request of production may reach, each with the reason why somebody would try it.
var forbiddenHosts = map[string]string{
	// This machine.
	"127.0.0.1":                  "loopback",
	"127.0.0.2":                  "loopback beside the usual one",
	"127.255.255.254":            "the end of loopback",
	"[::1]":                      "loopback of IPv6",
	"[0:0:0:0:0:0:0:1]":          "loopback of IPv6, written out",
	"[0000:0000::0001]":          "loopback of IPv6, with zeros",
	"0.0.0.0":                    "the unspecified address, which is this machine",
	"0.1.2.3":                    "this network",
	"[::]":                       "the unspecified address of IPv6",
	"localhost":                  "this machine by name",
	"LOCALHOST":                  "this machine, loud",
	"localhost.":                 "this machine, from the root",
	"app.localhost":              "a name below localhost",
	"APP.localhost.":             "a name below localhost, from the root",
	"[::1%25lo]":                 "loopback with a zone",
	"[::1%25]":                   "loopback with an empty zone",
	"127.1":                      "two parts",
	"127.0.1":                    "three parts",
	"2130706433":                 "one decimal number",
	"0x7f000001":                 "one hexadecimal number",
	"0X7F000001":                 "one hexadecimal number, loud",
	"017700000001":               "one octal number",
	"0177.0.0.1":                 "an octal part",
	"0x7f.0.0.1":                 "a hexadecimal part",
	"0x7f.0x0.0x0.0x1":           "hexadecimal parts",
	"127.0.0.0x1":                "a hexadecimal part at the end",
	"127.0.0.01":                 "a leading zero",
	"00000127.00000.00000.00001": "many leading zeros",
	"127.0.0.1.":                 "a trailing dot",
	"127.0.0.1..":                "two trailing dots",
	"127.0.0.257":                "a part that overflows",
	"4294967296":                 "a number that overflows",
	"18446744073709551617.":      "a number that overflows 64 bits, from the root",
	"127\u30020\u30020\u30021":   "ideographic dots",
	"127\uff0e0.0.1":             "a full-width dot",
	"127\uff610\uff610\uff611":   "half-width dots",
	"\u2460\u2461\u2466.\u24ea.\u24ea.\u2460":                         "digits in circles",
	"\uff11\uff12\uff17.\uff10.\uff10.\uff11":                         "full-width digits",
	"\U0001d7ed\U0001d7ee\U0001d7f3.\U0001d7ec.\U0001d7ec.\U0001d7ed": "mathematical digits",
	"\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3":          "letters in circles",
	"localho\u017ft":                   "a long s",
	"local\u00adhost":                  "a soft hyphen",
	"local\u200dhost":                  "a joiner of no width",
	"127.0.0.1%2f":                     "an escaped slash",
	"%31%32%37.0.0.1":                  "escaped digits",
	"127.0.0.1%00.example.com":         "an escaped end of string",
	"%e2%91%a0.example":                "an escaped digit in a circle",
	"[127.0.0.1]":                      "IPv4 in brackets",
	"[::ffff:127.0.0.1]":               "mapped loopback",
	"[::FFFF:7F00:1]":                  "mapped loopback in hexadecimal",
	"[0:0:0:0:0:ffff:127.0.0.1]":       "mapped loopback, written out",
	"[::ffff:0.0.0.0]":                 "the mapped unspecified address",
	"[::ffff:0:127.0.0.1]":             "translated loopback of SIIT",
	"[::127.0.0.1]":                    "compatible loopback",
	"[64:ff9b::127.0.0.1]":             "loopback behind NAT64",
	"[64:ff9b::7f00:1]":                "loopback behind NAT64 in hexadecimal",
	"[64:ff9b:1::127.0.0.1]":           "loopback behind a local NAT64",
	"[2002:7f00:1::]":                  "loopback in 6to4",
	"[2002:7f00:1::1]":                 "a host of loopback in 6to4",
	"[2001:0:7f00:1::]":                "loopback as a Teredo server",
	"[2001:0:4136:e378:0:0:80ff:fffe]": "loopback behind Teredo",

	// Neighbours.
	"10.0.0.1":               "private",
	"10.255.255.255":         "the end of private",
	"172.16.0.1":             "private",
	"172.31.255.255":         "the end of private",
	"192.168.0.1":            "private",
	"192.168.255.255":        "the end of private",
	"0xa.0.0.1":              "private in hexadecimal",
	"167772161":              "private as one number",
	"100.64.0.1":             "carrier NAT",
	"100.127.255.255":        "the end of carrier NAT",
	"169.254.0.1":            "link-local",
	"[fe80::1]":              "link-local of IPv6",
	"[fe80::1%25eth0]":       "link-local of IPv6 with a zone",
	"[febf::1]":              "the end of link-local of IPv6",
	"[fec0::1]":              "site-local",
	"[fc00::1]":              "unique-local",
	"[fdff:ffff::1]":         "the end of unique-local",
	"[::ffff:10.0.0.1]":      "mapped private",
	"[::ffff:c0a8:1]":        "mapped private in hexadecimal",
	"[::10.0.0.1]":           "compatible private",
	"[64:ff9b::10.0.0.1]":    "private behind NAT64",
	"[64:ff9b::8.8.8.8]":     "even a public address behind NAT64: the gateway decides where it goes",
	"[64:ff9b:1::a00:1]":     "private behind a local NAT64",
	"[2002:a00:1::]":         "private in 6to4",
	"[2002:c0a8:101::1]":     "private in 6to4",
	"[2001:0:a00:1::]":       "a private Teredo server",
	"[2001:0:0:0:0:0:0:123]": "Teredo",

	// What gives machines of clouds their credentials.
	"169.254.169.254":                "metadata of AWS, Azure, Google and others",
	"169.254.170.2":                  "credentials of ECS",
	"2852039166":                     "metadata as one number",
	"0xa9fea9fe":                     "metadata in hexadecimal",
	"0251.0376.0251.0376":            "metadata in octal",
	"169.254.43518":                  "metadata in three parts",
	"[::ffff:169.254.169.254]":       "mapped metadata",
	"[::ffff:a9fe:a9fe]":             "mapped metadata in hexadecimal",
	"[64:ff9b::169.254.169.254]":     "metadata behind NAT64",
	"[2002:a9fe:a9fe::]":             "metadata in 6to4",
	"[fd00:ec2::254]":                "metadata of AWS over IPv6",
	"[fd20:ce::254]":                 "metadata of Google over IPv6",
	"168.63.129.16":                  "the host of an Azure machine, at an address that looks public",
	"[::ffff:168.63.129.16]":         "the host of an Azure machine, mapped",
	"100.100.100.200":                "metadata of Alibaba",
	"192.0.0.192":                    "metadata of Oracle",
	"metadata.google.internal.test.": "metadata by name",

	// What is nobody's.
	"192.0.0.8":          "IETF protocol assignments",
	"192.0.2.1":          "documentation",
	"198.51.100.1":       "documentation",
	"203.0.113.1":        "documentation",
	"[2001:db8::1]":      "documentation",
	"[3fff::1]":          "documentation",
	"198.18.0.1":         "benchmarks",
	"198.19.255.255":     "the end of benchmarks",
	"[2001:2::1]":        "benchmarks",
	"192.88.99.1":        "the relay of 6to4",
	"192.31.196.1":       "AS112",
	"192.175.48.1":       "AS112",
	"[2620:4f:8000::1]":  "AS112",
	"224.0.0.1":          "multicast",
	"239.255.255.250":    "multicast of UPnP",
	"[ff02::1]":          "multicast",
	"[ff0e::1]":          "multicast everywhere",
	"240.0.0.1":          "reserved",
	"255.255.255.255":    "broadcast",
	"[100::1]":           "discard only",
	"[2001:10::1]":       "ORCHID",
	"[2001:20::1]":       "ORCHIDv2",
	"[5f00::1]":          "segment routing",
	"[4000::1]":          "not yet given to anybody",
	"[::ffff:224.0.0.1]": "mapped multicast",

	// Names that the test's name server knows.
	"loopback.test":   "a name of loopback",
	"loopback6.test":  "a name of loopback in IPv6",
	"private.test":    "a name of private addresses",
	"mapped.test":     "a name of mapped loopback",
	"nat64.test":      "a name of loopback behind NAT64",
	"metadata.test":   "a name of metadata",
	"alias.test":      "another name of localhost",
	"longalias.test":  "another name of another name of localhost",
	"everything.test": "a name of many forbidden addresses",
	"10.0.0.1.test":   "a name that begins with an address",
	"unknown.test":    "a name that the resolver has a guess for",
}

var forbiddenNames = records{
	"loopback.test":                 {{"127.0.0.1"}},
	"loopback6.test":                {{"::1"}},
	"private.test":                  {{"10.0.0.1", "192.168.1.1", "fd12::1"}},
	"mapped.test":                   {{"::ffff:127.0.0.1"}},
	"nat64.test":                    {{"64:ff9b::7f00:1"}},
	"metadata.test":                 {{"169.254.169.254", "fd00:ec2::254"}},
	"metadata.google.internal.test": {{"169.254.169.254"}},
	"alias.test":                    {{"localhost.", "127.0.0.1", "::1"}},
	"longalias.test":                {{"alias.test.", "localhost.", "127.0.0.1", "::1"}},
	"everything.test":               {{"127.0.0.1", "127.0.0.2", "0.0.0.0", "10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::"}},
	"10.0.0.1.test":                 {{"10.0.0.1"}},
}

// Whole URLs that are refused for another part than the host; {port} is that of the listener.
var forbiddenURLs = map[string]string{
	"":                                "nothing",
	"https://":                        "no host",
	"https://:{port}/":                "a port alone",
	"https:///path":                   "a path alone",
	"https:127.0.0.1:{port}":          "no slashes",
	"//127.0.0.1:{port}/":             "no scheme",
	"127.0.0.1:{port}":                "an address alone",
	"example.com/hook":                "a name alone",
	"http://example.com/":             "http in production",
	"HTTP://example.com/":             "http in production, loud",
	"http://127.0.0.1:{port}/":        "http to loopback",
	"ftp://127.0.0.1:{port}/":         "another scheme",
	"gopher://127.0.0.1:{port}/_x":    "gopher",
	"file:///etc/passwd":              "a file",
	"unix:///run/docker.sock":         "a socket",
	"javascript:alert(1)":             "a script",
	"https://user@example.com/":       "a user name",
	"https://user:pass@example.com/":  "a password",
	"https://@example.com/":           "an empty user name",
	"https://example.com@127.0.0.1/":  "a host as the user name",
	`https://example.com\@127.0.0.1/`: "a backslash before the user name",
	`https://127.0.0.1\.example.com/`: "a backslash in the host",
	"https://example.com/#fragment":   "a fragment",
	"https://example.com#@127.0.0.1/": "a fragment that looks like a user name",
	"https://example.com:0/":          "port 0",
	"https://example.com:65536/":      "a port that overflows",
	"https://example.com:-1/":         "a negative port",
	"https://example.com:{port}x/":    "a port with a letter",
	"https://example.com:443:{port}/": "two ports",
	"https://127.0.0.1 :{port}/":      "a space behind the host",
	" https://127.0.0.1:{port}/":      "a space before all",
	"https://127.0.0.1\t:{port}/":     "a tab behind the host",
	"https://exam\r\nple.com/":        "a line break in the host",
	"https://[::1/":                   "an open bracket",
	"https://::1:{port}/":             "IPv6 without brackets",
	"https://[::1]]:{port}/":          "a bracket too many",
	"https://a..example.com/":         "an empty label",
	"https://.example.com/":           "an empty first label",
	"https://exa mple.com/":           "a space in the host",
	"https://*.example.com/":          "a star",
	"https://$(id).example.com/":      "a shell",
	"https://example.com%/":           "half an escape",
}

// Hosts of the internet that production may call, many of them next to what it may not.
var publicHosts = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
	"168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
	"198.17.255.255", "198.20.0.0", "223.255.255.255", "[::ffff:8.8.8.8]", "[2001:4860:4860::8888]", "[2606:4700::1111]",
	"[2a00:1450:4001:81b::200e]", "[2003::1]",
}

var errNotSent = errors.New("the test lets nothing out")

// verdicts are the dialled addresses that the policy let pass. No test reaches one that is not loopback.
type verdicts struct {
	mu     sync.Mutex
	passed []string
}

func (v *verdicts) intercept(dialled string, verdict error) error {
	if verdict != nil {
		return verdict
	}
	addr := netip.MustParseAddrPort(dialled).Addr().Unmap()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.passed = append(v.passed, addr.String())
	if !addr.IsLoopback() {
		return errNotSent
	}
	return nil
}

// take returns what passed since it was last called.
func (v *verdicts) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	passed := v.passed
	v.passed = nil
	return passed
}

// listener counts the connections to any address of this machine.
type listener struct {
	port     string
	accepted chan string
}

func listen(t *testing.T) *listener {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	l := &listener{port: port, accepted: make(chan string, 10_000)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			l.accepted <- conn.LocalAddr().String()
			conn.Close()
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return l
}

// reached returns to which addresses connections came so far. Connections are accepted in their order, so one of the
// test's own marks the end of all that came before it.
func (l *listener) reached(t *testing.T) []string {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.77:"+l.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var reached []string
	for at := range l.accepted {
		if strings.Contains(at, "127.0.0.77") {
			break
		}
		reached = append(reached, at)
	}
	return reached
}

// fenced is a client that lets nothing out of this machine and asks the test's name server. The fence is part of what is
// tested, so it is tried first, on this machine: a client that dials past it would reach strangers.
func fenced(t *testing.T, p egress.Policy, known records) (*egress.Client, *verdicts) {
	t.Helper()
	c, v := egress.New(p), &verdicts{}
	var asked atomic.Bool
	c.Intercept(func(dialled string, verdict error) error {
		asked.Store(true)
		return v.intercept(dialled, verdict)
	})
	c.SetResolver(resolver(t, known))
	for _, scheme := range []string{"https", "http"} {
		for _, host := range []string{"127.0.0.1", "fence.test"} {
			asked.Store(false)
			c.Dial(t.Context(), scheme, host+":1")
			if !asked.Load() {
				t.Fatalf("%s to %s is dialled without asking the policy", scheme, host)
			}
		}
	}
	v.take()
	return c, v
}

func TestNoForbiddenHostIsReached(t *testing.T) {
	l := listen(t)
	c, v := fenced(t, egress.Policy{}, forbiddenNames)
	for host, why := range forbiddenHosts {
		_, err := c.Post(t.Context(), egress.Request{URL: "https://" + host + ":" + l.port + "/"})
		if !errors.Is(err, egress.ErrForbidden) {
			t.Errorf("%s (%s): %v, want %v", host, why, err, egress.ErrForbidden)
		}
		if passed := v.take(); passed != nil {
			t.Errorf("%s (%s): %v passed", host, why, passed)
		}
	}
	if reached := l.reached(t); reached != nil {
		t.Errorf("reached %v", reached)
	}
}

// The check of the URL is for people. What holds is the one at the dialled address, with any resolver.
func TestNoForbiddenHostIsDialled(t *testing.T) {
	l := listen(t)
	c, v := fenced(t, egress.Policy{}, forbiddenNames)
	for host, why := range forbiddenHosts {
		for _, scheme := range []string{"https", "http"} {
			if conn, err := c.Dial(t.Context(), scheme, host+":"+l.port); err == nil {
				conn.Close()
				t.Errorf("%s (%s): dialled", host, why)
			}
			if passed := v.take(); passed != nil {
				t.Errorf("%s (%s): %v passed", host, why, passed)
			}
		}
	}
	if reached := l.reached(t); reached != nil {
		t.Errorf("reached %v", reached)
	}
}

// Without it, a listener that is never reached would prove nothing.
func TestTheListenerCanBeReached(t *testing.T) {
	l := listen(t)
	c, _ := fenced(t, egress.Policy{Development: true}, forbiddenNames)
	hosts := []string{"127.0.0.1", "127.0.0.2", "localhost", "loopback.test", "alias.test", "unknown.test"}
	if ln, err := net.Listen("tcp", "[::1]:0"); err == nil { // not every machine has IPv6
		ln.Close()
		hosts = append(hosts, "[::1]", "loopback6.test")
	}
	for _, host := range hosts {
		c.Post(t.Context(), egress.Request{URL: "https://" + host + ":" + l.port + "/"})
		if len(l.reached(t)) == 0 {
			t.Errorf("%s: not reached", host)
		}
	}
}

func TestForbiddenURLs(t *testing.T) {
	l := listen(t)
	c, v := fenced(t, egress.Policy{}, nil)
	for template, why := range forbiddenURLs {
		url := strings.ReplaceAll(template, "{port}", l.port)
		if err := (egress.Policy{}).CheckURL(url); !errors.Is(err, egress.ErrForbidden) {
			t.Errorf("check %q (%s): %v, want %v", url, why, err, egress.ErrForbidden)
		}
		if _, err := c.Post(t.Context(), egress.Request{URL: url}); !errors.Is(err, egress.ErrForbidden) {
			t.Errorf("post to %q (%s): %v, want %v", url, why, err, egress.ErrForbidden)
		}
	}
	if passed, reached := v.take(), l.reached(t); passed != nil || reached != nil {
		t.Errorf("passed %v, reached %v", passed, reached)
	}
}

func TestPublicHostsPass(t *testing.T) {
	c, v := fenced(t, egress.Policy{}, nil)
	for _, host := range publicHosts {
		for _, port := range []string{"", ":443", ":80", ":22", ":8443", ":65535"} {
			url := "https://" + host + port + "/hook?token=1"
			if err := (egress.Policy{}).CheckURL(url); err != nil {
				t.Errorf("check %s: %v", url, err)
			}
			if _, err := c.Post(t.Context(), egress.Request{URL: url}); !errors.Is(err, egress.ErrUnreachable) {
				t.Errorf("post to %s: %v, want the %v of the test", url, err, egress.ErrUnreachable)
			}
			want := netip.MustParseAddr(strings.Trim(host, "[]")).Unmap().String()
			if diff := cmp.Diff([]string{want}, v.take()); diff != "" {
				t.Errorf("%s: passed (-want +got)\n%s", url, diff)
			}
		}
	}
}

func TestCheckURL(t *testing.T) {
	var (
		production  = egress.Policy{}
		networks    = egress.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd01::/16")}}
		development = egress.Policy{Development: true}
	)
	for _, c := range []struct {
		policy egress.Policy
		url    string
		want   string
	}{
		{production, "https://example.com/hook", ""},
		{production, "HTTPS://EXAMPLE.COM./hook", ""},
		{production, "https://hooks_1.xn--bcher-kva.example:8443", ""},
		{production, "https://1password.example/", ""},
		{production, "https://redis/", ""},
		{production, "https://bücher.example/", "the host must be an IP address or a name in ASCII (xn--… for others)"},
		{production, "https://" + strings.Repeat("a", 64) + ".example/", "the host must be an IP address or a name in ASCII (xn--… for others)"},
		{production, "http://example.com/", "the URL must begin with https://"},
		{production, "https://10.1.0.1/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{production, "https://localhost/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{production, "https://me:secret@example.com/", "the URL must hold no user name and no password"},
		{production, "https://example.com/#top", "the URL must hold no fragment"},
		{production, "https://example.com:0/", "the port must be between 1 and 65535"},
		{production, "example.com", "the URL must be an absolute one with a host"},
		{networks, "http://example.com/", ""}, // it may be in the networks: who dials it will see
		{networks, "http://10.1.255.255/", ""},
		{networks, "https://10.1.0.0:8443/", ""},
		{networks, "http://[fd01::1]/", ""},
		{networks, "http://[::ffff:10.1.0.1]/", ""},
		{networks, "http://[fd01::1%25eth0]/", "the host must be an IP address or a name in ASCII (xn--… for others)"},
		{networks, "https://10.2.0.0/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{networks, "http://10.2.0.0/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{networks, "http://8.8.8.8/", "http:// reaches only addresses in the networks that the operator allows: begin with https://"},
		{development, "http://localhost:3000/", ""},
		{development, "http://[::1]:3000/", ""},
		{development, "https://192.168.1.1/", ""},
		{development, "http://8.8.8.8/", ""},
		{development, "http://169.254.169.254/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{development, "http://[fd00:ec2::254]/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{development, "http://[fd20:ce::254]/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{development, "http://168.63.129.16/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{development, "http://0.0.0.0/", "the host must be reachable on the internet: it is a private, local or reserved address"},
		{development, "http://224.0.0.1/", "the host must be reachable on the internet: it is a private, local or reserved address"},
	} {
		got := ""
		if err := c.policy.CheckURL(c.url); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v, %s: %q, want %q", c.policy, c.url, got, c.want)
		}
	}
}

func TestDevelopmentReachesNoMetadata(t *testing.T) {
	c, v := fenced(t, egress.Policy{Development: true}, forbiddenNames)
	for host, why := range forbiddenHosts {
		if !strings.Contains(why, "metadata") && !strings.Contains(why, "Azure") {
			continue
		}
		c.Dial(t.Context(), "http", host+":80")
		c.Dial(t.Context(), "http", strings.Replace(host, "]", "%lo]", 1)+":80")
		if passed := slices.DeleteFunc(v.take(), isLoopback); len(passed) > 0 { // the name server's guess at a spelling
			t.Errorf("%s (%s): %v passed", host, why, passed)
		}
	}
}

func isLoopback(addr string) bool { return netip.MustParseAddr(addr).IsLoopback() }

func TestANameThatChangesItsAddress(t *testing.T) {
	l := listen(t)
	const public = "93.184.216.34"
	for name, c := range map[string]struct {
		answers [][]string
		passed  [][]string // at each request in turn
	}{
		"public, then loopback":             {[][]string{{public}, {"127.0.0.1"}}, [][]string{{public}, nil, nil}},
		"public, then loopback over IPv6":   {[][]string{{public}, {"::1"}}, [][]string{{public}, nil, nil}},
		"public, then metadata":             {[][]string{{public}, {"169.254.169.254"}}, [][]string{{public}, nil, nil}},
		"loopback, then public":             {[][]string{{"127.0.0.1"}, {public}}, [][]string{nil, {public}, {public}}},
		"public, then both":                 {[][]string{{public}, {"127.0.0.1", public}}, [][]string{{public}, {public}, {public}}},
		"loopback before public":            {[][]string{{"127.0.0.1", "127.0.0.2", public}}, [][]string{{public}}},
		"public before loopback":            {[][]string{{public, "127.0.0.1", "0.0.0.0"}}, [][]string{{public}}},
		"public, and loopback over IPv6":    {[][]string{{public, "::1"}}, [][]string{{public}}},
		"private and two public":            {[][]string{{public, "10.0.0.1", "93.184.216.35"}}, [][]string{{public, "93.184.216.35"}}},
		"public, then an alias of loopback": {[][]string{{public}, {"localhost.", "127.0.0.1", "::1"}}, [][]string{{public}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			client, v := fenced(t, egress.Policy{}, records{"rebind.test": c.answers})
			for i, want := range c.passed {
				if _, err := client.Post(t.Context(), egress.Request{URL: "https://rebind.test:" + l.port + "/"}); err == nil {
					t.Fatalf("request %d: answered", i)
				}
				if diff := cmp.Diff(want, v.take()); diff != "" {
					t.Errorf("request %d: passed (-want +got)\n%s", i, diff)
				}
			}
			if reached := l.reached(t); reached != nil {
				t.Errorf("reached %v", reached)
			}
		})
	}
}

func TestHTTPInProductionReachesOnlyTheNetworks(t *testing.T) {
	c, v := fenced(t, egress.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}},
		records{"inside.test": {{"10.1.2.3"}}, "outside.test": {{"93.184.216.34"}}, "both.test": {{"93.184.216.34", "10.1.2.3"}}})
	for url, want := range map[string][]string{
		"http://inside.test/":   {"10.1.2.3"},
		"http://outside.test/":  nil,
		"http://both.test/":     {"10.1.2.3"},
		"https://inside.test/":  {"10.1.2.3"},
		"https://outside.test/": {"93.184.216.34"},
	} {
		c.Post(t.Context(), egress.Request{URL: url})
		if diff := cmp.Diff(want, v.take()); diff != "" {
			t.Errorf("%s: passed (-want +got)\n%s", url, diff)
		}
	}
}
