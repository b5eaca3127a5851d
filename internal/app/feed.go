package app

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/sojourn-auth/sojourn/internal/event"
	"github.com/sojourn-auth/sojourn/internal/feed"
	"github.com/sojourn-auth/sojourn/internal/secret"
	"github.com/sojourn-auth/sojourn/internal/store"
)

// NewFeed makes the revocation feed of this node. Whoever serves polls runs it.
func (a *App) NewFeed() *feed.Feed { return feed.New(a.Store, a.EventToken, a.Now, a.Log) }

// EventToken makes the security event token of an event. Every node makes the same claims, though not always with the
// same key.
func (a *App) EventToken(ctx context.Context, e event.Event) (string, error) {
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

// The feed key lets verifiers poll the revocation feed, and do nothing else. It is derived from the master key and
// stored nowhere: what is stored is how often it was rotated.
const (
	feedKeyPrefix      = "fk_"
	feedKeyPurpose     = "feed_key"
	settingFeedKeyTurn = "feed_key_turn"
)

// FeedKey is the key with which verifiers poll.
func (a *App) FeedKey(ctx context.Context) (string, error) {
	turn, err := feedKeyTurn(ctx, a.Store.Conn)
	if err != nil {
		return "", err
	}
	return a.feedKey(turn)
}

func (a *App) feedKey(turn int64) (string, error) {
	mac, err := a.Master.MAC(a.instance.ID+":"+strconv.FormatInt(turn, 10), feedKeyPurpose)
	return feedKeyPrefix + mac, err
}

func feedKeyTurn(ctx context.Context, c store.Conn) (int64, error) {
	text, err := c.Setting(ctx, settingFeedKeyTurn)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// RotateFeedKey makes another feed key, and answers it. The one before stays good, so that verifiers can be given the
// new one in peace; rotating once more ends it.
func (a *App) RotateFeedKey(ctx context.Context) (key string, err error) {
	defer a.feedKeys.forget()
	err = a.Store.Update(ctx, func(tx store.Conn) error {
		turn, err := feedKeyTurn(ctx, tx)
		if err != nil {
			return err
		}
		if key, err = a.feedKey(turn + 1); err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingFeedKeyTurn, strconv.FormatInt(turn+1, 10))
	})
	return key, err
}

// MayPoll reports whether key lets its holder poll the feed: a feed key, or the secret key. One that was rotated away is
// honoured for a second at most.
func (a *App) MayPoll(ctx context.Context, key string) (bool, error) {
	hashes, err := a.feedKeys.get(ctx, a.now(), a.loadFeedKeys)
	if err != nil {
		return false, err
	}
	if hash := secret.HashKey(key); hashes[hash] {
		return true, nil
	}
	return a.Authenticate(ctx, key)
}

func (a *App) loadFeedKeys(ctx context.Context) (map[string]bool, error) {
	turn, err := feedKeyTurn(ctx, a.Store.Conn)
	if err != nil {
		return nil, err
	}
	hashes := map[string]bool{}
	for t := max(turn-1, 0); t <= turn; t++ {
		key, err := a.feedKey(t)
		if err != nil {
			return nil, err
		}
		hashes[secret.HashKey(key)] = true
	}
	return hashes, nil
}
