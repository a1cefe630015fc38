-- Who mailed the most distinct external recipients within one hour: each sender in the
-- hour in which it had the most of them. Of the thirty with the most, as a store of years
-- has too many recipients to count them all. A RCPT more than an hour after its MAIL is left out.
WITH most AS MATERIALIZED (
  SELECT submitter_number, max(external) AS external FROM v_hourly WHERE external > 0 GROUP BY submitter_number
), busiest AS MATERIALIZED ( -- Of several such hours the first. CROSS: an old SQLite takes the hours last, and all of them for each sender.
  SELECT submitter, submitter_number, min(hour_unix) AS began
  FROM v_hourly CROSS JOIN most USING (submitter_number, external)
  GROUP BY submitter_number
  ORDER BY external DESC, began, submitter
  LIMIT 30
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
