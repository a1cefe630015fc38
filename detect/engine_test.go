package detect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// sending is a run of one-recipient transactions of a client.
type sending struct {
	from   string // An address, or user:ann.
	at     mail.Time
	every  mail.Time
	times  int
	to     string // With %d for the number.
	server string
	edit   func(*mail.Transaction)
}

func (s sending) feed(e *detect.Engine, log mail.LogID) {
	for n := range s.times {
		at := s.at + mail.Time(n)*s.every
		t := mail.Transaction{
			Pos: mail.LogPos{Log: log, Offset: int64(n) * 100}, At: at, ClientIP: s.from, ServerIP: s.server,
			ReversePath: "ann@corp.example", SizeBytes: -1, EndAt: at, Outcome: mail.Accepted,
		}
		if user, ok := strings.CutPrefix(s.from, "user:"); ok {
			t.ClientIP, t.User, t.Authenticated = "10.1.1.1", user, true
		}
		to := s.to
		if strings.Contains(to, "%d") {
			to = fmt.Sprintf(to, n)
		}
		t.Recipients = []mail.Recipient{{Pos: mail.LogPos{Log: log, Offset: t.Pos.Offset + 10}, At: at, Path: mail.Path(to), Reply: 250}}
		if s.edit != nil {
			s.edit(&t)
		}
		e.Transaction(t)
	}
}

// judged is what a new engine finds in some sendings.
func judged(t testing.TB, rules []*detect.Rule, site detect.Site, sent ...sending) detect.Judgement {
	t.Helper()
	e := newEngine(t, rules, site)
	// Mail was seen for days.
	sending{from: "user:zoe", at: noon - 900000, times: 1, to: "zoe@corp.example"}.feed(e, 99)
	for i, s := range sent {
		s.feed(e, mail.LogID(i+1))
	}
	e.Advance(endOfTime)
	return e.Take()
}

func accused(j detect.Judgement) []string {
	names := []string{}
	for _, ep := range j.Episodes {
		names = append(names, ep.Submitter.String())
	}
	slices.Sort(names)
	return names
}

func TestWhoIsAccused(t *testing.T) {
	rules := loadText(t, map[string]string{"any": "submitters: [ip, user]\nfrom: any\nwindow: 1h\nwhen: external_recipients >= 1\nweight: 50\nlevel: alert\nsays: sent"})
	out := "u%d@example.net"
	for _, c := range []struct {
		name string
		sent []sending
		want []string
	}{
		{"a client inside", []sending{{from: "10.1.4.7", at: noon, times: 1, to: out}}, []string{"ip:10.1.4.7"}},
		{"a client outside", []sending{{from: "198.51.100.7", at: noon, times: 1, to: out}}, []string{"ip:198.51.100.7"}},
		{"a client outside that is no relay's", []sending{{from: "198.51.100.7", at: noon, times: 1, to: "ann@mail.corp.example"}}, []string{}},
		{"an account", []sending{{from: "user:ann", at: noon, times: 1, to: out}}, []string{"user:ann"}},
		{"a gateway", []sending{{from: "10.0.0.9", at: noon, times: 1, to: out}}, []string{}},
		{"loopback", []sending{{from: "127.0.0.1", at: noon, times: 1, to: out}}, []string{}},
		{"the server itself", []sending{{from: "10.0.0.25", server: "10.0.0.25", at: noon, times: 1, to: out}}, []string{}},
		{"a server that another row told", []sending{
			{from: "10.1.4.7", server: "10.0.0.26", at: noon, times: 1, to: "a@corp.example"},
			{from: "10.0.0.26", server: "10.0.0.25", at: noon + 1, times: 1, to: out},
		}, []string{}},
		{"nobody, for the client is not logged", []sending{{from: "", at: noon, times: 1, to: out}}, []string{}},
		{"a hop", []sending{{from: "10.1.4.7", at: noon, times: 1, to: out, edit: func(t *mail.Transaction) { t.Hop = true }}}, []string{}},
		{"a probe", []sending{{from: "10.1.4.7", at: noon, times: 1, to: out, edit: func(t *mail.Transaction) { t.Probe = true }}}, []string{}},
		{"the server's own delivery", []sending{{from: "10.1.4.7", at: noon, times: 1, to: out, edit: func(t *mail.Transaction) { t.Direction = mail.Out }}}, []string{}},
		{"a row without a time", []sending{{from: "10.1.4.7", at: 0, times: 1, to: out}}, []string{}},
		{"an address in IPv6 form", []sending{{from: "::ffff:10.0.0.9", at: noon, times: 1, to: out}}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, accused(judged(t, rules, corp(), c.sent...))); diff != "" {
				t.Errorf("accused (-want +got):\n%s", diff)
			}
		})
	}
}

// What the server delivers itself changes nothing: neither is its sender known here
// for it, nor its address a server's. The store hands it over at no replay.
func TestDeliveriesAreNotJudged(t *testing.T) {
	list := sending{from: "10.1.4.7", at: noon, every: 20, times: 160, to: "u%d@example.net"}
	delivered := sending{from: "203.0.113.9", at: noon - 3600, times: 40, to: "ann@corp.example", server: "10.1.4.7", edit: func(t *mail.Transaction) {
		t.Direction = mail.Out
		t.ReversePath = mail.Path(fmt.Sprintf("u%d@example.net", t.Pos.Offset/100))
	}}
	want := judged(t, shipped(t), corp(), list)
	if len(want.Findings) == 0 {
		t.Fatal("got no finding; want some")
	}
	got := judged(t, shipped(t), corp(), list, delivered)
	if diff := cmp.Diff(want.Findings, got.Findings); diff != "" {
		t.Errorf("findings (- without, + with deliveries):\n%s", diff)
	}
}

// relaywatch's own mail accuses nobody, and nobody hides behind it: another recipient
// under the same reverse-path counts, as does the same one under another.
func TestOwnMail(t *testing.T) {
	rules := loadText(t, map[string]string{"any": "submitters: [ip, user]\nfrom: any\nwindow: 1h\nwhen: external_recipients >= 1\nweight: 50\nlevel: alert\nsays: sent"})
	site := corp()
	site.Digest = detect.OwnMail{From: "relaywatch@corp.example", To: []mail.Path{"oncall@example.net", "chief@example.net"}}
	from := func(path mail.Path, more ...mail.Path) func(*mail.Transaction) {
		return func(t *mail.Transaction) {
			t.ReversePath = path
			for i, to := range more {
				r := t.Recipients[0]
				r.Pos.Offset += int64(i) + 1
				r.Path = to
				t.Recipients = append(t.Recipients, r)
			}
		}
	}
	for _, c := range []struct {
		name string
		sent sending
		want []string
	}{
		{"its own", sending{from: "10.1.4.7", at: noon, times: 1, to: "oncall@example.net", edit: from("relaywatch@corp.example", "chief@example.net")}, []string{}},
		{"its own, by an account", sending{from: "user:ann", at: noon, times: 1, to: "oncall@example.net", edit: from("relaywatch@corp.example")}, []string{}},
		{"somebody else beside", sending{from: "10.1.4.7", at: noon, times: 1, to: "oncall@example.net", edit: from("relaywatch@corp.example", "x@example.net")}, []string{"ip:10.1.4.7"}},
		{"somebody else", sending{from: "10.1.4.7", at: noon, times: 1, to: "x@example.net", edit: from("relaywatch@corp.example")}, []string{"ip:10.1.4.7"}},
		{"another sender", sending{from: "10.1.4.7", at: noon, times: 1, to: "oncall@example.net", edit: from("ann@corp.example")}, []string{"ip:10.1.4.7"}},
		{"the null reverse-path", sending{from: "10.1.4.7", at: noon, times: 1, to: "oncall@example.net", edit: from("")}, []string{"ip:10.1.4.7"}},
		{"a stranger outside", sending{from: "198.51.100.7", at: noon, times: 1, to: "oncall@example.net", edit: from("relaywatch@corp.example")}, []string{"ip:198.51.100.7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, accused(judged(t, rules, site, c.sent))); diff != "" {
				t.Errorf("accused (-want +got):\n%s", diff)
			}
		})
	}
}

const fiveInAnHour = "submitters: [ip, user]\nwindow: 1h\nwhen: distinct_recipients >= 5\nweight: 60\nlevel: alert\nsays: mailed {distinct_recipients} people, {external_share} outside"

func TestFindingTellsItsProof(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	j := judged(t, rules, corp(), sending{from: "10.1.4.7", at: noon, every: 60, times: 7, to: "u%d@example.net"})
	five, none := 5.0, (*float64)(nil)
	var rows []mail.LogPos
	for n := range 5 {
		rows = append(rows, mail.LogPos{Log: 1, Offset: int64(n)*100 + 10})
	}
	who := mail.Submitter{Kind: "ip", Value: "10.1.4.7"}
	want := []detect.Finding{{
		Rule: "five", Submitter: who, WindowStart: noon, WindowEnd: noon + 360, FlaggedAt: noon + 240, Level: detect.LevelAlert, Weight: 60,
		Sentence: "10.1.4.7 mailed 7 people, 100 % outside.",
		Evidence: detect.Evidence{Rows: rows, Signals: []detect.Measure{
			{Signal: "distinct_recipients", Value: 7, Threshold: &five, Unit: "recipients"},
			{Signal: "external_share", Value: 1, Threshold: none, Unit: "share"},
		}},
	}}
	if diff := cmp.Diff(want, j.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	episodes := []detect.Episode{{
		Submitter: who, Start: noon, FirstFlagged: noon + 240, LastFlagged: noon + 360, Score: 60, Severity: detect.Medium,
		Rules: []string{"five"}, Recipients: 7, External: 7, Transactions: 7,
		Summary: "10.1.4.7 mailed 7 people, 100 % outside. 7 recipients since 2026-03-04 12:00 UTC.",
	}}
	if diff := cmp.Diff(episodes, j.Episodes); diff != "" {
		t.Errorf("episodes (-want +got):\n%s", diff)
	}
}

func TestEvidenceIsTheFirstAndTheLast(t *testing.T) {
	rules := loadText(t, map[string]string{"many": strings.Replace(fiveInAnHour, ">= 5", ">= 50", 1)})
	j := judged(t, rules, corp(), sending{from: "10.1.4.7", at: noon, every: 1, times: 60, to: "u%d@example.net"})
	if len(j.Findings) != 1 {
		t.Fatalf("got %d findings; want 1", len(j.Findings))
	}
	var got []int64
	for _, pos := range j.Findings[0].Evidence.Rows {
		got = append(got, pos.Offset/100)
	}
	want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestFindingEndsAfterItsWindow(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	for _, c := range []struct {
		pause mail.Time
		want  int
	}{
		{3600, 1}, // Between the last row of the one and the fifth of the other: not longer than the window.
		{3601, 2},
	} {
		first := sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}
		second := sending{from: "10.1.4.7", at: noon + c.pause, times: 5, to: "v%d@example.net"}
		if got := len(judged(t, rules, corp(), first, second).Findings); got != c.want {
			t.Errorf("pause of %d s: got %d findings; want %d", c.pause, got, c.want)
		}
	}
}

func TestEpisodeClosesAfterADayOfQuiet(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	for _, c := range []struct {
		pause      mail.Time
		recipients []int // Of each episode.
	}{
		{86400, []int{5 + 3 + 5}}, // Those in between are counted once a rule holds again.
		{86401, []int{5, 5}},
	} {
		j := judged(t, rules, corp(),
			sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"},
			sending{from: "10.1.4.7", at: noon + 20000, times: 3, to: "w%d@example.net"},
			sending{from: "10.1.4.7", at: noon + c.pause, times: 5, to: "v%d@example.net"})
		var got []int
		for _, ep := range j.Episodes {
			got = append(got, ep.Recipients)
		}
		if diff := cmp.Diff(c.recipients, got); diff != "" {
			t.Errorf("pause of %d s: recipients (-want +got):\n%s", c.pause, diff)
		}
	}
}

func TestSupportAddsAndAccusesNobody(t *testing.T) {
	rules := loadText(t, map[string]string{
		"five":  fiveInAnHour,
		"large": levelRules["large"],
		"note":  "submitters: [ip]\nwindow: 1h\nwhen: recipients >= 1\nweight: 40\nlevel: info\nsays: sent",
	})
	support := sending{from: "10.1.4.7", at: noon, times: 1, to: "a@corp.example", edit: large}
	alert := func(at mail.Time) sending { return sending{from: "10.1.4.7", at: at, times: 5, to: "u%d@example.net"} }
	for _, c := range []struct {
		name string
		sent []sending
		want float64 // Score; 0 is no episode.
	}{
		{"support alone", []sending{support}, 0},
		{"alert alone", []sending{alert(noon)}, 60},
		{"support a day before", []sending{support, alert(noon + 86400)}, 75},
		{"support longer before", []sending{support, alert(noon + 86401)}, 60},
		{"support after", []sending{alert(noon - 80000), support}, 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judged(t, rules, corp(), c.sent...)
			got := 0.0
			for _, ep := range j.Episodes {
				got = ep.Score
			}
			if got != c.want {
				t.Errorf("got score %g; want %g", got, c.want)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	sent := sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}
	for _, c := range []struct {
		name  string
		allow detect.Allow
		want  string // Reason that silenced the finding.
	}{
		{"the submitter", detect.Allow{Submitter: "ip:10.1.4.7", Reason: "newsletter"}, "newsletter"},
		{"its network", detect.Allow{Submitter: "ip:10.1.4.0/24", Rules: []string{"five"}, Reason: "newsletter"}, "newsletter"},
		{"another", detect.Allow{Submitter: "ip:10.1.4.8", Reason: "newsletter"}, ""},
		{"an account", detect.Allow{Submitter: "user:ann", Reason: "newsletter"}, ""},
		{"until later", detect.Allow{Submitter: "ip:10.1.4.7", Reason: "newsletter", Until: noon + 1}, "newsletter"},
		{"until then", detect.Allow{Submitter: "ip:10.1.4.7", Reason: "newsletter", Until: noon}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := corp()
			site.Allow = []detect.Allow{c.allow}
			j := judged(t, rules, site, sent)
			if len(j.Findings) != 1 || j.Findings[0].Silenced != c.want {
				t.Fatalf("got findings %+v; want one, silenced by %q", j.Findings, c.want)
			}
			if got, want := len(j.Episodes) > 0, c.want == ""; got != want {
				t.Errorf("got an episode %v; want %v", got, want)
			}
		})
	}
}

// What was sent under an entry is not held against the submitter when it ends,
// but what it sends afterwards is.
func TestAllowEndsWithoutAFlood(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	site := corp()
	site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "newsletter", Until: noon + 600}}
	j := judged(t, rules, site, sending{from: "10.1.4.7", at: noon, every: 60, times: 120, to: "u%d@example.net"})
	if len(j.Findings) != 2 || j.Findings[0].Silenced == "" || j.Findings[1].Silenced != "" {
		t.Fatalf("got findings %+v; want a silenced one and another", j.Findings)
	}
	if got, want := j.Findings[1].FlaggedAt, noon+600+3600; got < want || got > want+60 {
		t.Errorf("got flagged at %s; want a window after the end, %s", got, want)
	}
}

func TestWrongSite(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	site := corp()
	site.Internal = append(site.Internal, netip.Prefix{})
	site.Hours.Business = "always"
	site.Allow = []detect.Allow{{Submitter: "10.1.4.7", Reason: "x"}, {Submitter: "user:ann"}, {Submitter: "user:ann", Rules: []string{"fife"}, Reason: "x"}}
	_, err := detect.NewEngine(rules, site)
	want := `internal network: not valid (write it as 10.0.0.0/8)
business hours "always": want days and hours (write them as mon-fri 07:00-19:00)
allow 10.1.4.7: submitter "10.1.4.7": write ip:10.1.4.7, user:ann, sender:ann@corp.example or helo:ws-ann@10.6.0.1
allow user:ann: has no reason (say who wants it and why)
allow user:ann: no rule "fife" (did you mean five?)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

func TestLate(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	e := newEngine(t, rules, corp())
	e.Advance(noon)
	sending{from: "10.1.4.7", at: noon + 1, times: 1, to: "u@example.net"}.feed(e, 1)
	if e.Late() {
		t.Error("got late for a row after what was judged; want not")
	}
	sending{from: "10.1.4.7", at: noon, times: 1, to: "u@example.net"}.feed(e, 2)
	if !e.Late() {
		t.Error("got not late for a row at what was judged; want late")
	}
}

// A row that comes after its time was said to be replayed has missed its turn.
func TestReplayedLate(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	e, kept := newEngine(t, rules, corp()), newKept()
	sending{from: "10.1.4.7", at: noon, every: 60, times: 3, to: "u%d@example.net"}.feed(e, 1)
	e.Advance(noon + 120)
	kept.merge(e.Take())
	for _, upTo := range []mail.Time{noon + 59, noon + 60} {
		e = newEngine(t, rules, corp())
		if err := e.Restore(kept.stored()); err != nil {
			t.Fatal(err)
		}
		sending{from: "10.1.4.7", at: noon, times: 1, to: "u%d@example.net"}.feed(e, 1)
		e.Replayed(upTo)
		sending{from: "10.1.4.7", at: noon + 60, every: 60, times: 2, to: "v%d@example.net"}.feed(e, 1)
		e.Restored()
		if want := upTo == noon+60; e.Late() != want {
			t.Errorf("replayed up to %d: got late %v; want %v", upTo, e.Late(), want)
		}
	}
}

func TestPreviewIsProvisionalAndChangesNothing(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	e := newEngine(t, rules, corp())
	e.Advance(noon - 1)
	sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}.feed(e, 1)
	first, second := e.Preview(), e.Preview()
	if len(first.Episodes) != 1 || !first.Provisional || first.Until != noon-1 {
		t.Errorf("got preview %+v; want one provisional episode", first)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("second preview (-first +second):\n%s", diff)
	}
	if got := e.Take(); len(got.Findings)+len(got.Episodes) > 0 {
		t.Errorf("got %+v taken; want nothing before it is judged for good", got)
	}
}

// What is judged for good and not taken yet is shown, too: whoever takes it now and then
// alone would show nothing of it meanwhile.
func TestPreviewShowsWhatIsNotTaken(t *testing.T) {
	e := newEngine(t, loadText(t, map[string]string{"five": fiveInAnHour}), corp())
	sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}.feed(e, 1)
	sending{from: "10.1.4.8", at: noon + 700, times: 5, to: "v%d@example.net"}.feed(e, 2)
	want := []string{"ip:10.1.4.7", "ip:10.1.4.8"}
	for _, until := range []mail.Time{0, noon + 60, noon + 650, noon + 700, noon + 5000} { // The third begins the preview anew.
		e.Advance(until)
		j := e.Preview()
		if diff := cmp.Diff(want, accused(j)); diff != "" || len(j.Findings) != 2 {
			t.Errorf("judged until %d: %d findings, accused (-want +got):\n%s", until, len(j.Findings), diff)
		}
	}
	if diff := cmp.Diff(want, accused(e.Take())); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if j := e.Preview(); len(j.Findings)+len(j.Episodes) > 0 {
		t.Errorf("got %+v once it is taken; want nothing", j)
	}
}

func TestUnreadableCheckpoint(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	for _, c := range []detect.Checkpoint{
		{Cases: []byte("{")},
		{Memory: []detect.Memory{{Submitter: mail.Submitter{Kind: "ip", Value: "10.1.4.7"}, Hashes: make([]byte, 7)}}},
	} {
		if err := newEngine(t, rules, corp()).Restore(c); err == nil {
			t.Errorf("%+v: got no error; want one", c)
		}
	}
}

// A restart is no news: the store has what was told, and a preview changes none of it.
func TestRestartTellsNothingAgain(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	kept, e := newKept(), newEngine(t, rules, corp())
	sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}.feed(e, 1)
	e.Advance(noon)
	kept.merge(e.Take())
	later := sending{from: "10.1.4.7", at: noon + 60, times: 5, to: "v%d@example.net"}
	later.feed(e, 2)
	if j := e.Preview(); len(j.Findings) != 1 || len(j.Episodes) != 1 {
		t.Fatalf("got preview %+v; want the episode going on", j)
	}
	if j := e.Take(); len(j.Findings)+len(j.Episodes) > 0 {
		t.Errorf("after a preview: got %+v; want nothing", j)
	}
	e = newEngine(t, rules, corp())
	if err := e.Restore(kept.stored()); err != nil {
		t.Fatal(err)
	}
	sending{from: "10.1.4.7", at: noon, times: 5, to: "u%d@example.net"}.feed(e, 1)
	later.feed(e, 2)
	if j := e.Take(); len(j.Findings)+len(j.Episodes) > 0 {
		t.Errorf("after a restart: got %+v; want nothing", j)
	}
	e.Advance(noon + 60)
	if j := e.Take(); len(j.Findings) != 1 || len(j.Episodes) != 1 || j.Episodes[0].FirstFlagged != noon || j.Episodes[0].Recipients != 10 {
		t.Errorf("with new rows: got %+v; want the same episode with 10 recipients", j)
	}
}

// On the first day of a log all are new, and nobody is a stranger; a restart keeps
// when that was.
func TestStrangersNeedADayOfLog(t *testing.T) {
	rules := loadText(t, map[string]string{"three": "submitters: [ip]\nwindow: 1h\nwhen: strangers >= 3\nweight: 50\nlevel: alert\nsays: mailed"})
	for _, c := range []struct {
		after   mail.Time // Of the spam, after the first recipient.
		restart bool
		want    []string
	}{
		{86398, false, []string{}}, // The last two of four are a day later.
		{86399, false, []string{"ip:10.1.4.7"}},
		{86398, true, []string{}},
		{5 * 86400, true, []string{"ip:10.1.4.7"}},
	} {
		kept, e := newKept(), newEngine(t, rules, corp())
		first := sending{from: "user:zoe", at: noon, times: 1, to: "zoe@corp.example"}
		spam := sending{from: "10.1.4.7", at: noon + c.after, every: 1, times: 4, to: "u%d@example.net"}
		first.feed(e, 1)
		e.Advance(noon + c.after - 1)
		kept.merge(e.Take())
		if c.restart {
			e = newEngine(t, rules, corp())
			if err := e.Restore(kept.stored()); err != nil {
				t.Fatal(err)
			}
			first.feed(e, 1)
		}
		spam.feed(e, 2)
		e.Advance(endOfTime)
		if diff := cmp.Diff(c.want, accused(e.Take())); diff != "" {
			t.Errorf("%d s after, restart %v: accused (-want +got):\n%s", c.after, c.restart, diff)
		}
	}
}
