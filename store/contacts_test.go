package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// plainContacts is what v_contacts says, as every recipient tells it.
const plainContacts = `SELECT domain, external, min(time), client_ip, user, count(*) FROM v_recipients WHERE accepted = 1 AND domain IS NOT NULL GROUP BY domain ORDER BY domain`

func checkContacts(t *testing.T, db *DB, when string) {
	t.Helper()
	got := rows(t, db, `SELECT domain, external, first_time, client_ip, user, recipients FROM v_contacts ORDER BY domain`)
	if diff := cmp.Diff(rows(t, db, plainContacts), got); diff != "" {
		t.Errorf("%s: v_contacts: want -, got +\n%s", when, diff)
	}
}

// late is a transaction of another client, stored after one of a later time.
func late(when mail.Time) mail.Transaction {
	tx := sent(mail.LogPos{Log: log2, Offset: 100}, when, "eve@corp.example", "first@example.net", "o'neil", "a@example.net")
	tx.ClientIP = "10.1.4.9"
	tx.Recipients[0].Reply = 550
	return tx
}

// Contacts are those of all recipients: in parts, with late rows, after other own
// domains, and after rows were pruned.
func TestContacts(t *testing.T) {
	db := spree(t)
	checkContacts(t, db, "written")
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{late(t0 - 86400)}, Logs: []ingest.Log{logAt(log2, 4000)}})
	checkContacts(t, db, "late")
	if err := db.SetOwnDomains(t.Context(), []string{"example.net"}); err != nil {
		t.Fatal(err)
	}
	checkContacts(t, db, "other own domains")

	first := sent(at(9000), t0+5*86400, "ann@corp.example", "new@example.org")
	last := sent(at(9500), t0+7*86400, "ann@corp.example", "new@example.org")
	last.ClientIP = "10.1.4.9"
	log := logAt(log1, 10_000)
	log.LastTime = last.EndAt
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{first, last}, Logs: []ingest.Log{log}})
	for _, tc := range []struct {
		keep Keep
		want string
	}{
		{Keep{Recipients: 3 * 24 * time.Hour}, "example.org | 2026-11-07T09:00:01Z | 10.1.4.7 | 2"},
		// When a domain was first mailed stays; who did goes with the row.
		{Keep{Transactions: 24 * time.Hour}, "example.org | 2026-11-07T09:00:01Z | - | 1"},
	} {
		if _, err := db.Prune(t.Context(), tc.keep, farAhead); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{tc.want}, rows(t, db, `SELECT domain, first_time, client_ip, recipients FROM v_contacts`)); diff != "" {
			t.Errorf("%+v: want -, got +\n%s", tc.keep, diff)
		}
	}
}

// When an address was first mailed is found in the zones, as in all rows: with late
// rows, transactions that go on, recipients that got another number, and none left.
func TestFirstMailedInZones(t *testing.T) {
	db := newStore(t)
	if err := db.SetOwnDomains(t.Context(), []string{"corp.example"}); err != nil {
		t.Fatal(err)
	}
	going := sent(at(500), t0, "ann@corp.example", "one@example.net")
	going.Outcome = mail.Open
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{going}, Logs: []ingest.Log{logAt(log1, 1000)}})
	for i := range 3 { // Zones of their own.
		tx := sent(at(int64(2000+1000*i)), t0+mail.Time(1000*i), "ann@corp.example", "ann@corp.example", "one@example.net", mail.Path('a'+rune(i))+"@example.net")
		write(t, db, &ingest.Batch{Transactions: []mail.Transaction{tx}, Logs: []ingest.Log{logAt(log1, int64(3000+1000*i))}})
		db.known.zone = 0
	}
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{late(t0 + 100)}, Logs: []ingest.Log{logAt(log2, 4000)}})
	db.known.zone = 0
	more := sent(at(500), t0, "ann@corp.example", "one@example.net", "more@example.net")
	more.Recipients, more.Former, more.Continued = more.Recipients[1:], 1, true
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{more}, Logs: []ingest.Log{logAt(log1, 7000)}})
	if n := rows(t, db, `SELECT count(*) >= 4 FROM zones`); n[0] != "1" {
		t.Fatal("got fewer than four zones")
	}

	check := func(when string) {
		t.Helper()
		var paths []mail.Path
		want := map[mail.Path]mail.Time{}
		err := db.Query(t.Context(), `SELECT recipient, min(rcpt_unix) FROM v_recipients GROUP BY recipient`, func(_ []string, v []any) error {
			paths = append(paths, mail.Path(v[0].(string)))
			want[mail.Path(v[0].(string))] = mail.Time(v[1].(int64))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.FirstMailed(t.Context(), paths)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 7 {
			t.Errorf("%s: want -, got +\n%s", when, diff)
		}
		one, err := db.FirstMailed(t.Context(), paths[:1])
		if err != nil || one[paths[0]] != want[paths[0]] {
			t.Errorf("%s: got %v, %v; want %v", when, one, err, want[paths[0]])
		}
	}
	check("written")
	if err := db.Forget(t.Context(), "ann@corp.example"); err != nil {
		t.Fatal(err)
	}
	check("forgotten")
}
