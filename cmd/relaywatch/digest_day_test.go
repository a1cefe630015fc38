package main

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
)

// Who is in the mail of 10 November, 01:30: new or known, told in full or closed. The
// mails of the 8th and 9th were made before.
func TestDaySuspects(t *testing.T) {
	h := newMailHost(t, "")
	db := h.open()
	day := func(d, hour int) mail.Time { return mail.Of(time.Date(2026, 11, d, hour, 0, 0, 0, time.UTC)) }
	who := func(value string) mail.Submitter { return mail.Submitter{Kind: "ip", Value: value} }
	var episodes []detect.Episode
	for _, e := range []struct {
		value       string
		first, last mail.Time
	}{
		{"10.1.1.1", day(9, 12), day(9, 13)},  // Of the day, new.
		{"10.1.1.2", day(8, 12), day(9, 13)},  // Goes on; told on the 9th.
		{"10.1.1.3", day(8, 12), day(8, 13)},  // Told on the 9th, quiet since.
		{"10.1.1.4", day(7, 12), day(8, 0)},   // Its rows came after the mail of the 8th: nobody was told.
		{"10.1.1.5", day(5, 12), day(5, 13)},  // From before all mail.
		{"10.1.1.6", day(1, 12), day(1, 13)},  // Confirmed long ago, and not closed.
		{"10.1.1.7", day(9, 14), day(9, 15)},  // Of the day, a false alarm.
		{"10.1.1.8", day(9, 14), day(9, 15)},  // Of the day, closed by somebody.
		{"10.1.1.9", day(10, 2), day(10, 3)},  // After the time of the mail.
		{"10.1.1.10", day(9, 2), day(9, 15)},  // Told under another beginning.
		{"10.1.1.11", day(9, 14), day(9, 15)}, // Closed by somebody, and went on.
	} {
		episodes = append(episodes, detect.Episode{
			Submitter: who(e.value), Start: e.first, FirstFlagged: e.first, LastFlagged: e.last, Score: 100, Severity: detect.High, Recipients: 10, Summary: "mailed.",
		})
	}
	if err := db.WriteJudgement(t.Context(), detect.Judgement{Until: day(10, 3), Episodes: episodes}); err != nil {
		t.Fatal(err)
	}
	for key, told := range map[string][]store.Told{
		"2026-11-08": nil,
		"2026-11-09": {
			{Kind: "ip", Value: "10.1.1.2", FirstFlagged: day(8, 12), LastFlagged: day(9, 0)},
			{Kind: "ip", Value: "10.1.1.3", FirstFlagged: day(8, 12), LastFlagged: day(8, 13)},
			{Kind: "ip", Value: "10.1.1.10", FirstFlagged: day(9, 1), LastFlagged: day(9, 2)},
		},
	} {
		at, err := time.Parse(time.DateOnly, key)
		if err != nil {
			t.Fatal(err)
		}
		made := mail.Of(at.Add(90 * time.Minute))
		if _, err := db.AddDigest(t.Context(), store.Digest{Kind: store.DigestDaily, Key: key, MessageID: key, Since: made - 86400, Until: made, Made: made, Done: made, Told: told}); err != nil {
			t.Fatal(err)
		}
	}
	for value, d := range map[string]store.Decision{
		"10.1.1.6":  {FirstFlagged: day(1, 12), LastFlagged: day(1, 13), State: "confirmed", At: day(2, 9)},
		"10.1.1.7":  {FirstFlagged: day(9, 14), LastFlagged: day(9, 15), State: "false-alarm", Note: "party", At: day(9, 16)},
		"10.1.1.8":  {FirstFlagged: day(9, 14), LastFlagged: day(9, 15), State: "closed", Note: "cleaned", At: day(9, 16), Covers: day(9, 16)},
		"10.1.1.11": {FirstFlagged: day(9, 14), LastFlagged: day(9, 14), State: "closed", At: day(9, 14), Covers: day(9, 14)},
	} {
		d.Submitter, d.By = who(value), "ann"
		if err := db.Decide(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	config, err := loadConfig(h.config, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 11, 10, 1, 30, 0, 0, time.UTC)
	p := &program{config: config}
	date, err := digest.ParseDate("2026-11-10")
	if err != nil {
		t.Fatal(err)
	}
	d, told, err := p.day(t.Context(), db, daySpec{date: date, since: until.Add(-24 * time.Hour), until: until, now: until})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range d.Suspects {
		got[s.Submitter.Value] = s.State + ", known"
		if s.New {
			got[s.Submitter.Value] = s.State + ", new"
		}
	}
	for _, c := range d.Closed {
		got[c.Submitter.Value] += "below as " + c.State + ": " + c.Note
	}
	want := map[string]string{
		"10.1.1.1": "open, new", "10.1.1.2": "open, known", "10.1.1.3": "below as closed: ", "10.1.1.4": "closed, new", "10.1.1.6": "confirmed, new",
		"10.1.1.7": "below as false-alarm: party", "10.1.1.8": "below as closed: cleaned", "10.1.1.10": "open, known", "10.1.1.11": "open, new",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in the mail (- want, + got):\n%s", diff)
	}
	if len(told) != len(d.Suspects) || !slices.ContainsFunc(told, func(t store.Told) bool { return t.Value == "10.1.1.4" }) {
		t.Errorf("got %+v; want each suspect noted as told", told)
	}
}

// A chart counts the hours of its time, and beside each the mean of the same hour of
// the days before, as far as the store reaches back.
func TestChart(t *testing.T) {
	start := mail.Of(time.Date(2026, 11, 10, 1, 0, 0, 0, time.UTC))
	hour := func(n, recipients int) store.Hour {
		return store.Hour{Hour: start + mail.Time(n)*3600, Recipients: recipients}
	}
	hours := []store.Hour{hour(-24*20, 999), hour(-47, 4), hour(-24, 6), hour(-23, 2), hour(0, 7), hour(1, 600), hour(24, 5)}
	for name, tc := range map[string]struct {
		hours  int
		oldest mail.Time
		want   digest.Chart
	}{
		"two days before": {3, start - 2*86400 - 10, digest.Chart{StepHours: 1, Counts: []int{7, 600, 0}, Usual: []float64{3, 3, 0}, Days: 2}},
		"no day before":   {3, start - 3600, digest.Chart{StepHours: 1, Counts: []int{7, 600, 0}}},
		"nothing stored":  {3, 0, digest.Chart{StepHours: 1, Counts: []int{7, 600, 0}}},
		"days":            {72, start - 2*86400, digest.Chart{StepHours: 24, Counts: []int{607, 5, 0}, Usual: []float64{6, 6, 6}, Days: 2}},
	} {
		got := chartOf(hours, start, start+mail.Time(tc.hours)*3600, tc.oldest)
		tc.want.Start = start.Std()
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", name, diff)
		}
	}
}

func TestCovers(t *testing.T) {
	elsewhere := "/logs/ex1.log"
	if runtime.GOOS == "windows" {
		elsewhere = `C:\logs\ex1.log`
	}
	for _, tc := range []struct {
		source, path string
		want         bool
	}{
		{"/logs", "/logs/a/ex1.log", true},
		{"/logs/", "/logs/ex1.log", true},
		{"/logs", "/logs2/ex1.log", false},
		{"/logs/ex*.log", "/logs/ex1.log", true},
		{"/logs/ex*.log", "/logs/a/ex1.log", false},
		{"/logs/**/ex*.log", "/logs/a/b/ex1.log", true},
		{"/logs/ex1.log", "/logs/ex1.log", true},
		{".", "ex1.log", true},
		{".", elsewhere, false},
		{"./logs", "logs/ex1.log", true},
	} {
		if got := covers(tc.source, tc.path); got != tc.want {
			t.Errorf("%s covers %s: got %v; want %v", tc.source, tc.path, got, tc.want)
		}
	}
}
