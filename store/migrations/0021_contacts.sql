-- Sums for questions that would read every recipient of a store of years, kept up at
-- each commit: a row for each domain, and one for some thousand transactions.

-- +goose Up
CREATE TABLE contacts (
	domain_id  INTEGER PRIMARY KEY, -- domains.id
	first_at   INTEGER NOT NULL,    -- of the first accepted recipient, also if its row was pruned
	origin_id  INTEGER,             -- origins.id of that; NULL if it was pruned
	recipients INTEGER NOT NULL     -- accepted, in the store
) STRICT;

INSERT INTO contacts (domain_id, first_at, origin_id, recipients)
	SELECT a.domain_id, min(t.time + r.time_delta), t.origin_id, count(*)
	FROM transactions t
	CROSS JOIN origins o ON o.id = t.origin_id
	CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
	CROSS JOIN addresses a ON a.id = r.address_id
	WHERE o.direction = 0 AND o.hop = 0 AND (+r.reply = 0 OR +r.reply BETWEEN 200 AND 299)
	GROUP BY 1;

-- Which transactions may name an address: numbers of addresses grow, and one is given
-- where it is first named, so that it is in none of the zones before.
CREATE TABLE zones (
	first_id     INTEGER PRIMARY KEY, -- transactions.id from which on they are of this zone, up to the next one's
	last_address INTEGER NOT NULL,    -- addresses.id: no recipient in it has a greater one
	oldest       INTEGER NOT NULL     -- no recipient in it is of a time before
) STRICT;

INSERT INTO zones (first_id, last_address, oldest)
	SELECT min(t.id), max(coalesce(r.address_id, 1)), min(t.time + r.time_delta)
	FROM transactions t CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
	GROUP BY t.id >> 12;

CREATE VIEW v_contacts AS
	-- Domains that were mailed: when first, by whom, and how many recipients were accepted there.
	-- Example: SELECT domain, first_time, coalesce(user, client_ip) AS sender, recipients FROM v_contacts WHERE external = 1 ORDER BY first_time DESC LIMIT 50
SELECT
	d.name                                             AS domain, -- lower case; empty: local mail
	d.external                                         AS external, -- 1: outside own domains; 0: inside
	strftime('%Y-%m-%dT%H:%M:%SZ', c.first_at, 'unixepoch') AS first_time, -- of the first recipient accepted there, also if its row is no longer kept: RFC 3339, UTC
	nullif(client.text, '')                            AS client_ip, -- address of the client that sent to it; one of them, if several did in that second
	nullif(helo.text, '')                              AS helo, -- name that it gave with HELO or EHLO, as sent
	nullif(account.text, '')                           AS user, -- account that had logged in, lower case
	c.recipients                                       AS recipients -- accepted, in the store
FROM contacts c
JOIN domains d ON d.id = c.domain_id
LEFT JOIN origins o ON o.id = c.origin_id
LEFT JOIN names client ON client.id = o.client_id
LEFT JOIN names helo ON helo.id = o.helo_id
LEFT JOIN names account ON account.id = o.user_id;

-- Numbers, for questions to a million recipients: texts cost more than rows.
DROP VIEW v_hourly;
CREATE VIEW v_hourly AS
	-- What each submitter sent, hour by hour.
	-- Example: SELECT hour, recipients, external FROM v_hourly WHERE submitter = 'ip:10.1.4.7' ORDER BY 1
SELECT
	strftime('%Y-%m-%dT%H:%M:%SZ', h.hour, 'unixepoch') AS hour, -- its first second: RFC 3339, UTC
	s.kind || ':' || s.value                           AS submitter, -- as ip:10.1.4.7 or user:ann
	h.transactions                                     AS transactions, -- begun in the hour
	h.recipients                                       AS recipients, -- accepted in the hour, or with a reply that is not told
	h.external                                         AS external, -- of those, outside own domains
	h.refused                                          AS refused, -- recipients answered 4xx or 5xx in the hour
	h.submitter_id                                     AS submitter_number, -- of the submitter in this store: v_recipients.submitter_number
	h.hour                                             AS hour_unix -- its first second, since 1970
FROM hourly h
JOIN submitters s ON s.id = h.submitter_id;

DROP VIEW v_recipients;
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
	t.time                                             AS mail_unix, -- of the MAIL row, in seconds since 1970: `mail_unix >= unixepoch('2026-11-05')` finds the rows of a time by an index, a text does not
	t.time + r.time_delta                              AS rcpt_unix, -- of the RCPT row, in seconds since 1970
	r.address_id                                       AS recipient_number, -- of the address in this store: `count(DISTINCT recipient_number)` counts what `count(DISTINCT recipient)` does, sooner
	o.submitter_id                                     AS submitter_number -- of who answers for it in this store: v_hourly.submitter_number
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
