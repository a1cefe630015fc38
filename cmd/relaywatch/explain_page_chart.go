package main

import (
	"fmt"
	"time"

	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// chartView is a chart of bars, 100 units high and Width wide, that is stretched to
// the page's width: its texts are beside it, so that they are read on a phone, too.
type chartView struct {
	Title, Says string
	Width       int
	Keys        []struct{ Class, Name string }
	Bars        []barView // None: there is no chart.
	Ticks       []string
}

type barView struct {
	Class      string
	X, Y, W, H float64
}

// How much time the chart of an episode shows.
const (
	chartMargin = 12 * time.Hour // Around the episode, so that its beginning can be seen.
	chartHours  = 8 * 24         // Beyond, bars are days.
)

// add is a bar that begins at a unit of the chart and stands on base.
func (c *chartView) add(class string, x, width, value, base, top float64) {
	if value > 0 {
		h := max(1.5, 100*value/top) // What is more than nothing can be seen.
		c.Bars = append(c.Bars, barView{class, x, 100 - 100*base/top - h, width, h})
	}
}

func (c *chartView) key(class, name string) {
	c.Keys = append(c.Keys, struct{ Class, Name string }{class, name})
}

// hourlyChart is recipients an hour around the episode; those refused stand on those
// that were accepted.
func (d *dossier) hourlyChart() chartView {
	s := &d.Suspect
	from, to := hourOf(s.Start.Add(-chartMargin)), hourOf(s.LastFlagged.Add(chartMargin))
	step, unit := mail.Time(3600), "an hour"
	if (to-from)/step > chartHours {
		step, unit = 24*3600, "a day"
	}
	bins := make([]store.Hour, (to-from)/step+1)
	for _, h := range d.Hours {
		if h.Hour >= from && h.Hour <= to {
			bin := &bins[(h.Hour-from)/step]
			bin.Recipients += h.Recipients
			bin.Refused += h.Refused
		}
	}
	c := chartView{Title: "Recipients " + unit + " (UTC)", Width: len(bins)}
	top, best := 0, 0
	for i, b := range bins {
		top = max(top, b.Recipients+b.Refused)
		if b.Recipients > bins[best].Recipients {
			best = i
		}
	}
	refused := 0
	for i, b := range bins {
		c.add("now", float64(i)+0.1, 0.8, float64(b.Recipients), 0, float64(top))
		c.add("refused", float64(i)+0.1, 0.8, float64(b.Refused), float64(b.Recipients), float64(top))
		refused += b.Refused
	}
	c.key("now", "accepted")
	if refused > 0 {
		c.key("refused", "refused")
	}
	for i := range 4 {
		c.Ticks = append(c.Ticks, short(from+mail.Time(i*(len(bins)-1)/3)*step))
	}
	c.Says = fmt.Sprintf("at most %s, from %s UTC on; %s refused in all", words.Plural(int64(bins[best].Recipients), "recipient"),
		short(from+mail.Time(best)*step), words.Thousands(refused))
	return c
}

// dailyChart is the hours of the day of the episode, before what is usual.
func (d *dossier) dailyChart() chartView {
	h := d.hoursOfDay()
	c := chartView{Title: fmt.Sprintf("Hours of the day (%s)", d.zone()), Width: 24}
	top := 0.0
	for i := range 24 {
		top = max(top, h.Here[i], h.Usual[i])
	}
	for i := range 24 {
		c.add("usual", float64(i)+0.1, 0.8, h.Usual[i], 0, top)
		c.add("now", float64(i)+0.25, 0.5, h.Here[i], 0, top)
	}
	c.key("now", "this time")
	c.key("usual", "usually")
	c.Ticks = []string{"0 h", "6 h", "12 h", "18 h", "24 h"}
	c.Says = fmt.Sprintf("this time %s recipients a day; usually %s", rounded(sumOf(h.Here[:])), h.usualText())
	return c
}
