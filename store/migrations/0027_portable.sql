-- DuckDB reads a view of SQLite's by parsing it, and hands what it can't bind, as
-- strftime of a number, back to SQLite in its own words. It knows no CROSS JOIN with ON,
-- and says count(*) as count_star(): then it can't list any view. Some versions say
-- CROSS JOIN as a comma, which leaves the order of joins to SQLite: by the plus it finds
-- no index from origins to transactions, and starts with these. The reverse-path of
-- v_recipients is looked up as 0025 does that of v_transactions. Nothing else changes.

-- +goose Up
DROP VIEW v_recipients;
DROP VIEW v_sources;

CREATE VIEW v_recipients AS
	-- Recipients: one for each RCPT command of a client.
	-- Example: SELECT domain, count(*), count(DISTINCT recipient) FROM v_recipients WHERE client_ip = '10.1.4.7' AND accepted = 1 GROUP BY 1 ORDER BY 2 DESC
SELECT
	t.id                                               AS transaction_id, -- v_transactions.id
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time + r.time_delta, 'unixepoch') AS time, -- of the RCPT row: RFC 3339, UTC
	nullif(client.text, '')                            AS client_ip, -- address of the client
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	(SELECT f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || d.name END FROM addresses f JOIN domains d ON d.id = f.domain_id WHERE f.id = t.reverse_path_id) AS reverse_path, -- sender of the envelope, lower case; empty: the null reverse-path
	a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END AS recipient, -- address, lower case
	d.name                                             AS domain, -- its domain; empty: local mail
	d.external                                         AS external, -- 1: outside own domains; 0: inside
	CASE r.reply WHEN 0 THEN 250 ELSE r.reply END      AS reply, -- reply code to RCPT
	r.reply = 0 OR r.reply BETWEEN 200 AND 299         AS accepted, -- 1: answered 2xx; 0: not
	t.time                                             AS mail_unix, -- of the MAIL row, in seconds since 1970: `mail_unix >= unixepoch('2026-11-05')` finds the rows of a time by an index, a text does not
	t.time + r.time_delta                              AS rcpt_unix, -- of the RCPT row, in seconds since 1970
	r.address_id                                       AS recipient_number, -- of the address in this store: `count(DISTINCT recipient_number)` counts what `count(DISTINCT recipient)` does, sooner
	o.submitter_id                                     AS submitter_number -- of who answers for it in this store: v_hourly.submitter_number
-- From the transactions of a time, of a client, to their recipients: the other way
-- finds a transaction for each recipient.
FROM transactions t
CROSS JOIN origins o
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names account ON account.id = o.user_id
CROSS JOIN recipients r
LEFT JOIN addresses a ON a.id = r.address_id
LEFT JOIN domains d ON d.id = a.domain_id
WHERE o.id = +t.origin_id AND o.direction = 0 AND o.hop = 0 AND r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535;

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
	sum(t.transactions)                                AS transactions, -- mail transactions
	sum(t.recipients)                                  AS recipients, -- accepted, or with a reply that is not told
	sum(t.external)                                    AS external, -- recipients outside own domains, refused ones too
	strftime('%Y-%m-%dT%H:%M:%SZ', min(t.first), 'unixepoch') AS first_time, -- of its first transaction: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', max(t.last), 'unixepoch') AS last_time, -- of its last
	sum(t.tried)                                       AS tried, -- RCPT commands, refused ones too
	sum(t.refused)                                     AS refused -- of those, answered 4xx or 5xx; a transaction with a reply that is not told is left out
FROM (SELECT origin_id, count(origin_id) AS transactions, sum(coalesce(accepted, recipients)) AS recipients, sum(external) AS external,
	min(time) AS first, max(time) AS last, sum(recipients) AS tried, sum(refused) AS refused FROM transactions GROUP BY origin_id) t
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names server ON server.id = o.server_id
LEFT JOIN names connector ON connector.id = o.connector_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN names account ON account.id = o.user_id
WHERE o.direction = 0 AND o.hop = 0 AND o.probe = 0
GROUP BY o.server_id, o.connector_id, o.client_id, o.helo_id, o.user_id, o.authenticated, o.relay_right, o.tls;
