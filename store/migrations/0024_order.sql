-- Who asks for an account's or a client's mail goes through all transactions, and had
-- every name of each looked up before the one that was asked for.

-- +goose Up
DROP VIEW v_transactions;

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
	t.log_offset                                       AS log_offset, -- bytes before that row
	t.time                                             AS mail_unix -- of the MAIL row, in seconds since 1970: `mail_unix >= unixepoch('2026-11-05')` finds the rows of a time by an index, a text does not
-- SQLite joins from the left in this order: first what people look for.
FROM transactions t
JOIN origins o ON o.id = t.origin_id
LEFT JOIN names account ON account.id = o.user_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names server ON server.id = o.server_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN addresses a ON a.id = t.reverse_path_id
LEFT JOIN domains d ON d.id = a.domain_id
LEFT JOIN logs l ON l.id = t.log_id
WHERE o.hop = 0;
