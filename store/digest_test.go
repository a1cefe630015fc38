package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

func daily(key string, made mail.Time) Digest {
	return Digest{
		Kind: DigestDaily, Key: key, MessageID: "<" + key + "@corp.example>", Subject: "all quiet", Since: made - 86400, Until: made, Made: made,
		Message: []byte("Subject: all quiet\r\n\r\n"), Waiting: []string{"a@corp.example", "b@corp.example"},
		Told: []Told{{"ip", "10.1.4.7", made - 5000, made - 4000, "high"}}, Quarantined: 3,
	}
}

func add(t *testing.T, db *DB, d Digest, want bool) {
	t.Helper()
	if added, err := db.AddDigest(t.Context(), d); err != nil || added != want {
		t.Fatalf("%s: got %v, %v; want %v", d.Key, added, err, want)
	}
}

// A mail goes through its life: noted, tried, taken for some, taken for all.
func TestDigest(t *testing.T) {
	db := newStore(t)
	d := daily("2026-11-24", t0)
	add(t, db, d, true)
	again := d
	again.Subject = "another"
	add(t, db, again, false) // Exactly one.
	waiting, err := db.WaitingDigests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.ID = 1
	if diff := cmp.Diff([]Digest{d}, waiting); diff != "" {
		t.Fatalf("got another mail (- want, + got):\n%s", diff)
	}

	if err := db.TryDigest(t.Context(), 1, t0+5, "stopped"); err != nil {
		t.Fatal(err)
	}
	d.Tries, d.Tried, d.Error = 1, t0+5, "stopped"
	d.Waiting, d.Next = []string{"b@corp.example"}, t0+65
	if err := db.TriedDigest(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Digest(t.Context(), DigestDaily, "2026-11-24"); err != nil || !cmp.Equal(&d, got) {
		t.Errorf("got %+v, %v; want %+v", got, err, d)
	}
	d.Waiting, d.Done, d.Error, d.Message = []string{}, t0+70, "", nil
	if err := db.TriedDigest(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got, err := db.LastDigest(t.Context(), DigestDaily, "2026-11-23"); err != nil || got != nil {
		t.Errorf("got %+v, %v; want none up to the day before", got, err)
	}
	if got, err := db.LastDigest(t.Context(), DigestDaily, "2026-11-24"); err != nil || !cmp.Equal(&d, got) {
		t.Errorf("got %+v, %v; want %+v", got, err, d)
	}
	if waiting, err := db.WaitingDigests(t.Context()); err != nil || len(waiting) > 0 {
		t.Errorf("got %+v, %v; want none that waits", waiting, err)
	}
	if got, err := db.LastDigest(t.Context(), DigestUrgent, "9"); err != nil || got != nil {
		t.Errorf("got %+v, %v; want no urgent mail", got, err)
	}
}

// The date from which on mails are made may get one by hand, once.
func TestFirstDate(t *testing.T) {
	db := newStore(t)
	from := Digest{Kind: DigestDaily, Key: "2026-11-24", Since: t0, Until: t0, Made: t0, Done: t0}
	add(t, db, from, true)
	add(t, db, from, false)
	d := daily("2026-11-24", t0)
	add(t, db, d, true)
	add(t, db, d, false)
	add(t, db, from, false)
	d.ID = 1
	if got, err := db.Digest(t.Context(), DigestDaily, "2026-11-24"); err != nil || !cmp.Equal(&d, got) {
		t.Errorf("got %+v, %v; want %+v", got, err, d)
	}
}

// What is old and done is forgotten, but for the newest: it tells which date was
// last.
func TestOldDigests(t *testing.T) {
	db := newStore(t)
	for i, key := range []string{"2025-01-01", "2025-01-02", "2025-01-03"} {
		d := daily(key, t0-mail.Time((900-i)*86400))
		if i != 1 {
			d.Done = d.Made // The second still waits.
		}
		add(t, db, d, true)
	}
	add(t, db, daily("2026-11-02", t0), true)
	list, err := db.DigestsSince(t.Context(), 0)
	if err != nil || len(list) != 3 || list[0].Key != "2025-01-02" || list[1].Key != "2025-01-03" {
		t.Errorf("got %+v, %v; want the one that waits, the one that was newest, and the new one", list, err)
	}
	if list, err := db.DigestsSince(t.Context(), t0); err != nil || len(list) != 2 {
		t.Errorf("got %+v, %v; want the new one and the one that waits", list, err)
	}
}

func TestSent(t *testing.T) {
	db := newStore(t)
	hop := sent(at(5000), t0+50, "ann@corp.example", "bob@example.net")
	hop.Hop = true
	refused := sent(at(2000), t0+60, "ann@corp.example", "bob@example.net", "carl@example.net")
	refused.Recipients[0].Reply = 550
	write(t, db, &ingest.Batch{
		Transactions: []mail.Transaction{sent(at(1000), t0, "ann@corp.example", "bob@example.net"), refused, hop, sent(at(9000), t0+3600, "ann@corp.example", "x@example.net")},
		Logs:         []ingest.Log{logAt(log1, 6000)},
	})
	if n, to, err := db.Sent(t.Context(), t0, t0.Add(time.Hour)); err != nil || n != 2 || to != 2 {
		t.Errorf("got %d transactions, %d recipients, %v; want 2 and 2", n, to, err)
	}
}
