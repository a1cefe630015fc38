-- The mails that were made, and what became of them. Times here are the clock's,
-- but for since and until.

-- +goose Up
CREATE TABLE digests (
	id          INTEGER PRIMARY KEY,
	kind        TEXT    NOT NULL, -- daily, or urgent
	key         TEXT    NOT NULL, -- daily: its date; urgent: the first suspect in it, and since when
	message_id  TEXT    NOT NULL, -- '' where no mail was made: the date from which on they are
	subject     TEXT    NOT NULL,
	since       INTEGER NOT NULL, -- what it tells of: from here
	until       INTEGER NOT NULL, -- to before here
	made_at     INTEGER NOT NULL,
	message     BLOB,             -- as it is sent, while it waits; NULL afterwards
	waiting     TEXT    NOT NULL, -- JSON array: recipients it was not taken for yet; those left when it is done are given up
	tries       INTEGER NOT NULL, -- begun, noted before each: after a kill nobody knows what became of the last
	tried_at    INTEGER,          -- begin of the last try
	next_at     INTEGER,          -- not to be tried before; NULL: at once
	done_at     INTEGER,          -- taken for all, or given up; NULL: it waits
	error       TEXT    NOT NULL, -- of the last try; '' if it was taken
	told        TEXT    NOT NULL, -- JSON array: the episodes that it told of
	quarantined INTEGER NOT NULL, -- rows in the quarantine, when it was made
	UNIQUE (kind, key)            -- exactly one
) STRICT;
