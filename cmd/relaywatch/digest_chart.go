package main

import (
	"context"
	"time"

	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
)

// chart is a suspect's hours in the time of the mail, or in the day that ends with
// its last row where that was before.
func (m *dayMaker) chart(ctx context.Context, s store.Suspect) (digest.Chart, error) {
	start, end := hourOf(m.since), hourOf(m.until-1)+3600
	if s.LastFlagged < m.since {
		end = hourOf(s.LastFlagged) + 3600
		start = end.Add(-24 * time.Hour)
	}
	hours, err := m.db.Timeline(ctx, s.Submitter, start.Add(-usualDays*24*time.Hour), end-1)
	if err != nil {
		return digest.Chart{}, err
	}
	return chartOf(hours, start, end, m.status.Oldest), nil
}

func hourOf(t mail.Time) mail.Time { return t - t%3600 }

// daysBefore is how many whole days before start tell what is usual: no more than the
// store has, whose oldest row is given, or 0 if it has none.
func daysBefore(start, oldest mail.Time) int {
	if oldest == 0 || oldest >= start {
		return 0
	}
	return int(min((start-oldest)/(24*3600), usualDays))
}

// chartOf counts the hours from start to end, and what was usual at the same time on
// the days before, as far as the store reaches back.
func chartOf(hours []store.Hour, start, end, oldest mail.Time) digest.Chart {
	c := digest.Chart{Start: start.Std(), StepHours: 1}
	step := mail.Time(3600)
	if end.Sub(start) > hourlyChart {
		c.StepHours, step = 24, 24*3600
	}
	const day = 24 * 3600
	c.Counts = make([]int, (end-start+step-1)/step)
	c.Days = daysBefore(start, oldest)
	if c.Days > 0 {
		c.Usual = make([]float64, len(c.Counts))
	}
	for _, h := range hours {
		if h.Hour >= start && h.Hour < end {
			c.Counts[(h.Hour-start)/step] += h.Recipients
		}
		if h.Hour >= start || h.Hour < start-mail.Time(c.Days)*day {
			continue
		}
		// The same time of each day of the chart.
		for at := (h.Hour - start + usualDays*day) % day; at < end-start; at += day {
			c.Usual[at/step] += float64(h.Recipients) / float64(c.Days)
		}
	}
	return c
}
