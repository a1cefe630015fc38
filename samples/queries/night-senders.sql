-- Who mails at night (22:00 to 06:00 UTC), and whether to the same few or to many.
SELECT coalesce(nullif(user, ''), client_ip) AS sender,
       count(DISTINCT date(time)) AS nights,
       count(*) AS recipients, count(DISTINCT recipient) AS distinct_recipients,
       sum(external) AS external
FROM v_recipients
WHERE accepted = 1 AND (strftime('%H', time) >= '22' OR strftime('%H', time) < '06')
GROUP BY sender
ORDER BY distinct_recipients DESC
LIMIT 20;
