package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// strangersOf is a month of a workstation, and so many strangers at noon.
func strangersOf(n int) []sending {
	return append(monthOf("10.1.4.7"), sending{from: "10.1.4.7", at: noon, every: 20, times: n, to: "u%d@example.net"})
}

// onWatchAfter is who is on watch so long after noon.
func onWatchAfter(t *testing.T, site detect.Site, after mail.Time, sent []sending) []detect.Watched {
	t.Helper()
	e := newEngine(t, shipped(t), site)
	for i, s := range sent {
		s.feed(e, mail.LogID(i+1))
	}
	e.Advance(noon + after)
	return e.Take().Watched
}

func TestOnWatch(t *testing.T) {
	allow, capped, verdict := corp(), corp(), corp()
	allow.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "shop"}}
	capped.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "shop", AtMost: map[string]float64{"new_to_all": 3}}}
	verdict.Verdicts = []detect.Verdict{{Submitter: mail.Submitter{Kind: "ip", Value: "10.1.4.7"}, From: noon, Until: noon + 3600}}
	for name, tc := range map[string]struct {
		site      detect.Site
		strangers int
		after     mail.Time
		want      int
	}{
		"an ordinary day":                   {corp(), 0, 3600, 0},
		"two strangers":                     {corp(), 2, 3600, 0},
		"half way":                          {corp(), 5, 3600, 1},
		"half way, and forgotten in a day":  {corp(), 5, aDay, 0},
		"an accusation is no watch":         {corp(), 40, 3600, 0},
		"not while that is of the last day": {corp(), 40, aDay, 0},
		"of whom the allow-list knows":      {allow, 5, 3600, 0},
		"beyond its number":                 {capped, 5, 3600, 1},
		"called a false alarm":              {verdict, 5, 3600, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := onWatchAfter(t, tc.site, tc.after, strangersOf(tc.strangers))
			if len(got) != tc.want {
				t.Fatalf("got %+v; want %d on watch", got, tc.want)
			}
			for _, w := range got {
				if w.Rule != "external-list" || w.Score < w.From || w.Score >= w.Alert || w.Recipients != tc.strangers || w.Since != noon || w.Until <= w.At {
					t.Errorf("got %+v; want the %d strangers between watch and alarm", w, tc.strangers)
				}
				r := ruleNamed(t, shipped(t), w.Rule)
				if score, err := r.Recompute(detect.Evidence{Sum: &w.Sum}); err != nil || score != w.Score {
					t.Errorf("computed again: got %g, %v; want %g", score, err, w.Score)
				}
				// It ends when it was said to.
				if late := onWatchAfter(t, tc.site, w.Until-noon, strangersOf(tc.strangers)); len(late) > 0 {
					t.Errorf("at its end: got %+v; want nobody", late)
				}
				if soon := onWatchAfter(t, tc.site, w.Until-noon-60, strangersOf(tc.strangers)); len(soon) != 1 {
					t.Errorf("a minute before its end: got %+v; want one", soon)
				}
			}
		})
	}
}

// Who is on watch is the same for the time being, for good, and after a restart.
func TestOnWatchDependsOnRowsAlone(t *testing.T) {
	sent := strangersOf(5)
	e := newEngine(t, shipped(t), corp())
	for i, s := range sent {
		s.feed(e, mail.LogID(i+1))
	}
	e.Advance(noon - 1)
	store := newKept()
	store.merge(e.Take())
	ahead := e.Preview().Watched

	again := newEngine(t, shipped(t), corp())
	if err := again.Restore(store.stored()); err != nil {
		t.Fatal(err)
	}
	for i, s := range sent {
		s.feed(again, mail.LogID(i+1))
	}
	again.Restored()
	if diff := cmp.Diff(ahead, again.Preview().Watched); diff != "" || len(ahead) != 1 {
		t.Errorf("for the time being: got %d on watch; want one, and the same after a restart (-, +):\n%s", len(ahead), diff)
	}
	again.Advance(noon + 100)
	forGood := again.Take()
	if diff := cmp.Diff(ahead, forGood.Watched); diff != "" {
		t.Errorf("for the time being -, for good +:\n%s", diff)
	}
	store.merge(forGood)
	third := newEngine(t, shipped(t), corp())
	if err := third.Restore(store.stored()); err != nil {
		t.Fatal(err)
	}
	third.Restored()
	if diff := cmp.Diff(ahead, third.Take().Watched); diff != "" {
		t.Errorf("for good -, after a restart +:\n%s", diff)
	}
}
