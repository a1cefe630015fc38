package digest

import (
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	for _, tc := range []struct{ zone, at, date, want string }{
		{"Europe/London", "07:30", "2026-11-24", "2026-11-24T07:30:00Z"},
		{"Europe/London", "07:30", "2026-07-01", "2026-07-01T06:30:00Z"},
		{"Europe/London", "01:30", "2026-03-29", "2026-03-29T01:30:00Z"},    // Does not come: clocks go from 01:00 to 02:00.
		{"Europe/London", "01:30", "2026-10-25", "2026-10-25T00:30:00Z"},    // Comes twice: the first.
		{"Europe/London", "07:30", "2026-03-29", "2026-03-29T06:30:00Z"},    // The new time.
		{"Europe/London", "07:30", "2026-10-25", "2026-10-25T07:30:00Z"},    //
		{"America/New_York", "02:30", "2026-03-08", "2026-03-08T07:30:00Z"}, // Does not come.
		{"America/New_York", "01:30", "2026-11-01", "2026-11-01T05:30:00Z"}, // Comes twice.
		{"Africa/Cairo", "00:15", "2026-04-24", "2026-04-23T22:15:00Z"},     // Midnight does not come: still that date, at 01:15.
		{"Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:45:00Z"},
		{"UTC", "00:00", "2026-11-24", "2026-11-24T00:00:00Z"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseClock(tc.at, zone)
		if err != nil {
			t.Fatal(err)
		}
		date, err := ParseDate(tc.date)
		if err != nil {
			t.Fatal(err)
		}
		due := c.Due(date)
		if got := due.UTC().Format(time.RFC3339); got != tc.want || dateOf(due) != date {
			t.Errorf("%s %s %s: got %s, %s; want %s on that date", tc.zone, tc.date, tc.at, got, due, tc.want)
		}
	}
}

// Every date of two years is due exactly once, in every zone and at every time: the
// latest date changes at its due moment, by one.
func TestLatestIsOnceADay(t *testing.T) {
	for _, name := range []string{"Europe/London", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{"00:00", "00:30", "01:30", "02:15", "02:30", "07:30", "23:59"} {
			c, err := ParseClock(at, zone)
			if err != nil {
				t.Fatal(err)
			}
			date, err := ParseDate("2026-01-01")
			if err != nil {
				t.Fatal(err)
			}
			for range 730 {
				due := c.Due(date)
				if got := c.Latest(due); got != date {
					t.Fatalf("%s %s: at %s got the mail of %s; want %s", name, at, due, got, date)
				}
				if got, want := c.Latest(due.Add(-time.Second)), date.Add(-1); got != want {
					t.Fatalf("%s %s: a second before %s got the mail of %s; want %s", name, at, due, got, want)
				}
				date = date.Add(1)
			}
		}
	}
}
