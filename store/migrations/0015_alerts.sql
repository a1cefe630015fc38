-- Alerts to machines: which episodes they were told of, and what is to be sent. Times
-- here are the clock's, but for first_flagged and last_flagged.

-- +goose Up
CREATE TABLE alerted (
	id            INTEGER PRIMARY KEY,
	kind          TEXT    NOT NULL, -- of the submitter
	value         TEXT    NOT NULL, -- of the submitter
	first_flagged INTEGER NOT NULL, -- of the episode, as it was told first: judged anew, it may begin at another row
	last_flagged  INTEGER NOT NULL, -- of the episode, as it was seen last
	severity      TEXT    NOT NULL, -- the highest that was told
	rules         TEXT    NOT NULL, -- all that were told, comma separated
	recipients    INTEGER NOT NULL, -- the most that were told
	step          INTEGER NOT NULL, -- of the last alert: 0 for the first
	withdrawn     INTEGER NOT NULL, -- 1: the last alert took it back
	told_at       INTEGER NOT NULL, -- when the last alert was made
	UNIQUE (kind, value, first_flagged)
) STRICT;

CREATE TABLE alerts (
	id          INTEGER PRIMARY KEY,
	way         TEXT    NOT NULL, -- webhook or syslog: each is tried on its own
	episode     TEXT    NOT NULL, -- hash of submitter and alerted.first_flagged
	step        INTEGER NOT NULL, -- with episode it makes the id that is sent
	event       TEXT    NOT NULL, -- opened, grown or withdrawn
	grew        TEXT    NOT NULL, -- what has grown, comma separated
	provisional INTEGER NOT NULL, -- 1: rests on rows that later ones may still precede
	made_at     INTEGER NOT NULL,
	suspect     TEXT    NOT NULL, -- the episode as it was then: JSON, as suspects prints it
	tries       INTEGER NOT NULL, -- that were answered, and not taken
	next_at     INTEGER,          -- not to be tried before; NULL: at once
	done_at     INTEGER,          -- taken or given up; NULL: it waits
	taken       INTEGER NOT NULL, -- 1: the other side has taken it
	error       TEXT    NOT NULL, -- of the last try; '' if it was taken
	UNIQUE (way, episode, step)
) STRICT;

CREATE INDEX alerts_waiting ON alerts (way, id) WHERE done_at IS NULL;
