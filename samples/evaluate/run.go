package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"relaywatch/detect"
)

// detectorResult is what one detector did in all worlds.
type detectorResult struct {
	Name        string         `json:"name"`
	Attacks     []attackResult `json:"attacks"`
	FalseAlarms []falseAlarm   `json:"false_alarms"`
	Right       int            `json:"right_episodes"`
}

func (d *detectorResult) add(s score) {
	d.Attacks = append(d.Attacks, s.attacks...)
	d.FalseAlarms = append(d.FalseAlarms, s.wrong...)
	d.Right += s.right
}

// measured is what was measured: the first detector is relaywatch, then come the
// baselines.
type measured struct {
	Detectors    []detectorResult `json:"detectors"`
	Variants     []detectorResult `json:"variants,omitempty"` // relaywatch with other rules.
	Alerts       []string         `json:"alerts"`             // Rules that may open an episode.
	Days         submitterDays    `json:"submitter_days"`     // Clean ones.
	Worlds       int              `json:"worlds"`
	Transactions int              `json:"transactions"`
	Recipients   int              `json:"recipients"`
}

// worldResult is what was measured in one world.
type worldResult struct {
	detectors, variants      []score
	days                     submitterDays
	transactions, recipients int
}

// evaluation is what is evaluated.
type evaluation struct {
	plan     plan
	rules    []*detect.Rule
	variants []variant
	workers  int
}

// run evaluates all worlds of the plan, some at a time. The order of the results is
// that of the plan.
func (e *evaluation) run(ctx context.Context) (*measured, error) {
	jobs := e.plan.jobs()
	results := make([]worldResult, len(jobs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.workers)
	for i, j := range jobs {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			results[i], err = e.world(ctx, j)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return e.sum(results), nil
}

// world evaluates one world.
func (e *evaluation) world(ctx context.Context, j job) (worldResult, error) {
	s, err := e.plan.read(ctx, j)
	if err != nil {
		return worldResult{}, err
	}
	r := worldResult{days: s.clean(), transactions: s.transactions, recipients: s.recipients}
	alarms, err := s.judged(e.rules)
	if err != nil {
		return worldResult{}, err
	}
	r.detectors = append(r.detectors, s.scoreOf(alarms))
	rows := s.submitterRows()
	for _, b := range baselines {
		r.detectors = append(r.detectors, s.scoreOf(s.alarmsOf(b, rows)))
	}
	for _, v := range e.variants {
		if alarms, err = s.judged(v.rules); err != nil {
			return worldResult{}, err
		}
		r.variants = append(r.variants, s.scoreOf(alarms))
	}
	return r, nil
}

func (e *evaluation) sum(results []worldResult) *measured {
	m := &measured{Days: newSubmitterDays(), Worlds: len(results), Detectors: []detectorResult{{Name: "relaywatch"}}}
	for _, b := range baselines {
		m.Detectors = append(m.Detectors, detectorResult{Name: b.name})
	}
	for _, v := range e.variants {
		m.Variants = append(m.Variants, detectorResult{Name: v.name})
	}
	for _, r := range e.rules {
		if r.Level == detect.LevelAlert {
			m.Alerts = append(m.Alerts, r.Name)
		}
	}
	for _, r := range results {
		for i, s := range r.detectors {
			m.Detectors[i].add(s)
		}
		for i, s := range r.variants {
			m.Variants[i].add(s)
		}
		m.Days.add(r.days)
		m.Transactions += r.transactions
		m.Recipients += r.recipients
	}
	return m
}
