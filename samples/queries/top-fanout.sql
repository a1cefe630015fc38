-- Top senders by distinct external recipients within one hour.
-- Counted in the 30 hours with the most external recipients: a store of years has
-- too many to count them all. A RCPT more than an hour after its MAIL is left out.
WITH busiest AS MATERIALIZED (
  SELECT hour_unix AS began, submitter, submitter_number FROM v_hourly WHERE external > 0 ORDER BY external DESC, hour_unix LIMIT 30
)
SELECT strftime('%Y-%m-%d %H:00', b.began, 'unixepoch') AS hour,
       substr(b.submitter, instr(b.submitter, ':') + 1) AS sender,
       count(DISTINCT r.recipient_number) AS external_recipients,
       count(DISTINCT r.domain) AS domains
FROM busiest b CROSS JOIN v_recipients r
WHERE r.mail_unix BETWEEN b.began - 3600 AND b.began + 3599
  AND r.submitter_number = b.submitter_number
  AND r.rcpt_unix BETWEEN b.began AND b.began + 3599
  AND r.external = 1 AND r.accepted = 1
GROUP BY b.began, b.submitter_number
ORDER BY external_recipients DESC, hour, sender
LIMIT 20;
