package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// spree is two transactions of 10.1.4.7, and one of another client.
func spree(t *testing.T) *DB {
	t.Helper()
	db := newStore(t)
	if err := db.SetOwnDomains(t.Context(), []string{"corp.example"}); err != nil {
		t.Fatal(err)
	}
	first := sent(at(1000), t0, "ann@corp.example", "a@example.net", "b@example.net", "c@example.org")
	first.Recipients[2].Reply = 550
	second := sent(at(2000), t0+3600, "eve@corp.example", "a@example.net", "d@corp.example")
	second.HELO = "PC-48"
	other := sent(at(3000), t0+1, "ann@corp.example", "z@example.net")
	other.ClientIP = "10.1.4.8"
	write(t, db, &ingest.Batch{
		Transactions: []mail.Transaction{first, second, other}, Logs: []ingest.Log{logAt(log1, 4000)},
		Logins: []mail.Login{{Pos: at(10), At: t0, ClientIP: "10.1.4.7", User: "ann"}, {Pos: at(20), At: t0 + 1, ClientIP: "10.1.4.8", User: "ann", OK: true}},
	})
	return db
}

func TestTimeline(t *testing.T) {
	db := spree(t)
	two, one := 2, 1
	got, err := db.Timeline(t.Context(), worm, t0+59, t0+3600)
	if err != nil {
		t.Fatal(err)
	}
	want := []Hour{{Hour: t0, Transactions: 1, Recipients: 2, External: &two, Refused: 1}, {Hour: t0 + 3600, Transactions: 1, Recipients: 2, External: &one}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestTopDomains(t *testing.T) {
	db := spree(t)
	yes, no := true, false
	for _, tc := range []struct {
		who   mail.Submitter
		since mail.Time
		want  []Domain
	}{
		{worm, t0, []Domain{{"example.net", 3, &yes}, {"corp.example", 1, &no}}},
		{worm, t0 + 2, []Domain{{"example.net", 2, &yes}, {"corp.example", 1, &no}}}, // Begun before, recipients after.
		{mail.Submitter{Kind: mail.KindSender, Value: "ann@corp.example"}, t0, []Domain{{"example.net", 3, &yes}}},
		{mail.Named("PC-48", worm.Value), t0, []Domain{{"corp.example", 1, &no}, {"example.net", 1, &yes}}}, // Of that name alone.
		{mail.Named("PC-49", worm.Value), t0, nil},
		{mail.Submitter{Kind: mail.KindUser, Value: "ann"}, t0, nil},
	} {
		got, err := db.TopDomains(t.Context(), tc.who, tc.since, t0+9999, 5)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s since %s: want -, got +\n%s", tc.who, tc.since, diff)
		}
	}
}

func TestRecipients(t *testing.T) {
	db := spree(t)
	got, err := db.Recipients(t.Context(), worm, t0+2, t0+9999, 3)
	if err != nil {
		t.Fatal(err)
	}
	to := func(offset int64, when mail.Time, path, from mail.Path, reply int) Sent {
		return Sent{mail.Recipient{Pos: at(offset), At: when, Path: path, Reply: reply}, from, "10.1.4.7", "MX1"}
	}
	want := []Sent{
		to(1200, t0+2, "b@example.net", "ann@corp.example", 250),
		to(1300, t0+3, "c@example.org", "ann@corp.example", 550),
		to(2100, t0+3601, "a@example.net", "eve@corp.example", 250),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// When somebody first mailed an address, whoever it was; the server's own deliveries
// and the null path are nobody's mail.
func TestFirstMailed(t *testing.T) {
	db := spree(t)
	got, err := db.FirstMailed(t.Context(), []mail.Path{"a@example.net", "c@example.org", "a@example.net", "nobody@example.net", mail.UnknownPath})
	if err != nil {
		t.Fatal(err)
	}
	want := map[mail.Path]mail.Time{"a@example.net": t0 + 1, "c@example.org": t0 + 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestUses(t *testing.T) {
	db := spree(t)
	got, err := db.Uses(t.Context(), worm, t0, t0+9999, 5)
	if err != nil {
		t.Fatal(err)
	}
	want := Uses{
		ReversePaths: []Use{{"ann@corp.example", 1, 3}, {"eve@corp.example", 1, 2}},
		HELOs:        []Use{{"PC-47", 1, 3}, {"PC-48", 1, 2}},
		Clients:      []Use{{"10.1.4.7", 2, 5}},
		Servers:      []Use{{"MX1", 2, 5}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestLogins(t *testing.T) {
	db := spree(t)
	for _, tc := range []struct {
		who  mail.Submitter
		want []mail.LogPos
	}{
		{worm, []mail.LogPos{at(10)}},
		{mail.Submitter{Kind: mail.KindUser, Value: "ann"}, []mail.LogPos{at(20), at(10)}},
		{mail.Submitter{Kind: mail.KindSender, Value: "ann"}, nil},
	} {
		logins, err := db.Logins(t.Context(), tc.who, t0, t0+1, 5)
		if err != nil {
			t.Fatal(err)
		}
		var got []mail.LogPos
		for _, l := range logins {
			got = append(got, l.Pos)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tc.who, diff)
		}
	}
}

func TestEvidencePaths(t *testing.T) {
	db := spree(t)
	strange := mail.LogPos{Log: 9, Offset: 9}
	got, err := db.EvidencePaths(t.Context(), []mail.LogPos{strange, at(1000)})
	if err != nil {
		t.Fatal(err)
	}
	want := []Source{{Pos: strange}, {at(1000), "/logs/ex11.log", ingest.FormatIISW3C}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestStatus(t *testing.T) {
	db := newStore(t)
	s, err := db.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.SizeBytes == 0 {
		t.Error("size of a new store: got 0; want that of its schema")
	}
	s.SizeBytes = 0
	if diff := cmp.Diff(Status{Path: db.path, Suggested: []Domain{}}, s); diff != "" {
		t.Errorf("new store: want -, got +\n%s", diff)
	}

	b := everything()
	fromOutside := sent(at(5500), t0+30, "x@example.net", "ann@corp.example", "bob@corp.example", "no@example.net")
	fromOutside.ClientIP = "198.51.100.7"
	fromOutside.Recipients[2].Reply = 550
	b.Transactions = append(b.Transactions, fromOutside)
	write(t, db, b)
	silenced := finding("off-hours", t0+5)
	silenced.Silenced = "newsletter host"
	judge(t, db, detect.Judgement{Until: t0 + 100, Findings: []detect.Finding{finding("recipient-fanout", t0), silenced}, Episodes: []detect.Episode{episode(t0, t0+60), episode(t0-2*86400, t0-2*86400)}})
	if s, err = db.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.SizeBytes, s.Logs = 0, nil
	want := Status{
		Path: db.path, Transactions: 4, Recipients: 9, Logins: 2, Deliveries: 2, Quarantined: 1, Oldest: t0, Newest: t0 + 60, JudgedUntil: t0 + 100,
		Findings: 1, LastFinding: t0, Silenced: 1, OpenEpisodes: 1, Suggested: []Domain{{Name: "corp.example", Recipients: 2}, {Name: "example.org", Recipients: 1}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// A transaction may begin in an hour before the one that is asked for.
func TestRecipientsOfFormerHour(t *testing.T) {
	db := newStore(t)
	when := t0 + 3598
	late := sent(at(100), when, "ann@corp.example", "a@example.net", "b@example.net", "c@example.net")
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{late, sent(at(9000), t0, "ann@corp.example", "d@example.net")}, Logs: []ingest.Log{logAt(log1, 9900)}})
	who := mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}
	got, err := db.Recipients(t.Context(), who, t0+3600, t0+3700, 9)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Path != "b@example.net" || got[1].Path != "c@example.net" {
		t.Errorf("got %v; want b and c, who came after the full hour", got)
	}
	n, err := db.Accepted(t.Context(), who, t0+3600, t0+3700)
	if err != nil || n != 2 {
		t.Errorf("got %d accepted, %v; want 2", n, err)
	}
}
