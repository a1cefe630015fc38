-- The busiest hours of the whole relay.
SELECT hour, count(*) AS submitters, sum(transactions) AS messages, sum(recipients) AS recipients,
       sum(external) AS external, sum(refused) AS refused
FROM v_hourly
GROUP BY hour
ORDER BY recipients DESC
LIMIT 20;
