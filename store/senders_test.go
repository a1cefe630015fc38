package store

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestSenders: what is counted of whom, and what is left out.
func TestSenders(t *testing.T) {
	db := newStore(t)
	if err := db.SetOwnDomains(t.Context(), []string{"corp.example"}); err != nil {
		t.Fatal(err)
	}
	first := sent(at(1000), t0, "ann@corp.example", "bob@example.net", "carl@corp.example")
	first.Connector, first.TLS = "Relay", mail.Plain
	second := sent(at(2000), t0+86400, "ann@corp.example", "x@example.net")
	second.Connector, second.TLS, second.RelayRight, second.HELO = "Relay", mail.Encrypted, true, "other"
	null := sent(at(3000), t0+60, "", "x@example.net")
	refused := sent(at(4000), t0+70, "zoe@corp.example", "x@example.net")
	refused.Recipients[0].Reply = 550
	account := sent(at(5000), t0+80, "ann@corp.example", "x@example.net")
	account.User, account.Authenticated = `corp\ann`, true
	hop, probe, out := sent(at(6000), t0+90, "a@corp.example", "x@example.net"), sent(at(7000), t0+90, "a@corp.example", "x@example.net"), sent(at(8000), t0+90, "a@corp.example", "x@example.net")
	hop.Hop, probe.Probe, out.Direction = true, true, mail.Out
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{first, second, null, refused, account, hop, probe, out}, Logs: []ingest.Log{logAt(log1, 9000)}})
	list, err := db.Senders(t.Context(), 0, math.MaxInt64, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Sender{
		{
			Submitter: worm, Transactions: 4, Recipients: 4, External: new(4), RelayRight: 1, Plain: 1, Encrypted: 1, Days: 2, First: t0, Last: t0 + 86400,
			ReversePaths: []Use{{Text: "ann@corp.example", Transactions: 2}, {Text: "", Transactions: 1}},
			HELOs:        []Use{{Text: "PC-47", Transactions: 3}, {Text: "other", Transactions: 1}},
			Clients:      []Use{{Text: "10.1.4.7", Transactions: 4}}, Servers: []Use{{Text: "MX1", Transactions: 2}, {Text: `MX1\Relay`, Transactions: 2}},
		},
		{
			Submitter: mail.Submitter{Kind: "user", Value: `corp\ann`}, Transactions: 1, Recipients: 1, External: new(1), Authenticated: 1, Days: 1, First: t0 + 80, Last: t0 + 80,
			ReversePaths: []Use{{Text: "ann@corp.example", Transactions: 1}}, HELOs: []Use{{Text: "PC-47", Transactions: 1}},
			Clients: []Use{{Text: "10.1.4.7", Transactions: 1}}, Servers: []Use{{Text: "MX1", Transactions: 1}},
		},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if list, err := db.Senders(t.Context(), t0+80, t0+81, 2); err != nil || len(list) != 1 || list[0].Submitter.Kind != "user" {
		t.Errorf("of one second: got %+v, %v; want the account alone", list, err)
	}
}
