package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/rules"
)

// small is a plan of one seed: three days, one of two of the attacks.
func small(seed uint64) plan {
	return plan{seeds: seeds{seed, seed}, people: 30, days: 8, attackDays: 3, groups: 2}
}

func builtIn(t *testing.T) []*detect.Rule {
	t.Helper()
	loaded, err := detect.LoadRules(rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// Every row of the truth stands in the logs, and the reader finds it there.
func TestTruthIsInTheRows(t *testing.T) {
	for _, j := range []job{{1, true, false}, {1, true, true}} {
		s, err := small(1).read(context.Background(), j)
		if err != nil {
			t.Fatal(err)
		}
		type key struct {
			who, path string
			at        mail.Time
			accepted  bool
		}
		rows := map[key]int{}
		for _, b := range s.batches {
			for i := range b.Transactions {
				who := b.Transactions[i].Submitter().String()
				for _, r := range b.Transactions[i].Recipients {
					rows[key{who, string(r.Path), r.At, r.Accepted()}]++
				}
			}
		}
		if len(s.spammers) < 5 {
			t.Errorf("got %d attacks; want 5 at least", len(s.spammers))
		}
		for _, sp := range s.spammers {
			missing := 0
			for _, row := range sp.Spam {
				k := key{row.Submitter, strings.ToLower(row.Path), mail.Of(row.At), row.Accepted}
				if rows[k]--; rows[k] < 0 {
					missing++
				}
			}
			if missing > 0 {
				t.Errorf("%s: %d of %d rows of the truth are not in what was read", sp.Name, missing, len(sp.Spam))
			}
		}
	}
}

func TestEvaluationOfASmallWorld(t *testing.T) {
	ruleSet := builtIn(t)
	e := evaluation{plan: small(1), rules: ruleSet, variants: without(ruleSet)[:4], workers: 2}
	m, err := e.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if m.Worlds != 2 || m.Days.all() < 150 || m.Recipients < 1000 {
		t.Errorf("got %d worlds, %d submitter-days, %d recipients; want 2, 200 and 1000 at least", m.Worlds, m.Days.all(), m.Recipients)
	}
	if len(m.Detectors) != 1+len(baselines) || len(m.Variants) != len(e.variants) {
		t.Fatalf("got %d detectors and %d variants", len(m.Detectors), len(m.Variants))
	}
	for _, d := range m.Detectors {
		if len(d.Attacks) != len(m.Detectors[0].Attacks) {
			t.Errorf("%s: got %d attacks; want %d", d.Name, len(d.Attacks), len(m.Detectors[0].Attacks))
		}
		for _, a := range d.Attacks {
			if a.Leak > a.Volume || a.Leak < a.Volume && !a.Found || a.Volume == 0 {
				t.Errorf("%s, %s: got leak %d of %d, found %v", d.Name, a.Name, a.Leak, a.Volume, a.Found)
			}
		}
	}
	e.variants = nil
	again, err := e.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m.Variants = nil
	one, _ := json.Marshal(m)
	two, _ := json.Marshal(again)
	if !bytes.Equal(one, two) {
		t.Error("got other figures the second time; want the same")
	}
}

func TestFigures(t *testing.T) {
	attacks := []attackResult{{Leak: 4, Volume: 9, Found: true, Delay: time.Minute}, {Leak: 30, Volume: 30}, {Leak: 10, Volume: 50, Found: true, Delay: time.Hour}}
	got := figuresOf(attacks, everyAttack)
	if want := (figures{N: 3, Found: 2, LeakP50: 10, LeakP90: 30, LeakMax: 30, VolumeP50: 30, DelayP50: time.Minute}); got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if got := rateOf(2, 4000); math.Abs(got.Rate-0.5) > 1e-9 || math.Abs(got.High-7.225/4) > 0.001 {
		t.Errorf("got %v; want 0.50, up to 1.81", got)
	}
}

func TestParseSeeds(t *testing.T) {
	for text, want := range map[string]seeds{"tuning": tuningSeeds, "table": tableSeeds, "7": {7, 7}, "1-20": {1, 20}} {
		if got, err := parseSeeds(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "5-1", "a-b", "1-"} {
		if _, err := parseSeeds(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
	if tuningSeeds.last >= tableSeeds.first {
		t.Error("tuning and table have seeds in common")
	}
}

// Attacks that are named are in every attacked world, and no others.
func TestNamedAttacks(t *testing.T) {
	p := small(1)
	p.seeds.last, p.attacks = 2, []string{"worm", "bcc"}
	m, err := (&evaluation{plan: p, rules: builtIn(t), workers: 2}).run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range m.Detectors[0].Attacks {
		got = append(got, a.Name)
	}
	slices.Sort(got)
	if want := []string{"bcc", "bcc", "worm", "worm"}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

// The command prints every table, in each format, and says what is wrong with its
// arguments.
func TestCommand(t *testing.T) {
	args := []string{"--seeds", "2", "--people", "25", "--days", "7"}
	for format, wants := range map[string][]string{
		"--verbose":  {"Seeds 2-2, rules built-in", "relaywatch", "own mean + 3 sigma/h", "Goals", "rotating", "found: seed 2"},
		"--markdown": {"| detector |", "| --- |", "**Goals**"},
		"--json":     {`"detectors"`, `"goals"`, `"leak"`},
		"--compare":  {"What changes with other rules", "../../rules"},
	} {
		var out bytes.Buffer
		formatArgs := append(slices.Clone(args), format)
		if format == "--compare" {
			formatArgs = append(formatArgs, "../../rules")
		}
		if err := run(context.Background(), formatArgs, &out); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: got no %q in:\n%s", format, want, out.String())
			}
		}
	}
	for _, bad := range [][]string{{"--seeds", "x"}, {"--without", "no-such-rule"}, {"--rules", "/nowhere"}, {"--attacks", "book,no-such"}, {"what"}} {
		if err := run(context.Background(), bad, &bytes.Buffer{}); err == nil {
			t.Errorf("%v: got no error", bad)
		}
	}
}
