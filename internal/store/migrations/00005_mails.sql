-- The development mailbox: emails that are shown rather than delivered.
-- +goose Up
CREATE TABLE mails (
	id         TEXT PRIMARY KEY,
	recipient  TEXT NOT NULL, -- lower case, for look-up
	kind       TEXT NOT NULL,
	subject    TEXT NOT NULL,
	code       TEXT, -- what is in the bodies too, for tests
	text_body  TEXT NOT NULL,
	html_body  TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX mails_age ON mails (created_at, id);
CREATE INDEX mails_recipient ON mails (recipient, created_at, id);

-- +goose Down
DROP TABLE mails;
