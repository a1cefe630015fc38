-- Deliveries that remote servers refused for good, by reverse-path: a bad list shows here.
SELECT reverse_path, count(*) AS refused, count(DISTINCT recipient) AS recipients,
       min(time) AS first, max(time) AS last, min(reply || ' ' || text) AS a_reply
FROM v_deliveries
WHERE outcome = 'refused'
GROUP BY reverse_path
ORDER BY refused DESC
LIMIT 20;
