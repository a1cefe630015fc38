package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/words"
)

// replayReport is what `rules replay` found, and what it prints as JSON.
type replayReport struct {
	Since       string        `json:"since"`
	Until       string        `json:"until"`
	JudgedSince string        `json:"judged_since"` // Mail from here on tells what was usual.
	InForce     replayCount   `json:"in_force"`
	Other       replayCount   `json:"other"`
	Both        int           `json:"both"`    // Alarms of both.
	Earlier     int           `json:"earlier"` // Of these, raised earlier by the other rules.
	Later       int           `json:"later"`   // Of these, raised later by the other rules.
	Alarms      []replayAlarm `json:"alarms"`

	pairs []alarmPair
	other string // Which the other rules are, for people.
	alone bool   // There are none.
}

// replayCount is what one of both found.
type replayCount struct {
	Alarms   int `json:"alarms"`
	Only     int `json:"only"`     // Alarms that the others do not raise.
	Findings int `json:"findings"` // Not silenced, of alarms and beside them.
	Silenced int `json:"silenced"` // Findings that the allow-list silenced.
}

type replayAlarm struct {
	Submitter      string       `json:"submitter"`
	FoundBy        string       `json:"found_by"` // in force, other or both.
	InForce        *replayFound `json:"in_force"`
	Other          *replayFound `json:"other"`
	SecondsEarlier *int64       `json:"seconds_earlier"` // The other rules are; null unless both found it.
	Silenced       string       `json:"silenced"`        // Reason of the allow-list entry for which one of both is silent.
}

type replayFound struct {
	FirstFlagged string          `json:"first_flagged"`
	LastFlagged  string          `json:"last_flagged"`
	Score        float64         `json:"score"`
	Severity     detect.Severity `json:"severity"`
	Recipients   int             `json:"recipients"`
	Rules        []string        `json:"rules"`
}

func found(e *detect.Episode) *replayFound {
	if e == nil {
		return nil
	}
	return &replayFound{e.FirstFlagged.String(), e.LastFlagged.String(), e.Score, e.Severity, e.Recipients, e.Rules}
}

// newReport compares what both found between since and until. An alarm counts when
// the first of both raised it then.
func (t *trial) newReport(begin mail.Time, a, b *detect.Judgement) *replayReport {
	r := &replayReport{Since: max(t.since, begin).String(), Until: (t.until - 1).String(), JudgedSince: begin.String(), Alarms: []replayAlarm{}}
	r.alone = t.alone()
	r.other = "the same"
	if t.dir != "" {
		r.other = "those of " + t.dir
	}
	if t.withoutAllow {
		r.other += " without the allow-list"
	}
	for _, pair := range pairs(a.Episodes, b.Episodes) {
		if pair.since() < t.since {
			continue
		}
		r.add(pair, a, b)
	}
	for i, j := range []*detect.Judgement{a, b} {
		c := []*replayCount{&r.InForce, &r.Other}[i]
		for k := range j.Findings {
			switch f := &j.Findings[k]; {
			case f.FlaggedAt < t.since:
			case f.Silenced != "":
				c.Silenced++
			default:
				c.Findings++
			}
		}
	}
	return r
}

func (r *replayReport) add(pair alarmPair, a, b *detect.Judgement) {
	line := replayAlarm{Submitter: pair.who.String(), FoundBy: pair.foundBy(), InForce: found(pair.inForce), Other: found(pair.other)}
	switch {
	case pair.other == nil:
		r.InForce.Alarms++
		r.InForce.Only++
		pair.silenced = silence(pair.inForce, b.Findings)
	case pair.inForce == nil:
		r.Other.Alarms++
		r.Other.Only++
		pair.silenced = silence(pair.other, a.Findings)
	default:
		r.InForce.Alarms++
		r.Other.Alarms++
		r.Both++
		seconds := int64(pair.earlier() / time.Second)
		line.SecondsEarlier = &seconds
		if seconds > 0 {
			r.Earlier++
		} else if seconds < 0 {
			r.Later++
		}
	}
	line.Silenced = pair.silenced
	r.pairs = append(r.pairs, pair)
	r.Alarms = append(r.Alarms, line)
}

func (r *replayReport) print(p *program, format string) error {
	switch format {
	case "json":
		return printJSON(p.out, r)
	case "csv":
		return r.records().print(p.out, format)
	}
	if err := r.table().print(p.out, format); err != nil {
		return err
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(0, "")
	if r.alone {
		w.line(2, "from %s to %s: %s by the rules in force", r.Since, r.Until, words.Plural(r.InForce.Alarms, "alarm"))
		w.line(2, "%s, %s more silenced by the allow-list", words.Plural(r.InForce.Findings, "finding"), words.Thousands(r.InForce.Silenced))
	} else {
		w.line(2, "from %s to %s: %s by the rules in force, %s by %s", r.Since, r.Until,
			words.Plural(r.InForce.Alarms, "alarm"), words.Thousands(r.Other.Alarms), visible(r.other))
		w.line(2, "both: %d, of which the other rules raise %d earlier and %d later; only the rules in force: %d; only the other: %d",
			r.Both, r.Earlier, r.Later, r.InForce.Only, r.Other.Only)
		w.line(2, "findings: %d and %d; silenced by the allow-list: %d and %d more",
			r.InForce.Findings, r.Other.Findings, r.InForce.Silenced, r.Other.Silenced)
	}
	w.line(2, "judged from %s on", r.JudgedSince)
	return w.err
}

// records are for programs: a column for each value of both.
func (r *replayReport) records() *rows {
	out := &rows{columns: []string{
		"submitter", "found_by", "in_force_since", "other_since", "seconds_earlier",
		"in_force_recipients", "other_recipients", "in_force_rules", "other_rules", "silenced",
	}}
	of := func(e *detect.Episode) (since, recipients, names any) {
		if e == nil {
			return nil, nil, nil
		}
		return e.FirstFlagged.String(), e.Recipients, strings.Join(e.Rules, ",")
	}
	for i, line := range r.Alarms {
		sinceA, sentA, rulesA := of(r.pairs[i].inForce)
		sinceB, sentB, rulesB := of(r.pairs[i].other)
		var earlier any
		if line.SecondsEarlier != nil {
			earlier = *line.SecondsEarlier
		}
		out.cells = append(out.cells, []any{line.Submitter, line.FoundBy, sinceA, sinceB, earlier, sentA, sentB, rulesA, rulesB, line.Silenced})
	}
	return out
}

// table is for people.
func (r *replayReport) table() *rows {
	out := &rows{columns: []string{"suspect", "since (UTC)", "other rules", "sent to", "rules"}, prose: "rules", empty: "no alarm"}
	if r.alone {
		out.columns = slices.Delete(out.columns, 2, 3)
	}
	for _, a := range r.pairs {
		e, other := a.inForce, "silent"
		switch {
		case e == nil:
			e, other = a.other, "only they"
		case a.other != nil:
			other = apart(a.earlier())
		}
		names := strings.Join(e.Rules, " ") + changes(&a)
		if a.silenced != "" {
			names += fmt.Sprintf(" (silenced: %s)", a.silenced)
		}
		cells := []any{a.who.String(), short(e.FirstFlagged), other, count(e.Recipients), names}
		if r.alone {
			cells = slices.Delete(cells, 2, 3)
		}
		out.cells = append(out.cells, cells)
	}
	return out
}

// changes are the rules that hold only in the one or in the other.
func changes(a *alarmPair) string {
	if a.inForce == nil || a.other == nil {
		return ""
	}
	text := ""
	for _, name := range a.other.Rules {
		if !slices.Contains(a.inForce.Rules, name) {
			text += " +" + name
		}
	}
	for _, name := range a.inForce.Rules {
		if !slices.Contains(a.other.Rules, name) {
			text += " −" + name
		}
	}
	if text == "" {
		return ""
	}
	return "; other:" + text
}

// apart is a time between two alarms, for people.
func apart(earlier time.Duration) string {
	word := "earlier"
	if earlier < 0 {
		earlier, word = -earlier, "later"
	}
	switch {
	case earlier == 0:
		return "as early"
	case earlier < time.Minute:
		return fmt.Sprintf("%d s %s", earlier/time.Second, word)
	case earlier < 2*time.Hour:
		return fmt.Sprintf("%d min %s", earlier.Round(time.Minute)/time.Minute, word)
	}
	return fmt.Sprintf("%d h %s", earlier.Round(time.Hour)/time.Hour, word)
}
