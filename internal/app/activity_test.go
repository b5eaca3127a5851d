package app

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"
)

// atlas knows some addresses.
type atlas map[string][2]string

func (p atlas) Place(addr netip.Addr) (city, country string) {
	found := p[addr.String()]
	return found[0], found[1]
}

func TestActivities(t *testing.T) {
	a := usersApp(t)
	a.Places = atlas{"192.0.2.1": {"Utrecht", "Netherlands"}, "2001:db8::1": {"", "Chile"}}
	const (
		firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
		chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
		android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
		iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
		ipad    = "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1"
		mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	)
	for name, c := range map[string]struct{ userAgent, address, want string }{
		"nothing known":   {"", "", `"is_mobile":false`},
		"Firefox":         {firefox, "192.0.2.1", `"device_type":"Linux","is_mobile":false,"browser_name":"Firefox","browser_version":"128.0","ip_address":"192.0.2.1","city":"Utrecht","country":"Netherlands"`},
		"Chrome":          {chrome, "::ffff:192.0.2.1", `"device_type":"Windows","is_mobile":false,"browser_name":"Chrome","browser_version":"126.0.0.0","ip_address":"192.0.2.1","city":"Utrecht","country":"Netherlands"`},
		"Android":         {android, "2001:db8::1", `"device_type":"Android","is_mobile":true,"browser_name":"Chrome","browser_version":"126.0.0.0","ip_address":"2001:db8::1","country":"Chile"`},
		"iPhone":          {iphone, "127.0.0.1", `"device_type":"iPhone","is_mobile":true,"browser_name":"Safari","browser_version":"17.5","ip_address":"127.0.0.1"`},
		"iPad":            {ipad, "fe80::1%eth0", `"device_type":"iPad","is_mobile":true,"browser_name":"Safari","browser_version":"12.1","ip_address":"fe80::1"`},
		"Mac":             {mac, "not an address", `"device_type":"macOS","is_mobile":false,"browser_name":"Safari","browser_version":"17.5"`},
		"a program":       {"curl/8.5.0", "", `"is_mobile":false,"browser_name":"curl","browser_version":"8.5.0"`},
		"endless letters": {strings.Repeat("ä", 5000), "", `"is_mobile":false,"browser_name":"` + strings.Repeat("ä", 64) + `"`},
	} {
		want := `{"object":"session_activity","id":"sess_activity_1",` + c.want + `}`
		got := a.activity("sess_activity_1", c.userAgent, c.address)
		if jsonOf(t, activityView(got)) != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestWithoutPlacesAnAddressIsStillKept(t *testing.T) {
	seen := activityView((&App{}).activity("sess_activity_1", "", "192.0.2.1"))
	if seen.City != nil || seen.Country != nil || *seen.IPAddress != "192.0.2.1" {
		t.Errorf("%+v", seen)
	}
}

func FuzzActivity(f *testing.F) {
	f.Add("Mozilla/5.0 (Linux; Android 10; K) Chrome/126.0.0.0 Mobile Safari/537.36", "192.0.2.1")
	f.Add("Instagram (;Android", "::ffff:1.2.3.4%x")
	f.Add("FBAN/;FBAV/(\xff\x00", "")
	a := &App{}
	f.Fuzz(func(t *testing.T, userAgent, address string) {
		raw := a.activity("sess_activity_1", userAgent, address)
		if !json.Valid(raw) || !utf8.Valid(raw) || len(raw) > 3000 {
			t.Errorf("%q, %q: %s", userAgent, address, raw)
		}
		if activityView(raw) == nil {
			t.Errorf("%s cannot be read back", raw)
		}
	})
}
