-- Old and new nodes serve side by side during an upgrade: first a step adds, later another takes away what no running
-- program uses any more. A step that takes away sets oldest_program to the schema version of the oldest program that
-- can do without.
-- +goose Up
CREATE TABLE schema_compatibility (
	oldest_program BIGINT NOT NULL
);
INSERT INTO schema_compatibility (oldest_program) VALUES (3);

-- +goose Down
DROP TABLE schema_compatibility;
