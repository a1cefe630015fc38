-- The transactions of the worst suspect since it was flagged, with their log rows.
WITH worst AS (
  SELECT kind, value, first_flagged FROM v_suspects ORDER BY score DESC, first_flagged LIMIT 1
)
SELECT t.time, t.client_ip, t.helo, t.reverse_path, t.recipients, t.external, t.outcome, t.exact,
       t.log, t.log_offset
FROM v_transactions t CROSS JOIN worst w
WHERE t.mail_unix >= (SELECT unixepoch(first_flagged) FROM worst) AND t.direction = 'in'
  AND (w.kind = 'ip' AND t.client_ip = w.value
    OR w.kind = 'user' AND t.user = w.value
    OR w.kind = 'sender' AND t.reverse_path = w.value
    OR w.kind = 'helo' AND lower(t.helo) || '@' || t.client_ip = w.value)
ORDER BY t.mail_unix
LIMIT 100;
