package app

import (
	"encoding/json"
	"net/netip"

	"github.com/mileusna/useragent"

	"github.com/sojourn-auth/sojourn/api"
)

// Places knows where addresses are: "" for what it does not know. It is asked on the way of a request, so it answers
// at once and asks nobody.
type Places interface {
	Place(addr netip.Addr) (city, country string)
}

// Bounds on what a stranger's header can make us read and keep.
const (
	maxUserAgent    = 512 // bytes
	maxActivityText = 64  // characters
)

// activity describes the browser that sent a request, as its session keeps it. What cannot be read is left out.
func (a *App) activity(id, userAgent, address string) json.RawMessage {
	ua := useragent.Parse(userAgent[:min(len(userAgent), maxUserAgent)])
	seen := api.Activity{
		Object: "session_activity", ID: id, DeviceType: activityText(deviceType(ua)), IsMobile: ua.Mobile || ua.Tablet,
		BrowserName: activityText(ua.Name), BrowserVersion: activityText(ua.Version),
	}
	if addr, err := netip.ParseAddr(address); err == nil {
		addr = addr.Unmap().WithZone("")
		seen.IPAddress = pointer(addr.String())
		city, country := a.place(addr)
		seen.City, seen.Country = activityText(city), activityText(country)
	}
	raw, _ := json.Marshal(seen) // strings and a boolean: it cannot fail
	return raw
}

// place is where an address is, as far as anybody knows.
func (a *App) place(addr netip.Addr) (city, country string) {
	if a.Places == nil {
		return "", ""
	}
	return a.Places.Place(addr)
}

// deviceType is the device where its name can be trusted, and the system elsewhere: on Android, browsers make the
// device up ("K").
func deviceType(ua useragent.UserAgent) string {
	if ua.OS == useragent.IOS {
		return ua.Device
	}
	return ua.OS
}

func activityText(s string) *string {
	if all := []rune(s); len(all) > maxActivityText {
		s = string(all[:maxActivityText])
	}
	return pointer(s)
}
