;SELECT DISTINCT c_ip FROM (SELECT c_ip FROM w3c_log WHERE cs_method = 'RCPT' AND sc_status = 250 GROUP BY c_ip, strftime('%Y-%m-%d %H', log_time) HAVING count(DISTINCT cs_uri_query) > 200)
