package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// What remote servers and rows of the quarantine say of an address is changed in every
// form of words, and other addresses that contain it are left alone. A sender of ours
// is forgotten as others are.
func TestForgetTexts(t *testing.T) {
	const who, other, own, accented mail.Path = "ann@example.net", "joann@example.net", "ann@corp.example", "élan@example.net"
	for _, tc := range []struct {
		forget, to   mail.Path // to: of the delivery.
		answer, want string
	}{
		{who, who, "5.1.1 user Ann unknown", "5.1.1 user ~ unknown"},
		{who, who, "5.1.1 ann... User unknown", "5.1.1 ~... User unknown"}, // Sendmail's.
		{who, who, "5.1.1 ann ann/ann: no", "5.1.1 ~ ~/~: no"},
		{who, who, "<Ann@Example.net>: banned, mary-ann left", "<~@example.net>: banned, mary-ann left"},
		{who, who, "--ann@example.net--", "--~@example.net--"},
		{who, other, "<joann@example.net> is not ann@example.net.au", "<joann@example.net> is not ann@example.net.au"},
		{who, other, "see ann@example.net.", "see ~@example.net."},
		{own, own, "5.1.1 user ann unknown", "5.1.1 user ~ unknown"},
		{accented, accented, "no such user Élan", "no such user ~"},
		{accented, other, "see <ÉLAN@example.net>", "see <~@example.net>"},
	} {
		db := newStore(t)
		if err := db.SetOwnDomains(t.Context(), []string{"corp.example"}); err != nil {
			t.Fatal(err)
		}
		write(t, db, &ingest.Batch{
			Transactions: []mail.Transaction{sent(at(10), t0, own, who, other, accented)}, Logs: []ingest.Log{logAt(log1, 2000)},
			Deliveries: []mail.Delivery{{
				Pos: at(100), At: t0 + 60, RepliedAt: t0 + 61, Server: "MX1", RemoteIP: "203.0.113.5",
				ReversePath: own, Recipient: tc.to, Reply: 550, Text: tc.answer, Outcome: mail.RefusedThere,
			}},
		})
		if err := db.Forget(t.Context(), tc.forget); err != nil {
			t.Fatal(err)
		}
		names := rows(t, db, `SELECT local FROM addresses WHERE local LIKE 'forgotten-%'`)
		if len(names) != 1 {
			t.Fatalf("got %q; want one name", names)
		}
		if diff := cmp.Diff([]string{strings.ReplaceAll(tc.want, "~", names[0])}, rows(t, db, `SELECT text FROM v_deliveries`)); diff != "" {
			t.Errorf("%s, to %s: want -, got +\n%s", tc.forget, tc.to, diff)
		}
		sender := own
		if tc.forget == own {
			sender = mail.Path(names[0] + "@corp.example")
		}
		if diff := cmp.Diff([]string{string(sender)}, rows(t, db, `SELECT reverse_path FROM v_transactions`)); diff != "" {
			t.Errorf("%s: want the sender -, got +\n%s", tc.forget, diff)
		}
	}
}

// An address is forgotten before and after it is settled; nobody finds it then, and its
// new name is found.
func TestForgetSettled(t *testing.T) {
	const who mail.Path = "ann@example.net"
	for _, most := range []unsettled{atOnce, mostUnsettled} {
		db := newStore(t)
		db.most = most
		write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", who)}, Logs: []ingest.Log{logAt(log1, 900)}})
		if err := db.Forget(t.Context(), who); err != nil {
			t.Fatal(err)
		}
		name := mail.Path(rows(t, db, `SELECT recipient FROM v_recipients`)[0])
		got, err := addressNumbers(t.Context(), db.read, []mail.Path{who, name})
		if diff := cmp.Diff(map[mail.Path]int64{name: 2}, got); diff != "" || err != nil {
			t.Errorf("%+v, %v: want -, got +\n%s", most, err, diff)
		}
		checkSettled(t, db, most == atOnce)
	}
}
