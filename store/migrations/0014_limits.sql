-- Entries of the allow-list that were added by command know what those of the
-- configuration do.

-- +goose Up
ALTER TABLE allow_entries ADD COLUMN owner TEXT NOT NULL DEFAULT '';   -- whom to ask
ALTER TABLE allow_entries ADD COLUMN at_most TEXT NOT NULL DEFAULT ''; -- JSON object: by signal, the number beyond which the entry does not hold; '' is whatever it is
ALTER TABLE allow_entries ADD COLUMN baseline REAL NOT NULL DEFAULT 0; -- how many times as much rules ask for, instead of silence; 0 is silence

DROP VIEW v_allow;
CREATE VIEW v_allow AS
	-- Entries of the allow-list that were added by command, removed ones too; `relaywatch allow list` has those of the configuration as well.
	-- Example: SELECT submitter, rules, reason, until, who FROM v_allow WHERE removed_at IS NULL
SELECT
	id                                                 AS id, -- number that `relaywatch allow` names it by
	submitter                                          AS submitter, -- who is meant; also a network, as ip:10.0.9.0/24
	rules                                              AS rules, -- names, comma separated; empty: every rule
	reason                                             AS reason, -- why they may do that
	until                                              AS until, -- last day, or never
	who                                                AS who, -- who added it
	strftime('%Y-%m-%dT%H:%M:%SZ', added_at, 'unixepoch') AS added_at, -- by the clock: RFC 3339, UTC
	nullif(removed_by, '')                             AS removed_by, -- who removed it
	strftime('%Y-%m-%dT%H:%M:%SZ', removed_at, 'unixepoch') AS removed_at, -- by the clock
	nullif(owner, '')                                  AS owner, -- whom to ask
	nullif(at_most, '')                                AS at_most, -- JSON: by signal, in its unit, the number beyond which rules find all the same
	nullif(baseline, 0)                                AS baseline -- times as much rules ask for, instead of silence
FROM allow_entries
ORDER BY id;
