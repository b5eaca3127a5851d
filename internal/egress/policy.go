package egress

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"code.dny.dev/ssrf"
)

// ErrForbidden is what every refusal of the policy is, before anything is sent.
var ErrForbidden error = refusal("the address of the host is not one that may be called")

// refusal tells people what to change. Its text repeats nothing of the URL, which may hold secrets.
type refusal string

func (r refusal) Error() string      { return string(r) }
func (refusal) Is(target error) bool { return target == ErrForbidden }

const (
	notURL        refusal = "the URL must be an absolute one with a host"
	notHTTPS      refusal = "the URL must begin with https://"
	hasUser       refusal = "the URL must hold no user name and no password"
	hasFragment   refusal = "the URL must hold no fragment"
	badPort       refusal = "the port must be between 1 and 65535"
	badHost       refusal = "the host must be an IP address or a name in ASCII (xn--… for others)"
	privateHost   refusal = "the host must be reachable on the internet: it is a private, local or reserved address"
	httpElsewhere refusal = "http:// reaches only addresses in the networks that the operator allows: begin with https://"
)

// Policy says where requests may go. The zero Policy is that of production: public addresses, over https. To allow a
// prefix of NAT64 is to allow every IPv4 address that its gateway reaches.
type Policy struct {
	Development bool           // loopback and private addresses may be called too, and http is fine
	Networks    []netip.Prefix // may be called whatever else they are, over http too
}

// CheckURL refuses a URL that could never be called, so that it is not stored. Names are not looked up: they may mean
// another address tomorrow, so the answer counts only when somebody calls.
func (p Policy) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return notURL
	}
	return p.check(u)
}

func (p Policy) check(u *url.URL) error {
	switch {
	case u.Hostname() == "":
		return notURL
	case u.Scheme != "https" && (u.Scheme != "http" || !p.mayUseHTTP()):
		return notHTTPS
	case u.User != nil:
		return hasUser
	case u.Fragment != "":
		return hasFragment
	case !isPort(u.Port()):
		return badPort
	}
	return p.checkHost(u.Scheme, u.Hostname())
}

func (p Policy) mayUseHTTP() bool { return p.Development || len(p.Networks) > 0 }

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func (p Policy) checkHost(scheme, host string) error {
	addrs, known := literal(host)
	switch {
	case !known && !isName(host):
		return badHost
	case !known || slices.ContainsFunc(addrs, func(a netip.Addr) bool { return p.permits(scheme, a) }):
		return nil
	case scheme == "http" && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return p.permits("https", a) }):
		return httpElsewhere
	}
	return privateHost
}

// literal is what a host means without asking anybody: an address, or this machine.
func literal(host string) ([]netip.Addr, bool) {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return []netip.Addr{addr}, true
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, true
	}
	return nil, false
}

// isName refuses what only looks like a name: a host that ends in a number is an address in a spelling (127.1, 0x7f.1,
// 2130706433) that resolvers read in different ways, and letters beyond ASCII can become digits and dots.
func isName(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	return !slices.ContainsFunc(labels, notLabel) && !isNumber(labels[len(labels)-1])
}

const labelCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func notLabel(label string) bool {
	return label == "" || len(label) > 63 || strings.Trim(label, labelCharacters) != ""
}

func isNumber(label string) bool {
	return strings.Trim(label, "0123456789") == "" || strings.HasPrefix(strings.ToLower(label), "0x")
}

// metadata are the addresses at which clouds hand out credentials to their machines. Those that are not link-local look
// public or private, and so have to be named: Azure's, and those of AWS and Google over IPv6.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd20:ce::254"),
}

// internet refuses what IANA's registries of special-purpose addresses list, and of IPv6 all that is not global unicast,
// which is also how an IPv4 address can be written inside an IPv6 one.
var internet = ssrf.New(ssrf.WithAnyPort())

// permits says whether an address may be called. It is asked about each address that is really dialled.
func (p Policy) permits(scheme string, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("") // no prefix contains an address with a zone
	switch {
	case slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(addr) }):
		return true
	case slices.Contains(metadata, addr):
		return false
	case p.Development && (addr.IsLoopback() || addr.IsPrivate()):
		return true
	case !p.Development && scheme != "https":
		return false
	}
	return internet.SafeAddr(addr) == nil
}

// guard is permits for an address as a dialer writes it.
func (p Policy) guard(scheme, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !p.permits(scheme, at.Addr()) {
		return ErrForbidden
	}
	return nil
}
