package app

import (
	"context"
	"encoding/json"

	"github.com/sojourn-auth/sojourn/internal/event"
)

// signEvent makes the security event token of an event. Every node makes the same claims, though not always with the
// same key.
func (a *App) signEvent(ctx context.Context, e event.Event) (string, error) {
	ring, err := a.keyring(ctx)
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(e.SET(a.Settings.Issuer, a.instance.ID))
	if err != nil {
		return "", err
	}
	return ring.SignEvent(claims)
}
