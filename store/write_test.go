package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// everything is a batch with each kind of row and each kind of unknown.
func everything() *ingest.Batch {
	whole := sent(at(1000), t0, "ann@corp.example", "bob@example.net", "Postmaster", "carl@mail.corp.example")
	whole.User, whole.Authenticated, whole.RelayRight = `corp\ann`, true, true
	whole.Recipients[1].Reply = 550
	whole.Recipients[2].At += 300 // After an hour's time in seconds of one byte.

	blind := mail.Transaction{
		Pos: mail.LogPos{Log: log2, Offset: 7}, At: t0, ReversePath: mail.UnknownPath, SizeBytes: -1, Outcome: mail.Open,
		ClientIP: "192.0.2.9", Recipients: []mail.Recipient{
			{Pos: mail.LogPos{Log: log2, Offset: 90}, At: t0, Path: mail.UnknownPath},
			{Pos: mail.LogPos{Log: log1, Offset: 5}, At: t0 + 2, Path: "x@example.org", Reply: 251}, // In another log.
			{Pos: mail.LogPos{Log: log2, Offset: 300}, At: t0 + 3, Path: "weird@", Reply: 354},
		},
	}
	bounce := sent(at(3000), t0+10, "", "ann@corp.example")
	bounce.Hop = true
	out := sent(at(4000), t0+20, "ann@corp.example", "bob@example.net")
	out.Direction, out.ClientIP = mail.Out, "203.0.113.5"

	return &ingest.Batch{
		Transactions: []mail.Transaction{whole, blind, bounce, out},
		Logins: []mail.Login{
			{Pos: at(900), At: t0, Server: "MX1", ClientIP: "10.1.4.7", User: `corp\ann`, OK: true},
			{Pos: at(950), At: t0 + 5, ClientIP: "192.0.2.9"},
		},
		Deliveries: []mail.Delivery{
			{Pos: at(4100), At: t0 + 21, Server: "MX1", RemoteIP: "203.0.113.5", ReversePath: "ann@corp.example", Recipient: "bob@example.net", Reply: 250, Text: "2.6.0 Queued", RepliedAt: t0 + 25, Outcome: mail.Delivered},
			{Pos: at(4200), At: t0 + 22, ReversePath: mail.UnknownPath, Recipient: mail.UnknownPath},
		},
		Rejects:  []mail.Reject{{Pos: at(5000), Reason: "too few columns", Text: []byte("garbage \xff")}},
		Logs:     []ingest.Log{logAt(log1, 6000), logAt(log2, 400)},
		Sessions: []byte(`{"open":1}`),
	}
}

func TestViews(t *testing.T) {
	db := newStore(t)
	if err := db.SetOwnDomains(t.Context(), []string{"Corp.example"}); err != nil {
		t.Fatal(err)
	}
	write(t, db, everything())

	for _, tc := range []struct {
		query string
		want  []string
	}{
		{`SELECT * FROM v_transactions ORDER BY id`, []string{
			`1 | 2026-11-02T09:00:00Z | MX1 | in | 10.1.4.7 | PC-47 | corp\ann | 1 | ann@corp.example | corp.example | 3 | 2 | 1 | 1 | 2048 | accepted | 1 | 1111111111111111 | 1000 | 1793610000 | 1 | 2`,
			`2 | 2026-11-02T09:00:00Z | - | in | 192.0.2.9 | - | - | 0 | - | - | 3 | - | - | - | - | - | 0 | fffffffffffffff0 | 7 | 1793610000 | 2 | -`,
			`4 | 2026-11-02T09:00:20Z | MX1 | out | 203.0.113.5 | PC-47 | - | 0 | ann@corp.example | corp.example | 1 | 1 | 0 | 1 | 2048 | accepted | 1 | 1111111111111111 | 4000 | 1793610020 | 4 | 2`,
		}},
		{`SELECT * FROM v_recipients`, []string{
			`1 | 2026-11-02T09:00:01Z | 10.1.4.7 | corp\ann | ann@corp.example | bob@example.net | example.net | 1 | 250 | 1 | 1793610000 | 1793610001 | 3 | 1`,
			`1 | 2026-11-02T09:00:02Z | 10.1.4.7 | corp\ann | ann@corp.example | Postmaster |  | 0 | 550 | 0 | 1793610000 | 1793610002 | 4 | 1`,
			`1 | 2026-11-02T09:05:03Z | 10.1.4.7 | corp\ann | ann@corp.example | carl@mail.corp.example | mail.corp.example | 0 | 250 | 1 | 1793610000 | 1793610303 | 5 | 1`,
			`2 | 2026-11-02T09:00:00Z | 192.0.2.9 | - | - | - | - | - | - | - | 1793610000 | 1793610000 | - | 2`,
			`2 | 2026-11-02T09:00:02Z | 192.0.2.9 | - | - | x@example.org | example.org | 1 | 251 | 1 | 1793610000 | 1793610002 | 6 | 2`,
			`2 | 2026-11-02T09:00:03Z | 192.0.2.9 | - | - | weird@ |  | 0 | 354 | 0 | 1793610000 | 1793610003 | 7 | 2`,
		}},
		{`SELECT * FROM v_origins WHERE origin_number IN (1, 4)`, []string{
			`1 | MX1 | - | in | 10.1.4.7 | PC-47 | corp\ann | 1 | 1 | -`,
			`4 | MX1 | - | out | 203.0.113.5 | PC-47 | - | 0 | 0 | -`,
		}},
		{`SELECT * FROM v_auth`, []string{
			`2026-11-02T09:00:00Z | MX1 | 10.1.4.7 | corp\ann | ok`,
			`2026-11-02T09:00:05Z | - | 192.0.2.9 | - | failed`,
		}},
		{`SELECT * FROM v_deliveries`, []string{
			`2026-11-02T09:00:21Z | MX1 | 203.0.113.5 | ann@corp.example | bob@example.net | 250 | 2.6.0 Queued | delivered`,
			`2026-11-02T09:00:22Z | - | - | - | - | - | - | -`,
		}},
		{`SELECT * FROM v_quarantine`, []string{"1111111111111111 | 5000 | too few columns | garbage \xff"}},
		{`SELECT * FROM v_hourly ORDER BY submitter`, []string{
			`2026-11-02T09:00:00Z | ip:192.0.2.9 | 1 | 3 | 1 | 0 | 2 | 1793610000`,
			`2026-11-02T09:00:00Z | user:corp\ann | 1 | 2 | 1 | 1 | 1 | 1793610000`,
		}},
		{`SELECT * FROM v_logs ORDER BY log`, []string{
			`1111111111111111 | /logs/ex11.log | iis-w3c | MX1 | 1048576 | 6000 | 60 | 0 | 2026-11-02T09:00:00Z | 2026-11-02T09:01:00Z | read`,
			`fffffffffffffff0 | /logs/exf0.log | iis-w3c | MX1 | 1048576 | 400 | 4 | 0 | 2026-11-02T09:00:00Z | 2026-11-02T09:01:00Z | read`,
		}},
	} {
		if diff := cmp.Diff(tc.want, rows(t, db, tc.query)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tc.query, diff)
		}
	}
}

func TestReplayRoundTrip(t *testing.T) {
	db := newStore(t)
	b := everything()
	write(t, db, b)
	txs, logins := replayAll(t, db, 0)
	var deliveries []mail.Delivery
	err := db.Replay(t.Context(), 0, func(mail.Transaction) {}, func(mail.Login) {}, func(d mail.Delivery) { deliveries = append(deliveries, d) })
	if err != nil {
		t.Fatal(err)
	}

	// In the order of time and place; what went out is left out.
	want := []mail.Transaction{b.Transactions[0], b.Transactions[1], b.Transactions[2]}
	if diff := cmp.Diff(want, txs); diff != "" {
		t.Errorf("transactions: want -, got +\n%s", diff)
	}
	if diff := cmp.Diff(b.Logins, logins); diff != "" {
		t.Errorf("logins: want -, got +\n%s", diff)
	}
	decided := b.Deliveries[:1]
	decided[0].Server, decided[0].RemoteIP, decided[0].Text = "", "", ""
	if diff := cmp.Diff(decided, deliveries); diff != "" {
		t.Errorf("deliveries: want -, got +\n%s", diff)
	}
}

func TestResumeRoundTrip(t *testing.T) {
	db := newStore(t)
	r, err := db.Resume(t.Context())
	if err != nil || len(r.Logs) > 0 || len(r.Sessions) > 0 {
		t.Fatalf("new store: got %v, %v; want nothing", r, err)
	}
	refused := logAt(log2, 0)
	refused.State, refused.Note, refused.Missing, refused.Mark, refused.Decoder = ingest.LogRefused, "choose W3C", []string{"cs-uri-query"}, 1<<63|1, []byte("{}")
	refused.FirstTime, refused.LastTime = 0, 0
	write(t, db, &ingest.Batch{Logs: []ingest.Log{logAt(log1, 500)}, Sessions: []byte("a")})
	write(t, db, &ingest.Batch{Logs: []ingest.Log{logAt(log1, 900), refused}, Sessions: []byte("b")})
	if r, err = db.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := ingest.Resume{Logs: []ingest.Log{logAt(log1, 900), refused}, Sessions: []byte("b")}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestParts stores one transaction in three parts, the last one by another process,
// and one that is whole, and compares with the same transactions stored at once.
func TestParts(t *testing.T) {
	whole := sent(at(1000), t0, "ann@corp.example", "a@example.net", "b@example.net", "c@example.net", "d@example.net")
	whole.Recipients[1].Pos = mail.LogPos{Log: log2, Offset: 50}
	whole.Recipients[3].Reply = 450
	other := sent(at(1050), t0+1, "eve@corp.example", "a@example.net")
	logs := []ingest.Log{logAt(log1, 2000), logAt(log2, 100)}

	first, second, third := whole, whole, whole
	first.Recipients, first.Outcome, first.EndAt, first.SizeBytes = whole.Recipients[:1], mail.Open, 0, -1
	second.Recipients, second.Former, second.Continued, second.Outcome, second.EndAt, second.SizeBytes = whole.Recipients[1:3], 1, true, mail.Open, 0, -1
	third.Recipients, third.Former, third.Continued = whole.Recipients[3:], 3, true

	once := newStore(t)
	write(t, once, &ingest.Batch{Transactions: []mail.Transaction{whole, other}, Logs: logs})

	parts := newStore(t)
	write(t, parts, &ingest.Batch{Transactions: []mail.Transaction{first}, Logs: logs})
	write(t, parts, &ingest.Batch{Transactions: []mail.Transaction{second, other}, Logs: logs})
	parts.Close()
	parts = open(t, parts.path)
	write(t, parts, &ingest.Batch{Transactions: []mail.Transaction{third}, Logs: logs})

	for _, query := range []string{
		`SELECT id, time, server, direction, client_ip, helo, user, authenticated, reverse_path, sender_domain, recipients, accepted, refused,
			external, size_bytes, outcome, exact, log, log_offset FROM v_transactions`,
		`SELECT transaction_id, rcpt_unix, reverse_path, recipient, external, reply FROM v_recipients`,
		`SELECT * FROM v_hourly`, `SELECT * FROM v_contacts`,
	} {
		if diff := cmp.Diff(rows(t, once, query), rows(t, parts, query)); diff != "" {
			t.Errorf("%s: at once -, in parts +\n%s", query, diff)
		}
	}
	got, _ := replayAll(t, parts, 0)
	if diff := cmp.Diff([]mail.Transaction{whole, other}, got); diff != "" {
		t.Errorf("replay: want -, got +\n%s", diff)
	}
}

func TestNothingTwice(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	before := rows(t, db, `SELECT count(*), (SELECT count(*) FROM v_recipients), (SELECT count(*) FROM v_deliveries) FROM v_transactions`)
	for _, b := range []*ingest.Batch{
		everything(),
		{Transactions: []mail.Transaction{sent(at(1000), t0, "ann@corp.example", "new@example.net")}},
		{Rejects: []mail.Reject{{Pos: at(5000), Reason: "again"}}},
		{Logs: []ingest.Log{logAt(log1, 5999)}},
	} {
		if err := db.Write(t.Context(), b); !errors.Is(err, ErrTwice) {
			t.Errorf("got %v; want ErrTwice", err)
		}
	}
	if diff := cmp.Diff(before, rows(t, db, `SELECT count(*), (SELECT count(*) FROM v_recipients), (SELECT count(*) FROM v_deliveries) FROM v_transactions`)); diff != "" {
		t.Errorf("rows: before -, after +\n%s", diff)
	}
	// The address of the batch that was not stored is stored with the next one.
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(9000), t0, "ann@corp.example", "new@example.net")}})
	if got := rows(t, db, `SELECT count(*) FROM v_recipients WHERE recipient = 'new@example.net'`); got[0] != "1" {
		t.Errorf("new@example.net: got %s; want 1", got[0])
	}
}
