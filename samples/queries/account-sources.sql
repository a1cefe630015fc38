-- Who used an account, from where: put the account in place of corp\d.mercer.
WITH used AS ( -- By number: names are looked up once a group.
  SELECT origin_number, min(time) AS first, max(time) AS last,
         count(*) AS messages, sum(recipients) AS recipients, sum(external) AS external
  FROM v_transactions
  WHERE origin_number IN (SELECT origin_number FROM v_origins WHERE user = 'corp\d.mercer' AND direction = 'in')
  GROUP BY origin_number
)
SELECT client_ip, helo, min(first) AS first, max(last) AS last,
       sum(messages) AS messages, sum(recipients) AS recipients, sum(external) AS external
FROM used JOIN v_origins USING (origin_number)
GROUP BY client_ip, helo
ORDER BY first;
