package ingest

import (
	"bytes"
	"time"

	"relaywatch/mail"
)

const (
	daySeconds = 24 * 60 * 60

	// iisSlack is how far a row may stand behind the latest row, or before the
	// log's own #Date, and still be of the same day. Servers write rows up to 21
	// seconds older than #Date, and flush within five minutes.
	iisSlack = 5 * 60

	// iisFirstYear keeps a row's time from being zero. Servers whose clock has
	// lost its battery write 1980.
	iisFirstYear = 1971
)

// iisClock dates the rows of one log.
type iisClock struct {
	header mail.Time // Of the last #Date line; 0 if there is none.
	latest mail.Time // Of the rows since that line, or of the line itself.

	dateText [len("2006-01-02")]byte // The last date column read, and its midnight.
	date     mail.Time
}

// setHeader notes a #Date line. One that can't be read changes nothing.
func (c *iisClock) setHeader(text []byte) {
	day, clock, _ := bytes.Cut(bytes.TrimSpace(text), []byte{' '})
	d, ok1 := parseDay(day)
	s, ok2 := parseClock(bytes.TrimSpace(clock))
	if ok1 && ok2 {
		c.header = d + s
		c.latest = c.header
	}
}

// day is parseDay, which rows of one day need to call only once.
func (c *iisClock) day(date []byte) (mail.Time, bool) {
	if c.date != 0 && string(date) == string(c.dateText[:]) {
		return c.date, true
	}
	d, ok := parseDay(date)
	if ok {
		copy(c.dateText[:], date)
		c.date = d
	}
	return d, ok
}

// next is the time of a row that tells only the time of day: the first that is
// not more than iisSlack before the latest row. So the day rolls at midnight.
func (c *iisClock) next(clock mail.Time) mail.Time {
	from := c.latest - iisSlack
	t := from - from%daySeconds + clock
	if t < from {
		t += daySeconds
	}
	return t
}

// seen notes the time of a row.
func (c *iisClock) seen(at mail.Time) { c.latest = max(c.latest, at) }

// parseDay reads 2006-01-02 as its midnight.
func parseDay(b []byte) (mail.Time, bool) {
	if len(b) != len("2006-01-02") || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	y1, ok1 := twoDigits(b)
	y2, ok2 := twoDigits(b[2:])
	m, ok3 := twoDigits(b[5:])
	d, ok4 := twoDigits(b[8:])
	y := 100*y1 + y2
	if !ok1 || !ok2 || !ok3 || !ok4 || y < iisFirstYear {
		return 0, false
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return mail.Of(t), t.Month() == time.Month(m) && t.Day() == d
}

// parseClock reads 15:04:05 as seconds since midnight.
func parseClock(b []byte) (mail.Time, bool) {
	if len(b) != len("15:04:05") || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	h, ok1 := twoDigits(b)
	m, ok2 := twoDigits(b[3:])
	s, ok3 := twoDigits(b[6:])
	return mail.Time(3600*h + 60*m + s), ok1 && ok2 && ok3 && h < 24 && m < 60 && s < 60
}

func twoDigits(b []byte) (int, bool) {
	x, y := b[0]-'0', b[1]-'0'
	return 10*int(x) + int(y), x <= 9 && y <= 9
}
