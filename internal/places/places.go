// Package places knows where addresses are, from a file in the MaxMind DB format (GeoLite2, GeoIP2 and others that
// keep its layout). It asks nobody on the network.
package places

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// File is an open file of places. Several goroutines may ask it at once.
type File struct {
	reader *maxminddb.Reader
}

// Open opens a file. It refuses one of another kind, such as of networks' owners, which would answer nothing for ever.
func Open(path string) (*File, error) {
	reader, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if kind := reader.Metadata.DatabaseType; !holdsPlaces(kind) {
		return nil, errors.Join(fmt.Errorf("open %s: a file of the type %q holds no cities or countries", path, kind), reader.Close())
	}
	return &File{reader: reader}, nil
}

func holdsPlaces(kind string) bool {
	for _, part := range []string{"City", "Country", "Enterprise"} {
		if strings.Contains(kind, part) {
			return true
		}
	}
	return false
}

// Close closes the file. Nobody may ask it any more.
func (f *File) Close() error { return f.reader.Close() }

// record is the part of an entry that is read. The names are in languages.
type record struct {
	City struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		ISOCode string            `maxminddb:"iso_code"`
		Names   map[string]string `maxminddb:"names"`
	} `maxminddb:"country"`
}

const language = "en"

// Place is the city and the country of an address, in English; "" for what the file does not know. A place is only
// ever a hint for people, so an entry that cannot be read is none.
func (f *File) Place(addr netip.Addr) (city, country string) {
	var found record
	if err := f.reader.Lookup(addr).Decode(&found); err != nil {
		return "", ""
	}
	return found.City.Names[language], cmp.Or(found.Country.Names[language], found.Country.ISOCode)
}
