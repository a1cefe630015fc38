package main

import (
	"fmt"
	"strconv"

	"relaywatch/detect"
	"relaywatch/words"
)

// perThousand is a number by 1,000 days of a submitter, with its 95 % interval.
func (ch *channelCost) perThousand(n int) (rate, low, high float64) {
	if ch.count == 0 {
		return 0, 0, 0
	}
	low, high = detect.PoissonInterval(n)
	by := 1000 / float64(ch.count)
	return float64(n) * by, low * by, high * by
}

func (c *calibration) print(p *program, format string) error {
	if format != "table" {
		return c.records().print(p.out, format)
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(2, "%s to %s UTC, %.1f weeks", short(c.since), short(c.until-1), c.weeks())
	if c.learning {
		w.line(2, "the first two weeks are among them, in which much is new: more mail makes these numbers lower")
	}
	w.line(0, "")
	if w.err != nil {
		return w.err
	}
	if err := c.table().print(p.out, format); err != nil {
		return err
	}
	w.line(0, "")
	w.line(2, "rules without a score raised %s more, %.2f a week", words.Plural(c.others, "alarm"), float64(c.others)/c.weeks())
	c.advise(w)
	return w.err
}

// advise tells what to write into rule files.
func (c *calibration) advise(w *page) {
	if c.budget == 0 {
		w.line(2, "with detect.alarms_per_week set, or --alarms-per-week, thresholds are chosen; the rules as they are need none")
		return
	}
	share := c.budget / float64(len(c.channels))
	each := "the rule with a score"
	if n := len(c.channels); n > 1 {
		each = fmt.Sprintf("each of %d rules with a score", n)
	}
	are := "alarms a week are"
	if c.budget == 1 {
		are = "alarm a week is"
	}
	w.line(2, "%g %s %.2f for %s:", c.budget, are, share, each)
	unsure := false
	for _, ch := range c.channels {
		if ch.marked < 0 {
			w.line(4, "  %s: none up to %d is rare enough; look at its alarms, and `triage` them", ch.rule.Name, mostThreshold)
			continue
		}
		line := ch.costs[ch.marked]
		was := "as it is"
		if line.threshold != ch.now {
			was = "in the place of " + nats(ch.now)
		}
		_, high := detect.PoissonInterval(line.cost())
		unsure = unsure || high/c.weeks() > share
		w.line(4, "  %s: score >= %s, %s (%.2f a week, at most %.2f with 95 %%)", ch.rule.Name, nats(line.threshold), was,
			float64(line.cost())/c.weeks(), high/c.weeks())
	}
	if unsure {
		_, none := detect.PoissonInterval(0)
		w.line(2, "%.1f weeks are too few to be sure of that: it takes %.0f without an alarm, and until then it is safer to lower none", c.weeks(), none/share)
	}
}

// note is what is to be said of a line.
func (ch *channelCost) note(i int) string {
	switch isNow := ch.costs[i].threshold == ch.now; {
	case isNow && i == ch.marked:
		return "now, within the budget"
	case isNow:
		return "now"
	case i == ch.marked:
		return "the lowest within the budget"
	}
	return ""
}

func ofConfirmed(n, all int) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", n, all)
}

// table leaves out thresholds that cost what the one above does.
func (c *calibration) table() *rows {
	r := &rows{columns: []string{"rule", "nats", "alarms", "a week", "per 1,000 days", "95 %", "confirmed", "false", "note"}, prose: "note"}
	for _, ch := range c.channels {
		before := costLine{alarms: -1}
		for i, line := range ch.costs {
			note := ch.note(i)
			same := line.alarms == before.alarms && line.confirmed == before.confirmed && line.mistaken == before.mistaken
			if before = line; same && note == "" {
				continue
			}
			rate, low, high := ch.perThousand(line.alarms)
			r.cells = append(r.cells, []any{
				ch.rule.Name, nats(line.threshold), count(line.alarms), fmt.Sprintf("%.2f", float64(line.alarms)/c.weeks()),
				fmt.Sprintf("%.2f", rate), fmt.Sprintf("%.2f to %.2f", low, high),
				ofConfirmed(line.confirmed, ch.confirmed), count(line.mistaken), note,
			})
		}
	}
	return r
}

// records are for programs: every threshold.
func (c *calibration) records() *rows {
	r := &rows{columns: []string{
		"rule", "threshold", "in_force", "within_budget", "alarms", "confirmed", "confirmed_at_lowest", "false_alarms", "alarms_per_week",
		"submitter_days", "per_1000_submitter_days", "low_95", "high_95",
	}}
	round := func(x float64) float64 {
		short, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 4, 64), 64) // Of our own format.
		return short
	}
	for _, ch := range c.channels {
		for i, line := range ch.costs {
			rate, low, high := ch.perThousand(line.alarms)
			r.cells = append(r.cells, []any{
				ch.rule.Name, line.threshold, line.threshold == ch.now, i == ch.marked, line.alarms, line.confirmed, ch.confirmed, line.mistaken,
				round(float64(line.alarms) / c.weeks()), ch.count, round(rate), round(low), round(high),
			})
		}
	}
	return r
}
