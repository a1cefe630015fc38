-- Who used an account, from where: put the account in place of corp\d.mercer.
SELECT client_ip, helo, min(time) AS first, max(time) AS last,
       count(*) AS messages, sum(recipients) AS recipients, sum(external) AS external
FROM v_transactions
WHERE user = 'corp\d.mercer' AND direction = 'in'
GROUP BY client_ip, helo
ORDER BY first;
