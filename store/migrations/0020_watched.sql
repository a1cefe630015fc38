-- Who is on watch: nearer to an accusation than anybody's usual day, and not accused.
-- +goose Up
CREATE TABLE watched (
	submitter_id INTEGER NOT NULL REFERENCES submitters (id),
	rule         TEXT    NOT NULL, -- a sequential one
	first        INTEGER NOT NULL, -- unix seconds, of the first recipient of the sum
	last         INTEGER NOT NULL, -- of the newest
	fades        INTEGER NOT NULL, -- when it is over, if nothing more comes
	nats         REAL    NOT NULL, -- at last
	watch_nats   REAL    NOT NULL, -- from where on it is on watch
	alert_nats   REAL    NOT NULL, -- from where on it is accused
	recipients   INTEGER NOT NULL, -- that accuse, of the newest of the sum
	evidence     TEXT    NOT NULL, -- the sum, as JSON
	PRIMARY KEY (submitter_id, rule)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_watched AS
	-- Who is on watch as of the newest row that was judged: the evidence of a rule is half way to an alarm or more, and nobody accuses them. It is no alarm, and mostly passes.
	-- Example: SELECT submitter, rule, nats, alert_nats, fades_at FROM v_watched ORDER BY nats / alert_nats DESC
SELECT
	s.kind || ':' || s.value AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	s.kind                   AS kind, -- as in v_suspects
	s.value                  AS value, -- the address or name
	w.rule                   AS rule, -- whose evidence it is
	strftime('%Y-%m-%dT%H:%M:%SZ', w.first, 'unixepoch') AS first_time, -- of the first recipient that counts: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', w.last, 'unixepoch') AS last_time, -- of the newest
	w.nats                   AS nats, -- evidence at last_time; what is left of it fades
	w.watch_nats             AS watch_nats, -- from where on the rule watches
	w.alert_nats             AS alert_nats, -- from where on the rule accuses
	strftime('%Y-%m-%dT%H:%M:%SZ', w.fades, 'unixepoch') AS fades_at, -- when the watch is over, if nothing more comes
	w.recipients             AS recipients, -- that accuse, of the newest twenty that were weighed
	w.evidence               AS evidence -- how the evidence came about, as JSON: facts, shares of the submitter's own mail and rows of the log, of each recipient
FROM watched w
JOIN submitters s ON s.id = w.submitter_id;
