package detect

import (
	"math"
	"testing"

	"relaywatch/mail"
)

func TestOddForm(t *testing.T) {
	for _, tc := range []struct {
		path mail.Path
		odd  bool
	}{
		{"ann@example.org", false},
		{"ann+tag@example.org", false},
		{"o'neil@example.org", false},
		{`"ann smith"@example.org`, false},
		{"postmaster", false},
		{"bounce-123=ann=example.org@lists.example.net", false},
		{"ann%example.net@mx1.example.org", true},
		{"ann%example.net", true},
		{"@mx1.example.org:ann@example.net", true},
		{`"ann@example.net"@mx1.example.org`, true},
		{`"ann%example.net"@mx1.example.org`, true},
		{"ann@example.net@mx1.example.org", true},
		{"example.net!ann", true},
		{"example.net!ann@mx1.example.org", true},
		{"ann@[192.0.2.1]", true},
	} {
		if got := oddForm(tc.path) != 0; got != tc.odd {
			t.Errorf("%s: got odd %v; want %v", tc.path, got, tc.odd)
		}
		if disguised := tc.path.Disguise("forgotten-1"); oddForm(disguised) != oddForm(tc.path) {
			t.Errorf("%s: got another form for %s, which stands for it", tc.path, disguised)
		}
	}
}

// Every form is one of its own, or a test with two would count one.
func TestOddFormsDiffer(t *testing.T) {
	seen := map[uint64]mail.Path{}
	for _, path := range []mail.Path{
		"d!u", "u%d", "@h:u@d", `"u@d"@h`, "u@d@h", "u%d@h", "d!u@h", "u@[192.0.2.1]",
	} {
		form := oddForm(path)
		if other, twice := seen[form]; twice || form == 0 {
			t.Errorf("%s: got form %d, as %s", path, form, other)
		}
		seen[form] = path
	}
}

// A run is of one size, whatever one message comes between.
func TestRunOfOneSize(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sizes  []int64
		want   int32
		inside int32 // Each message has one recipient inside.
	}{
		{"none", nil, 0, 0},
		{"all alike", []int64{5000, 5050, 4990}, 3, 3},
		{"all different", []int64{5000, 9000, 3000, 7000}, 1, 1},
		{"another between", []int64{5000, 5000, 900, 5000}, 3, 3},
		{"another between each two, from the third on", []int64{5000, 5000, 900, 5000, 800, 5000}, 4, 4},
		{"two others between", []int64{5000, 5000, 900, 800, 5000}, 1, 1},
		{"two others that are alike are a run", []int64{5000, 5000, 900, 900, 900}, 3, 2},
		{"one is no run", []int64{5000, 900, 5000}, 1, 1},
	} {
		p := &profile{}
		for i, size := range tc.sizes {
			pos := mail.LogPos{Log: 1, Offset: int64(i)}
			if i%2 == 0 { // Before the end, as in the row, or after it, in the same second.
				p.goInside(pos)
			}
			p.resize(size, pos)
			if i%2 == 1 {
				p.goInside(pos)
			}
		}
		if p.Alike != tc.want || p.Inside != tc.inside {
			t.Errorf("%s: got %d messages and %d recipients inside; want %d and %d", tc.name, p.Alike, p.Inside, tc.want, tc.inside)
		}
	}
}

// The weight of a recipient by hand, as the comments of external-list tell it.
func TestWeigh(t *testing.T) {
	w := &Weigher{
		Novelty: [novelties]float64{0.03, 0.03, 0.94}, External: 0.9, Weights: termWeights{Novelty: 1, External: 0.5},
		Temper: 0.6, Least: -2.5, Most: 3, Later: 0.5,
	}
	o := &own{novelty: [novelties]float32{0.9, 0.05, 0.125}, external: 0.5}
	weights := w.against(o)
	for _, tc := range []struct {
		name string
		told told
		want float64
	}{
		{"a stranger outside", told{novelty: newToAll, external: true, nth: 1}, 0.6 * (math.Log(0.94/0.125) + 0.5*math.Log(0.9/0.5))},
		{"the fourth of a message weighs half", told{novelty: newToAll, external: true, nth: 4}, 0.5 * 0.6 * (math.Log(0.94/0.125) + 0.5*math.Log(0.9/0.5))},
		{"a colleague who is known", told{novelty: known, nth: 1}, -2.5}, // Clipped: it would be -2.6.
	} {
		if got := w.weigh(weights, o, &tc.told); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: got %g; want %g", tc.name, got, tc.want)
		}
	}
	if got := w.weigh(w.against(new(own)), new(own), &told{novelty: newToAll, external: true, nth: 1}); got != 0 {
		t.Errorf("where nothing is known of novelty: got %g; want 0", got)
	}
}
