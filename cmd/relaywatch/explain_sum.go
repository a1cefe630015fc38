package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// maxWeighed is how many weighed recipients explain prints of a finding: the heaviest.
const maxWeighed = 10

// maxLookedUp bounds how many recipients are read to tell those of a sum, which are
// at most two dozen of those that were mailed in its time.
const maxLookedUp = 2000

// weighed finds the recipients of the sums of findings.
func weighed(ctx context.Context, db *store.DB, who mail.Submitter, findings []finding) (map[mail.LogPos]mail.Path, error) {
	paths := map[mail.LogPos]mail.Path{}
	for _, f := range findings {
		if f.Evidence.Sum == nil || len(f.Evidence.Sum.Steps) == 0 {
			continue
		}
		steps := f.Evidence.Sum.Steps
		sent, err := db.Recipients(ctx, who, steps[0].At, steps[len(steps)-1].At, maxLookedUp)
		if err != nil {
			return nil, err
		}
		for _, s := range sent {
			paths[s.Pos] = s.Path
		}
		for _, st := range steps {
			if !st.Delivery {
				continue
			}
			m, ok, err := db.Delivery(ctx, st.At, st.Row)
			if err != nil {
				return nil, err
			}
			if ok {
				paths[st.Row] = m.Recipient
			}
		}
	}
	return paths, nil
}

// printScore tells how a finding came to its score.
func (d *dossier) printScore(p *page, f *finding) {
	switch {
	case f.Evidence.Sum != nil:
		d.printSum(p, f.Evidence.Sum, d.Weighers[f.Rule])
	case f.Evidence.Record != nil:
		printRecord(p, f.Evidence.Record)
	}
}

func (d *dossier) printSum(p *page, s *detect.Sum, w *detect.Weigher) {
	p.line(8, "      when it first held: %s; in brackets, what share of its mail usually is so", natsText(s.Score))
	d.printSteps(p, s, w)
}

// printSteps tells what a sum is made of.
func (d *dossier) printSteps(p *page, s *detect.Sum, w *detect.Weigher) {
	if s.Before > 0 {
		p.line(8, "        %s  %+5.2f  of recipients before", clock(s.BeforeAt), s.Before)
	}
	heaviest := heaviestOf(s)
	before := ""
	for _, st := range heaviest {
		facts := factsOf(&st, w)
		said := facts
		if facts == before {
			said = "as above"
		}
		before = facts
		p.line(25, "        %s  %+5.2f  %s  %s%s", clock(st.At), st.Nats, d.recipientOf(&st), said, asideOf(&st))
	}
	if n := len(s.Steps) - len(heaviest); n > 0 {
		p.line(8, "        … and %s that weigh less", words.Plural(n, "recipient"))
	}
	for _, by := range s.Support {
		p.line(8, "        %8s  %+5.2f  rule %s holds, too", "", by.Nats, by.Rule)
	}
}

// heaviestOf are the steps of a sum that weigh most, in the order of time.
func heaviestOf(s *detect.Sum) []detect.Step {
	heaviest := slices.Clone(s.Steps)
	slices.SortStableFunc(heaviest, func(a, b detect.Step) int { return cmp.Compare(math.Abs(b.Nats), math.Abs(a.Nats)) })
	heaviest = heaviest[:min(len(heaviest), maxWeighed)]
	slices.SortStableFunc(heaviest, func(a, b detect.Step) int { return cmp.Compare(a.At, b.At) })
	return heaviest
}

// asideOf is what lowers the weight of a step.
func asideOf(st *detect.Step) string {
	text := ""
	if st.Nth > 1 {
		text += fmt.Sprintf("; recipient %d of its message", st.Nth)
	}
	if st.Baseline > 0 && st.Nats > 0 {
		text += fmt.Sprintf("; counts for 1/%g by the allow-list", st.Baseline)
	}
	return text
}

func clock(t mail.Time) string { return t.Std().Format("15:04:05") }

// recipientOf is the recipient of a step, or its row.
func (d *dossier) recipientOf(st *detect.Step) string {
	if path, ok := d.Weighed[st.Row]; ok && path.Known() {
		return visible(ingest.Cut(string(path), 60))
	}
	return fmt.Sprintf("%s:%d", st.Row.Log, st.Row.Offset)
}

var noveltyWords = map[string]string{"known": "known", "known_here": "known to others here", "new": "new to all"}

// factsOf are the facts of a recipient that its rule weighs, with their usual shares.
// A share of 0 told nothing. w is nil for a rule that there is no more.
func factsOf(st *detect.Step, w *detect.Weigher) string {
	if st.Delivery {
		return cameBack(st.Refused, st.Own.Refused)
	}
	var facts []string
	fact := func(weighed bool, name string, share float32) {
		if share > 0 && (weighed || w == nil) {
			facts = append(facts, fmt.Sprintf("%s (%s)", name, percent(share)))
		}
	}
	fact(w != nil && w.Novelty[0] > 0, noveltyWords[st.Novelty], st.Own.Novelty)
	side, share := "outside", st.Own.External
	if !st.External && share > 0 {
		side, share = "inside", 1-share
	}
	fact(w != nil && w.External > 0, side, share)
	answer, share := "refused", st.Own.Refused
	if !st.Refused {
		answer, share = "not refused", 1-share
	}
	fact(w != nil && w.Refused > 0, answer, share)
	fact(w != nil && w.Path[0] > 0, st.Path+" reverse-path", st.Own.Path)
	fact(w != nil && w.Weights.Hour > 0, fmt.Sprintf("%02d h", st.Hour), st.Own.Hour)
	return strings.Join(facts, ", ")
}

func percent(share float32) string { return fmt.Sprintf("%.2g %%", share*100) }

func natsText(n float64) string { return fmt.Sprintf("%.1f nats", n) }

// printRecord tells how far a signal was beyond the submitter's own days.
func printRecord(p *page, r *detect.Record) { p.line(8, "      %s", recordText(r)) }

func recordText(r *detect.Record) string {
	return fmt.Sprintf("when it first held: %s, where the most of its days are %s (%s at most): %.1f spreads above, %s",
		words.Thousands(int64(r.Value)), usualOf(r), words.Thousands(int64(math.Round(r.Best))), (math.Log1p(r.Value/max(1, r.Baseline))-r.Mean)/r.Spread, natsText(r.Score))
}

// usualOf is between what the most of the submitter's days are.
func usualOf(r *detect.Record) string {
	usual := func(spreads float64) string {
		return words.Thousands(int64(math.Round(math.Expm1(max(0, r.Mean+spreads*r.Spread)))))
	}
	return usual(-1) + " to " + usual(1)
}

// sumReport is how a score came about, in JSON.
type sumReport struct {
	Score      float64            `json:"score"` // When the rule first held.
	Before     float64            `json:"before"`
	BeforeAt   string             `json:"before_at"`
	Recipients []weighedReport    `json:"recipients"`
	Support    []detect.Supported `json:"support"`
}

type weighedReport struct {
	Time        string     `json:"time"`
	Recipient   *string    `json:"recipient"` // null where the log does not tell it, or the row is gone.
	Nats        float64    `json:"nats"`
	Novelty     string     `json:"novelty"`
	ReversePath string     `json:"reverse_path_use"`
	External    bool       `json:"external"`
	Refused     bool       `json:"refused"`
	Delivery    bool       `json:"delivery"` // It is what became of a recipient.
	Hour        int        `json:"hour"`
	Nth         int        `json:"nth"`
	Usual       detect.Own `json:"usual"`              // Shares of the submitter's own mail.
	Baseline    float64    `json:"baseline,omitempty"` // What accuses counts for one part in so many, by the allow-list.
	Log         string     `json:"log"`
	Offset      int64      `json:"log_offset"`
}

func (d *dossier) sumReport(s *detect.Sum) *sumReport {
	if s == nil {
		return nil
	}
	r := &sumReport{Score: s.Score, Before: s.Before, BeforeAt: s.BeforeAt.String(), Support: s.Support, Recipients: []weighedReport{}}
	if r.Support == nil {
		r.Support = []detect.Supported{}
	}
	for _, st := range s.Steps {
		to := mail.UnknownPath
		if path, ok := d.Weighed[st.Row]; ok {
			to = path
		}
		r.Recipients = append(r.Recipients, weighedReport{
			st.At.String(), known(to), st.Nats, st.Novelty, st.Path, st.External, st.Refused, st.Delivery, st.Hour, st.Nth, st.Own, st.Baseline, st.Row.Log.String(), st.Row.Offset,
		})
	}
	return r
}
