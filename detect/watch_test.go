package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Who watches hears the scores that findings have, and changes nothing.
func TestWatch(t *testing.T) {
	sent := append(monthOf("10.1.4.7"),
		sending{from: "10.1.4.7", at: noon, every: 20, times: 60, to: "u%d@example.net"},
		// Eight refusals are a high score, and the rule asks for more of them.
		sending{from: "10.1.4.8", at: noon, every: 20, times: 4, to: "nobody%d@corp.example", edit: refused},
	)
	watched := func(site detect.Site, watch bool) (detect.Judgement, map[string]float64, int) {
		e := newEngine(t, shipped(t), site)
		best, rows := map[string]float64{}, 0
		if watch {
			e.Watch(func(s detect.Scored) {
				if s.Submitter.Value == "10.1.4.7" && s.Rule == "external-list" {
					rows++
				}
				if key := s.Rule + " " + s.Submitter.Value; s.Holds() {
					best[key] = max(best[key], s.Score)
				}
			})
		}
		for i, s := range sent {
			s.feed(e, mail.LogID(i+1))
			e.Preview()
		}
		e.Advance(endOfTime)
		return e.Take(), best, rows
	}
	want, _, _ := watched(corp(), false)
	got, best, rows := watched(corp(), true)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("judgement (- without, + with who watches):\n%s", diff)
	}
	peak := 0.0
	for _, f := range got.Findings {
		if f.Rule == "external-list" {
			peak = f.Evidence.Signals[0].Value
		}
	}
	if peak == 0 || best["external-list 10.1.4.7"] != peak {
		t.Errorf("got a best score of %g; want that of the finding, %g", best["external-list 10.1.4.7"], peak)
	}
	if want := 20*(12+3) + 60; rows != want {
		t.Errorf("got %d scores; want one for each recipient, %d: none for previews", rows, want)
	}
	if got := best["refused-recipients 10.1.4.8"]; got != 0 {
		t.Errorf("got a score of %g where the rest of the rule does not hold; want 0", got)
	}
	allow := corp()
	allow.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Reason: "shop"}}
	if _, best, _ := watched(allow, true); best["external-list 10.1.4.7"] != 0 {
		t.Errorf("got a score of %g that the allow-list silences; want 0", best["external-list 10.1.4.7"])
	}
}

func TestThreshold(t *testing.T) {
	for name, want := range map[string]bool{"external-list": true, "fanout-burst": true, "recipient-fanout": false, "off-hours": false} {
		if got, ok := ruleNamed(t, shipped(t), name).Threshold(); ok != want || ok && got < 8 {
			t.Errorf("%s: got a threshold of %g, %v; want one: %v", name, got, ok, want)
		}
	}
}
