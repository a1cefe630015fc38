-- The memory of recipients is hashed with a key of the store, and forgets by turns.
-- +goose Up
CREATE TABLE hash_key (
	id  INTEGER PRIMARY KEY CHECK (id = 1), -- there is one row
	key BLOB    NOT NULL                    -- detect.Site.Key: 16 random bytes, for whoever has the file to keep
) STRICT;
INSERT INTO hash_key (id, key) VALUES (1, randomblob(16));
ALTER TABLE memory ADD COLUMN turn INTEGER NOT NULL DEFAULT 0; -- detect.Memory.Turn
ALTER TABLE checkpoint ADD COLUMN turn INTEGER NOT NULL DEFAULT 0; -- detect.Judgement.Turn
ALTER TABLE checkpoint ADD COLUMN turn_at INTEGER NOT NULL DEFAULT 0; -- detect.Judgement.TurnAt
-- What was hashed without a key can't be known again: all that is stored is judged anew.
DELETE FROM memory;
DELETE FROM profiles;
UPDATE checkpoint SET judge = '', cases = x'';
