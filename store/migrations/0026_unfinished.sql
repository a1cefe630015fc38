-- size_bytes counts the row at the end of a log that is not complete; before, it was
-- read_bytes.

-- +goose Up
DROP VIEW v_logs;

CREATE VIEW v_logs AS
	-- Logs: how far each is read.
	-- Example: SELECT path, server, rows, quarantined, last_time, state FROM v_logs ORDER BY last_time DESC
SELECT
	printf('%016x', l.key)                             AS log, -- identity by content, 16 hexadecimal digits: renamed or moved it is the same
	l.path                                             AS path, -- where it was last read
	l.format                                           AS format, -- iis-w3c, exchange-receive or exchange-send
	nullif(l.server, '')                               AS server, -- name of the server that wrote it, upper case
	l.size_bytes                                       AS size_bytes, -- bytes, decompressed, up to where it was looked at: those behind read_bytes are an unfinished row, which a log has while it is written, or if it was cut off, or copied then
	l.read_bytes                                       AS read_bytes, -- bytes whose rows are stored
	l.rows                                             AS rows, -- read so far, quarantined ones too
	l.quarantined                                      AS quarantined, -- of those, not understood
	strftime('%Y-%m-%dT%H:%M:%SZ', l.first_time, 'unixepoch') AS first_time, -- of its earliest row: RFC 3339, UTC
	strftime('%Y-%m-%dT%H:%M:%SZ', l.last_time, 'unixepoch') AS last_time, -- of its latest row
	l.state                                            AS state -- how the last reading ended
FROM logs l;
