package ingest

import (
	"time"

	"relaywatch/mail"
)

// Calendar is by what people live who send the mail.
type Calendar struct {
	Zone     *time.Location // nil is UTC.
	Holidays []string       // As 2026-12-25, in Zone: days like a Sunday.
}

func (c Calendar) local(at mail.Time) time.Time {
	if c.Zone == nil {
		return at.Std()
	}
	return at.Std().In(c.Zone)
}

func (c Calendar) holiday(at mail.Time) bool {
	if len(c.Holidays) == 0 {
		return false
	}
	day := c.local(at).Format(time.DateOnly)
	for _, h := range c.Holidays {
		if h == day {
			return true
		}
	}
	return false
}

// weeksBefore is the same time of the week so many weeks before, of a holiday the same
// time of a Sunday; like is false where that was a holiday itself.
func (c Calendar) weeksBefore(at mail.Time, weeks int) (then mail.Time, like bool) {
	local := c.local(at)
	days := 7 * weeks
	if c.holiday(at) && local.Weekday() != time.Sunday {
		days -= 7 - int(local.Weekday())
	}
	then = mail.Of(local.AddDate(0, 0, -days))
	return then, c.local(then).Weekday() == time.Sunday || !c.holiday(then)
}

// hour is the hour of the week of a time, from Sunday 0:00 on.
func (c Calendar) hour(at mail.Time) int {
	local := c.local(at)
	day := int(local.Weekday())
	if c.holiday(at) {
		day = int(time.Sunday)
	}
	return day*24 + local.Hour()
}

// weeks are the hours of a Rhythm's memory, and how many minutes with rows each of
// them usually has.
type weeks struct {
	from  int64     // First hour since 1970.
	usual []float64 // Minutes with rows in an hour.
	sum   []float64 // Of usual, of the hours before.
}

// weeks takes an hour for as busy as the quietest of itself and its neighbours: work
// begins and ends a little earlier or later each day. first and last are the first
// and the last minute with rows; hours in which they lie were not seen whole.
func (r *Rhythm) weeks(first, last, now int64, c Calendar) *weeks {
	w := &weeks{from: first / 60}
	hours := int(now/60-w.from) + 2
	slots := make([]int, hours)
	var seen, busy [weekHours]float64
	for i := range slots {
		slots[i] = c.hour(mail.Time((w.from + int64(i)) * 3600))
		if hour := w.from + int64(i); hour > first/60 && hour < last/60 {
			seen[slots[i]]++
		}
	}
	r.each((first/60+1)*60, last/60*60, func(minute int64) { busy[slots[minute/60-w.from]]++ })
	mean := func(slot int) float64 {
		slot = (slot + weekHours) % weekHours
		if seen[slot] == 0 {
			return 0
		}
		return busy[slot] / seen[slot]
	}
	w.usual, w.sum = make([]float64, hours), make([]float64, hours+1)
	for i, slot := range slots {
		w.usual[i] = min(mean(slot-1), mean(slot), mean(slot+1))
		w.sum[i+1] = w.sum[i] + w.usual[i]
	}
	return w
}

// until is how many minutes usually have rows from the beginning up to a minute.
func (w *weeks) until(minute int64) float64 {
	i := minute/60 - w.from
	return w.sum[i] + w.usual[i]*float64(minute%60)/60
}

// missed is how many minutes usually have rows between two minutes.
func (w *weeks) missed(from, to int64) float64 { return w.until(to) - w.until(from) }

// when is the minute up to which so much was missed from another one on.
func (w *weeks) when(from int64, missed float64) int64 {
	minute := from
	for i := from/60 - w.from; int(i)+1 < len(w.usual) && w.missed(from, minute) < missed; i++ {
		minute = (w.from + i + 1) * 60
		if over := w.missed(from, minute) - missed; over > 0 {
			minute -= int64(over / w.usual[i] * 60)
		}
	}
	return minute
}
