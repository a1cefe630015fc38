-- By which connector sessions come in, and whether they are encrypted: what a health
-- report of the relay rests on. A session of an older store has neither.
--
-- The views are made anew with the table that they read, with what each column means:
-- `relaywatch schema` prints that, and so does .schema of any sqlite3 shell. The
-- comment behind a column is its documentation; those at the head of a view are what
-- it is for, and an example.

-- +goose Up
DROP VIEW v_transactions;
DROP VIEW v_recipients;
DROP VIEW v_auth;
DROP VIEW v_deliveries;
DROP VIEW v_findings;
DROP VIEW v_silenced;
DROP VIEW v_suspects;
DROP VIEW v_logs;
DROP VIEW v_quarantine;
DROP VIEW v_hourly;
DROP VIEW v_triage;
DROP VIEW v_allow;

CREATE TABLE origins_now (
	id            INTEGER PRIMARY KEY,
	server_id     INTEGER NOT NULL, -- names.id: the server that wrote the log
	server_ip_id  INTEGER NOT NULL, -- names.id: its address
	client_id     INTEGER NOT NULL, -- names.id: direction 0 the client, 1 the remote server
	helo_id       INTEGER NOT NULL, -- names.id: as sent
	user_id       INTEGER NOT NULL, -- names.id: account that AUTH proved
	connector_id  INTEGER NOT NULL, -- names.id: connector, without the server
	direction     INTEGER NOT NULL, -- 0 in, 1 out
	authenticated INTEGER NOT NULL, -- 1: AUTH was answered 235, also where the log names no account
	relay_right   INTEGER NOT NULL, -- 1: the session might relay
	tls           INTEGER NOT NULL, -- as mail.TLS: 0 not told, 1 plain, 2 encrypted
	hop           INTEGER NOT NULL, -- 1: another server of ours handed the mail on; it was counted where it came in
	probe         INTEGER NOT NULL, -- 1: a health probe of the server itself
	submitter_id  INTEGER,          -- submitters.id: who answers for it; NULL: nobody
	UNIQUE (client_id, helo_id, user_id, server_id, server_ip_id, connector_id, direction, authenticated, relay_right, tls, hop, probe)
) STRICT;
INSERT INTO origins_now (id, server_id, server_ip_id, client_id, helo_id, user_id, connector_id, direction, authenticated, relay_right, tls, hop, probe, submitter_id)
	SELECT id, server_id, server_ip_id, client_id, helo_id, user_id, 0, direction, authenticated, relay_right, 0, hop, probe, submitter_id FROM origins;
DROP TABLE origins;
ALTER TABLE origins_now RENAME TO origins;

ALTER TABLE logins ADD COLUMN tls INTEGER NOT NULL DEFAULT 0; -- as origins.tls, when AUTH was answered

CREATE VIEW v_transactions AS
	-- Mail transactions: one for each MAIL command, with the RCPT commands that followed it.
	-- Example: SELECT client_ip, helo, count(*), sum(recipients) FROM v_transactions WHERE direction = 'in' GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 20
SELECT
	t.id                                               AS id, -- number in this store, in the order in which they were read; v_recipients.transaction_id names it
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time, 'unixepoch') AS time, -- of the MAIL row: RFC 3339, UTC
	nullif(server.text, '')                            AS server, -- name of the server that wrote the log, upper case
	CASE o.direction WHEN 0 THEN 'in' ELSE 'out' END   AS direction, -- in: a client opened the session; out: the server delivered, which is nobody's sending
	nullif(client.text, '')                            AS client_ip, -- address of the client; direction out: of the server delivered to
	nullif(helo.text, '')                              AS helo, -- name given with HELO or EHLO, as sent: a stranger may write anything
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	o.authenticated                                    AS authenticated, -- 1: a login was proved, also where the log names no account; 0: none
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS reverse_path, -- sender of the envelope, lower case; empty: the null reverse-path
	d.name                                             AS sender_domain, -- its domain
	t.recipients                                       AS recipients, -- RCPT commands, refused ones too
	t.accepted                                         AS accepted, -- of those, answered 2xx
	t.refused                                          AS refused, -- of those, answered 4xx or 5xx
	t.external                                         AS external, -- of recipients, outside own domains
	t.size_bytes                                       AS size_bytes, -- bytes of the message as received
	CASE t.outcome WHEN 1 THEN 'accepted' WHEN 2 THEN 'refused' WHEN 3 THEN 'aborted' END AS outcome, -- accepted: DATA was answered 2xx; refused; aborted: the session ended or was reset before
	t.exact                                            AS exact, -- 0: another session of the same client and HELO name was open, and recipients may be its
	printf('%016x', l.key)                             AS log, -- which log the MAIL row stands in: v_logs.log
	t.log_offset                                       AS log_offset -- bytes before that row
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
	-- Recipients: one for each RCPT command of a client.
	-- Example: SELECT domain, count(*), count(DISTINCT recipient) FROM v_recipients WHERE client_ip = '10.1.4.7' AND accepted = 1 GROUP BY 1 ORDER BY 2 DESC
SELECT
	t.id                                               AS transaction_id, -- v_transactions.id
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time + r.time_delta, 'unixepoch') AS time, -- of the RCPT row: RFC 3339, UTC
	nullif(client.text, '')                            AS client_ip, -- address of the client
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END AS reverse_path, -- sender of the envelope, lower case; empty: the null reverse-path
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS recipient, -- address, lower case
	d.name                                             AS domain, -- its domain; empty: local mail
	d.external                                         AS external, -- 1: outside own domains; 0: inside
	CASE r.reply WHEN 0 THEN 250 ELSE r.reply END      AS reply, -- reply code to RCPT
	r.reply = 0 OR r.reply BETWEEN 200 AND 299         AS accepted -- 1: answered 2xx; 0: not
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

CREATE VIEW v_sources AS
	-- Who uses the servers: one for each client, HELO name, account and connector, with what it sent in all.
	-- Example: SELECT client_ip, connector, sum(external), max(last_time) FROM v_sources WHERE authenticated = 0 AND relay_right = 1 GROUP BY 1, 2 ORDER BY 3 DESC
SELECT
	nullif(server.text, '')                            AS server, -- name of the server that wrote the log, upper case
	nullif(connector.text, '')                         AS connector, -- receive connector that the session came in by, without the server; Exchange only
	nullif(client.text, '')                            AS client_ip, -- address of the client
	nullif(helo.text, '')                              AS helo, -- name given with HELO or EHLO, as sent
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	o.authenticated                                    AS authenticated, -- 1: a login was proved, also where the log names no account; 0: none
	o.relay_right                                      AS relay_right, -- 1: the session might relay to anybody (SMTPAcceptAnyRecipient); Exchange only
	CASE o.tls WHEN 1 THEN 0 WHEN 2 THEN 1 END         AS tls, -- 1: encrypted; 0: not
	count(*)                                           AS transactions, -- mail transactions
	sum(coalesce(t.accepted, t.recipients))            AS recipients, -- accepted, or with a reply that is not told
	sum(t.external)                                    AS external, -- recipients outside own domains, refused ones too
	strftime('%Y-%m-%dT%H:%M:%SZ', min(t.time), 'unixepoch') AS first_time, -- of its first transaction: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', max(t.time), 'unixepoch') AS last_time -- of its last
FROM transactions t
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names server ON server.id = o.server_id
LEFT JOIN names connector ON connector.id = o.connector_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN names account ON account.id = o.user_id
WHERE o.direction = 0 AND o.hop = 0 AND o.probe = 0
GROUP BY o.server_id, o.connector_id, o.client_id, o.helo_id, o.user_id, o.authenticated, o.relay_right, o.tls;

CREATE VIEW v_auth AS
	-- Logins: one for each answered AUTH command.
	-- Example: SELECT client_ip, count(*), count(DISTINCT user) FROM v_auth WHERE outcome = 'failed' GROUP BY 1 ORDER BY 2 DESC
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', n.time, 'unixepoch') AS time, -- of the row that told the outcome: RFC 3339, UTC
	nullif(server.text, '')                            AS server, -- name of the server that wrote the log, upper case
	nullif(client.text, '')                            AS client_ip, -- address of the client
	nullif(account.text, '')                           AS user, -- account, lower case; IIS never names it
	CASE n.ok WHEN 1 THEN 'ok' ELSE 'failed' END       AS outcome -- ok: the client proved the account; failed
FROM logins n
LEFT JOIN names server ON server.id = n.server_id
LEFT JOIN names client ON client.id = n.client_id
LEFT JOIN names account ON account.id = n.user_id;

CREATE VIEW v_deliveries AS
	-- The server's own deliveries: one for each recipient that it tried to hand to another server.
	-- Example: SELECT reverse_path, count(*), sum(outcome = 'refused') FROM v_deliveries GROUP BY 1 ORDER BY 3 DESC LIMIT 20
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', y.time, 'unixepoch') AS time, -- of the RCPT row: RFC 3339, UTC
	nullif(server.text, '')                            AS server, -- name of the server that delivered, upper case
	nullif(remote.text, '')                            AS remote_ip, -- address of the server delivered to
	f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END AS reverse_path, -- sender of the envelope, lower case; empty: the null reverse-path
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS recipient, -- address, lower case
	y.reply                                            AS reply, -- reply code that decided: to RCPT if it was refused, else to DATA
	nullif(y.text, '')                                 AS text, -- of that reply, as sent: a stranger may write anything
	CASE y.outcome WHEN 1 THEN 'delivered' WHEN 2 THEN 'refused' WHEN 3 THEN 'deferred' END AS outcome -- delivered: 2xx after DATA; refused: 5xx; deferred: 4xx, to be tried again
FROM deliveries y
LEFT JOIN names server ON server.id = y.server_id
LEFT JOIN names remote ON remote.id = y.remote_ip_id
LEFT JOIN addresses f ON f.id = y.reverse_path_id
LEFT JOIN domains fd ON fd.id = f.domain_id
LEFT JOIN addresses a ON a.id = y.recipient_id
LEFT JOIN domains d ON d.id = a.domain_id;

CREATE VIEW v_findings AS
	-- Findings: a rule held for a submitter. Those that only support accuse nobody alone; v_suspects has who is accused.
	-- Example: SELECT flagged_at, rule, sentence FROM v_findings WHERE submitter = 'ip:10.1.4.7' ORDER BY 1
SELECT
	f.id                                               AS id, -- number that depends on rule, submitter and flagged_at alone
	f.rule                                             AS rule, -- name of the rule
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_start, 'unixepoch') AS window_start, -- of the first row that added to it: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_end, 'unixepoch') AS window_end, -- of the last
	strftime('%Y-%m-%dT%H:%M:%SZ', f.flagged_at, 'unixepoch') AS flagged_at, -- of the row at which the rule first held
	f.weight                                           AS weight, -- points for the score of the episode
	f.sentence                                         AS sentence, -- what was found, for people
	f.evidence                                         AS evidence -- JSON: signals with values and thresholds, rows by log and log_offset, sums
FROM findings f
JOIN submitters s ON s.id = f.submitter_id
WHERE f.silenced = '' AND NOT EXISTS (
	SELECT 1 FROM findings p
	WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional
);

CREATE VIEW v_silenced AS
	-- Findings that the allow-list silenced: they accuse nobody.
	-- Example: SELECT submitter, rule, reason, count(*), max(window_end) FROM v_silenced GROUP BY 1, 2, 3
SELECT
	f.id                                               AS id, -- as in v_findings
	f.rule                                             AS rule, -- name of the rule
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_start, 'unixepoch') AS window_start, -- of the first row that added to it: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', f.window_end, 'unixepoch') AS window_end, -- of the last
	strftime('%Y-%m-%dT%H:%M:%SZ', f.flagged_at, 'unixepoch') AS flagged_at, -- of the row at which the rule first held
	f.weight                                           AS weight, -- points that it would have added
	f.sentence                                         AS sentence, -- what was found, for people
	f.evidence                                         AS evidence, -- JSON, as in v_findings
	f.silenced                                         AS reason -- of the allow-list entry
FROM findings f
JOIN submitters s ON s.id = f.submitter_id
WHERE f.silenced <> '' AND NOT EXISTS (
	SELECT 1 FROM findings p
	WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional
);

CREATE VIEW v_suspects AS
	-- Suspects: episodes in which a submitter was accused, from the first alert to 24 hours without one.
	-- Example: SELECT submitter, first_flagged, severity, recipients, state, summary FROM v_suspects WHERE state IN ('open', 'confirmed') ORDER BY score DESC
SELECT
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	s.kind                                             AS kind, -- ip: a client; user: an account; sender: an own address behind a host that many share
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

CREATE VIEW v_logs AS
	-- Logs: how far each is read.
	-- Example: SELECT path, server, rows, quarantined, last_time, state FROM v_logs ORDER BY last_time DESC
SELECT
	printf('%016x', l.key)                             AS log, -- identity by content, 16 hexadecimal digits: renamed or moved it is the same
	l.path                                             AS path, -- where it was last read
	l.format                                           AS format, -- iis-w3c, exchange-receive or exchange-send
	nullif(l.server, '')                               AS server, -- name of the server that wrote it, upper case
	l.size_bytes                                       AS size_bytes, -- bytes, decompressed, when last seen
	l.read_bytes                                       AS read_bytes, -- bytes whose rows are stored
	l.rows                                             AS rows, -- read so far, quarantined ones too
	l.quarantined                                      AS quarantined, -- of those, not understood
	strftime('%Y-%m-%dT%H:%M:%SZ', l.first_time, 'unixepoch') AS first_time, -- of its earliest row: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', l.last_time, 'unixepoch') AS last_time, -- of its latest row
	l.state                                            AS state -- how the last reading ended
FROM logs l;

CREATE VIEW v_quarantine AS
	-- Rows that were not understood, as they stand in the log.
	-- Example: SELECT reason, count(*), min(text) FROM v_quarantine GROUP BY 1 ORDER BY 2 DESC
SELECT
	printf('%016x', l.key)                             AS log, -- which log: v_logs.log
	q.log_offset                                       AS log_offset, -- bytes before the row
	q.reason                                           AS reason, -- one sentence, for people
	CAST(q.text AS TEXT)                               AS text -- the row, cut at 2,048 bytes
FROM quarantine q
LEFT JOIN logs l ON l.id = q.log_id;

CREATE VIEW v_hourly AS
	-- What each submitter sent, hour by hour.
	-- Example: SELECT hour, recipients, external FROM v_hourly WHERE submitter = 'ip:10.1.4.7' ORDER BY 1
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', h.hour, 'unixepoch') AS hour, -- its first second: RFC 3339, UTC
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7 or user:ann
	h.transactions                                     AS transactions, -- begun in the hour
	h.recipients                                       AS recipients, -- accepted in the hour, or with a reply that is not told
	h.external                                         AS external, -- of those, outside own domains
	h.refused                                          AS refused -- recipients answered 4xx or 5xx in the hour
FROM hourly h
JOIN submitters s ON s.id = h.submitter_id;

CREATE VIEW v_triage AS
	-- What people decided about episodes, the oldest first.
	-- Example: SELECT at, who, submitter, state, note FROM v_triage WHERE state = 'false-alarm'
SELECT
	g.id                                               AS id, -- number in the order of decisions
	strftime('%Y-%m-%dT%H:%M:%SZ', g.at, 'unixepoch')  AS at, -- when it was decided, by the clock: RFC 3339, UTC
	g.who                                              AS who, -- who decided
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7, user:ann or sender:ann@corp.example
	strftime('%Y-%m-%dT%H:%M:%SZ', g.first_flagged, 'unixepoch') AS first_flagged, -- of the episode that it was about
	strftime('%Y-%m-%dT%H:%M:%SZ', nullif(g.last_flagged, 0), 'unixepoch') AS last_flagged, -- of the episode as it was then
	g.state                                            AS state, -- open, confirmed, false-alarm or closed
	g.note                                             AS note, -- why, and what was done
	g.recipients                                       AS recipients -- of the episode as it was then
FROM triage g
JOIN submitters s ON s.id = g.submitter_id
ORDER BY g.id;

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
	strftime('%Y-%m-%dT%H:%M:%SZ', removed_at, 'unixepoch') AS removed_at -- by the clock
FROM allow_entries
ORDER BY id;
