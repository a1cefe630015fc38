-- Tables. They are ours to change; analysts read the views of 0002.
--
-- What is written a million times is kept small: numbers stand for texts, and 0
-- and 1 stand for what is usual, because SQLite stores them without a byte. The
-- references of the large tables are told in comments and not declared: checking
-- each row costs more than writing it, and no index leads back from the parent.
-- All times are event time, in unix seconds.

-- +goose Up
CREATE TABLE meta (
	id        INTEGER PRIMARY KEY CHECK (id = 1), -- there is one row
	hash_seed INTEGER NOT NULL,                   -- of address_hashes.hash, so that no stranger can make addresses collide
	longest   INTEGER NOT NULL                    -- seconds of the longest transaction ever stored: how far before a moment one that lasts into it may begin
) STRICT;
INSERT INTO meta (id, hash_seed, longest) VALUES (1, random(), 0);

CREATE TABLE own_domains (
	name TEXT PRIMARY KEY -- lower case; a domain stands for its subdomains too. No row: what is outside is not known
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
	id          INTEGER PRIMARY KEY,
	key         INTEGER NOT NULL UNIQUE,           -- mail.LogID, as a signed number
	path        TEXT    NOT NULL,                  -- where it was last read
	format      TEXT    NOT NULL,                  -- as ingest.Format
	server      TEXT    NOT NULL,                  -- '' if the log does not tell
	head        BLOB    NOT NULL,                  -- ingest.Head: what recognises the log
	size_bytes  INTEGER NOT NULL,                  -- decompressed, when last seen
	read_bytes  INTEGER NOT NULL,                  -- the cursor: first byte whose row is not stored yet
	rows        INTEGER NOT NULL,                  -- read so far, quarantined ones too
	quarantined INTEGER NOT NULL,                  -- of those, not understood
	first_time  INTEGER,                           -- earliest row; NULL before the first
	last_time   INTEGER,                           -- latest row; NULL before the first
	state       TEXT    NOT NULL,                  -- as ingest.LogState
	note        TEXT    NOT NULL,                  -- why it was refused and what to change; '' otherwise
	missing     TEXT    NOT NULL,                  -- JSON array: columns that detections need and the log lacks
	decoder     BLOB                               -- ingest.Log.Decoder
) STRICT;

CREATE TABLE sessions (
	id       INTEGER PRIMARY KEY CHECK (id = 1), -- there is one row, or none
	sessions BLOB                                -- ingest.Batch.Sessions: the sessions still open at the cursors
) STRICT;

CREATE TABLE names (
	id   INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE -- address of a host, HELO name, account or name of a server
) STRICT;
INSERT INTO names (id, text) VALUES (0, ''); -- 0: the log does not tell, or there is none

CREATE TABLE submitters (
	id    INTEGER PRIMARY KEY,
	kind  TEXT NOT NULL, -- ip, user or sender
	value TEXT NOT NULL, -- lower case
	UNIQUE (kind, value)
) STRICT;

CREATE TABLE domains (
	id       INTEGER PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE, -- lower case
	external INTEGER               -- 1 outside own_domains, 0 inside, NULL while those are not known
) STRICT;
INSERT INTO domains (id, name) VALUES (1, ''); -- of paths without a domain: local mail

CREATE TABLE addresses (
	id        INTEGER PRIMARY KEY,
	domain_id INTEGER NOT NULL, -- domains.id
	local     TEXT    NOT NULL  -- before the last @; the whole path if its domain is 1
) STRICT;
INSERT INTO addresses (id, domain_id, local) VALUES (1, 1, ''); -- 1: the null reverse-path

-- Finds an address by its text, at a third of the size of an index on the text.
-- Several addresses may share a hash: their texts are compared.
CREATE TABLE address_hashes (
	hash       INTEGER NOT NULL, -- 32 bits of the path's hash
	address_id INTEGER NOT NULL, -- addresses.id, except 1
	PRIMARY KEY (hash, address_id)
) STRICT, WITHOUT ROWID;

-- What all transactions of a session share, and most sessions of a client.
CREATE TABLE origins (
	id            INTEGER PRIMARY KEY,
	server_id     INTEGER NOT NULL, -- names.id: the server that wrote the log
	server_ip_id  INTEGER NOT NULL, -- names.id: its address
	client_id     INTEGER NOT NULL, -- names.id: direction 0 the client, 1 the remote server
	helo_id       INTEGER NOT NULL, -- names.id: as sent
	user_id       INTEGER NOT NULL, -- names.id: account that AUTH proved
	direction     INTEGER NOT NULL, -- 0 in, 1 out
	authenticated INTEGER NOT NULL, -- 1: AUTH was answered 235, also where the log names no account
	relay_right   INTEGER NOT NULL, -- 1: the session might relay
	hop           INTEGER NOT NULL, -- 1: another server of ours handed the mail on; it was counted where it came in
	probe         INTEGER NOT NULL, -- 1: a health probe of the server itself
	submitter_id  INTEGER,          -- submitters.id: who answers for it; NULL: nobody
	UNIQUE (client_id, helo_id, user_id, server_id, server_ip_id, direction, authenticated, relay_right, hop, probe)
) STRICT;

CREATE TABLE transactions (
	id              INTEGER PRIMARY KEY, -- in the order in which they were stored
	time            INTEGER NOT NULL,    -- of the MAIL row
	log_id          INTEGER NOT NULL,    -- logs.id: log of the MAIL row
	log_offset      INTEGER NOT NULL,    -- of the MAIL row's first byte
	origin_id       INTEGER NOT NULL,    -- origins.id
	exact           INTEGER NOT NULL,    -- 0: recipients may belong to a neighbour
	reverse_path_id INTEGER,             -- addresses.id; NULL: the log does not tell
	recipients      INTEGER NOT NULL,    -- RCPT commands, refused ones too
	accepted        INTEGER,             -- of those, answered 2xx; NULL if a reply is not told
	refused         INTEGER,             -- of those, answered 4xx or 5xx; NULL if a reply is not told
	external        INTEGER,             -- of recipients, outside own_domains; NULL if those or a path are not known
	size_bytes      INTEGER,             -- of the message as received; NULL: the log does not tell
	outcome         INTEGER NOT NULL,    -- 0 open, 1 accepted, 2 refused, 3 aborted
	end_delta       INTEGER,             -- seconds from time to the row that ended it; NULL while open
	-- Nothing twice: a row of a log has one time. The index of this also finds a
	-- transaction that goes on, and all those of a time. Rows come nearly in the order
	-- of time, so that it grows at its end; any other order would cost more than all
	-- the rest, and a second index 2 bytes a recipient.
	UNIQUE (time, log_id, log_offset)
) STRICT;

-- Recipients of transactions of direction in; those of direction out are deliveries.
CREATE TABLE recipients (
	id           INTEGER PRIMARY KEY, -- transactions.id << 16 | index of the recipient
	address_id   INTEGER,             -- addresses.id; NULL: the log does not tell
	told         INTEGER NOT NULL,    -- reply << 20 | time_delta: a number that is mostly 0 or 1, which take no byte
	offset_delta INTEGER NOT NULL,    -- bytes from the row of the recipient before, or from the MAIL row; rows in recipient_positions are passed over
	-- To RCPT; 0 stands for 250, NULL (in told 1) is a reply that the log does not tell.
	reply        INTEGER GENERATED ALWAYS AS (nullif((told + 524288) >> 20, 1)) VIRTUAL,
	-- Seconds from transactions.time; rows of one second may stand in disorder.
	time_delta   INTEGER GENERATED ALWAYS AS (((told + 524288) & 1048575) - 524288) VIRTUAL
) STRICT;

-- Recipients whose row stands in another log than the MAIL row: a session may go
-- on in the next log.
CREATE TABLE recipient_positions (
	recipient_id INTEGER PRIMARY KEY, -- recipients.id, whose offset_delta is 0
	log_id       INTEGER NOT NULL,    -- logs.id
	log_offset   INTEGER NOT NULL
) STRICT;

CREATE TABLE logins (
	id         INTEGER PRIMARY KEY,
	time       INTEGER NOT NULL, -- of the row that told the outcome
	log_id     INTEGER NOT NULL, -- logs.id
	log_offset INTEGER NOT NULL,
	server_id  INTEGER NOT NULL, -- names.id
	client_id  INTEGER NOT NULL, -- names.id
	user_id    INTEGER NOT NULL, -- names.id
	ok         INTEGER NOT NULL  -- 1: the client proved the account
) STRICT;

CREATE INDEX logins_time ON logins (time);

CREATE TABLE deliveries (
	id              INTEGER PRIMARY KEY,
	time            INTEGER NOT NULL, -- of the RCPT row
	log_id          INTEGER NOT NULL, -- logs.id
	log_offset      INTEGER NOT NULL,
	server_id       INTEGER NOT NULL, -- names.id
	remote_ip_id    INTEGER NOT NULL, -- names.id
	reverse_path_id INTEGER,          -- addresses.id; NULL: the log does not tell
	recipient_id    INTEGER,          -- addresses.id; NULL: the log does not tell
	reply           INTEGER,          -- that decided; NULL: the log does not tell
	text            TEXT    NOT NULL, -- of that reply
	outcome         INTEGER NOT NULL  -- 0 not told, 1 delivered, 2 refused, 3 deferred
) STRICT;

CREATE TABLE quarantine (
	log_id     INTEGER NOT NULL, -- logs.id
	log_offset INTEGER NOT NULL,
	reason     TEXT    NOT NULL, -- one sentence for people
	text       BLOB    NOT NULL, -- the row as it stands in the log, cut at mail.MaxRejectText bytes
	PRIMARY KEY (log_id, log_offset)
) STRICT;

CREATE TABLE hourly (
	hour         INTEGER NOT NULL, -- its first second
	submitter_id INTEGER NOT NULL, -- submitters.id
	transactions INTEGER NOT NULL, -- begun in this hour
	recipients   INTEGER NOT NULL, -- in this hour, accepted or with a reply that is not told
	external     INTEGER,          -- of those, outside own_domains; NULL while those are not known
	refused      INTEGER NOT NULL, -- in this hour, answered 4xx or 5xx
	PRIMARY KEY (hour, submitter_id)
) STRICT, WITHOUT ROWID;

-- A provisional finding or episode hides the one of the same key that is final,
-- and is deleted with the next judgement.
CREATE TABLE findings (
	id           INTEGER NOT NULL, -- 53 bits of a hash of rule, submitter and flagged_at: the same in every store
	rule         TEXT    NOT NULL, -- name of rules/<rule>.yaml
	submitter_id INTEGER NOT NULL REFERENCES submitters (id),
	flagged_at   INTEGER NOT NULL, -- of the row at which the rule first held
	provisional  INTEGER NOT NULL, -- 1: rests on rows that later ones may still precede
	level        TEXT    NOT NULL, -- as detect.Level
	weight       REAL    NOT NULL, -- points for the episode's score
	window_start INTEGER NOT NULL, -- of the first row in the window in which the rule first held
	window_end   INTEGER NOT NULL, -- of the last row at which the rule held
	sentence     TEXT    NOT NULL, -- for people
	evidence     TEXT    NOT NULL, -- detect.Evidence as JSON
	silenced     TEXT    NOT NULL, -- reason of the allow-list entry that silenced it; '' if none did
	PRIMARY KEY (submitter_id, flagged_at, rule, provisional)
) STRICT, WITHOUT ROWID;

CREATE TABLE episodes (
	submitter_id  INTEGER NOT NULL REFERENCES submitters (id),
	first_flagged INTEGER NOT NULL, -- of the first row at which the accusation stood
	provisional   INTEGER NOT NULL, -- as findings.provisional
	start         INTEGER NOT NULL, -- of the first row in the window of its first finding
	last_flagged  INTEGER NOT NULL, -- of the last row at which the accusation stood
	score         REAL    NOT NULL, -- sum of the weights of its rules
	severity      TEXT    NOT NULL, -- as detect.Severity
	rules         TEXT    NOT NULL, -- names, comma separated, heaviest first
	recipients    INTEGER NOT NULL, -- accepted, from start to last_flagged
	external      INTEGER NOT NULL, -- of those, outside own_domains; 0 while those are not known
	transactions  INTEGER NOT NULL, -- from start to last_flagged
	summary       TEXT    NOT NULL, -- one sentence
	PRIMARY KEY (submitter_id, first_flagged, provisional)
) STRICT, WITHOUT ROWID;

-- What people said of an episode; the newest row holds. It outlives the episode,
-- which may be judged anew.
CREATE TABLE triage (
	id            INTEGER PRIMARY KEY,
	submitter_id  INTEGER NOT NULL REFERENCES submitters (id),
	first_flagged INTEGER NOT NULL, -- episodes.first_flagged
	state         TEXT    NOT NULL CHECK (state IN ('open', 'confirmed', 'false-alarm', 'closed')),
	note          TEXT    NOT NULL,
	at            INTEGER NOT NULL  -- when it was said, by the clock
) STRICT;

CREATE TABLE checkpoint (
	id        INTEGER PRIMARY KEY CHECK (id = 1), -- there is one row, or none
	until     INTEGER NOT NULL,                   -- all rows up to here are judged for good
	memory_at INTEGER NOT NULL,                   -- memory is complete up to here
	cases     BLOB                                -- detect.Judgement.Cases: what is open at until
) STRICT;

CREATE TABLE memory (
	id           INTEGER PRIMARY KEY,
	submitter_id INTEGER NOT NULL REFERENCES submitters (id),
	stretches    BLOB    NOT NULL -- detect.Memory.Hashes, several in a row, each behind its length as a varint
) STRICT;

-- The agent's last report of its own health, for status.
CREATE TABLE agent (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	report TEXT    NOT NULL -- JSON, as its page /healthz answers
) STRICT;
