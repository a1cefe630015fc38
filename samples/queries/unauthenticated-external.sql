-- Clients that mail outside without a login: who would break if that were closed.
SELECT client_ip, min(helo) AS a_helo, count(*) AS messages, sum(external) AS external_recipients,
       count(DISTINCT reverse_path) AS reverse_paths, max(time) AS last
FROM v_transactions
WHERE direction = 'in' AND authenticated = 0 AND external > 0 AND accepted > 0
GROUP BY client_ip
ORDER BY external_recipients DESC
LIMIT 50;
