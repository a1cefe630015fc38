-- Failed logins by account and client, and whether a login went through after them.
WITH failed AS MATERIALIZED (
  SELECT user, client_ip, count(*) AS failures, min(time) AS first, max(time) AS last
  FROM v_auth WHERE outcome = 'failed' GROUP BY user, client_ip ORDER BY failures DESC, first LIMIT 20
), went AS MATERIALIZED ( -- Of these only.
  SELECT user, client_ip, time FROM v_auth
  WHERE outcome = 'ok' AND (user, client_ip) IN (SELECT user, client_ip FROM failed)
)
SELECT f.user, f.client_ip, f.failures, f.first, f.last,
       (SELECT min(o.time) FROM went o
        WHERE o.user = f.user AND o.client_ip = f.client_ip AND o.time >= f.first) AS then_ok
FROM failed f
ORDER BY f.failures DESC, f.first;
