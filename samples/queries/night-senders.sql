-- Who mails at night (22:00 to 06:00 UTC), and whether to the same few or to many.
-- The last seven days of stored mail: count distinct recipients of years, and it takes minutes.
SELECT coalesce(nullif(user, ''), client_ip) AS sender,
       count(DISTINCT rcpt_unix / 86400) AS nights,
       count(*) AS recipients, count(DISTINCT recipient_number) AS distinct_recipients,
       sum(external) AS external
FROM v_recipients
WHERE mail_unix > unixepoch((SELECT max(last_time) FROM v_logs)) - 7 * 86400
  AND accepted = 1 AND (rcpt_unix % 86400 >= 22 * 3600 OR rcpt_unix % 86400 < 6 * 3600)
GROUP BY sender
ORDER BY distinct_recipients DESC
LIMIT 20;
