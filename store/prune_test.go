package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestPrune keeps a day: it compares with a store that never saw more.
func TestPrune(t *testing.T) {
	old := everything()
	old.Logs = []ingest.Log{logAt(log1, 6000), logAt(log2, 400)}
	later := t0 + 3*86400
	recent := sent(at(10_000), later, "ann@corp.example", "bob@example.net", "new@example.org")
	newest := sent(at(20_000), later+86400-10, "dora@corp.example", "emil@example.com")
	log := logAt(log1, 30_000)
	log.LastTime = newest.EndAt
	batch := &ingest.Batch{Transactions: []mail.Transaction{recent, newest}, Logs: []ingest.Log{log}}

	db, want := newStore(t), newStore(t)
	db.most, want.most = atOnce, atOnce
	write(t, db, old)
	judge(t, db, detect.Judgement{Until: t0 + 100, Findings: []detect.Finding{finding("recipient-fanout", t0)}, Episodes: []detect.Episode{episode(t0, t0+60), episode(later, later+10)}})
	write(t, db, batch)
	write(t, want, batch)

	p, err := db.Prune(t.Context(), KeepAll(day), farAhead)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := db.Status(t.Context()); err != nil || s.Pruned != p.Before {
		t.Errorf("got a status that says rows before %s are gone, %v; want %s", s.Pruned, err, p.Before)
	}
	wantPruned := Pruned{Before: newest.EndAt - 86400, Newest: newest.EndAt, Transactions: 4, Recipients: 7, Logins: 2, Deliveries: 2, Findings: 1, Episodes: 1, Addresses: 4}
	if diff := cmp.Diff(wantPruned, p); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	for _, query := range []string{
		`SELECT time, client_ip, reverse_path, recipients, log_offset FROM v_transactions`,
		`SELECT time, reverse_path, recipient, domain FROM v_recipients`,
		`SELECT hour, submitter, transactions, recipients, external, refused FROM v_hourly`, `SELECT * FROM v_auth`, `SELECT * FROM v_deliveries`,
		`SELECT name FROM domains ORDER BY name`, `SELECT text FROM names ORDER BY text`,
		`SELECT local FROM addresses ORDER BY local`, `SELECT count(*) FROM address_hashes`, `SELECT count(*) FROM recipient_positions`,
		`SELECT count(*) FROM origins`,
	} {
		if diff := cmp.Diff(rows(t, want, query), rows(t, db, query)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", query, diff)
		}
	}
	// Addresses that went and those that stayed are found as they are.
	again := &ingest.Batch{Transactions: []mail.Transaction{sent(at(25_000), later+1, "ann@corp.example", "x@example.org", "emil@example.com")}}
	write(t, db, again)
	write(t, want, again)
	const all = `SELECT local, name FROM addresses JOIN domains ON domains.id = domain_id ORDER BY 1, 2`
	if diff := cmp.Diff(rows(t, want, all), rows(t, db, all)); diff != "" {
		t.Errorf("addresses: want -, got +\n%s", diff)
	}
	if p, err = db.Prune(t.Context(), KeepAll(day), farAhead); err != nil || p.Transactions != 0 {
		t.Errorf("again: got %+v, %v; want nothing to remove", p, err)
	}
}

func TestPruneEmptyStore(t *testing.T) {
	db := newStore(t)
	if p, err := db.Prune(t.Context(), KeepAll(day), farAhead); err != nil || p != (Pruned{}) {
		t.Errorf("got %+v, %v; want nothing", p, err)
	}
}

// TestPruneKeepsLogs reads the cursors after all rows of a log are gone.
func TestPruneKeepsLogs(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	last := logAt(3, 100)
	last.LastTime = t0 + 9*86400
	write(t, db, &ingest.Batch{Logs: []ingest.Log{last}})
	if _, err := db.Prune(t.Context(), KeepAll(day), farAhead); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows(t, db, `SELECT log, read_bytes FROM v_logs ORDER BY log`), ", "); got != "0000000000000003 | 100, 1111111111111111 | 6000, fffffffffffffff0 | 400" {
		t.Errorf("logs: got %s; want all three", got)
	}
	if got := rows(t, db, `SELECT (SELECT count(*) FROM v_transactions), (SELECT count(*) FROM v_quarantine)`); got[0] != "0 | 0" {
		t.Errorf("rows: got %s; want none", got)
	}
}

// TestPrunedBeginning hands on a part of a transaction whose beginning is gone.
func TestPrunedBeginning(t *testing.T) {
	db := newStore(t)
	part := sent(at(0), t0, "ann@corp.example", "a@example.net")
	part.Outcome, part.EndAt = mail.Open, 0
	log := logAt(log1, 100)
	log.LastTime = t0 + 9*86400
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{part}, Logs: []ingest.Log{log}})
	if _, err := db.Prune(t.Context(), KeepAll(day), farAhead); err != nil {
		t.Fatal(err)
	}
	rest := sent(at(0), t0, "ann@corp.example", "a@example.net", "b@example.net")
	rest.Recipients, rest.Former, rest.Continued = rest.Recipients[1:], 1, true
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{rest}})
	if got := strings.Join(rows(t, db, `SELECT recipient, recipients, outcome FROM v_recipients r JOIN v_transactions t ON t.id = r.transaction_id`), ", "); got != "b@example.net | 1 | accepted" {
		t.Errorf("got %s; want the recipient that came later", got)
	}
}

// TestOrphanNamedAgain names an address between the look for orphans and their
// removal.
func TestOrphanNamedAgain(t *testing.T) {
	db := newStore(t)
	db.most = atOnce
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", "a@example.net", "b@example.net")}, Logs: []ingest.Log{logAt(log1, 900)}})
	execute(t, db.path, `DELETE FROM recipients; DELETE FROM transactions`)
	begun, err := db.beginNoting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	orphans, err := db.orphanAddresses(t.Context())
	if err != nil || len(orphans) != 2 {
		t.Fatalf("orphans: got %v, %v; want two", orphans, err)
	}
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(100), t0, "", "b@example.net")}})
	err = db.removeOrphans(t.Context(), begun, orphans, func(ctx context.Context, tx *sql.Tx, k *known, ids []int64) error {
		_, err := removeAddresses(ctx, tx, k, ids)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b@example.net"}, rows(t, db, `SELECT recipient FROM v_recipients`)); diff != "" {
		t.Errorf("recipients: want -, got +\n%s", diff)
	}
	if got := rows(t, db, `SELECT (SELECT count(*) FROM addresses), (SELECT count(*) FROM address_hashes)`); got[0] != "2 | 1" {
		t.Errorf("addresses and hashes: got %s; want the null path and b@example.net, which alone has a hash", got[0])
	}
}

// What is pruned goes back to the disk, also from a store that was made when files
// could not be shortened step by step.
func TestPruneGivesSpaceBack(t *testing.T) {
	batches := syntheticLog(benchTransactions / 4)
	var days mail.Time // That the log spans.
	for _, b := range batches {
		days = max(days, b.Transactions[len(b.Transactions)-1].At-t0)
	}
	for _, old := range []bool{false, true} {
		db := newStore(t)
		if old {
			execute(t, db.path, `PRAGMA auto_vacuum = NONE; VACUUM`)
		}
		for _, b := range batches {
			write(t, db, b)
		}
		execute(t, db.path, `PRAGMA wal_checkpoint(TRUNCATE)`)
		before := sizeOf(db.path)
		p, err := db.Prune(t.Context(), KeepAll(time.Duration(days/3)*time.Second), farAhead)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, db.path, `PRAGMA wal_checkpoint(TRUNCATE)`)
		after := sizeOf(db.path)
		t.Logf("old %v: %d of %d recipients removed, %d to %d bytes", old, p.Recipients, countRecipients(batches), before, after)
		if after > before*6/10 {
			t.Errorf("old %v: %d bytes after pruning two thirds of %d; want less", old, after, before)
		}
		if err := Check(t.Context(), db.path); err != nil {
			t.Error(err)
		}
		if p, err = db.Prune(t.Context(), KeepAll(day*365), farAhead); err != nil || p.Transactions > 0 {
			t.Errorf("again: got %+v, %v; want nothing to do", p, err)
		}
	}
}

// A row of a time to come, as a wrong clock tells it, makes nothing old.
func TestPruneWrongClock(t *testing.T) {
	db := newStore(t)
	const years = 70 * 365 * 86400
	write(t, db, &ingest.Batch{
		Transactions: []mail.Transaction{sent(at(0), t0, "ann@corp.example", "a@example.net"), sent(at(1000), t0+years, "ann@corp.example", "b@example.net")},
		Logs:         []ingest.Log{logAt(log1, 2000)},
	})
	p, err := db.Prune(t.Context(), KeepAll(day), t0+3600)
	if err != nil || p.Transactions != 0 || p.Before != t0+3600-86400 || p.Newest < t0+years {
		t.Errorf("got %+v, %v; want nothing removed, and days counted from the clock", p, err)
	}
	if p, err = db.Prune(t.Context(), KeepAll(day), t0+years); err != nil || p.Transactions != 1 {
		t.Errorf("when that time has come: got %+v, %v; want one removed", p, err)
	}
}

// Submitters that only a profile tells of are kept with it.
func TestPruneKeepsProfiles(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	judge(t, db, detect.Judgement{Until: t0 + 100, Profiles: []detect.Profile{{Submitter: mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}, State: []byte{1}}}})
	last := logAt(3, 100)
	last.LastTime = t0 + 9*86400
	write(t, db, &ingest.Batch{Logs: []ingest.Log{last}})
	if _, err := db.Prune(t.Context(), KeepAll(day), farAhead); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, db, `SELECT count(*) FROM v_transactions`); got[0] != "0" {
		t.Errorf("got %s transactions; want none", got[0])
	}
	if c, err := db.Checkpoint(t.Context()); err != nil || len(c.Profiles) != 1 {
		t.Errorf("got %d profiles, %v; want one", len(c.Profiles), err)
	}
}

// While another program writes, nobody knows what it names: orphans stay.
func TestPruneBesideAnotherWriter(t *testing.T) {
	db := newStore(t)
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", "a@example.net")}, Logs: []ingest.Log{logAt(log1, 900)}})
	execute(t, db.path, `DELETE FROM recipients; DELETE FROM transactions`)
	begun, err := db.beginNoting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, open(t, db.path), &ingest.Batch{Transactions: []mail.Transaction{sent(at(100), t0, "", "a@example.net")}})
	orphans := []int64{2}
	err = db.removeOrphans(t.Context(), begun, orphans, func(context.Context, *sql.Tx, *known, []int64) error {
		t.Error("removed")
		return nil
	})
	if !errors.Is(err, errOtherWriter) {
		t.Errorf("got %v; want that another program writes", err)
	}
}

// Addresses of recipients may go before their rows: counts stand, and nothing else
// loses its text. What was judged of them stands, too.
func TestPruneKinds(t *testing.T) {
	db := newStore(t)
	b := &ingest.Batch{
		Logs: []ingest.Log{logAt(log1, 5000)},
		Transactions: []mail.Transaction{
			sent(at(100), t0, "ann@corp.example", "old@example.net", "both@example.net"),
			sent(at(2000), t0+10*24*3600, "bob@corp.example", "new@example.net", "both@example.net"),
		},
		Logins: []mail.Login{{Pos: at(50), At: t0, ClientIP: "10.1.4.7", User: "ann", OK: true}},
	}
	if err := db.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	who := mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}
	old := detect.Finding{Rule: "external-list", Submitter: who, FlaggedAt: t0, WindowEnd: t0, Level: detect.LevelAlert}
	if err := db.WriteJudgement(t.Context(), detect.Judgement{Findings: []detect.Finding{old}}); err != nil {
		t.Fatal(err)
	}
	p, err := db.Prune(t.Context(), Keep{Recipients: 5 * 24 * time.Hour, Logins: 5 * 24 * time.Hour}, farAhead)
	if err != nil {
		t.Fatal(err)
	}
	if p.Forgotten != 2 || p.Addresses != 1 || p.Transactions != 0 || p.Logins != 1 || p.Findings != 0 {
		t.Errorf("got %+v; want 2 addresses forgotten, one of which nothing names any more, and a login gone", p)
	}
	sent, err := db.Recipients(t.Context(), who, 0, farAhead, 9)
	if err != nil {
		t.Fatal(err)
	}
	var got []mail.Path
	for _, s := range sent {
		got = append(got, s.Path)
	}
	if diff := cmp.Diff([]mail.Path{mail.UnknownPath, mail.UnknownPath, "new@example.net", "both@example.net"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	// Judged anew without the addresses, nothing is found; what was found stands.
	if err := db.WriteJudgement(t.Context(), detect.Judgement{Reset: true}); err != nil {
		t.Fatal(err)
	}
	if found, err := db.Findings(t.Context(), who); err != nil || len(found) != 1 {
		t.Errorf("got %v, %v; want the finding of old mail to stand", found, err)
	}
}
