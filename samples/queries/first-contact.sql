-- First contact with each external domain: when, by whom, and how many followed.
SELECT domain, first_time AS first, coalesce(user, client_ip) AS sender,
       recipients AS recipients_since
FROM v_contacts
WHERE external = 1 AND recipients > 0
ORDER BY first DESC, domain
LIMIT 50;
