package traffic

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tolerance is how far simulated values may be from measured ones: by a share of
// the value, or by least where that is more. Quantiles are compared from the first
// level to the last.
type tolerance struct {
	share, least float64
	from, to     float64
}

var tolerances = map[string]tolerance{
	"rate":       {0.2, 0.1, 0.05, 0.98},
	"dispersion": {0.3, 0.3, 0.05, 0.95},
	"single":     {0.3, 0.06, 0.05, 0.95},
	"recipients": {0.2, 1, 0.05, 0.98},
	"distinct":   {0.3, 1, 0.05, 0.95},
	"top 1":      {0.3, 0.04, 0.05, 0.75}, // Nobody has one correspondent for half of the mail.
	"top 5":      {0.3, 0.04, 0.05, 0.95},
	"rank":       {0.3, 1, 0.05, 0.98},
	"peak hour":  {0.3, 1, 0.05, 0.99},
	"gaps":       {0.65, 10, 0.05, 0.95}, // Simulated days are somewhat too long.
	"close gaps": {0.45, 3, 0.05, 0.95},
}

// Simulated people show what was measured of real ones, with a seed that tuning has
// not seen.
func TestModelsShowWhatWasMeasured(t *testing.T) {
	for _, b := range BuiltinBehaviours() {
		m := b.Model
		got := SimulatedMeasures(m, 4711)
		check := func(name string, got, want, share, least float64) {
			if math.Abs(got-want) > max(share*want, least) {
				t.Errorf("%s, %s: got %.3g; want %.3g", b.Name, name, got, want)
			}
		}
		numbers := got.Numbers()
		for i, want := range m.Measured.Numbers() {
			check(want.Name, *numbers[i].Value, *want.Value, 0, 0.06)
		}
		for i, want := range m.Measured.New[:10] { // Histories of up to 1,022 recipients.
			check("new "+itoa(i), got.New[i], want, 0.25, 0.02)
		}
		for i, want := range m.Measured.NewByDay {
			check("new by day "+itoa(i), got.NewByDay[i], want, 0.3, 0.06)
		}
		lists := got.Lists()
		for i, want := range m.Measured.Lists()[2:] {
			tol, ok := tolerances[want.Name]
			if !ok {
				t.Fatalf("no tolerance for %s", want.Name)
			}
			for j, level := range quantileLevels {
				if level >= tol.from && level <= tol.to {
					check(fmt.Sprint(want.Name, " at ", level), (*lists[i+2].Values)[j], (*want.Values)[j], tol.share, tol.least)
				}
			}
		}
	}
}

func TestMeasure(t *testing.T) {
	const hour = 3600
	letters := []Letter{
		{At: 9 * hour, From: 1, To: []int{2}},
		{At: 9*hour + 60, From: 1, To: []int{3, 4}},
		{At: 10 * hour, From: 2, To: []int{1}},                   // An answer, and the first letter of 2.
		{At: 33 * hour, From: 1, To: []int{4, 3}},                // The set of before.
		{At: 33*hour + 2*hour, From: 1, To: []int{2}},            // An answer after a day is none.
		{At: 5*secondsADay + 12*hour, From: 1, To: []int{9}},     // Saturday.
		{At: 6*secondsADay + 12*hour + 1, From: 9, To: []int{1}}, // More than a day after.
	}
	m := measure(7, math.MaxInt, letters)
	for _, f := range []struct {
		name      string
		got, want float64
	}{
		{"senders", float64(m.Senders), 3},
		{"single", m.SingleAll, 5.0 / 7},
		{"same set", m.SameSet, 0.5},
		{"reply", m.Reply, 1.0 / 7},
		{"wrote to", m.WroteTo, 2.0 / 6}, // 2 and 9 had heard from 1.
		{"new at first", m.New[0], 1},
		{"new after three to six", m.New[2], 1.0 / 4},
		{"highest rate", m.Rate.at(1), 0.8},
		{"Saturday", m.Weekdays[5], 1.0 / 7},
		{"at nine", m.Hours[0][9], 3.0 / 5},
		{"close", m.Close, 0.5},
		{"close gap", m.CloseGaps.at(0.5), 60},
		{"busiest hour", m.PeakHour.at(1), 3},
		{"rank", m.Rank.at(1), 2},
	} {
		if math.Abs(f.got-f.want) > 1e-9 {
			t.Errorf("%s: got %v; want %v", f.name, f.got, f.want)
		}
	}
}

// A set that counts from 1970 is read by the clock of its zone, one that counts
// from its own beginning by the busy hours.
func TestReadLetters(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// 2010-06-01, a Tuesday, 08:00:00 UTC is 10:00 in Warsaw.
	unix := write("unix.txt", "% a comment\n7 8 1275379200 1\n7 9 1275379200 1\n7 7 1275379200 1\n8 7 1275379230 1\n")
	letters, err := ReadLetters(unix, officeZone())
	if err != nil {
		t.Fatal(err)
	}
	if len(letters) != 2 || letters[0].At != secondsADay+10*3600 || !slices.Equal(letters[0].To, []int{8, 9}) {
		t.Errorf("got %v; want two letters, the first at 10:00 on Tuesday to 8 and 9", letters)
	}
	var rows strings.Builder
	for h := 7; h < 16; h++ { // One hour early, as in a set that its publisher shifted.
		rows.WriteString("1 2 " + itoa(h*3600) + "\n")
	}
	letters, err = ReadLetters(write("own.txt", rows.String()), officeZone())
	if err != nil {
		t.Fatal(err)
	}
	if letters[0].hour() != 8 || letters[8].hour() != 16 {
		t.Errorf("got hours %d to %d; want 8 to 16", letters[0].hour(), letters[8].hour())
	}
	for text, want := range map[string]string{
		"":             "no row",
		"1 2\n":        "line 1",
		"1 2 3\n1 x 3": "line 2",
		"1 2 -3\n":     "line 1",
	} {
		if _, err := ReadLetters(write("bad.txt", text), time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v; want %s", text, err, want)
		}
	}
}

func TestBusyWeeks(t *testing.T) {
	var letters []Letter
	for i, n := range []int{10, 2, 30, 20} {
		for range n {
			letters = append(letters, Letter{At: i * daysAWeek * secondsADay})
		}
	}
	if got, want := busyWeeks(letters, 7), []int{14, 21}; !slices.Equal(got, want) {
		t.Errorf("got weeks of days %v; want %v: the others have less than half", got, want)
	}
}
