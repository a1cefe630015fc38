-- The busiest hours of the whole relay.
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', hour_unix, 'unixepoch') AS hour, count(*) AS submitters,
       sum(transactions) AS messages, sum(recipients) AS recipients, sum(external) AS external, sum(refused) AS refused
FROM v_hourly
GROUP BY hour_unix
ORDER BY recipients DESC, hour_unix
LIMIT 20;
