package detect_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Rules of each level; support and info hold at the first row of theirs.
var levelRules = map[string]string{
	"five":  fiveInAnHour,
	"large": "submitters: [ip]\nwindow: 1h\nwhen: largest_message >= 100\nweight: 15\nlevel: support\nsays: sent {largest_message}",
	"note":  "submitters: [ip]\nwindow: 1h\nwhen: bytes >= 100\nweight: 40\nlevel: info\nsays: sent",
}

func large(t *mail.Transaction) { t.SizeBytes = 100 }

func refused(t *mail.Transaction) { t.Recipients[0].Reply = 550 }

// found is what findings are of which rule, in the order they are told.
func found(j detect.Judgement) []string {
	names := []string{}
	for _, f := range j.Findings {
		names = append(names, f.Rule)
	}
	return names
}

func TestSupportIsToldWithItsEpisodeOnly(t *testing.T) {
	rules := loadText(t, levelRules)
	support := func(at mail.Time) sending {
		return sending{from: "10.1.4.7", at: at, times: 1, to: "a@corp.example", edit: large}
	}
	alert := func(at mail.Time) sending { return sending{from: "10.1.4.7", at: at, times: 5, to: "u%d@example.net"} }
	other := sending{from: "10.1.4.8", at: noon, times: 5, to: "u%d@example.net"}
	for _, c := range []struct {
		name string
		sent []sending
		want []string
	}{
		{"alone", []sending{support(noon)}, []string{}},
		{"beside another's episode", []sending{support(noon), other}, []string{"five"}},
		{"a day before an alert", []sending{support(noon), alert(noon + 86396)}, []string{"large", "note", "five"}},
		{"longer before", []sending{support(noon), alert(noon + 86401)}, []string{"five"}},
		{"the newest before", []sending{support(noon), support(noon + 10000), alert(noon + 20000)}, []string{"large", "note", "five"}},
		{"a day after", []sending{alert(noon), support(noon + 86400)}, []string{"five", "large", "note"}},
		{"longer after", []sending{alert(noon), support(noon + 86401)}, []string{"five"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(judged(t, rules, corp(), c.sent...))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSilencedIsToldAndCounted(t *testing.T) {
	rules := loadText(t, levelRules)
	support := sending{from: "10.1.4.7", at: noon, times: 1, to: "a@corp.example", edit: large}
	alert := sending{from: "10.1.4.7", at: noon + 60, times: 5, to: "u%d@example.net"}
	for _, c := range []struct {
		name   string
		silent []string // Rules of the entry.
		sent   []sending
		want   []string
		score  float64
	}{
		{"an alert", nil, []sending{alert}, []string{"five"}, 0},
		{"all, without an episode", nil, []sending{support, alert}, []string{"five"}, 0},
		{"support without an episode", []string{"large"}, []sending{support}, []string{}, 0},
		{"support with an episode", []string{"large"}, []sending{support, alert}, []string{"large", "note", "five"}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := corp()
			site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Rules: c.silent, Reason: "scanner"}}
			j := judged(t, rules, site, c.sent...)
			if diff := cmp.Diff(c.want, found(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			score := 0.0
			for _, ep := range j.Episodes {
				score += ep.Score
			}
			if score != c.score {
				t.Errorf("got score %g; want %g", score, c.score)
			}
		})
	}
}

// What a preview shows of support is not told for good.
func TestPreviewTellsNoSupportAhead(t *testing.T) {
	e := newEngine(t, loadText(t, levelRules), corp())
	sending{from: "10.1.4.7", at: noon, times: 1, to: "a@corp.example", edit: large}.feed(e, 1)
	e.Advance(noon)
	sending{from: "10.1.4.7", at: noon + 60, times: 5, to: "u%d@example.net"}.feed(e, 2)
	if diff := cmp.Diff([]string{"large", "note", "five"}, found(e.Preview())); diff != "" {
		t.Errorf("preview (-want +got):\n%s", diff)
	}
	if got := found(e.Take()); len(got) > 0 {
		t.Errorf("got %v taken; want nothing", got)
	}
}

// An office whose hosts all support something must not fill the store: nothing is
// told, and the cases are written at each judgement.
func TestCasesAreSmall(t *testing.T) {
	e := newEngine(t, shipped(t), corp())
	const hosts = 500
	for i := range hosts {
		sending{from: fmt.Sprintf("10.2.%d.%d", i/250, i%250), at: noon + mail.Time(i), every: 60, times: 30, to: "u@example.net"}.feed(e, mail.LogID(i+1))
	}
	e.Advance(noon + 3600)
	j := e.Take()
	if len(j.Findings) > 0 || len(j.Episodes) > 0 {
		t.Fatalf("got %d findings, %d episodes; want none", len(j.Findings), len(j.Episodes))
	}
	if got := len(j.Cases) / hosts; got < 20 || got > 250 {
		t.Errorf("got %d bytes of cases for a host with two rules held; want 20 to 250", got)
	}
}

// Cases that are cut short or changed are an error or read as something else, and
// never a panic.
func TestDamagedCases(t *testing.T) {
	rules := loadText(t, levelRules)
	j := judged(t, rules, corp(),
		sending{from: "10.1.4.7", at: endOfTime - 60, times: 1, to: "a@corp.example", server: "10.0.0.25", edit: large},
		sending{from: "10.1.4.7", at: endOfTime - 30, times: 5, to: "u%d@example.net"})
	if err := newEngine(t, rules, corp()).Restore(detect.Checkpoint{Cases: j.Cases}); err != nil {
		t.Fatalf("whole: got %v; want none", err)
	}
	for n := 1; n < len(j.Cases); n++ {
		if err := newEngine(t, rules, corp()).Restore(detect.Checkpoint{Cases: j.Cases[:n]}); err == nil {
			t.Errorf("first %d of %d bytes: got no error; want one", n, len(j.Cases))
		}
		for _, change := range []byte{1, 0x80, 0xff} {
			damaged := []byte(string(j.Cases))
			damaged[n] ^= change
			_ = newEngine(t, rules, corp()).Restore(detect.Checkpoint{Cases: damaged})
		}
	}
	other := loadText(t, map[string]string{"five": fiveInAnHour})
	if err := newEngine(t, other, corp()).Restore(detect.Checkpoint{Cases: j.Cases}); err == nil {
		t.Error("other rules: got no error; want one")
	}
}

// One ordinary mail in the afternoon does not prolong what happened at night.
func TestFindingLastsWhileRowsAddToIt(t *testing.T) {
	const day = "submitters: [ip]\nwindow: 24h\nweight: 50\nlevel: alert\nsays: sent {recipients}\nwhen: "
	spam := sending{from: "10.1.4.7", at: noon, every: 1, times: 9, to: "u%d@example.net"}
	known := sending{from: "user:bob", at: noon - 9000, times: 9, to: "u%d@example.net"}
	ordinary := func(to string) sending { return sending{from: "10.1.4.7", at: noon + 9000, times: 1, to: to} }
	for _, c := range []struct {
		name string
		when string
		sent []sending
		want mail.Time // The last row, after noon.
	}{
		{"a stranger", "new_to_all >= 5", []sending{spam, ordinary("v@example.net")}, 9000},
		{"one that is known", "new_to_all >= 5", []sending{spam, ordinary("u1@example.net")}, 8},
		{"a colleague, of a share", "external_share >= 0.5 && recipients >= 5", []sending{spam, ordinary("a@corp.example")}, 8},
		{"a customer, of a share", "external_share >= 0.5 && recipients >= 5", []sending{spam, ordinary("u1@example.net")}, 9000},
		{"the first branch leads", "new_to_all >= 5 || recipients >= 5", []sending{spam, ordinary("u1@example.net")}, 8},
		{"the branch that holds leads", "new_to_all >= 5 || recipients >= 5", []sending{known, spam, ordinary("u1@example.net")}, 9000},
		{"the second branch of a sum", "hosts >= 9 || new_to_all + new_recipients >= 5", []sending{spam, ordinary("u1@example.net")}, 8},
		{"a part that only the machine reads", "new_to_all in 5..99 && recipients >= 5", []sending{spam, ordinary("u1@example.net")}, 8},
		{"accepted after refused ones", "refused_share >= 0.5", []sending{
			{from: "10.1.4.7", at: noon, every: 1, times: 9, to: "u%d@example.net", edit: refused}, ordinary("u1@example.net"),
		}, 8},
		{"a smaller message", "largest_message >= 100", []sending{
			{from: "10.1.4.7", at: noon, every: 1, times: 2, to: "u@example.net", edit: large},
			{from: "10.1.4.7", at: noon + 9000, times: 1, to: "u@example.net", edit: func(t *mail.Transaction) { t.SizeBytes = 99 }},
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judged(t, loadText(t, map[string]string{"day": day + c.when}), corp(), c.sent...)
			if len(j.Findings) != 1 || len(j.Episodes) != 1 {
				t.Fatalf("got %d findings, %d episodes; want one", len(j.Findings), len(j.Episodes))
			}
			if got := j.Findings[0].WindowEnd - noon; got != c.want {
				t.Errorf("got the finding's last row at %d s; want %d", got, c.want)
			}
			if got := j.Episodes[0].LastFlagged - noon; got != c.want {
				t.Errorf("got last flagged at %d s; want %d", got, c.want)
			}
		})
	}
}

func TestOrdinaryLoginDoesNotProlongAnAttack(t *testing.T) {
	e := newEngine(t, loadText(t, map[string]string{"logins": lowRules["logins"]}), corp())
	login := func(at mail.Time, ok bool) {
		e.Login(mail.Login{Pos: mail.LogPos{Log: 1, Offset: int64(at)}, At: at, ClientIP: "10.1.1.1", User: "ann", OK: ok})
	}
	for n := range mail.Time(8) {
		login(noon+n, false)
	}
	login(noon+10, true)
	login(noon+71000, false)
	login(noon+72005, true) // The attempts are out of the window of 20 hours, the login is not.
	e.Advance(endOfTime)
	for _, ep := range e.Take().Episodes {
		if ep.LastFlagged != noon+10 {
			t.Errorf("%s: got last flagged %d s after noon; want 10", ep.Submitter, ep.LastFlagged-noon)
		}
	}
}

// A host that ordinarily does what supports must not stay a suspect for ever.
func TestSupportDoesNotProlong(t *testing.T) {
	j := judged(t, loadText(t, levelRules), corp(),
		sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"},
		sending{from: "10.1.4.7", at: noon + 4000, every: 3600, times: 46, to: "a@corp.example", edit: large},
		sending{from: "10.1.4.7", at: noon + 172800, times: 5, to: "v%d@example.net"})
	var got []mail.Time
	for _, ep := range j.Episodes {
		got = append(got, ep.LastFlagged-noon)
	}
	if diff := cmp.Diff([]mail.Time{0, 172800}, got); diff != "" {
		t.Errorf("last flagged of each episode (-want +got):\n%s", diff)
	}
}

// An episode begins where the spam does, not with an ordinary mail of the day
// before: since then is counted what left.
func TestEpisodeBeginsWithTheFirstRowThatAdds(t *testing.T) {
	rules := loadText(t, map[string]string{
		"day": "submitters: [ip, user]\nwindow: 24h\nwhen: new_to_all >= 5 && external_share >= 0.5\nweight: 50\nlevel: alert\nsays: mailed {new_to_all}",
	})
	everybody := sending{from: "user:bob", at: noon - 80000, times: 1, to: "a@corp.example"}
	ordinary := sending{from: "10.1.4.7", at: noon - 40000, every: 60, times: 3, to: "a@corp.example"}
	spam := sending{from: "10.1.4.7", at: noon, every: 60, times: 9, to: "u%d@example.net"}
	between := sending{from: "10.1.4.7", at: noon + 90, times: 1, to: "a@corp.example"}
	j := judged(t, rules, corp(), everybody, ordinary, spam, between)
	if len(j.Findings) != 1 || len(j.Episodes) != 1 {
		t.Fatalf("got %d findings, %d episodes; want one", len(j.Findings), len(j.Episodes))
	}
	if got := j.Findings[0].WindowStart; got != noon {
		t.Errorf("got a finding from %s; want from %s", got, noon)
	}
	ep := j.Episodes[0]
	if ep.Start != noon || ep.Recipients != 10 || ep.External != 9 || ep.Transactions != 10 {
		t.Errorf("got from %s, %d recipients, %d outside, %d transactions; want from %s, 10, 9, 10", ep.Start, ep.Recipients, ep.External, ep.Transactions, noon)
	}
}

// Of an attack the account's beginning is the login that succeeded, and the failed
// ones before are shown.
func TestAttackBeginsWithTheLogin(t *testing.T) {
	e := newEngine(t, loadText(t, map[string]string{"logins": lowRules["logins"]}), corp())
	for n := range 10 {
		at := noon + mail.Time(n)
		e.Login(mail.Login{Pos: mail.LogPos{Log: 1, Offset: int64(n)}, At: at, ClientIP: "198.51.100.7", User: "ann", OK: n == 9})
	}
	e.Advance(endOfTime)
	for _, f := range e.Take().Findings {
		if f.WindowStart != noon+9 || len(f.Evidence.Rows) != 10 {
			t.Errorf("%s: got from %s with %d rows; want from %s with 10", f.Submitter, f.WindowStart, len(f.Evidence.Rows), noon+9)
		}
	}
}

// Summaries of the shipped rules are one line that fits a terminal twice.
func TestSummaries(t *testing.T) {
	rules := shipped(t)
	foreign := func(t *mail.Transaction) {
		t.ReversePath = mail.Path(fmt.Sprintf("r%d@example.org", t.Pos.Offset))
	}
	for _, c := range []struct {
		name string
		sent sending
		want string
	}{
		{
			"many",
			sending{from: "10.1.4.7", at: noon, every: 1, times: 1200, to: "u%d@example.net"},
			"10.1.4.7 mailed 1,200 recipients within a day whom nobody here had mailed before, of 1,200 different ones; 100 % were outside. 1,200 recipients since 2026-03-04 12:00 UTC.",
		},
		{
			"one",
			sending{from: "198.51.100.7", at: noon, times: 1, to: "u@example.net"},
			"198.51.100.7 had the server relay from outside to outside without a login (recipients: 1). 1 recipient since 2026-03-04 12:00 UTC.",
		},
		{
			"senders",
			sending{from: "10.1.4.7", at: noon, every: 60, times: 12, to: "u%d@example.net", edit: foreign},
			"10.1.4.7 used 12 different senders within an hour, in 12 of 12 transactions a foreign one. 12 recipients since 2026-03-04 12:00 UTC.",
		},
		{
			"refused",
			sending{from: "10.1.4.7", at: noon, every: 1, times: 20, to: "u%d@corp.example", edit: refused},
			"10.1.4.7 was refused 20 recipients within a day (100 % of all): 0 outside, 20 that do not exist here. Since 2026-03-04 12:00 UTC.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judged(t, rules, corp(), c.sent)
			if len(j.Episodes) != 1 {
				t.Fatalf("got %d episodes; want 1", len(j.Episodes))
			}
			if got := j.Episodes[0].Summary; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if n := len([]rune(j.Episodes[0].Summary)); n > 200 {
				t.Errorf("got %d characters; want 200 at most", n)
			}
		})
	}
}

func TestSupportIsToldToItsEnd(t *testing.T) {
	rules := loadText(t, map[string]string{
		"five": fiveInAnHour,
		"day":  "submitters: [ip]\nwindow: 24h\nwhen: recipients >= 1\nweight: 15\nlevel: support\nsays: sent {recipients}",
	})
	e := newEngine(t, rules, corp())
	sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}.feed(e, 1)
	sending{from: "10.1.4.7", at: noon + 60000, every: 60000, times: 3, to: "a@corp.example"}.feed(e, 2)
	e.Advance(noon + 60000)
	e.Take()
	e.Advance(endOfTime) // The episode closed at noon + 86400.
	j := e.Take()
	if len(j.Findings) != 1 || j.Findings[0].WindowEnd != noon+180000 {
		t.Errorf("got %+v; want the finding of rule day up to %s", j.Findings, noon+180000)
	}
}
