package ingest

import (
	"math/bits"
	"time"

	"relaywatch/mail"
)

// Rhythm is when a server usually writes its logs: the minutes of the last four weeks
// that had rows. It tells which silence is unusual for it.
//
// The measure is missed minutes: how many minutes with rows the silence would usually
// have had, by the hour of the week. So a silent night or weekend counts nothing, and
// a silent minute at noon more than one at dawn. A silence is unusual if it missed
// twice as many as any silence of these weeks did.
//
// The zero value has seen nothing.
type Rhythm struct {
	minutes [memoryMinutes / 64]uint64 // A bit a minute, by the minute since 1970 modulo memoryMinutes.
	newest  int64                      // The last minute since 1970 that the memory covers; 0 if it is empty.
}

const (
	weekMinutes   = 7 * 24 * 60
	memoryMinutes = 4 * weekMinutes
	weekHours     = 7 * 24
)

// RhythmMemory is how far back a Rhythm remembers.
const RhythmMemory = memoryMinutes * time.Minute

// What makes a silence unusual, beside the measure.
const (
	// learningTime is how long a server must have been known: every hour of the week once.
	learningTime = 7 * 24 * time.Hour
	// shortSilence is what no server is blamed for: they write what they have gathered
	// after minutes only, and are restarted.
	shortSilence = 30 * time.Minute
	// leastMissed is for servers that write seldom. Where rows come by chance, a silence
	// that misses ten minutes comes once in 20,000 times.
	leastMissed = 10
	// An outage is forgotten as a measure of what is usual: a silence that missed half an
	// hour of rows, and three times as many as the next longest.
	outageMissed, outageTimes = 30, 3
	// outages is how many are forgotten, at most: more of them in four weeks are a habit.
	outages = 3
	// toldHour is for how long from a time of the week on silences are told as usual there.
	toldHour = time.Hour
)

// Silence is a time without rows up to now.
type Silence struct {
	Since   mail.Time
	Lasts   time.Duration
	Unusual bool
	Usual   time.Duration // If it is unusual: the longest silence at this time of the former weeks; 0 if there was none to tell.
	Known   mail.Time     // From then on silences can be judged; 0 if there is nothing to judge by.
}

// Learning tells whether it is too early to judge.
func (s Silence) Learning() bool { return s.Known == 0 || s.Since.Add(s.Lasts) < s.Known }

// Saw notes that there were rows at a time. Times may come in any order.
func (r *Rhythm) Saw(at mail.Time) {
	minute := int64(at) / 60
	if minute <= r.newest-memoryMinutes || minute <= 0 {
		return
	}
	if minute-r.newest >= memoryMinutes {
		r.minutes = [memoryMinutes / 64]uint64{}
		r.newest = minute
	}
	for r.newest < minute {
		r.newest++
		i := r.newest % memoryMinutes
		r.minutes[i/64] &^= 1 << (i % 64)
	}
	i := minute % memoryMinutes
	r.minutes[i/64] |= 1 << (i % 64)
}

// each calls f for the minutes with rows from a minute on, before another.
func (r *Rhythm) each(from, before int64, f func(minute int64)) {
	from = max(from, r.newest-memoryMinutes+1, 0)
	before = min(before, r.newest+1)
	for minute := from; minute < before; {
		i := minute % memoryMinutes
		word := r.minutes[i/64] >> (i % 64)
		if word == 0 {
			minute += 64 - i%64
			continue
		}
		minute += int64(bits.TrailingZeros64(word))
		if minute < before {
			f(minute)
		}
		minute++
	}
}

// Silence judges a silence that began with the last row at since, and lasts until
// now. Of the memory the four weeks before now count.
func (r *Rhythm) Silence(since, now mail.Time, c Calendar) Silence {
	s := Silence{Since: since, Lasts: max(0, now.Sub(since))}
	from, last := int64(now)/60-memoryMinutes, int64(since)/60
	first := int64(-1)
	r.each(from, last+1, func(minute int64) {
		if first < 0 {
			first = minute
		}
	})
	if first < 0 {
		return s
	}
	s.Known = mail.Time(first * 60).Add(learningTime)
	if s.Lasts < shortSilence || s.Learning() {
		return s
	}
	w := r.weeks(first, last, int64(now)/60, c)
	var top [outages + 1]float64
	r.gaps(first, last, func(from, to int64) { insert(&top, w.missed(from, to)) })
	usual := usually(top)
	limit := max(2*usual, leastMissed)
	if s.Unusual = w.missed(last, int64(now)/60) >= limit; s.Unusual {
		at := max(w.when(last, limit), last+int64(shortSilence.Minutes()))
		s.Usual = r.usualAt(mail.Time(at*60), first, last, c, func(from, to int64) bool { return w.missed(from, to) <= usual })
	}
	return s
}

// gaps calls f for the silences between two minutes with rows.
func (r *Rhythm) gaps(first, last int64, f func(from, to int64)) {
	before := first
	r.each(first, last+1, func(minute int64) {
		if minute-before > 1 {
			f(before, minute)
		}
		before = minute
	})
}

// insert puts x into the largest numbers, which are in order.
func insert(top *[outages + 1]float64, x float64) {
	for i := range top {
		if x > top[i] {
			x, top[i] = top[i], x
		}
	}
}

// usually is the most that a silence missed, but for outages.
func usually(top [outages + 1]float64) float64 {
	for i := outages; i > 0; i-- {
		if top[i-1] >= outageMissed && top[i-1] > outageTimes*top[i] {
			return top[i]
		}
	}
	return top[0]
}

// usualAt is the longest silence at the same time of the weeks before, up to an hour
// after it, of those that count.
func (r *Rhythm) usualAt(at mail.Time, first, last int64, c Calendar, counts func(from, to int64) bool) time.Duration {
	longest := int64(0)
	for week := 1; week <= memoryMinutes/weekMinutes; week++ {
		then, like := c.weeksBefore(at, week)
		if !like {
			continue
		}
		begin := int64(then) / 60
		end := begin + int64(toldHour.Minutes())
		r.gaps(first, last, func(from, to int64) {
			if to > begin && from < end && counts(from, to) {
				longest = max(longest, min(to, end)-from)
			}
		})
	}
	return time.Duration(longest) * time.Minute
}
