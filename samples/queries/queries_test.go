// Package queries has no code: the sample queries beside it are tested here
// against the columns that relaywatch promises to analysts.
package queries

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// promised are the views that the queries ask, with a row or two each.
const promised = `
CREATE TABLE v_transactions (id, time, server, direction, client_ip, helo, user, authenticated, reverse_path, sender_domain,
	recipients, accepted, refused, external, size_bytes, outcome, exact, log, log_offset, mail_unix, origin_number, reverse_path_number);
INSERT INTO v_transactions VALUES
	(1, '2026-11-05T03:05:30Z', 'EX01', 'in', '198.51.100.77', 'WIN-PC', 'corp\d.mercer', 1, 'dana.mercer@corp.example', 'corp.example',
		10, 9, 1, 9, 6200, 'accepted', 1, '00000000000000aa', 100, 1793847930, 1, 1),
	(2, '2026-11-05T02:14:25Z', 'MAIL01', 'in', '10.1.4.7', 'WS-RECEPTION', NULL, 0, 'x@example.net', 'example.net',
		8, 6, 2, 6, 2310, 'accepted', 0, '00000000000000bb', 200, 1793844865, 2, 2);
CREATE TABLE v_recipients (transaction_id, time, client_ip, user, reverse_path, recipient, domain, external, reply, accepted, mail_unix, rcpt_unix, recipient_number, submitter_number);
INSERT INTO v_recipients VALUES
	(2, '2026-11-05T02:14:25Z', '10.1.4.7', NULL, 'x@example.net', 'a@post.example', 'post.example', 1, 250, 1, 1793844865, 1793844865, 2, 3);
CREATE TABLE v_contacts (domain, external, first_time, client_ip, helo, user, recipients);
INSERT INTO v_contacts VALUES ('post.example', 1, '2026-11-05T02:14:25Z', '10.1.4.7', 'WS-RECEPTION', NULL, 1);
CREATE TABLE v_auth (time, server, client_ip, user, outcome);
INSERT INTO v_auth VALUES
	('2026-11-05T02:31:00Z', 'EX01', '198.51.100.77', 'corp\d.mercer', 'failed'),
	('2026-11-05T03:05:00Z', 'EX01', '198.51.100.77', 'corp\d.mercer', 'ok');
CREATE TABLE v_deliveries (time, server, remote_ip, reverse_path, recipient, reply, text, outcome);
INSERT INTO v_deliveries VALUES
	('2026-11-05T03:06:00Z', 'EX01', '192.0.2.150', 'dana.mercer@corp.example', 'a@post.example', 550, '5.1.1 user unknown', 'refused');
CREATE TABLE v_suspects (submitter, kind, value, first_flagged, last_flagged, score, severity, rules, recipients, external_recipients,
	transactions, state, summary);
INSERT INTO v_suspects VALUES
	('user:corp\d.mercer', 'user', 'corp\d.mercer', '2026-11-05T03:05:30Z', '2026-11-05T03:21:00Z', 90, 'critical', 'recipient-fanout',
		400, 400, 40, 'open', '');
CREATE TABLE v_hourly (hour, submitter, transactions, recipients, external, refused, submitter_number, hour_unix);
INSERT INTO v_hourly VALUES
	('2026-11-05T03:00:00Z', 'user:corp\d.mercer', 40, 400, 400, 0, 4, 1793847600),
	('2026-11-05T02:00:00Z', 'ip:10.1.4.7', 1, 6, 6, 2, 3, 1793844000);
CREATE TABLE v_sources (server, connector, client_ip, helo, user, authenticated, relay_right, tls, transactions, recipients, external,
	first_time, last_time, tried, refused);
INSERT INTO v_sources VALUES ('MAIL01', NULL, '10.1.4.7', 'WS-RECEPTION', NULL, 0, 0, NULL, 1, 6, 6, '2026-11-05T02:14:25Z', '2026-11-05T02:14:25Z', 8, 2);
CREATE TABLE v_origins (origin_number, server, connector, direction, client_ip, helo, user, authenticated, relay_right, tls);
INSERT INTO v_origins VALUES
	(1, 'EX01', NULL, 'in', '198.51.100.77', 'WIN-PC', 'corp\d.mercer', 1, 0, NULL),
	(2, 'MAIL01', NULL, 'in', '10.1.4.7', 'WS-RECEPTION', NULL, 0, 0, NULL);
CREATE TABLE v_logs (log, path, format, server, size_bytes, read_bytes, rows, quarantined, first_time, last_time, state);
INSERT INTO v_logs VALUES ('00000000000000aa', 'ex261105.log', 'iis-w3c', 'MAIL01', 300, 300, 3, 0, '2026-11-05T00:00:00Z', '2026-11-05T23:00:00Z', 'read');`

// Each query says in its first line what it asks, keeps to the promised columns,
// and finds its row.
func TestQueries(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "views.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(promised); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.sql")
	if err != nil || len(files) != 10 {
		t.Fatalf("got %d queries, %v; want 10", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s: got no comment in the first line", name)
		}
		var n int
		q := strings.TrimSuffix(strings.TrimSpace(string(text)), ";")
		if err := db.QueryRow("SELECT count(*) FROM (" + q + "\n)").Scan(&n); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n == 0 {
			t.Errorf("%s: got no row; want one", name)
		}
	}
}
