package places_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/sojourn-auth/sojourn/internal/places"
)

// write makes a file of a type with entries for networks.
func write(t *testing.T, kind string, entries map[string]mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, entry := range entries {
		_, parsed, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(parsed, entry); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "places.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func names(english, german string) mmdbtype.Map {
	return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(english), "de": mmdbtype.String(german)}}
}

func TestPlaces(t *testing.T) {
	f, err := places.Open(write(t, "GeoLite2-City", map[string]mmdbtype.Map{
		"192.0.2.0/25":    {"city": names("Munich", "München"), "country": names("Germany", "Deutschland")},
		"192.0.2.128/25":  {"country": mmdbtype.Map{"iso_code": mmdbtype.String("CL")}},
		"2001:db8::/32":   {"country": names("Chile", "Chile")},
		"198.51.100.0/24": {"city": mmdbtype.String("not a map")},
		"203.0.113.0/24":  {"traits": mmdbtype.Map{}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for address, want := range map[string]string{
				"192.0.2.1":        "Munich, Germany",
				"::ffff:192.0.2.1": "Munich, Germany",
				"192.0.2.200":      ", CL",
				"2001:db8::1":      ", Chile",
				"198.51.100.1":     ", ",
				"203.0.113.1":      ", ",
				"127.0.0.1":        ", ",
				"::1":              ", ",
			} {
				city, country := f.Place(netip.MustParseAddr(address))
				if got := city + ", " + country; got != want {
					t.Errorf("%s: %q, want %q", address, got, want)
				}
			}
			if city, country := f.Place(netip.Addr{}); city+country != "" {
				t.Errorf("no address is in %s, %s", city, country)
			}
		})
	}
	all.Wait()
}

func TestFilesWithoutPlacesAreRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "places.txt")
	if err := os.WriteFile(text, []byte("Utrecht"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		write(t, "GeoLite2-ASN", nil): `"GeoLite2-ASN" holds no cities or countries`,
		text:                          text,
		filepath.Join(t.TempDir(), "missing.mmdb"): "no such file",
	} {
		if f, err := places.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v", path, f, err)
		}
	}
}
