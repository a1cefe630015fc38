package digest

import (
	"fmt"
	"time"
)

// Date is a day of the calendar.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads 2026-11-24.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date: write it as 2026-11-24", s)
	}
	return dateOf(t), nil
}

func dateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Add goes on by days.
func (d Date) Add(days int) Date {
	return dateOf(time.Date(d.Year, d.Month, d.Day+days, 12, 0, 0, 0, time.UTC))
}

// Weekday of the date.
func (d Date) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()
}

// Clock is when the daily mail is due.
type Clock struct {
	Hour, Minute int
	Zone         *time.Location
}

// ParseClock reads 07:30.
func ParseClock(at string, zone *time.Location) (Clock, error) {
	t, err := time.Parse("15:04", at)
	if err != nil {
		return Clock{}, fmt.Errorf("%q is no time of day; write it as 07:30", at)
	}
	return Clock{t.Hour(), t.Minute(), zone}, nil
}

// Due is the moment at which the mail of a date is due: exactly one for each date.
// Of a time of day that comes twice, as clocks go back, it is the first; one that
// does not come, as clocks go forward, is due as much later as they do.
func (c Clock) Due(d Date) time.Time {
	wall := time.Date(d.Year, d.Month, d.Day, c.Hour, c.Minute, 0, 0, time.UTC)
	// The clock's offset a day before and a day after: between them it changes at
	// most once.
	_, before := wall.Add(-24 * time.Hour).In(c.Zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(c.Zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(c.Zone)
	if c.shows(first, d) {
		return first
	}
	if second := wall.Add(-time.Duration(after) * time.Second).In(c.Zone); c.shows(second, d) {
		return second
	}
	return first
}

func (c Clock) shows(t time.Time, d Date) bool {
	return dateOf(t) == d && t.Hour() == c.Hour && t.Minute() == c.Minute
}

// Latest is the newest date whose mail is due at a moment.
func (c Clock) Latest(now time.Time) Date {
	d := dateOf(now.In(c.Zone)).Add(1)
	for c.Due(d).After(now) {
		d = d.Add(-1)
	}
	return d
}
