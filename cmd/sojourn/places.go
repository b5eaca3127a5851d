package main

import (
	"fmt"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/places"
)

// setPlaces opens the operator's file of places, where there is one. It stays open as long as the program runs.
func setPlaces(c *config.Config, a *app.App) error {
	if c.GeoIPFile == "" {
		return nil
	}
	file, err := places.Open(c.GeoIPFile)
	if err != nil {
		return fmt.Errorf("SOJOURN_GEOIP_FILE: %w", err)
	}
	a.Places = file
	return nil
}
