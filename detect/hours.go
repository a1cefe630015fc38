package detect

import (
	"fmt"
	"math"
	"strings"
	"time"

	"relaywatch/mail"
)

// businessHours is what an Hours without Business means.
const businessHours = "mon-fri 07:00-19:00"

const (
	minutesOfDay = 24 * 60
	secondsOfDay = 60 * minutesOfDay
)

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // As time.Weekday.

// calendar tells business hours from others.
type calendar struct {
	zone     *time.Location
	business [7][minutesOfDay]bool
	holidays map[int64]bool // By the day since 1970-01-01.

	// The time that was asked for last stands between two changes of the zone's
	// offset, and so does what is asked for next: rows come in order.
	from, to mail.Time
	offset   mail.Time // In seconds east of UTC.
}

func newCalendar(h Hours) (*calendar, error) {
	c := &calendar{zone: h.Zone, holidays: make(map[int64]bool)}
	if c.zone == nil {
		c.zone = time.UTC
	}
	spec := h.Business
	if strings.TrimSpace(spec) == "" {
		spec = businessHours
	}
	for part := range strings.SplitSeq(spec, ",") {
		if err := c.open(strings.Fields(strings.ToLower(part))); err != nil {
			return nil, fmt.Errorf("business hours %q: %w", h.Business, err)
		}
	}
	for _, day := range h.Holidays {
		t, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return nil, fmt.Errorf("holiday %q: no such day (write it as 2026-12-25)", day)
		}
		c.holidays[t.Unix()/secondsOfDay] = true
	}
	return c, nil
}

// open marks the minutes of a part as "mon-fri 07:00-19:00".
func (c *calendar) open(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("want days and hours (write them as mon-fri 07:00-19:00)")
	}
	from, to, isRange := strings.Cut(words[0], "-")
	if !isRange {
		to = from
	}
	first, last := weekday(from), weekday(to)
	if first < 0 || last < 0 {
		return fmt.Errorf("no such days %q (write them as mon-fri or sat)", words[0])
	}
	opens, closes, _ := strings.Cut(words[1], "-")
	start, end := minuteOf(opens), minuteOf(closes)
	if start < 0 || end < 0 || end <= start {
		return fmt.Errorf("no such hours %q (write them as 07:00-19:00; over midnight, as two)", words[1])
	}
	for day := first; ; day = (day + 1) % 7 {
		for minute := start; minute < end; minute++ {
			c.business[day][minute] = true
		}
		if day == last {
			return nil
		}
	}
}

func weekday(name string) int {
	for i, day := range weekdays {
		if name == day {
			return i
		}
	}
	return -1
}

// minuteOf reads 07:00 as a minute of the day, 24:00 as its end; -1 is no time.
func minuteOf(text string) int {
	if text == "24:00" {
		return minutesOfDay
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return -1
	}
	return t.Hour()*60 + t.Minute()
}

// offHours is true outside business hours and on holidays.
func (c *calendar) offHours(t mail.Time) bool {
	if t < c.from || t >= c.to {
		c.seek(t)
	}
	local := int64(t + c.offset)
	second := (local%secondsOfDay + secondsOfDay) % secondsOfDay
	day := (local - second) / secondsOfDay
	weekday := ((day+int64(time.Thursday))%7 + 7) % 7 // 1970-01-01 was one.
	return !c.business[weekday][second/60] || len(c.holidays) > 0 && c.holidays[day]
}

// local is the day since 1970-01-01 and the hour, where the site is.
func (c *calendar) local(t mail.Time) (day int32, hour uint8) {
	if t < c.from || t >= c.to {
		c.seek(t)
	}
	local := int64(t + c.offset)
	second := (local%secondsOfDay + secondsOfDay) % secondsOfDay
	return int32((local - second) / secondsOfDay), uint8(second / 3600)
}

// seek finds between which changes of the zone's offset t is.
func (c *calendar) seek(t mail.Time) {
	local := t.Std().In(c.zone)
	_, offset := local.Zone()
	c.offset = mail.Time(offset)
	c.from, c.to = math.MinInt64, math.MaxInt64
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		c.from = mail.Of(start)
	}
	if !end.IsZero() {
		c.to = mail.Of(end)
	}
}

// Calendar tells the times of a site.
type Calendar struct{ of *calendar }

// NewCalendar reads hours. The error says what is wrong with them.
func NewCalendar(h Hours) (Calendar, error) {
	c, err := newCalendar(h)
	return Calendar{c}, err
}

// OffHours is true outside business hours and on holidays.
func (c Calendar) OffHours(t mail.Time) bool { return c.of.offHours(t) }

// Local is the day, counted from 1970-01-01, and the hour where the site is.
func (c Calendar) Local(t mail.Time) (day int32, hour int) {
	day, h := c.of.local(t)
	return day, int(h)
}
