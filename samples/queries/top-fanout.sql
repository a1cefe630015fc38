-- Top senders by distinct external recipients within one hour.
SELECT strftime('%Y-%m-%d %H:00', r.time) AS hour,
       coalesce(nullif(r.user, ''), r.client_ip) AS sender,
       count(DISTINCT r.recipient) AS external_recipients,
       count(DISTINCT r.domain) AS domains
FROM v_recipients r
WHERE r.external = 1 AND r.accepted = 1
GROUP BY hour, sender
ORDER BY external_recipients DESC, hour
LIMIT 20;
