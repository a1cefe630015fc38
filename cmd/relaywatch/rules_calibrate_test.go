package main

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// The sums of the threshold in force are the engine's own, row by row, also after
// people took an episode for a false alarm.
func TestCalibrationSumsAreTheEngines(t *testing.T) {
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "whole.db")
	config := filepath.Join(samples, "relaywatch.yaml")
	mustRun(t, 0, "--config", config, "--db", path, "ingest", filepath.Join(samples, "iis"), filepath.Join(samples, "exchange"))
	mustRun(t, 0, "--config", config, "--db", path, "triage", "ip:10.1.7.31", "false-alarm", "--note", "invitation")
	ruleSet, err := rulesIn("")
	if err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(config, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	site, err := c.site()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if site, err = decided(t.Context(), db, ruleSet, site); err != nil || len(site.Verdicts) != 1 {
		t.Fatalf("got %d verdicts, %v; want one", len(site.Verdicts), err)
	}
	channels := map[string]*channelCost{}
	for _, r := range ruleSet {
		if now, ok := r.Threshold(); ok && r.Weigher != nil {
			channels[r.Name] = newChannelCost(r, now)
		}
	}
	rows, high := 0, 0
	engines, err := stored{db: db, until: mail.Time(1) << 40}.judged(t.Context(), func() ([]*detect.Engine, error) {
		e, err := detect.NewEngine(ruleSet, site)
		if err != nil {
			return nil, err
		}
		e.Watch(func(s detect.Scored) {
			ch := channels[s.Rule]
			if ch == nil {
				return
			}
			ch.see(&s, int32(s.At/86400), true, site.Verdicts)
			rows++
			sum := ch.states[s.Submitter].sums[slices.Index(ch.thresholds, ch.now)]
			if sum > 0 {
				sum += s.Support
			}
			if sum > ch.now {
				high++
			}
			if math.Abs(sum-s.Score) > 1e-9 {
				t.Errorf("%s of %s at %s: got %g; want the engine's %g", s.Rule, s.Submitter, s.At, sum, s.Score)
			}
		})
		return []*detect.Engine{e}, nil
	})
	if err != nil || len(engines) != 1 || rows < 1000 || high < 100 {
		t.Errorf("got %d rows, %d above the threshold, %v; want many", rows, high, err)
	}
}

func TestAlarmsOfDays(t *testing.T) {
	const one = 1 << 3
	st := scoreState{days: []dayOver{{1, one}, {2, one}, {3, 0}, {4, one}, {6, one | 1}, {7, one}, {8, 1}}}
	var runs [][2]int32
	if n := st.alarms(3, func(first, last int32) { runs = append(runs, [2]int32{first, last}) }); n != 3 {
		t.Errorf("got %d alarms; want 3", n)
	}
	if diff := cmp.Diff([][2]int32{{1, 2}, {4, 4}, {6, 7}}, runs); diff != "" {
		t.Errorf("runs of days (-want +got):\n%s", diff)
	}
}

// A decision counts for the alarm of its days; the newest word holds.
func TestJudgedAlarms(t *testing.T) {
	const day = mail.Time(86400)
	ann := mail.Submitter{Kind: "user", Value: "ann"}
	decision := func(state string, first, last mail.Time) store.Decision {
		return store.Decision{Submitter: ann, State: state, FirstFlagged: first * day, LastFlagged: last * day}
	}
	calendar, err := detect.NewCalendar(detect.Hours{})
	if err != nil {
		t.Fatal(err)
	}
	known := judgedEpisodes([]store.Decision{
		decision("false-alarm", 10, 11), decision("confirmed", 10, 12), decision("closed", 10, 12), decision("false-alarm", 20, 20), decision("open", 30, 30),
	}, calendar)
	var line costLine
	for _, days := range [][2]int32{{9, 10}, {12, 14}, {13, 14}, {20, 20}, {30, 30}} {
		line.judge(ann, days[0], days[1], known)
	}
	line.judge(mail.Submitter{Kind: "user", Value: "bob"}, 10, 10, known)
	if line.confirmed != 2 || line.mistaken != 1 {
		t.Errorf("got %d confirmed and %d mistaken; want 2 and 1", line.confirmed, line.mistaken)
	}
}

// Marked is the lowest whole number that keeps to the budget; what is confirmed is free.
func TestMarkedThreshold(t *testing.T) {
	costs := []costLine{{threshold: 8, alarms: 9}, {threshold: 9, alarms: 6, confirmed: 3}, {threshold: 9.2, alarms: 3}, {threshold: 10, alarms: 3}, {threshold: 11, alarms: 1}}
	for _, tc := range []struct {
		share, weeks float64
		want         int
	}{{1, 3, 1}, {1, 2, 4}, {0.1, 2, -1}, {3, 3, 0}, {0, 3, -1}} {
		ch := channelCost{costs: costs}
		if ch.mark(tc.share, tc.weeks); ch.marked != tc.want {
			t.Errorf("%g a week in %g weeks: got line %d; want %d", tc.share, tc.weeks, ch.marked, tc.want)
		}
	}
}
