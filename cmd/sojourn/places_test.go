package main

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
)

func TestTheFileOfPlacesIsAsked(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	everywhere := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("NL")}}
	if err := tree.InsertRange(net.ParseIP("0.0.0.0"), net.ParseIP("255.255.255.255"), everywhere); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "places.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	a := &app.App{}
	if err := setPlaces(&config.Config{GeoIPFile: file.Name()}, a); err != nil {
		t.Fatal(err)
	}
	if _, country := a.Places.Place(netip.MustParseAddr("192.0.2.1")); country != "NL" {
		t.Errorf("the country is %q", country)
	}
}

func TestWithoutAFileNobodyIsAsked(t *testing.T) {
	a := &app.App{}
	if err := setPlaces(&config.Config{}, a); err != nil || a.Places != nil {
		t.Errorf("%v %v", a.Places, err)
	}
}
