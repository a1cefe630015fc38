-- Who decided, and of what: an episode that is judged anew may begin at another row,
-- and one that was closed may go on.

-- +goose Up
ALTER TABLE triage ADD COLUMN who TEXT NOT NULL DEFAULT '';             -- who decided, as given or as the system names the account
ALTER TABLE triage ADD COLUMN last_flagged INTEGER NOT NULL DEFAULT 0;  -- episodes.last_flagged when it was decided: the decision is of every episode of the submitter that overlaps
ALTER TABLE triage ADD COLUMN covers INTEGER NOT NULL DEFAULT 0;        -- event time up to which the decision speaks; 0: for ever
ALTER TABLE triage ADD COLUMN score REAL NOT NULL DEFAULT 0;            -- episodes.score when it was decided
ALTER TABLE triage ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;    -- episodes.recipients when it was decided

DROP VIEW v_suspects;
CREATE VIEW v_suspects AS
SELECT
	s.kind || ':' || s.value                           AS submitter,
	s.kind                                             AS kind,
	s.value                                            AS value,
	strftime('%Y-%m-%dT%H:%M:%SZ', e.first_flagged, 'unixepoch') AS first_flagged,
	strftime('%Y-%m-%dT%H:%M:%SZ', e.last_flagged, 'unixepoch') AS last_flagged,
	e.score                                            AS score,
	e.severity                                         AS severity,
	e.rules                                            AS rules,
	e.recipients                                       AS recipients,
	CASE WHEN EXISTS (SELECT 1 FROM own_domains) THEN e.external END AS external_recipients,
	e.transactions                                     AS transactions,
	coalesce(
		-- What was closed and went on is not closed.
		(SELECT CASE WHEN g.state <> 'closed' OR g.covers = 0 OR e.last_flagged <= g.covers THEN g.state END FROM triage g
		WHERE g.submitter_id = e.submitter_id AND g.first_flagged <= e.last_flagged AND max(g.first_flagged, g.last_flagged) >= e.first_flagged
		ORDER BY g.id DESC LIMIT 1),
		-- 24 hours without a finding close an episode: detect.Quiet.
		CASE WHEN e.last_flagged >= coalesce((SELECT until FROM checkpoint), 0) - 86400 THEN 'open' ELSE 'closed' END
	)                                                  AS state,
	e.summary                                          AS summary
FROM episodes e
JOIN submitters s ON s.id = e.submitter_id
WHERE NOT EXISTS (
	SELECT 1 FROM episodes p
	WHERE p.submitter_id = e.submitter_id AND p.first_flagged = e.first_flagged AND p.provisional > e.provisional
);

-- What people decided, the oldest first.
CREATE VIEW v_triage AS
SELECT
	g.id                                               AS id,
	strftime('%Y-%m-%dT%H:%M:%SZ', g.at, 'unixepoch')  AS at,
	g.who                                              AS who,
	s.kind || ':' || s.value                           AS submitter,
	strftime('%Y-%m-%dT%H:%M:%SZ', g.first_flagged, 'unixepoch') AS first_flagged,
	strftime('%Y-%m-%dT%H:%M:%SZ', nullif(g.last_flagged, 0), 'unixepoch') AS last_flagged,
	g.state                                            AS state,
	g.note                                             AS note,
	g.recipients                                       AS recipients
FROM triage g
JOIN submitters s ON s.id = g.submitter_id
ORDER BY g.id;
