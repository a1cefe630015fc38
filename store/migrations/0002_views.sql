-- The analysts' contract: names and order of columns stay. They need no function
-- of ours, so that any sqlite3 shell can read them. Times are RFC 3339 in UTC; NULL
-- is what the log does not tell.
--
-- Joins are LEFT where the row is sure to be there, too: SQLite leaves such a join
-- out of a query that does not name its columns.

-- +goose Up
CREATE VIEW v_transactions AS
SELECT
	t.id                                               AS id,
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time, 'unixepoch') AS time,
	nullif(server.text, '')                            AS server,
	CASE o.direction WHEN 0 THEN 'in' ELSE 'out' END   AS direction,
	nullif(client.text, '')                            AS client_ip,
	nullif(helo.text, '')                              AS helo,
	nullif(account.text, '')                           AS user,
	o.authenticated                                    AS authenticated,
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS reverse_path,
	d.name                                             AS sender_domain,
	t.recipients                                       AS recipients,
	t.accepted                                         AS accepted,
	t.refused                                          AS refused,
	t.external                                         AS external,
	t.size_bytes                                       AS size_bytes,
	CASE t.outcome WHEN 1 THEN 'accepted' WHEN 2 THEN 'refused' WHEN 3 THEN 'aborted' END AS outcome,
	t.exact                                            AS exact,
	printf('%016x', l.key)                             AS log,
	t.log_offset                                       AS log_offset
FROM transactions t
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names server ON server.id = o.server_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN names account ON account.id = o.user_id
LEFT JOIN addresses a ON a.id = t.reverse_path_id
LEFT JOIN domains d ON d.id = a.domain_id
LEFT JOIN logs l ON l.id = t.log_id
WHERE o.hop = 0;

CREATE VIEW v_recipients AS
SELECT
	t.id                                               AS transaction_id,
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time + r.time_delta, 'unixepoch') AS time,
	nullif(client.text, '')                            AS client_ip,
	nullif(account.text, '')                           AS user,
	f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END AS reverse_path,
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS recipient,
	d.name                                             AS domain,
	d.external                                         AS external,
	CASE r.reply WHEN 0 THEN 250 ELSE r.reply END      AS reply,
	r.reply = 0 OR r.reply BETWEEN 200 AND 299         AS accepted
FROM recipients r
-- Either table may lead: each finds the other by its primary key.
JOIN transactions t ON t.id = r.id >> 16 AND r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names account ON account.id = o.user_id
LEFT JOIN addresses f ON f.id = t.reverse_path_id
LEFT JOIN domains fd ON fd.id = f.domain_id
LEFT JOIN addresses a ON a.id = r.address_id
LEFT JOIN domains d ON d.id = a.domain_id
WHERE o.direction = 0 AND o.hop = 0;

CREATE VIEW v_auth AS
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', n.time, 'unixepoch') AS time,
	nullif(server.text, '')                            AS server,
	nullif(client.text, '')                            AS client_ip,
	nullif(account.text, '')                           AS user,
	CASE n.ok WHEN 1 THEN 'ok' ELSE 'failed' END       AS outcome
FROM logins n
LEFT JOIN names server ON server.id = n.server_id
LEFT JOIN names client ON client.id = n.client_id
LEFT JOIN names account ON account.id = n.user_id;

CREATE VIEW v_deliveries AS
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', y.time, 'unixepoch') AS time,
	nullif(server.text, '')                            AS server,
	nullif(remote.text, '')                            AS remote_ip,
	f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END AS reverse_path,
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS recipient,
	y.reply                                            AS reply,
	nullif(y.text, '')                                 AS text,
	CASE y.outcome WHEN 1 THEN 'delivered' WHEN 2 THEN 'refused' WHEN 3 THEN 'deferred' END AS outcome
FROM deliveries y
LEFT JOIN names server ON server.id = y.server_id
LEFT JOIN names remote ON remote.id = y.remote_ip_id
LEFT JOIN addresses f ON f.id = y.reverse_path_id
LEFT JOIN domains fd ON fd.id = f.domain_id
LEFT JOIN addresses a ON a.id = y.recipient_id
LEFT JOIN domains d ON d.id = a.domain_id;

CREATE VIEW v_findings AS
SELECT
	f.id                                               AS id,
	f.rule                                             AS rule,
	s.kind || ':' || s.value                           AS submitter,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_start, 'unixepoch') AS window_start,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_end, 'unixepoch') AS window_end,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.flagged_at, 'unixepoch') AS flagged_at,
	f.weight                                           AS weight,
	f.sentence                                         AS sentence,
	f.evidence                                         AS evidence
FROM findings f
JOIN submitters s ON s.id = f.submitter_id
WHERE f.silenced = '' AND NOT EXISTS (
	SELECT 1 FROM findings p
	WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional
);

-- Findings that an allow-list entry silenced: they accuse nobody.
CREATE VIEW v_silenced AS
SELECT
	f.id                                               AS id,
	f.rule                                             AS rule,
	s.kind || ':' || s.value                           AS submitter,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_start, 'unixepoch') AS window_start,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_end, 'unixepoch') AS window_end,
	strftime('%Y-%m-%dT%H:%M:%SZ', f.flagged_at, 'unixepoch') AS flagged_at,
	f.weight                                           AS weight,
	f.sentence                                         AS sentence,
	f.evidence                                         AS evidence,
	f.silenced                                         AS reason
FROM findings f
JOIN submitters s ON s.id = f.submitter_id
WHERE f.silenced <> '' AND NOT EXISTS (
	SELECT 1 FROM findings p
	WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional
);

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
		(SELECT g.state FROM triage g
		WHERE g.submitter_id = e.submitter_id AND g.first_flagged = e.first_flagged
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

CREATE VIEW v_logs AS
SELECT
	printf('%016x', l.key)                             AS log,
	l.path                                             AS path,
	l.format                                           AS format,
	nullif(l.server, '')                               AS server,
	l.size_bytes                                       AS size_bytes,
	l.read_bytes                                       AS read_bytes,
	l.rows                                             AS rows,
	l.quarantined                                      AS quarantined,
	strftime('%Y-%m-%dT%H:%M:%SZ', l.first_time, 'unixepoch') AS first_time,
	strftime('%Y-%m-%dT%H:%M:%SZ', l.last_time, 'unixepoch') AS last_time,
	l.state                                            AS state
FROM logs l;

CREATE VIEW v_quarantine AS
SELECT
	printf('%016x', l.key)                             AS log,
	q.log_offset                                       AS log_offset,
	q.reason                                           AS reason,
	CAST(q.text AS TEXT)                               AS text
FROM quarantine q
LEFT JOIN logs l ON l.id = q.log_id;

CREATE VIEW v_hourly AS
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', h.hour, 'unixepoch') AS hour,
	s.kind || ':' || s.value                           AS submitter,
	h.transactions                                     AS transactions,
	h.recipients                                       AS recipients,
	h.external                                         AS external,
	h.refused                                          AS refused
FROM hourly h
JOIN submitters s ON s.id = h.submitter_id;
