package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// Thresholds that are tried, in nats. Below 8 soft signs alone would accuse.
const (
	leastThreshold = 8
	mostThreshold  = 40
)

func (p *program) rulesCalibrateCommand(dir *string, load func() ([]*detect.Rule, error)) *cobra.Command {
	var since, until, format, write string
	var budget float64
	c := &cobra.Command{
		Use:   "calibrate",
		Short: "What other thresholds of scores would have cost on the stored mail, and caught",
		Long: "calibrate judges the stored mail and prints, for each rule with a score, how many\n" +
			"alarms each threshold would have raised, by 1,000 days of a submitter with a 95 %\n" +
			"interval, and what of it was confirmed or taken for a false alarm by `triage`. The\n" +
			"lowest threshold that keeps to detect.alarms_per_week is marked; rules share that\n" +
			"equally. What is confirmed costs nothing. An alarm is days in a row of a submitter.",
		Example: "  relaywatch rules calibrate\n  relaywatch rules calibrate --alarms-per-week 1 --write my-rules",
		Args:    only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("alarms-per-week") {
				budget = p.config.Detect.AlarmsPerWeek
			}
			cal, err := newCalibration(budget, since, until, write)
			if err != nil {
				return err
			}
			if cal.rules, err = load(); err != nil {
				return err
			}
			if err := p.calibrate(c.Context(), cal); err != nil {
				return err
			}
			if err := cal.print(p, format); err != nil || write == "" {
				return err
			}
			return cal.write(p, cmp.Or(*dir, p.config.Rules.Path), write)
		},
	}
	formatFlag(c, &format)
	c.Flags().Float64Var(&budget, "alarms-per-week", 0, "how many alarms a week are `WANTED` at most, of all rules with a score (default: detect.alarms_per_week of the configuration)")
	c.Flags().StringVar(&since, "since", "", "first `TIME` that counts (default: two weeks after the beginning, when there are two more)")
	c.Flags().StringVar(&until, "until", "", "`TIME` at which that ends (default: the end)")
	c.Flags().StringVar(&write, "write", "", "write the rules with the thresholds that are marked into a new `FOLDER`, for rules.path")
	return c
}

// calibration is what thresholds would have cost.
type calibration struct {
	rules        []*detect.Rule
	budget       float64 // Alarms a week of all channels; 0: none is set.
	since, until mail.Time
	learning     bool // The first two weeks of the memory count, for want of others.
	channels     []*channelCost
	others       int // Alarms of rules without a score.
}

func newCalibration(budget float64, since, until, write string) (*calibration, error) {
	c := &calibration{budget: budget}
	switch {
	case budget < 0:
		return nil, usageError{errors.New("--alarms-per-week is a number of 0 or more")}
	case write != "" && budget == 0:
		return nil, usageError{errors.New("--write wants a budget: give --alarms-per-week, or set detect.alarms_per_week in the configuration")}
	}
	var err error
	if c.since, err = parseTime("--since", since); err != nil {
		return nil, err
	}
	c.until, err = parseTime("--until", until)
	return c, err
}

// channelCost is a rule with a score and what its thresholds would have cost.
type channelCost struct {
	rule       *detect.Rule
	now        float64   // Its threshold.
	thresholds []float64 // That are tried, rising: at most 64.
	states     map[mail.Submitter]*scoreState
	count      int // Days of submitters.

	confirmed int        // Alarms of the lowest threshold that were confirmed.
	costs     []costLine // Of thresholds.
	marked    int        // Of costs: the lowest one that meets the budget; -1 is none.
}

// costLine is what a threshold would have cost.
type costLine struct {
	threshold float64
	alarms    int
	confirmed int // Of these, confirmed by people.
	mistaken  int // Of these, taken for false alarms by people.
}

// cost are the alarms that were for nothing, as far as anybody knows.
func (c costLine) cost() int { return c.alarms - c.confirmed }

// weeks is how long the mail is.
func (c *calibration) weeks() float64 { return c.until.Sub(c.since).Hours() / (7 * 24) }

func (p *program) calibrate(ctx context.Context, c *calibration) error {
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	if site, err = decided(ctx, db, c.rules, site); err != nil {
		return err
	}
	site.Allow = allowOf(site.Allow, c.rules)
	calendar, err := detect.NewCalendar(site.Hours)
	if err != nil {
		return err
	}
	status, err := db.Status(ctx)
	if err != nil {
		return err
	}
	if err := c.bound(status); err != nil {
		return err
	}
	decisions, err := db.Decisions(ctx, mail.Submitter{})
	if err != nil {
		return err
	}
	engines, err := stored{db: db, until: c.until - 1}.judged(ctx, func() ([]*detect.Engine, error) {
		return c.engine(site, calendar)
	})
	if err != nil {
		return err
	}
	j := engines[0].Take()
	c.countOthers(j.Episodes)
	known := judgedEpisodes(decisions, calendar)
	for _, ch := range c.channels {
		ch.price(known)
		ch.mark(c.budget/float64(len(c.channels)), c.weeks())
	}
	return nil
}

// bound settles which mail counts.
func (c *calibration) bound(s store.Status) error {
	const fortnight = learningDays * 24 * time.Hour
	if c.until == 0 || c.until > s.Newest {
		c.until = s.Newest + 1
	}
	begin := max(s.Oldest, s.MemorySince)
	if c.since == 0 {
		c.since = begin
		if c.until.Sub(begin) >= 2*fortnight {
			c.since = begin.Add(fortnight)
		}
	}
	c.learning = c.since < begin.Add(fortnight)
	if c.until <= c.since {
		return usageError{errors.New("there is no stored mail from --since to --until")}
	}
	return nil
}

// engine is one that tells the scores of the rules.
func (c *calibration) engine(site detect.Site, calendar detect.Calendar) ([]*detect.Engine, error) {
	c.channels = nil
	byName := map[string]*channelCost{}
	for _, r := range c.rules {
		now, scored := r.Threshold()
		if scored && r.Level == detect.LevelAlert {
			byName[r.Name] = newChannelCost(r, now)
			c.channels = append(c.channels, byName[r.Name])
		}
	}
	if len(c.channels) == 0 {
		return nil, errors.New("no rule with a score: there is no threshold to calibrate")
	}
	e, err := detect.NewEngine(c.rules, site)
	if err != nil {
		return nil, err
	}
	e.Watch(func(s detect.Scored) {
		if ch := byName[s.Rule]; ch != nil {
			day, _ := calendar.Local(s.At)
			ch.see(&s, day, s.At >= c.since, site.Verdicts)
		}
	})
	return []*detect.Engine{e}, nil
}

// countOthers counts the alarms that no threshold of a score moves.
func (c *calibration) countOthers(episodes []detect.Episode) {
	for i := range episodes {
		e := &episodes[i]
		scored := slices.ContainsFunc(c.channels, func(ch *channelCost) bool { return slices.Contains(e.Rules, ch.rule.Name) })
		if !scored && e.FirstFlagged >= c.since && e.FirstFlagged < c.until {
			c.others++
		}
	}
}

// judgedEpisode is what people said of the days of a submitter.
type judgedEpisode struct {
	who       mail.Submitter
	from, to  int32 // Days.
	confirmed bool  // Else it is a false alarm.
}

// judgedEpisodes are the newest words on each episode that say what it is.
func judgedEpisodes(decisions []store.Decision, calendar detect.Calendar) []judgedEpisode {
	var list []judgedEpisode
	for i := range decisions {
		d := &decisions[i]
		says := func(o store.Decision) bool { return o.State == stateConfirmed || o.State == stateFalseAlarm }
		later := slices.ContainsFunc(decisions[i+1:], func(o store.Decision) bool { return says(o) && o.Overlaps(d) })
		if !says(*d) || later {
			continue
		}
		from, _ := calendar.Local(d.FirstFlagged)
		to, _ := calendar.Local(d.LastFlagged)
		list = append(list, judgedEpisode{d.Submitter, from, to, d.State == stateConfirmed})
	}
	return list
}

// price counts the alarms of each threshold.
func (ch *channelCost) price(known []judgedEpisode) {
	for i, t := range ch.thresholds {
		line := costLine{threshold: t}
		for who, st := range ch.states {
			line.alarms += st.alarms(i, func(first, last int32) { line.judge(who, first, last, known) })
		}
		ch.costs = append(ch.costs, line)
	}
	ch.confirmed = ch.costs[0].confirmed
}

// judge counts what people said of an alarm.
func (c *costLine) judge(who mail.Submitter, first, last int32, known []judgedEpisode) {
	for k := len(known) - 1; k >= 0; k-- {
		if e := &known[k]; e.who == who && e.from <= last && e.to >= first {
			if e.confirmed {
				c.confirmed++
			} else {
				c.mistaken++
			}
			return
		}
	}
}

// mark finds the lowest whole threshold that costs no more than a share of the budget.
func (ch *channelCost) mark(share, weeks float64) {
	ch.marked = -1
	for i, line := range ch.costs {
		whole := line.threshold == float64(int(line.threshold)) && line.threshold >= leastThreshold
		if share > 0 && whole && float64(line.cost()) <= share*weeks {
			ch.marked = i
			return
		}
	}
}

// nats is a number of them as rule files have it.
func nats(n float64) string { return fmt.Sprintf("%g", n) }
