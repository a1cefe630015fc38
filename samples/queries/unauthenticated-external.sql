-- Clients that mail outside without a login: who would break if that were closed.
-- The last 35 days of stored mail, so that what runs once a month is among them.
SELECT client_ip, min(helo) AS a_helo, count(*) AS messages, sum(external) AS external_recipients,
       count(DISTINCT reverse_path) AS reverse_paths,
       strftime('%Y-%m-%dT%H:%M:%SZ', max(mail_unix), 'unixepoch') AS last
FROM v_transactions
WHERE mail_unix > unixepoch((SELECT max(last_time) FROM v_logs)) - 35 * 86400
  AND direction = 'in' AND authenticated = 0 AND external > 0 AND accepted > 0
GROUP BY client_ip
ORDER BY external_recipients DESC
LIMIT 50;
