package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestReplayOrder stores rows in another order than that of time.
func TestReplayOrder(t *testing.T) {
	pos := func(log mail.LogID, offset int64) mail.LogPos { return mail.LogPos{Log: log, Offset: offset} }
	tx := func(p mail.LogPos, when mail.Time) mail.Transaction {
		return sent(p, when, "ann@corp.example", "bob@example.net")
	}
	db := newStore(t)
	write(t, db, &ingest.Batch{
		Logs:         []ingest.Log{logAt(log2, 900), logAt(log1, 900)},
		Transactions: []mail.Transaction{tx(pos(log2, 50), t0), tx(pos(log1, 700), t0+9), tx(pos(log2, 10), t0+5)},
		Logins:       []mail.Login{{Pos: pos(log1, 1), At: t0 + 9, ClientIP: "10.1.4.7"}},
		Deliveries: []mail.Delivery{
			{Pos: pos(log1, 900), At: t0 + 1, RepliedAt: t0 + 99, ReversePath: "ann@corp.example", Recipient: "bob@example.net", Reply: 250, Outcome: mail.Delivered},
			{Pos: pos(log1, 990), At: t0 + 6, RepliedAt: t0 + 7, ReversePath: "", Recipient: "eve@example.net", Reply: 450, Outcome: mail.Deferred},
			{Pos: pos(log1, 999), At: t0 + 6, ReversePath: "", Recipient: "undecided@example.net"},
		},
	})
	write(t, db, &ingest.Batch{
		Transactions: []mail.Transaction{tx(pos(log1, 80), t0), tx(pos(log1, 70), t0), tx(pos(log1, 600), t0+5)},
		Logins:       []mail.Login{{Pos: pos(log2, 20), At: t0 + 5, ClientIP: "10.1.4.7"}},
		Deliveries:   []mail.Delivery{{Pos: pos(log1, 950), At: t0 + 3, RepliedAt: t0 + 3, Recipient: "dan@example.net", Reply: 550, Outcome: mail.RefusedThere}},
	})
	var got []string
	err := db.Replay(t.Context(), 0,
		func(tx mail.Transaction) { got = append(got, fmt.Sprintf("tx %d %s", tx.At-t0, tx.Pos)) },
		func(l mail.Login) { got = append(got, fmt.Sprintf("login %d %s", l.At-t0, l.Pos)) },
		func(d mail.Delivery) { got = append(got, fmt.Sprintf("delivery %d %s", d.RepliedAt-t0, d.Recipient)) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"tx 0 1111111111111111:70", "tx 0 1111111111111111:80", "tx 0 fffffffffffffff0:50",
		"delivery 3 dan@example.net", "tx 5 1111111111111111:600", "tx 5 fffffffffffffff0:10", "login 5 fffffffffffffff0:20", "delivery 7 eve@example.net",
		"login 9 1111111111111111:1", "tx 9 1111111111111111:700", "delivery 99 bob@example.net",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestReplayOrderOfMany has more than is read at once, whose seconds hold rows of
// two logs: the log that was stored first comes last.
func TestReplayOrderOfMany(t *testing.T) {
	b := &ingest.Batch{Logs: []ingest.Log{logAt(log2, 1<<20), logAt(log1, 1<<20)}}
	const perSecond = 1000
	for i := range 4 * readAhead {
		log := []mail.LogID{log1, log2}[i/(perSecond/2)%2]
		b.Transactions = append(b.Transactions, sent(mail.LogPos{Log: log, Offset: int64(i) * 200}, t0+mail.Time(i/perSecond),
			mail.Path(fmt.Sprintf("ann%d@corp.example", i%50)), mail.Path(fmt.Sprintf("bob%d@example.net", i))))
	}
	db := newStore(t)
	write(t, db, b)
	got, _ := replayAll(t, db, 0)
	if diff := cmp.Diff(b.Transactions, got); diff != "" {
		t.Errorf("want -, got +\n%.2000s", diff)
	}
}

// TestReplayStops: a stop need not wait for the end of a large store.
func TestReplayStops(t *testing.T) {
	db := newStore(t)
	for _, b := range syntheticLog(4 * readAhead) {
		write(t, db, b)
	}
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	err := db.Replay(ctx, 0, func(mail.Transaction) { n++; stop() }, func(mail.Login) {}, func(mail.Delivery) {})
	if !errors.Is(err, context.Canceled) || n > readAhead {
		t.Errorf("got %v after %d transactions; want context.Canceled after at most %d", err, n, readAhead)
	}
}

func TestReplayAfter(t *testing.T) {
	db := newStore(t)
	long := sent(at(100), t0, "long@corp.example", "a@example.net")
	long.EndAt = t0 + 5000
	stillOpen := sent(at(1000), t0+10, "open@corp.example", "a@example.net")
	stillOpen.Outcome, stillOpen.EndAt = mail.Open, 0
	over := sent(at(2000), t0+20, "over@corp.example", "a@example.net") // Ends at t0+22.
	later := sent(at(3000), t0+3000, "later@corp.example", "a@example.net")
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{long, stillOpen, over, later}, Logs: []ingest.Log{logAt(log1, 4000)}})
	for _, tc := range []struct {
		after mail.Time
		want  []mail.Path
	}{
		{0, []mail.Path{"long@corp.example", "open@corp.example", "over@corp.example", "later@corp.example"}},
		{t0 + 21, []mail.Path{"long@corp.example", "open@corp.example", "over@corp.example", "later@corp.example"}},
		{t0 + 22, []mail.Path{"long@corp.example", "open@corp.example", "later@corp.example"}},
		{t0 + 3002, []mail.Path{"long@corp.example", "open@corp.example"}},
		{t0 + 9000, nil}, // Before that time less the longest transaction nothing is looked for.
	} {
		var got []mail.Path
		txs, _ := replayAll(t, db, tc.after)
		for _, tx := range txs {
			got = append(got, tx.ReversePath)
			if len(tx.Recipients) != 1 {
				t.Errorf("%s: got %d recipients; want 1", tx.ReversePath, len(tx.Recipients))
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("after %s: want -, got +\n%s", tc.after, diff)
		}
	}
}

// TestReplayBesideWriter writes while the store is read: the reader sees what was
// there when it began.
func TestReplayBesideWriter(t *testing.T) {
	db := newStore(t)
	write(t, db, numbered(0))
	n := 0
	err := db.Replay(t.Context(), 0, func(mail.Transaction) {
		n++
		write(t, db, numbered(n))
	}, func(mail.Login) {}, func(mail.Delivery) {})
	if err != nil || n != 1 {
		t.Errorf("got %d transactions, %v; want the one that was there", n, err)
	}
}
