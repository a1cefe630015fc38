package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// silences tells of each finding of a rule when it began and why it is silenced.
func silences(j detect.Judgement, rule string) []string {
	list := []string{}
	for _, f := range j.Findings {
		if f.Rule == rule {
			list = append(list, fmt.Sprintf("%d %s", f.FlaggedAt-noon, f.Silenced))
		}
	}
	return list
}

// An entry with numbers holds up to them. Beyond, the rule finds from that row on, and
// is silent again after it held no more for a window.
func TestAllowAtMost(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	mails := func(at mail.Time, n int) sending {
		return sending{from: "10.1.4.7", at: noon + at, every: 10, times: n, to: "u%d@example.net"}
	}
	for _, c := range []struct {
		name     string
		atMost   map[string]float64
		sent     []sending
		want     []string
		episodes int
	}{
		{"up to the number", map[string]float64{"distinct_recipients": 10}, []sending{mails(0, 10)}, []string{"40 shop"}, 0},
		{"one more", map[string]float64{"distinct_recipients": 10}, []sending{mails(0, 11)}, []string{"40 shop", "100 "}, 1},
		{"all in one second", map[string]float64{"distinct_recipients": 10}, []sending{{from: "10.1.4.7", at: noon, times: 11, to: "u%d@example.net"}}, []string{"0 "}, 1},
		{"a signal that the rule does not name", map[string]float64{"transactions": 7}, []sending{mails(0, 8)}, []string{"40 shop", "70 "}, 1},
		{"one of two", map[string]float64{"transactions": 7, "distinct_recipients": 100}, []sending{mails(0, 8)}, []string{"40 shop", "70 "}, 1},
		{"back within it", map[string]float64{"distinct_recipients": 10}, []sending{mails(0, 11), mails(20000, 6)}, []string{"40 shop", "100 ", "20040 shop"}, 1},
		{"not back within the window", map[string]float64{"distinct_recipients": 10}, []sending{mails(0, 11), mails(3650, 6)}, []string{"40 shop", "100 "}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := corp()
			site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Rules: []string{"five"}, Reason: "shop", AtMost: c.atMost}}
			j := judged(t, rules, site, c.sent...)
			if diff := cmp.Diff(c.want, silences(j, "five")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(j.Episodes) != c.episodes {
				t.Errorf("got %d episodes; want %d", len(j.Episodes), c.episodes)
			}
		})
	}
}

// A baseline asks for so many times as much of what a rule counts, and no more of
// shares; what it asked for stands in the evidence.
func TestAllowBaseline(t *testing.T) {
	rules := loadText(t, map[string]string{
		"five": "submitters: [ip]\nwindow: 1h\nwhen: distinct_recipients >= 5 && external_share >= 0.8\nweight: 60\nlevel: alert\nsays: mailed {distinct_recipients}",
	})
	mails := func(at mail.Time, n int) sending {
		return sending{from: "10.1.4.7", at: noon + at, every: 10, times: n, to: "u%d@example.net"}
	}
	for _, c := range []struct {
		name string
		sent sending
		ends mail.Time
		want []string
	}{
		{"not twice as much", mails(0, 9), 0, []string{}},
		{"twice as much", mails(0, 10), 0, []string{"90 "}},
		{"when it ended a window ago", mails(0, 6), noon - 3600, []string{"40 "}},
		{"when it ended, but was in the window", mails(0, 6), noon - 3540, []string{}},
		{"when it ends in between", mails(0, 20), noon - 3600 + 65, []string{"70 "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := corp()
			site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "shop", Baseline: 2, Until: c.ends}}
			j := judged(t, rules, site, c.sent)
			if diff := cmp.Diff(c.want, silences(j, "five")); diff != "" {
				t.Fatalf("findings (-want +got):\n%s", diff)
			}
			for i := range j.Findings {
				if wrong := rules[0].Audit(&j.Findings[i]); len(wrong) > 0 {
					t.Errorf("got %v; want nothing wrong", wrong)
				}
			}
			if c.name != "twice as much" {
				return
			}
			e := j.Findings[0].Evidence
			if got := *e.Signals[0].Threshold; got != 10 || *e.Signals[1].Threshold != 0.8 || e.Baseline != 2 {
				t.Errorf("got threshold %g of %+v, baseline %g; want 10, a share of 0.8 and 2", got, e.Signals, e.Baseline)
			}
		})
	}
}

// It takes more strangers and a bigger burst until a score is as high.
func TestAllowBaselineOfScores(t *testing.T) {
	sent := append(monthOf("10.1.4.7"), sending{from: "10.1.4.7", at: noon, every: 15, times: 230, to: "u%d@example.net"})
	began := func(baseline float64) map[string]mail.Time {
		site := corp()
		if baseline > 0 {
			site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "shop", Baseline: baseline}}
		}
		at := map[string]mail.Time{}
		for _, f := range judged(t, shipped(t), site, sent...).Findings {
			at[f.Rule] = f.FlaggedAt - noon
			if wrong := ruleNamed(t, shipped(t), f.Rule).Audit(&f); len(wrong) > 0 {
				t.Errorf("baseline %g, %s: got %v; want nothing wrong", baseline, f.Rule, wrong)
			}
		}
		return at
	}
	once, more, silent := began(0), began(2), began(1000)
	for _, rule := range []string{"external-list", "fanout-burst"} {
		if once[rule] == 0 || more[rule] < once[rule]*3/2 || more[rule] > once[rule]*4 {
			t.Errorf("%s: got it after %d s, and %d s where twice as much is asked for", rule, once[rule], more[rule])
		}
	}
	if len(silent) > 0 {
		t.Errorf("got %v where a thousand times as much is asked for", silent)
	}
}

func TestWrongAllow(t *testing.T) {
	rules := loadText(t, map[string]string{"five": fiveInAnHour})
	site := corp()
	site.Allow = []detect.Allow{
		{Submitter: "user:ann", Reason: "x", AtMost: map[string]float64{"recipents": 5, "score": 5, "recipients": 0}},
		{Submitter: "user:ann", Reason: "x", Baseline: 0.5},
		{Submitter: "user:ann", Reason: "x", Baseline: 2, AtMost: map[string]float64{"recipients": 5}},
	}
	_, err := detect.NewEngine(rules, site)
	want := []string{
		`allow user:ann: no signal "recipents" (did you mean recipients?)`, "recipients of at most 0 is never", "a score has no number that is usual",
		"allow user:ann: baseline 0.5 (give a number above 1", "allow user:ann: at_most and baseline in one entry",
	}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("got %v; want %q in it", err, w)
		}
	}
}
