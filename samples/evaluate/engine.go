package main

import (
	"fmt"
	"slices"

	"relaywatch/detect"
	"relaywatch/mail"
)

// alarm is an episode: somebody is accused, from the first alert until a day
// without one.
type alarm struct {
	who        string
	first      mail.Time
	last       mail.Time
	alerts     []mail.Time // Moments within it at which something new was found.
	rules      []string
	recipients int
}

// judged runs the engine over a stream, as the program does, and returns the
// episodes by their first alert.
func (s *stream) judged(rules []*detect.Rule) ([]alarm, error) {
	engine, err := detect.NewEngine(rules, siteOf(s.world, rules))
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", s.job.seed, err)
	}
	c := collector{alarms: map[episodeKey]*alarm{}}
	var last mail.Time
	for _, b := range s.batches {
		for i := range b.Transactions {
			engine.Transaction(b.Transactions[i])
		}
		for _, l := range b.Logins {
			engine.Login(l)
		}
		for _, d := range b.Deliveries {
			engine.Delivery(d)
		}
		engine.Advance(b.Front.Add(-detect.Grace))
		c.take(engine.Take())
		last = max(last, b.Front)
	}
	// The logs have ended: nothing can come late any more.
	engine.Advance(last.Add(detect.MaxWindow))
	c.take(engine.Take())
	if engine.Late() {
		return nil, fmt.Errorf("seed %d: rows came later than the grace", s.job.seed)
	}
	return c.all(), nil
}

type episodeKey struct {
	who   mail.Submitter
	first mail.Time
}

// collector keeps the last state of each episode, and when alerts were found.
type collector struct {
	alarms map[episodeKey]*alarm
	alerts []detect.Finding
}

func (c *collector) take(j detect.Judgement) {
	for _, e := range j.Episodes {
		c.alarms[episodeKey{e.Submitter, e.FirstFlagged}] = &alarm{
			who: e.Submitter.String(), first: e.FirstFlagged, last: e.LastFlagged, rules: e.Rules, recipients: e.Recipients,
		}
	}
	for _, f := range j.Findings {
		if f.Level == detect.LevelAlert && f.Silenced == "" {
			c.alerts = append(c.alerts, f)
		}
	}
}

func (c *collector) all() []alarm {
	var all []alarm
	for k, a := range c.alarms {
		for _, f := range c.alerts {
			if f.Submitter == k.who && f.FlaggedAt >= a.first && f.FlaggedAt <= a.last {
				a.alerts = append(a.alerts, f.FlaggedAt)
			}
		}
		slices.Sort(a.alerts)
		a.alerts = slices.Compact(a.alerts)
		all = append(all, *a)
	}
	sortAlarms(all)
	return all
}
