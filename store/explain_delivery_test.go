package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

func TestCameBack(t *testing.T) {
	const ann, ben, bob, eve, dan mail.Path = "ann@corp.example", "ben@corp.example", "bob@example.net", "eve@example.net", "dan@example.net"
	out := func(offset int64, after mail.Time, from, to mail.Path, outcome mail.DeliveryOutcome) mail.Delivery {
		return mail.Delivery{
			Pos: at(offset), At: t0 + after, RepliedAt: t0 + after + 1, Server: "MX1", RemoteIP: "203.0.113.5",
			ReversePath: from, Recipient: to, Reply: []int{0, 250, 550, 450}[outcome], Text: "\x1b[2Jsaid", Outcome: outcome,
		}
	}
	refused := sent(at(40), t0+4, ann, "refused@example.net")
	refused.Recipients[0].Reply = 550
	other := sent(at(50), t0+5, ben, bob) // Of another client.
	other.ClientIP = "10.1.4.99"
	bounce := sent(at(60), t0+6, "", dan)
	tx := []mail.Transaction{sent(at(10), t0, ann, bob), sent(at(20), t0+2, ann, eve), sent(at(30), t0+3, ann, dan), refused, other, bounce}
	deliveries := []mail.Delivery{
		out(100, 60, ann, bob, mail.Delivered), // By a smart host.
		out(200, 70, ann, bob, mail.RefusedThere),
		out(300, 80, ann, eve, mail.Deferred),
		out(400, 980, ann, eve, mail.Deferred),
		out(500, 90, ann, dan, mail.Deferred),
		out(600, 990, ann, dan, mail.Delivered),
		out(700, 95, ben, bob, mail.RefusedThere),                   // The other's.
		out(800, 96, ann, "refused@example.net", mail.RefusedThere), // Was not accepted here.
		out(900, 97, "", dan, mail.RefusedThere),
		out(1000, 86_500, ann, eve, mail.RefusedThere), // A day later.
		out(1100, 1, ann, eve, mail.RefusedThere),      // Before it was sent.
	}
	db := newStore(t)
	write(t, db, &ingest.Batch{Transactions: tx, Deliveries: deliveries, Logs: []ingest.Log{logAt(log1, 2000)}})
	who := tx[0].Submitter()
	for _, c := range []struct {
		name         string
		since, until mail.Time
		n            int
		want         CameBack
	}{
		{"all", t0, t0 + 100, 9, CameBack{Refused: 1, Delivered: 1, Deferred: 1, Sample: []Returned{{deliveries[1], 2}, {deliveries[2], 2}}}},
		{"the first", t0, t0 + 100, 1, CameBack{Refused: 1, Delivered: 1, Deferred: 1, Sample: []Returned{{deliveries[1], 2}}}},
		{"what was mailed later", t0 + 4, t0 + 100, 9, CameBack{Delivered: 1}},
		{"nothing", t0 + 200, t0 + 300, 9, CameBack{}},
	} {
		got, err := db.CameBack(t.Context(), who, c.since, c.until, c.n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, diff)
		}
	}
	d, ok, err := db.Delivery(t.Context(), t0+71, at(200))
	if diff := cmp.Diff(deliveries[1], d); diff != "" || !ok || err != nil {
		t.Errorf("got %t, %v; want the delivery:\n%s", ok, err, diff)
	}
	if _, ok, err := db.Delivery(t.Context(), t0+70, at(200)); ok || err != nil {
		t.Errorf("got %t, %v at another time; want none", ok, err)
	}
}
