-- The entries of the allow-list that were added by command, beside those of the
-- configuration. Times here are the clock's.

-- +goose Up
CREATE TABLE allow_entries (
	id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: people quote it
	submitter  TEXT    NOT NULL,                  -- who is meant: as ip:10.0.9.12, ip:10.0.9.0/24 or user:ann
	rules      TEXT    NOT NULL,                  -- names, comma separated; '' means every rule
	reason     TEXT    NOT NULL,                  -- why they may do that
	until      TEXT    NOT NULL,                  -- last day, as 2027-06-30, or never
	who        TEXT    NOT NULL,                  -- who added it
	added_at   INTEGER NOT NULL,
	removed_by TEXT    NOT NULL,                  -- '' while it is in force
	removed_at INTEGER                            -- NULL while it is in force
) STRICT;

-- Those of the configuration are not here: `relaywatch allow list` has both.
CREATE VIEW v_allow AS
SELECT
	id                                                 AS id,
	submitter                                          AS submitter,
	rules                                              AS rules,
	reason                                             AS reason,
	until                                              AS until,
	who                                                AS who,
	strftime('%Y-%m-%dT%H:%M:%SZ', added_at, 'unixepoch') AS added_at,
	nullif(removed_by, '')                             AS removed_by,
	strftime('%Y-%m-%dT%H:%M:%SZ', removed_at, 'unixepoch') AS removed_at
FROM allow_entries
ORDER BY id;
