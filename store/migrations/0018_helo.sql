-- A submitter may be a machine behind an address that many share, known by its HELO name.
-- +goose Up
DROP VIEW v_suspects;
CREATE VIEW v_suspects AS
	-- Suspects: episodes in which a submitter was accused, from the first alert to 24 hours without one.
	-- Example: SELECT submitter, first_flagged, severity, recipients, state, summary FROM v_suspects WHERE state IN ('open', 'confirmed') ORDER BY score DESC
SELECT
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	s.kind                                             AS kind, -- ip: a client; user: an account; sender: an own address behind a host that many share; helo: a client behind such a host, by its HELO name, as ws-ann@10.6.0.1
	s.value                                            AS value, -- the address or name
	strftime('%Y-%m-%dT%H:%M:%SZ', e.first_flagged, 'unixepoch') AS first_flagged, -- of the first row at which the accusation stood: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', e.last_flagged, 'unixepoch') AS last_flagged, -- of the last
	e.score                                            AS score, -- points: the sum of the weights of its rules
	e.severity                                         AS severity, -- critical from 100 points, high from 70, medium from 40, else low
	e.rules                                            AS rules, -- names, comma separated, heaviest first
	e.recipients                                       AS recipients, -- accepted, from its first row to last_flagged
	CASE WHEN EXISTS (SELECT 1 FROM own_domains) THEN e.external END AS external_recipients, -- of those, outside own domains
	e.transactions                                     AS transactions, -- mail transactions in that time
	coalesce(
		-- What was closed and went on is not closed.
		(SELECT CASE WHEN g.state <> 'closed' OR g.covers = 0 OR e.last_flagged <= g.covers THEN g.state END FROM triage g
		WHERE g.submitter_id = e.submitter_id AND g.first_flagged <= e.last_flagged AND max(g.first_flagged, g.last_flagged) >= e.first_flagged
		ORDER BY g.id DESC LIMIT 1),
		-- 24 hours without a finding close an episode: detect.Quiet.
		CASE WHEN e.last_flagged >= coalesce((SELECT until FROM checkpoint), 0) - 86400 THEN 'open' ELSE 'closed' END
	)                                                  AS state, -- open, confirmed, false-alarm or closed: what was decided; else open, and closed after 24 hours of quiet
	e.summary                                          AS summary -- one sentence, for people
FROM episodes e
JOIN submitters s ON s.id = e.submitter_id
WHERE NOT EXISTS (
	SELECT 1 FROM episodes p
	WHERE p.submitter_id = e.submitter_id AND p.first_flagged = e.first_flagged AND p.provisional > e.provisional
);
