-- Clients that mail outside without a login: who would break if that were closed.
-- The last 35 days of stored mail, so that what runs once a month is among them.
WITH sent AS ( -- By number: names are looked up once a group.
  SELECT origin_number, reverse_path_number, count(*) AS messages, sum(external) AS external, max(mail_unix) AS last
  FROM v_transactions
  WHERE mail_unix > unixepoch((SELECT max(last_time) FROM v_logs)) - 35 * 86400
    AND direction = 'in' AND authenticated = 0 AND external > 0 AND accepted > 0
  GROUP BY origin_number, reverse_path_number
)
SELECT client_ip, min(helo) AS a_helo, sum(messages) AS messages, sum(external) AS external_recipients,
       count(DISTINCT reverse_path_number) AS reverse_paths,
       strftime('%Y-%m-%dT%H:%M:%SZ', max(last), 'unixepoch') AS last
FROM sent JOIN v_origins USING (origin_number)
GROUP BY client_ip
ORDER BY external_recipients DESC
LIMIT 50;
