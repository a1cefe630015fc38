-- All rows as they stand into a table, then the hosts with more than 200 distinct
-- accepted recipients within an hour of the clock. {log} is put in by bench.
CREATE TABLE log (date, time, c_ip, cs_username, s_sitename, s_computername, s_ip, s_port, cs_method, cs_uri_stem,
	cs_uri_query, sc_status, sc_win32_status, sc_bytes, cs_bytes, time_taken, cs_version, cs_host, cs_user_agent, cs_cookie, cs_referer);
.mode ascii
.separator " " "\n"
.import "{log}" log
SELECT DISTINCT c_ip FROM (
	SELECT c_ip
	FROM log
	WHERE cs_method = 'RCPT' AND sc_status = '250'
	GROUP BY c_ip, date, substr(time, 1, 2)
	HAVING count(DISTINCT cs_uri_query) > 200);
