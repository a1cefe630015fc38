package detect_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"relaywatch/mail"
)

const commonRule = "submitters: [ip, user]\nwindow: 24h\nwhen: common_hosts >= 2\nweight: 20\nlevel: alert\nsays: shares {common_recipients} with {common_hosts}"

// postings are messages of one recipient each; a refused one has reply 550.
type posting struct {
	at     mail.Time // After noon of the first day, in seconds.
	client string
	to     string
	reply  int
}

func transactionsOf(postings []posting) (list []mail.Transaction) {
	for i, l := range postings {
		pos, at := mail.LogPos{Log: 1, Offset: int64(100 * (i + 1))}, noon+l.at
		list = append(list, mail.Transaction{
			Pos: pos, At: at, Server: "MAIL01", ServerIP: "10.0.0.20", ClientIP: l.client, HELO: "pc", ReversePath: "ann@corp.example", Exact: true,
			Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 1, Offset: pos.Offset + 1}, At: at, Path: mail.Path(l.to), Reply: l.reply}},
			Outcome:    mail.Accepted, EndAt: at, SizeBytes: -1,
		})
	}
	return list
}

// Who mails somebody outside within a day after another here was the first to do so, has
// that recipient in common: not the first of them, not who knew the recipient, and nobody
// on the first day of a log, on which all are new.
func TestCommonRecipients(t *testing.T) {
	const day = 24 * 3600
	postings := []posting{
		{0, "10.1.4.1", "old@example.net", 250},
		{60, "10.1.4.2", "old@example.net", 250},
		{2 * day, "10.1.4.1", "a@example.net", 250},         // The first.
		{2*day + 10, "10.1.4.2", "a@example.net", 250},      // 2 have it.
		{2*day + 20, "10.1.4.2", "a@example.net", 250},      // Knows it.
		{2*day + 30, "10.1.4.3", "old@example.net", 250},    // All do.
		{2*day + 40, "10.1.4.3", "a@example.net", 250},      // 3 have it.
		{2*day + 50, "10.1.4.1", "b@example.net", 550},      // Was tried.
		{2*day + 60, "10.1.4.4", "b@example.net", 250},      // So nobody is the first.
		{2*day + 70, "10.1.4.1", "c@corp.example", 250},     // Inside.
		{2*day + 80, "10.1.4.4", "c@corp.example", 250},     // As well.
		{3*day + 1, "10.1.4.5", "a@example.net", 250},       // Too late.
		{2*day + 90, "10.1.4.1", "d@example.net", 250},      // In time:
		{3*day + 90, "10.1.4.6", "d@example.net", 250},      // after a day to the second.
		{3*day + 95, "198.51.100.7", "d@example.net", 250},  // Nobody here.
		{3*day + 100, "198.51.100.7", "e@example.net", 250}, // Neither is a first of that kind.
		{3*day + 110, "10.1.4.7", "e@example.net", 250},
	}
	e := newEngine(t, loadText(t, map[string]string{"common": commonRule}), corp())
	for _, tx := range transactionsOf(postings) {
		e.Transaction(tx)
	}
	e.Advance(endOfTime)
	got := map[string]string{}
	for _, f := range e.Take().Findings {
		got[f.Submitter.Value] = f.Sentence
		for _, pos := range f.Evidence.Others { // Rows in which the others mailed the recipient first.
			tx := postings[(pos.Offset-1)/100-1]
			got[f.Submitter.Value] += fmt.Sprintf(" %s at %d: %s.", tx.client, tx.at-2*day, tx.to)
		}
	}
	want := map[string]string{
		"10.1.4.2": "10.1.4.2 shares 1 with 2. 10.1.4.1 at 0: a@example.net.",
		"10.1.4.3": "10.1.4.3 shares 1 with 3. 10.1.4.1 at 0: a@example.net. 10.1.4.2 at 10: a@example.net.",
		"10.1.4.6": "10.1.4.6 shares 1 with 2. 10.1.4.1 at 90: d@example.net.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Wherever the engine is stopped, and whatever it showed before, the same is found.
func TestCommonRecipientsAfterRestart(t *testing.T) {
	var postings []posting
	for n := range 60 {
		postings = append(postings, posting{mail.Time(n * 600), fmt.Sprintf("10.1.4.%d", n%4), fmt.Sprintf("c%d@example.org", n%7), 250})
	}
	for n := range 120 { // Two days later, for a day and a half: each one mails three of four.
		if n%4 != n/4%4 {
			postings = append(postings, posting{172_800 + mail.Time(n*1000), fmt.Sprintf("10.1.4.%d", n%4), fmt.Sprintf("s%d@example.net", n/4), 250})
		}
	}
	all := transactionsOf(postings)
	rules := loadText(t, map[string]string{"common": commonRule})
	want := newKept()
	e := newEngine(t, rules, corp())
	for _, tx := range all {
		e.Transaction(tx)
	}
	e.Advance(endOfTime)
	want.merge(e.Take())
	if len(want.findings) != 3 {
		t.Fatalf("got %d findings; want one of each host but that which is always the first", len(want.findings))
	}
	for _, every := range []int{1, 2, 7, 40} {
		got := newKept()
		e = newEngine(t, rules, corp())
		for i, tx := range all {
			e.Transaction(tx)
			got.merge(e.Preview())
			if (i+1)%every > 0 {
				continue
			}
			e.Advance(tx.At - 2000) // The last two wait.
			got.merge(e.Take())
			if i%2 == 0 {
				got.merge(e.Preview())
			}
			e = newEngine(t, rules, corp())
			if err := e.Restore(got.stored()); err != nil {
				t.Fatal(err)
			}
			for _, again := range all[:i+1] {
				e.Transaction(again)
			}
		}
		got.merge(e.Preview())
		shown, _ := got.shown()
		if diff := cmp.Diff(want.findings, shown, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("stopped every %d rows, in a preview (-at once +shown):\n%s", every, diff)
		}
		e.Advance(endOfTime)
		got.merge(e.Take())
		if diff := cmp.Diff(want.findings, got.findings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("stopped every %d rows (-at once +stopped):\n%s", every, diff)
		}
	}
}
