-- The shared part of SQL only: TEXT, BIGINT (milliseconds), BOOLEAN. Bytes are base64 in TEXT.
-- +goose Up
CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

CREATE TABLE secret_keys (
	hash       TEXT PRIMARY KEY, -- hex SHA-256; the key itself is never stored
	created_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
	kid         TEXT PRIMARY KEY,
	public_key  TEXT NOT NULL, -- SPKI DER
	private_key TEXT NOT NULL, -- PKCS#8 DER, sealed with the master key
	created_at  BIGINT NOT NULL,
	signs_from  BIGINT NOT NULL, -- a new key is published before it signs
	retired_at  BIGINT
);

CREATE TABLE users (
	id                         TEXT PRIMARY KEY,
	external_id                TEXT,
	username                   TEXT,
	username_key               TEXT, -- lower case, for look-up
	first_name                 TEXT,
	last_name                  TEXT,
	locale                     TEXT,
	primary_email_id           TEXT,
	primary_phone_id           TEXT,
	primary_web3_id            TEXT,
	password_hasher            TEXT,
	password_digest            TEXT,
	password_updated_at        BIGINT,
	password_compromised       BOOLEAN NOT NULL,
	public_metadata            TEXT NOT NULL,
	private_metadata           TEXT NOT NULL,
	unsafe_metadata            TEXT NOT NULL,
	banned                     BOOLEAN NOT NULL,
	locked                     BOOLEAN NOT NULL,
	locked_until               BIGINT, -- null while locked: until unlocked
	failed_attempts            BIGINT NOT NULL,
	delete_self_enabled        BOOLEAN NOT NULL,
	create_org_enabled         BOOLEAN NOT NULL,
	create_org_limit           BIGINT,
	legal_accepted_at          BIGINT,
	bypass_client_trust        BOOLEAN NOT NULL,
	last_sign_in_at            BIGINT,
	last_active_at             BIGINT,
	created_at                 BIGINT NOT NULL,
	updated_at                 BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_external_id ON users (external_id);
CREATE UNIQUE INDEX users_username ON users (username_key);
CREATE INDEX users_created ON users (created_at DESC, id DESC);

CREATE TABLE identifiers (
	id           TEXT PRIMARY KEY,
	user_id      TEXT NOT NULL,
	kind         TEXT NOT NULL, -- email_address, phone_number or web3_wallet
	value        TEXT NOT NULL, -- as shown
	lookup       TEXT NOT NULL, -- as compared
	reserved     BOOLEAN NOT NULL,
	verification TEXT NOT NULL, -- JSON, null when never verified
	created_at   BIGINT NOT NULL,
	updated_at   BIGINT NOT NULL,
	position     BIGINT NOT NULL -- the order in which they were given
);
CREATE UNIQUE INDEX identifiers_lookup ON identifiers (kind, lookup);
CREATE INDEX identifiers_user ON identifiers (user_id, position, id);

CREATE TABLE clients (
	id                     TEXT PRIMARY KEY,
	rotating_token_hash    TEXT, -- hex SHA-256; null until the client gets a cookie
	last_active_session_id TEXT,
	last_strategy          TEXT,
	created_at             BIGINT NOT NULL,
	updated_at             BIGINT NOT NULL
);
CREATE INDEX clients_created ON clients (created_at DESC, id DESC);

CREATE TABLE sessions (
	id                          TEXT PRIMARY KEY,
	user_id                     TEXT NOT NULL,
	client_id                   TEXT NOT NULL,
	status                      TEXT NOT NULL,
	actor                       TEXT, -- JSON
	last_active_organization_id TEXT,
	last_active_at              BIGINT NOT NULL,
	activity                    TEXT, -- JSON
	expire_at                   BIGINT NOT NULL,
	max_expire_at               BIGINT, -- null when only inactivity ends it
	abandon_at                  BIGINT NOT NULL,
	inactivity_ms               BIGINT NOT NULL,
	created_at                  BIGINT NOT NULL,
	updated_at                  BIGINT NOT NULL,
	end_reason                  TEXT,
	ended_by                    TEXT,
	ended_at                    BIGINT
);
CREATE INDEX sessions_user ON sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_client ON sessions (client_id, created_at DESC, id DESC);
CREATE INDEX sessions_created ON sessions (created_at DESC, id DESC);
-- What the sweeper walks: live sessions by deadline, ended ones by age.
CREATE INDEX sessions_expiry ON sessions (expire_at) WHERE status IN ('active', 'pending');
CREATE INDEX sessions_abandon ON sessions (abandon_at) WHERE status = 'expired';
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE jwt_templates (
	id          TEXT PRIMARY KEY,
	name        TEXT NOT NULL,
	claims      TEXT NOT NULL, -- JSON as given
	lifetime_s  BIGINT NOT NULL,
	skew_s      BIGINT NOT NULL,
	algorithm   TEXT NOT NULL,
	signing_key TEXT, -- sealed with the master key; null: the instance's keys sign
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX jwt_templates_name ON jwt_templates (name);

CREATE TABLE tickets (
	id                   TEXT PRIMARY KEY,
	kind                 TEXT NOT NULL, -- sign_in_token or actor_token
	user_id              TEXT NOT NULL,
	actor                TEXT, -- JSON
	status               TEXT NOT NULL, -- pending, accepted or revoked
	expire_at            BIGINT NOT NULL,
	session_max_ms       BIGINT, -- how long the session it begins may live; null: as the instance says
	created_at           BIGINT NOT NULL,
	updated_at           BIGINT NOT NULL
);
CREATE INDEX tickets_user ON tickets (user_id);
CREATE INDEX tickets_expiry ON tickets (expire_at);

-- +goose Down
DROP TABLE tickets;
DROP TABLE jwt_templates;
DROP TABLE sessions;
DROP TABLE clients;
DROP TABLE identifiers;
DROP TABLE users;
DROP TABLE signing_keys;
DROP TABLE secret_keys;
DROP TABLE settings;
