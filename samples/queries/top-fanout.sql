-- Top senders by distinct external recipients within one hour.
-- Counted in the 30 hours with the most external recipients: a store of years has
-- too many to count them all. A RCPT more than an hour after its MAIL is left out.
WITH busiest AS MATERIALIZED (
  SELECT hour_unix AS began, submitter, submitter_number FROM v_hourly WHERE external > 0 ORDER BY external DESC, hour_unix LIMIT 30
), reached AS ( -- The limit is none: it keeps SQLite from looking up, for each row, what is not asked for.
  SELECT b.began, b.submitter, r.recipient_number, r.domain
  FROM busiest b CROSS JOIN v_recipients r
  WHERE r.mail_unix BETWEEN b.began - 3600 AND b.began + 3599
    AND r.submitter_number = b.submitter_number
    AND r.rcpt_unix BETWEEN b.began AND b.began + 3599
    AND r.external = 1 AND r.accepted = 1
  LIMIT -1
)
SELECT strftime('%Y-%m-%d %H:00', began, 'unixepoch') AS hour,
       substr(submitter, instr(submitter, ':') + 1) AS sender,
       count(DISTINCT recipient_number) AS external_recipients,
       count(DISTINCT domain) AS domains
FROM reached
GROUP BY began, submitter
ORDER BY external_recipients DESC, hour, sender
LIMIT 20;
