package app

import (
	"encoding/base64"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"":                           "",
		"maria":                      "M",
		"Maria Doe":                  "MD",
		"  Maria  van der  Doe ":     "MD",
		"élise Ångström":             "ÉÅ",
		"山田 太郎":                      "山太",
		"4ever":                      "4",
		`"<b>" &amp; 'x'`:            "BX",
		"🦀 !!":                       "",
		"\x00\xff\u0301 \u202eRight": "R",
	} {
		if got := initials(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestAnAvatarIsAPictureOfLettersOnly(t *testing.T) {
	for _, name := range []string{"Maria Doe", `</text><script>alert(1)</script> "&`, "\x00\xff", strings.Repeat("x ", 1000)} {
		encoded, ok := strings.CutPrefix(avatar("user_1", name), "data:image/svg+xml;base64,")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		var svg struct {
			XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
			Text    string   `xml:"text"`
			Others  []struct {
				XMLName xml.Name
			} `xml:",any"`
		}
		if err := xml.Unmarshal(raw, &svg); err != nil {
			t.Fatalf("%q: %v in %s", name, err, raw)
		}
		if svg.Text != initials(name) || len(svg.Others) != 1 || svg.Others[0].XMLName.Local != "path" {
			t.Errorf("%q: %+v in %s", name, svg, raw)
		}
	}
}

func TestIDsShareTheColours(t *testing.T) {
	pictures := map[string]bool{}
	for n := range 1000 {
		pictures[avatar(strconv.Itoa(n), "Maria")] = true
	}
	if len(pictures) != len(avatarColours) {
		t.Errorf("%d pictures in %d colours", len(pictures), len(avatarColours))
	}
}

// White letters need a contrast of 4.5 (WCAG 2, AA).
func TestAvatarsCanBeRead(t *testing.T) {
	for _, colour := range avatarColours {
		if got := 1.05 / (luminance(t, colour) + 0.05); got < 4.5 {
			t.Errorf("%s has a contrast of %.1f", colour, got)
		}
	}
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	rgb, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(shift uint) float64 {
		c := float64(rgb>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
