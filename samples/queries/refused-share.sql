-- Share of refused recipients for each client, for those that tried five or more.
SELECT client_ip, sum(tried) AS recipients, sum(refused) AS refused,
       round(100.0 * sum(refused) / sum(tried), 1) AS refused_percent
FROM v_sources
GROUP BY client_ip
HAVING sum(tried) >= 5 AND sum(refused) > 0
ORDER BY refused_percent DESC, recipients DESC
LIMIT 20;
