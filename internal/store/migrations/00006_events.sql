-- What happened, in the transaction in which it did; and those who are told.
-- +goose Up
ALTER TABLE sessions ADD COLUMN event_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tokens_until BIGINT; -- when the longest token runs out that lives longer than a minute
CREATE INDEX sessions_tokens ON sessions (tokens_until) WHERE tokens_until IS NOT NULL;
ALTER TABLE users ADD COLUMN event_count BIGINT NOT NULL DEFAULT 0;

CREATE TABLE events (
	id           TEXT PRIMARY KEY,
	type         TEXT NOT NULL,
	at           BIGINT NOT NULL,
	subject      TEXT NOT NULL, -- the id of the session, user or key it happened to
	position     BIGINT NOT NULL, -- 1, 2, 3, …: the order in which things happened to the subject
	session_id   TEXT,
	user_id      TEXT,
	reason       TEXT,
	caused_by    TEXT NOT NULL,
	changes      TEXT, -- JSON: names of fields
	operation    TEXT,
	trace        TEXT,
	address      TEXT,
	user_agent   TEXT,
	tokens_until BIGINT, -- until when a token that this revokes may be accepted somewhere
	body         TEXT -- of its webhook; null when nobody wants it, and when it has been forgotten
);
CREATE INDEX events_at ON events (at, id);
CREATE INDEX events_session ON events (session_id, at, id);
CREATE INDEX events_user ON events (user_id, at, id);
-- The revocation feed: what happened lately, and what still matters.
CREATE INDEX events_revocations_at ON events (at) WHERE tokens_until IS NOT NULL;
CREATE INDEX events_revocations ON events (tokens_until) WHERE tokens_until IS NOT NULL;
-- What webhooks said, of users who were deleted sooner.
CREATE INDEX events_deletions ON events (at) WHERE type = 'user.deleted';
CREATE INDEX events_bodies ON events (at) WHERE body IS NOT NULL;
CREATE INDEX events_user_bodies ON events (user_id) WHERE body IS NOT NULL;

-- Who is told: webhook endpoints, and streams of security events.
CREATE TABLE endpoints (
	id              TEXT PRIMARY KEY,
	kind            TEXT NOT NULL, -- webhook, push (RFC 8935) or poll (RFC 8936); deleted until the sweeper has cleared up
	url             TEXT NOT NULL, -- empty for poll
	description     TEXT NOT NULL,
	event_types     TEXT NOT NULL, -- JSON array; empty: those of the contract
	enabled         BOOLEAN NOT NULL,
	disabled_reason TEXT, -- why, when not by somebody's wish
	secret          TEXT, -- sealed with the master key: what signs webhooks, or the Authorization header of pushes
	old_secret      TEXT, -- signs as well until the moment below
	old_secret_until BIGINT,
	failures        BIGINT NOT NULL, -- in a row
	failing_since   BIGINT,
	openings        BIGINT NOT NULL, -- of the circuit, since something was delivered
	open_until      BIGINT, -- the circuit: nothing is sent before
	created_at      BIGINT NOT NULL,
	updated_at      BIGINT NOT NULL
);
CREATE INDEX endpoints_created ON endpoints (created_at DESC, id DESC);
CREATE INDEX endpoints_kind ON endpoints (kind);

CREATE TABLE deliveries (
	id          TEXT PRIMARY KEY,
	endpoint_id TEXT NOT NULL,
	event_id    TEXT NOT NULL,
	event_type  TEXT NOT NULL,
	status      TEXT NOT NULL, -- waiting, delivered or failed
	attempts    BIGINT NOT NULL, -- of the schedule that runs
	next_at     BIGINT, -- when it is tried next; null when it is not
	created_at  BIGINT NOT NULL, -- when its event was written
	updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX deliveries_event ON deliveries (event_id, endpoint_id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, created_at DESC, id DESC);
CREATE INDEX deliveries_age ON deliveries (updated_at);

-- The log of deliveries: one row for each time that one was tried.
CREATE TABLE delivery_attempts (
	id          TEXT PRIMARY KEY,
	delivery_id TEXT NOT NULL,
	at          BIGINT NOT NULL,
	took_ms     BIGINT NOT NULL,
	status_code BIGINT, -- null when there was no answer
	error       TEXT -- null when there was one
);
CREATE INDEX delivery_attempts_delivery ON delivery_attempts (delivery_id, at, id);
CREATE INDEX delivery_attempts_age ON delivery_attempts (at);

-- +goose Down
DROP TABLE delivery_attempts;
DROP TABLE deliveries;
DROP TABLE endpoints;
DROP TABLE events;
ALTER TABLE users DROP COLUMN event_count;
DROP INDEX sessions_tokens;
ALTER TABLE sessions DROP COLUMN tokens_until;
ALTER TABLE sessions DROP COLUMN event_count;
