-- What browsers bring: clients with cookies, sign-ins and sign-ups on their way, codes that were mailed, and what
-- server-rendered apps fetch.
-- +goose Up
ALTER TABLE clients ADD COLUMN previous_token_hash TEXT; -- hex SHA-256; still taken until the moment below
ALTER TABLE clients ADD COLUMN previous_token_until BIGINT;
ALTER TABLE clients ADD COLUMN sign_in_id TEXT; -- the one that is open
ALTER TABLE clients ADD COLUMN sign_up_id TEXT;

-- A sign-in or sign-up on its way. Nobody searches in one, so its state is one value.
CREATE TABLE attempts (
	id         TEXT PRIMARY KEY,
	client_id  TEXT NOT NULL,
	state      TEXT NOT NULL, -- JSON
	abandon_at BIGINT NOT NULL
);
CREATE INDEX attempts_abandon ON attempts (abandon_at);

-- The code that was mailed for a sign-in, a sign-up or an email address. One owner has one at a time.
CREATE TABLE codes (
	owner_id  TEXT PRIMARY KEY,
	strategy  TEXT NOT NULL,
	hash      TEXT NOT NULL, -- keyed with the master key: a code has too few digits for a plain hash
	attempts  BIGINT NOT NULL,
	sent_at   BIGINT NOT NULL,
	expire_at BIGINT NOT NULL
);
CREATE INDEX codes_expiry ON codes (expire_at);

CREATE TABLE handshakes (
	hash       TEXT PRIMARY KEY, -- hex SHA-256 of the nonce
	directives TEXT NOT NULL, -- JSON, sealed with the master key: it holds a session token
	expire_at  BIGINT NOT NULL
);
CREATE INDEX handshakes_expiry ON handshakes (expire_at);

CREATE TABLE refresh_tokens (
	hash       TEXT PRIMARY KEY, -- hex SHA-256
	session_id TEXT NOT NULL,
	expire_at  BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expire_at);

-- A browser of a development instance that keeps no cookies of ours, and the client it is.
CREATE TABLE dev_browsers (
	hash       TEXT PRIMARY KEY, -- hex SHA-256 of the id that the browser holds
	client_id  TEXT NOT NULL, -- the client itself begins with the first sign-in or sign-up
	created_at BIGINT NOT NULL
);
CREATE INDEX dev_browsers_age ON dev_browsers (created_at);

-- +goose Down
DROP TABLE dev_browsers;
DROP TABLE refresh_tokens;
DROP TABLE handshakes;
DROP TABLE codes;
DROP TABLE attempts;
ALTER TABLE clients DROP COLUMN sign_up_id;
ALTER TABLE clients DROP COLUMN sign_in_id;
ALTER TABLE clients DROP COLUMN previous_token_until;
ALTER TABLE clients DROP COLUMN previous_token_hash;
