package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestSetOwnDomains changes the list after the rows are stored, and compares with a
// store that had it from the beginning. What went out is not computed anew.
func TestSetOwnDomains(t *testing.T) {
	for _, own := range [][]string{{"corp.example"}, {"example.net", "EXAMPLE.org."}, nil} {
		first, last := newStore(t), newStore(t)
		if err := first.SetOwnDomains(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		write(t, first, everything())
		if err := last.SetOwnDomains(t.Context(), []string{"weird.example"}); err != nil {
			t.Fatal(err)
		}
		write(t, last, everything())
		if err := last.SetOwnDomains(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{
			`SELECT * FROM domains`, `SELECT * FROM v_hourly`, `SELECT * FROM v_recipients`, `SELECT * FROM own_domains`,
			`SELECT id, external FROM v_transactions WHERE direction = 'in'`,
		} {
			if diff := cmp.Diff(rows(t, first, query), rows(t, last, query)); diff != "" {
				t.Errorf("%v: %s: before -, after +\n%s", own, query, diff)
			}
		}
		if got := rows(t, last, `SELECT external FROM v_transactions WHERE direction = 'out'`); got[0] != "-" {
			t.Errorf("%v: external of what went out: got %s; want NULL", own, got[0])
		}
		// The writer knows the new list.
		write(t, last, numbered(1000))
		if got := rows(t, last, `SELECT count(external) > 0 FROM v_transactions WHERE reverse_path = 'ann@corp.example' AND direction = 'in' AND log_offset = 1000000000`); got[0] != map[bool]string{true: "1", false: "0"}[own != nil] {
			t.Errorf("%v: external of a new transaction: got %s", own, got[0])
		}
	}
}

// TestExternalOfUnknown: a number is never a guess. It is not known while the own
// domains are not, or if the log does not tell one of the paths.
func TestExternalOfUnknown(t *testing.T) {
	nameless := sent(at(1000), t0, "ann@corp.example", mail.UnknownPath)
	some := sent(at(2000), t0+10, "ann@corp.example", mail.UnknownPath, "bob@example.net")
	nobody := sent(at(3000), t0+20, "ann@corp.example")
	all := sent(at(4000), t0+30, "ann@corp.example", "bob@example.net", "carl@corp.example")
	begun := sent(at(5000), t0+40, "ann@corp.example", mail.UnknownPath)
	begun.Outcome, begun.EndAt = mail.Open, 0
	rest := sent(at(5000), t0+40, "ann@corp.example", "bob@example.net")
	rest.Continued, rest.Former = true, 1

	const query = `SELECT external FROM v_transactions ORDER BY log_offset`
	for _, tc := range []struct {
		own  []string
		want []string
	}{
		{nil, []string{"-", "-", "-", "-", "-"}},
		{[]string{"corp.example"}, []string{"-", "-", "0", "1", "-"}},
	} {
		db := newStore(t)
		if err := db.SetOwnDomains(t.Context(), tc.own); err != nil {
			t.Fatal(err)
		}
		write(t, db, &ingest.Batch{Transactions: []mail.Transaction{nameless, some, nobody, all, begun}, Logs: []ingest.Log{logAt(log1, 6000)}})
		write(t, db, &ingest.Batch{Transactions: []mail.Transaction{rest}, Logs: []ingest.Log{logAt(log1, 7000)}})
		if diff := cmp.Diff(tc.want, rows(t, db, query)); diff != "" {
			t.Errorf("own domains %v: want -, got +\n%s", tc.own, diff)
		}
		// Computed anew, it is the same.
		for _, own := range [][]string{{"example.org"}, tc.own} {
			if err := db.SetOwnDomains(t.Context(), own); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(tc.want, rows(t, db, query)); diff != "" {
			t.Errorf("own domains %v, set later: want -, got +\n%s", tc.own, diff)
		}
	}
}

func TestExternal(t *testing.T) {
	for _, tc := range []struct {
		own  []string
		name string
		want external
	}{
		{nil, "example.net", unknown},
		{nil, "", unknown},
		{[]string{"corp.example"}, "corp.example", inside},
		{[]string{"corp.example"}, "mail.corp.example", inside},
		{[]string{"corp.example"}, "notcorp.example", outside},
		{[]string{"corp.example"}, "example", outside},
		{[]string{"corp.example"}, "corp.example.", outside},
		{[]string{"corp.example"}, "", inside},
		{[]string{"corp.example"}, "[192.0.2.1]", outside},
	} {
		d := domains{own: set(tc.own)}
		if got := d.external(tc.name); got != tc.want {
			t.Errorf("%q with %v: got %d; want %d", tc.name, tc.own, got, tc.want)
		}
	}
}
