-- Counters of fixed windows, shared by all nodes.
-- +goose Up
CREATE TABLE rate_limits (
	name         TEXT NOT NULL,
	window_start BIGINT NOT NULL,
	used         BIGINT NOT NULL,
	PRIMARY KEY (name, window_start)
);
CREATE INDEX rate_limits_age ON rate_limits (window_start);

-- +goose Down
DROP TABLE rate_limits;
