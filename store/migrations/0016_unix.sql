-- Times of views are texts, which no index knows. Whoever asks for the mail of some
-- hours in a store of years needs the number that the index is of.

-- +goose Up
DROP VIEW v_transactions;
DROP VIEW v_recipients;

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
	r.reply = 0 OR r.reply BETWEEN 200 AND 299         AS accepted, -- 1: answered 2xx; 0: not
	t.time                                             AS mail_unix -- of the MAIL row, in seconds since 1970: `mail_unix >= unixepoch('2026-11-05')` finds the rows of a time by an index, a text does not
-- From the transactions of a time, of a client, to their recipients: the other way
-- finds a transaction for each recipient.
FROM transactions t
CROSS JOIN origins o ON o.id = t.origin_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names account ON account.id = o.user_id
CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
LEFT JOIN addresses f ON f.id = t.reverse_path_id
LEFT JOIN domains fd ON fd.id = f.domain_id
LEFT JOIN addresses a ON a.id = r.address_id
LEFT JOIN domains d ON d.id = a.domain_id
WHERE o.direction = 0 AND o.hop = 0;
