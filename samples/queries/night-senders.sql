-- Who mails at night (22:00 to 06:00 UTC), and whether to the same few or to many.
-- The last seven days of stored mail: count distinct recipients of years, and it takes minutes.
SELECT coalesce(nullif(user, ''), client_ip) AS sender,
       count(DISTINCT date(time)) AS nights,
       count(*) AS recipients, count(DISTINCT recipient) AS distinct_recipients,
       sum(external) AS external
FROM v_recipients
WHERE mail_unix > unixepoch((SELECT max(last_time) FROM v_logs)) - 7 * 86400
  AND accepted = 1 AND (strftime('%H', time) >= '22' OR strftime('%H', time) < '06')
GROUP BY sender
ORDER BY distinct_recipients DESC
LIMIT 20;
