-- Failed logins by account and client, and whether a login went through after them.
SELECT f.user, f.client_ip, count(*) AS failures, min(f.time) AS first, max(f.time) AS last,
       (SELECT min(o.time) FROM v_auth o
        WHERE o.outcome = 'ok' AND o.user = f.user AND o.client_ip = f.client_ip
          AND o.time >= min(f.time)) AS then_ok
FROM v_auth f
WHERE f.outcome = 'failed'
GROUP BY f.user, f.client_ip
ORDER BY failures DESC
LIMIT 20;
