package detect_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"relaywatch/detect"
	"relaywatch/mail"
)

// monthOf is ordinary mail of a submitter in the days before noon: the same few
// colleagues and one customer, every hour.
func monthOf(from string) []sending {
	var sent []sending
	for day := range mail.Time(20) {
		begin := noon - (20-day)*86400 - 4*3600
		sent = append(sent,
			sending{from: from, at: begin, every: 1800, times: 12, to: "c%d@corp.example"},
			sending{from: from, at: begin + 600, every: 3600, times: 3, to: "buyer@example.org"})
	}
	return sent
}

// audited is a finding of each rule with a score, of a month of ordinary mail and
// what follows it.
func audited(t *testing.T, site detect.Site) map[string]detect.Finding {
	t.Helper()
	sent := append(monthOf("user:ann"), monthOf("10.1.4.7")...)
	sent = append(sent,
		sending{from: "user:ann", at: noon, every: 20, times: 300, to: "u%d@example.net"},
		sending{from: "10.1.4.7", at: noon + 7200, every: 20, times: 30, to: "nobody%d@corp.example", edit: refused},
	)
	found := map[string]detect.Finding{}
	for _, f := range judged(t, shipped(t), site, sent...).Findings {
		if f.Evidence.Sum != nil || f.Evidence.Record != nil || found[f.Rule].Rule == "" {
			found[f.Rule] = f
		}
	}
	return found
}

func ruleNamed(t *testing.T, rules []*detect.Rule, name string) *detect.Rule {
	t.Helper()
	i := slices.IndexFunc(rules, func(r *detect.Rule) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("got no rule %s; want one", name)
	}
	return rules[i]
}

func TestScoresAreRecomputed(t *testing.T) {
	blind := corp()
	blind.OwnDomains = nil
	for _, c := range []struct {
		name string
		site detect.Site
		sums []string // Rules with a score that must have a finding.
	}{
		{"site is known", corp(), []string{"external-list", "fanout-burst", "refused-recipients"}},
		{"own domains are not known", blind, []string{"fanout-burst", "refused-recipients"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := audited(t, c.site)
			for _, name := range c.sums {
				if _, ok := found[name]; !ok {
					t.Errorf("got no finding of %s; want one", name)
				}
			}
			for name, f := range found {
				if wrong := ruleNamed(t, shipped(t), name).Audit(&f); len(wrong) > 0 {
					t.Errorf("%s of %s: got %v; want nothing wrong", name, f.Submitter, wrong)
				}
				if f.Evidence.Sum == nil {
					continue
				}
				own := f.Evidence.Sum.Steps[0].Own
				if told := own.External > 0 && own.Path > 0; told != (len(c.site.OwnDomains) > 0) {
					t.Errorf("%s: got shares %+v; want those of external and reverse_path only where own domains are known", name, own)
				}
			}
		})
	}
}

// All that the engine ever tells can be computed again, from what is left of it in
// JSON too.
func TestScoresOfRandomTrafficAreRecomputed(t *testing.T) {
	rules := loadText(t, lowRules)
	site := corp()
	site.Allow = []detect.Allow{
		{Submitter: "ip:10.1.4.7", Reason: "shop", Baseline: 1.5, Until: noon + 50000},
		{Submitter: "ip:10.1.4.0/24", Rules: []string{"weighed", "scaled"}, Reason: "shop", Baseline: 1.2},
	}
	rapid.Check(t, func(rt *rapid.T) {
		all := drawTraffic(rt)
		e := newEngine(t, rules, site)
		all.feed(e)
		e.Advance(endOfTime)
		for _, f := range e.Take().Findings {
			text, err := json.Marshal(f.Evidence)
			if err != nil {
				rt.Fatal(err)
			}
			f.Evidence = detect.Evidence{}
			if err := json.Unmarshal(text, &f.Evidence); err != nil {
				rt.Fatal(err)
			}
			if wrong := ruleNamed(t, rules, f.Rule).Audit(&f); len(wrong) > 0 {
				rt.Fatalf("%s of %s: got %v of %s; want nothing wrong", f.Rule, f.Submitter, wrong, text)
			}
		}
	})
}

func TestTamperingIsTold(t *testing.T) {
	more := func(n float64) *float64 { return &n }
	for _, c := range []struct {
		rule string
		what string
		edit func(*detect.Finding)
		want string // Part of what is said.
	}{
		{"external-list", "a weight of a recipient", func(f *detect.Finding) { f.Evidence.Sum.Steps[3].Nats += 1e-6 }, "recipient "},
		{"external-list", "a score", func(f *detect.Finding) { f.Evidence.Sum.Score -= 1e-6 }, "score: the finding has"},
		{"external-list", "what came before", func(f *detect.Finding) { f.Evidence.Sum.Before += 0.1; f.Evidence.Sum.BeforeAt -= 5 }, "score: the finding has"},
		{"external-list", "a known recipient", func(f *detect.Finding) { f.Evidence.Sum.Steps[2].Novelty = "known" }, "recipient "},
		{"external-list", "no such novelty", func(f *detect.Finding) { f.Evidence.Sum.Steps[2].Novelty = "odd" }, `novelty "odd"`},
		{"external-list", "another hour", func(f *detect.Finding) { f.Evidence.Sum.Steps[2].Hour = 3; f.Evidence.Sum.Steps[2].Own.Hour = 0.01 }, "recipient "},
		{"external-list", "a share", func(f *detect.Finding) { f.Evidence.Sum.Steps[2].Own.External += 0.01 }, "recipient "},
		{"external-list", "a later recipient of its message", func(f *detect.Finding) { f.Evidence.Sum.Steps[2].Nth = 2 }, "recipient "},
		{"external-list", "a time", func(f *detect.Finding) { f.Evidence.Sum.Steps[0].At = f.Evidence.Sum.Steps[1].At + 1 }, "not in the order of time"},
		{"external-list", "a recipient is gone", func(f *detect.Finding) { f.Evidence.Sum.Steps = f.Evidence.Sum.Steps[1:] }, "score: the finding has"},
		{"external-list", "invented support", func(f *detect.Finding) {
			f.Evidence.Sum.Support = append(f.Evidence.Sum.Support, detect.Supported{Rule: "x", Nats: 0.5})
		}, "score: the finding has"},
		{"external-list", "no sum", func(f *detect.Finding) { f.Evidence.Sum = nil }, "sums up recipients"},
		{"fanout-burst", "a record", func(f *detect.Finding) { f.Evidence.Record.Mean += 1e-6 }, "score: the finding has"},
		{"fanout-burst", "a value", func(f *detect.Finding) { f.Evidence.Record.Value++ }, "score: the finding has"},
		{"recipient-fanout", "a signal", func(f *detect.Finding) { f.Evidence.Signals[0].Value = 3 }, "does not hold"},
		{"recipient-fanout", "a signal, a little", func(f *detect.Finding) { f.Evidence.Signals[0].Value++ }, "sentence"},
		{"recipient-fanout", "a threshold", func(f *detect.Finding) { f.Evidence.Signals[0].Threshold = more(10) }, "threshold of distinct_recipients"},
		{"recipient-fanout", "signals", func(f *detect.Finding) { f.Evidence.Signals = f.Evidence.Signals[1:] }, "has not the signals"},
		{"recipient-fanout", "the sentence", func(f *detect.Finding) { f.Sentence = "ann did nothing." }, "sentence"},
		{"recipient-fanout", "the weight", func(f *detect.Finding) { f.Weight = 1 }, "weight"},
		{"recipient-fanout", "the level", func(f *detect.Finding) { f.Level = detect.LevelInfo }, "level"},
	} {
		t.Run(c.rule+"/"+c.what, func(t *testing.T) {
			f, ok := audited(t, corp())[c.rule]
			if !ok {
				t.Fatalf("got no finding of %s; want one", c.rule)
			}
			c.edit(&f)
			if got := fmt.Sprint(ruleNamed(t, shipped(t), c.rule).Audit(&f)); !strings.Contains(got, c.want) {
				t.Errorf("got %s; want %q", got, c.want)
			}
		})
	}
}

// A sum is that of its last row: a bounce, which is not weighed, does not accuse weeks
// later with what was sent then.
func TestOldSumsAccuseNobody(t *testing.T) {
	bounce := func(tx *mail.Transaction) { tx.ReversePath = "" }
	sent := append(monthOf("10.1.4.7"),
		sending{from: "10.1.4.7", at: noon, every: 20, times: 100, to: "u%d@example.net"},
		sending{from: "10.1.4.7", at: noon + 20*86400, times: 1, to: "buyer@example.org", edit: bounce},
	)
	at := map[string][]mail.Time{}
	for _, f := range judged(t, shipped(t), corp(), sent...).Findings {
		at[f.Rule] = append(at[f.Rule], f.FlaggedAt)
	}
	if got := at["external-list"]; len(got) != 1 || got[0] > noon+3600 {
		t.Errorf("got findings of external-list at %v; want one, on the day of the list", got)
	}
}
