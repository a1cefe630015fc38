-- Share of refused recipients for each client, for those that tried five or more.
-- The last 35 days of stored mail: what was refused a year ago says little of today.
WITH recent AS ( -- The limit is none: it keeps SQLite from looking up, for each row, what is not asked for.
  SELECT client_ip, recipients, refused
  FROM v_transactions
  WHERE mail_unix > unixepoch((SELECT max(last_time) FROM v_logs)) - 35 * 86400
    AND direction = 'in'
  LIMIT -1
)
SELECT client_ip, sum(recipients) AS recipients, sum(refused) AS refused,
       round(100.0 * sum(refused) / sum(recipients), 1) AS refused_percent
FROM recent
GROUP BY client_ip
HAVING sum(recipients) >= 5 AND sum(refused) > 0
ORDER BY refused_percent DESC, recipients DESC
LIMIT 20;
