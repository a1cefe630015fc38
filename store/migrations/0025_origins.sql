-- A query that groups looked up every text of each row, also those that it does not
-- name: SQLite leaves out joins that are not needed only where nothing is grouped. What
-- few ask for is looked up by a query of its own, which is never run unless its column
-- is named. The account and the client are looked for often, and by a join sooner.
--
-- Who groups by number looks up texts once a group.

-- +goose Up
DROP VIEW v_transactions;

CREATE VIEW v_transactions AS
	-- Mail transactions: one for each MAIL command, with the RCPT commands that followed it.
	-- Example: SELECT client_ip, helo, count(*), sum(recipients) FROM v_transactions WHERE direction = 'in' GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 20
SELECT
	t.id                                               AS id, -- number in this store, in the order in which they were read; v_recipients.transaction_id names it
	strftime('%Y-%m-%dT%H:%M:%SZ', t.time, 'unixepoch') AS time, -- of the MAIL row: RFC 3339, UTC
	(SELECT nullif(text, '') FROM names WHERE id = o.server_id) AS server, -- name of the server that wrote the log, upper case
	CASE o.direction WHEN 0 THEN 'in' ELSE 'out' END   AS direction, -- in: a client opened the session; out: the server delivered, which is nobody's sending
	nullif(client.text, '')                            AS client_ip, -- address of the client; direction out: of the server delivered to
	(SELECT nullif(text, '') FROM names WHERE id = o.helo_id) AS helo, -- name given with HELO or EHLO, as sent: a stranger may write anything
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	o.authenticated                                    AS authenticated, -- 1: a login was proved, also where the log names no account; 0: none
	(SELECT a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id = t.reverse_path_id) AS reverse_path, -- sender of the envelope, lower case; empty: the null reverse-path
	(SELECT d.name FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id = t.reverse_path_id) AS sender_domain, -- its domain
	t.recipients                                       AS recipients, -- RCPT commands, refused ones too
	t.accepted                                         AS accepted, -- of those, answered 2xx
	t.refused                                          AS refused, -- of those, answered 4xx or 5xx
	t.external                                         AS external, -- of recipients, outside own domains
	t.size_bytes                                       AS size_bytes, -- bytes of the message as received
	CASE t.outcome WHEN 1 THEN 'accepted' WHEN 2 THEN 'refused' WHEN 3 THEN 'aborted' END AS outcome, -- accepted: DATA was answered 2xx; refused; aborted: the session ended or was reset before
	t.exact                                            AS exact, -- 0: another session of the same client and HELO name was open, and recipients may be its
	(SELECT printf('%016x', key) FROM logs WHERE id = t.log_id) AS log, -- which log the MAIL row stands in: v_logs.log
	t.log_offset                                       AS log_offset, -- bytes before that row
	t.time                                             AS mail_unix, -- of the MAIL row, in seconds since 1970: `mail_unix >= unixepoch('2026-11-05')` finds the rows of a time by an index, a text does not
	t.origin_id                                        AS origin_number, -- of what its session has in common with others, in this store: v_origins.origin_number
	t.reverse_path_id                                  AS reverse_path_number -- of the address in this store: `count(DISTINCT reverse_path_number)` counts what `count(DISTINCT reverse_path)` does, sooner
FROM transactions t
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names account ON account.id = o.user_id
LEFT JOIN names client ON client.id = o.client_id
WHERE o.hop = 0;

CREATE VIEW v_origins AS
	-- What sessions have in common, without a count: one for each client, HELO name, account, server and connector.
	-- Example: SELECT o.client_ip, o.helo, sum(s.n) FROM (SELECT origin_number, count(*) AS n FROM v_transactions GROUP BY 1) s JOIN v_origins o USING (origin_number) GROUP BY 1, 2
SELECT
	o.id                                               AS origin_number, -- in this store: v_transactions.origin_number
	nullif(server.text, '')                            AS server, -- name of the server that wrote the log, upper case
	nullif(connector.text, '')                         AS connector, -- receive connector that the session came in by, without the server; Exchange only
	CASE o.direction WHEN 0 THEN 'in' ELSE 'out' END   AS direction, -- in: a client opened the session; out: the server delivered
	nullif(client.text, '')                            AS client_ip, -- address of the client; direction out: of the server delivered to
	nullif(helo.text, '')                              AS helo, -- name given with HELO or EHLO, as sent: a stranger may write anything
	nullif(account.text, '')                           AS user, -- account that logged in, lower case
	o.authenticated                                    AS authenticated, -- 1: a login was proved, also where the log names no account; 0: none
	o.relay_right                                      AS relay_right, -- 1: the session might relay to anybody (SMTPAcceptAnyRecipient); Exchange only
	CASE o.tls WHEN 1 THEN 0 WHEN 2 THEN 1 END         AS tls -- 1: encrypted; 0: not
FROM origins o
LEFT JOIN names server ON server.id = o.server_id
LEFT JOIN names connector ON connector.id = o.connector_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN names account ON account.id = o.user_id
WHERE o.hop = 0;
