-- First contact with each external domain: when, by whom, and how many followed.
SELECT domain, min(time) AS first, coalesce(nullif(user, ''), client_ip) AS sender,
       count(*) AS recipients_since
FROM v_recipients
WHERE external = 1 AND accepted = 1
GROUP BY domain
ORDER BY first DESC
LIMIT 50;
