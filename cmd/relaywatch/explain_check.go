package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// difference is what a finding says, and what is so.
type difference struct{ what, kept, is string }

func (d difference) String() string {
	if d.kept == "" && d.is == "" {
		return d.what
	}
	return fmt.Sprintf("%s: the finding has %s; it is %s", d.what, d.kept, d.is)
}

// checkReport is what explain --check found, and what it prints as JSON.
type checkReport struct {
	Findings    int            `json:"findings"`
	Scores      int            `json:"scores"`      // Findings with a score, all of which were computed again.
	Recipients  int            `json:"recipients"`  // Weighed ones, whose facts were compared with their rows.
	Signals     int            `json:"signals"`     // Counted again from the rows of their window.
	Unchecked   map[string]int `json:"unchecked"`   // What could not be, by reason.
	Differences []string       `json:"differences"` // One line each.
}

func (c *checkReport) differ(f *detect.Finding, text string) {
	c.Differences = append(c.Differences, fmt.Sprintf("%s of %s at %s: %s", f.Rule, f.Submitter, f.FlaggedAt, text))
}

// check computes the findings of a submitter, or of all, again: the scores from
// their evidence, and what the evidence says from the stored rows.
func (p *program) check(ctx context.Context, who mail.Submitter, format string) error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	if site, err = decided(ctx, db, ruleSet, site); err != nil {
		return err
	}
	if err := judgedBy(ctx, db, ruleSet, site); err != nil {
		return err
	}
	findings, err := db.AllFindings(ctx)
	if err != nil {
		return err
	}
	if who != (mail.Submitter{}) {
		findings = slices.DeleteFunc(findings, func(f detect.Finding) bool { return f.Submitter != who })
		if len(findings) == 0 {
			return fmt.Errorf("%s has no finding to check: `relaywatch query \"SELECT DISTINCT submitter FROM v_findings\"` lists who has", who)
		}
	}
	w, err := newWitness(ctx, db, site, ruleSet, findings)
	if err != nil {
		return err
	}
	report := w.checkAll(findings, ruleSet)
	if format == "json" {
		err = printJSON(p.out, report)
	} else {
		err = report.print(&page{w: p.out, width: terminalWidth(p.out)})
	}
	if err == nil && len(report.Differences) > 0 {
		return errSaid
	}
	return err
}

// judgedBy tells whether the stored mail was judged by these rules and this site: by
// others, every score is another one.
func judgedBy(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, site detect.Site) error {
	by, err := fingerprint(ruleSet, site)
	if err != nil {
		return err
	}
	c, err := db.Checkpoint(ctx)
	switch {
	case err != nil:
		return err
	case c.Until == 0 && c.By == "":
		return errors.New("nothing is judged yet: run `relaywatch ingest` first")
	case c.By != by:
		return errors.New("the findings are of other rules, another site or another relaywatch than those in force: run `relaywatch ingest`, which judges all stored mail anew, and check then")
	}
	return nil
}

func (w *witness) checkAll(findings []detect.Finding, ruleSet []*detect.Rule) *checkReport {
	report := &checkReport{Findings: len(findings), Unchecked: map[string]int{}, Differences: []string{}}
	byName := map[string]*detect.Rule{}
	for _, r := range ruleSet {
		byName[r.Name] = r
	}
	for i := range findings {
		f := &findings[i]
		r := byName[f.Rule]
		if r == nil && f.FlaggedAt < w.pruned { // It stands since it can't be judged anew.
			report.Unchecked["findings of rules that there are no more, of mail that was pruned"]++
			continue
		}
		if r == nil {
			report.differ(f, "there is no such rule")
			continue
		}
		for _, wrong := range r.Audit(f) {
			report.differ(f, wrong.Error())
		}
		if f.Evidence.Sum != nil || f.Evidence.Record != nil {
			report.Scores++
		}
		if f.Evidence.Sum != nil {
			w.checkSum(report, f, byName)
		}
		w.checkProof(report, f, r)
		w.checkOthers(report, f)
		w.checkSignals(report, f, r)
	}
	return report
}

// checkProof looks for the rows that prove a finding.
func (w *witness) checkProof(report *checkReport, f *detect.Finding, r *detect.Rule) {
	for _, pos := range f.Evidence.Rows {
		row := w.wanted[pos]
		switch {
		case (row == nil || row.kind == rowDelivery && row.who == (mail.Submitter{})) && w.mayBeGone(f.FlaggedAt.Add(-r.Window)):
			report.Unchecked["rows that were pruned"]++
		case row == nil:
			report.differ(f, fmt.Sprintf("row %s:%d proves it and is not stored", pos.Log, pos.Offset))
		case row.kind == rowLogin && f.Submitter.Kind == mail.KindUser: // Under any form of its name.
		case row.who != f.Submitter:
			report.differ(f, fmt.Sprintf("row %s:%d proves it and is of %s", pos.Log, pos.Offset, orNobody(row.who)))
		}
	}
}

func orNobody(who mail.Submitter) string {
	if who == (mail.Submitter{}) {
		return "nobody who is judged"
	}
	return who.String()
}

// mayBeGone is true for a time whose rows may be pruned: a transaction goes as a
// whole, when its MAIL row does.
func (w *witness) mayBeGone(t mail.Time) bool {
	return w.pruned != 0 && t < w.pruned.Add(detect.MaxWindow)
}

// mostRows is how many rows the engine's windows hold at most.
const mostRows = 200_000

// checkSignals counts the signals of a finding again.
func (w *witness) checkSignals(report *checkReport, f *detect.Finding, r *detect.Rule) {
	var signals []detect.Measure
	for _, s := range f.Evidence.Signals {
		switch {
		case s.Signal == "score": // Is of the strongest moment, and its recipients are of the first: see Audit.
		case recounted[s.Signal] == nil:
			report.Unchecked[s.Signal+", which no row tells"]++
		case (s.Signal == "common_recipients" || s.Signal == "common_hosts") && w.isFlood(f.FlaggedAt, f.WindowEnd):
			report.Unchecked[s.Signal+", as more strangers were mailed in a day than are remembered"]++
		case slices.Contains(goingOn, s.Signal) && !w.knowsStart(s.Signal, f.Submitter, f.FlaggedAt):
			report.Unchecked[s.Signal+", as older mail was pruned"]++
		case remembered[s.Signal] && w.pruned != 0 || !w.knowsOwner(s.Signal, f.Submitter):
			report.Unchecked[s.Signal+", as older mail was pruned"]++
		case remembered[s.Signal] && (w.allLost || w.forgets[f.Submitter]):
			report.Unchecked[s.Signal+", as the memory forgot old recipients"]++
		default:
			signals = append(signals, s)
		}
	}
	switch {
	case len(signals) == 0:
		return
	case w.mayBeGone(f.FlaggedAt.Add(-reach(f, r))):
		report.Unchecked["signals whose rows were pruned"] += len(signals)
		return
	case len(w.rows[f.Submitter]) > mostRows:
		report.Unchecked[fmt.Sprintf("signals of a window with more than %s rows", words.Thousands(mostRows))] += len(signals)
		return
	}
	report.Signals += len(signals)
	for _, d := range w.remeasure(f, r, signals) {
		report.differ(f, d.String())
	}
	if rec := f.Evidence.Record; rec != nil && recounted[rec.Signal] != nil {
		at := *f // When it first held.
		at.WindowEnd = f.FlaggedAt
		for _, d := range w.remeasure(&at, r, []detect.Measure{{Signal: rec.Signal, Value: rec.Value}}) {
			report.differ(f, "record: "+d.String())
		}
	}
}

func (c *checkReport) print(to *page) error {
	for _, d := range c.Differences {
		to.line(2, "%s", visible(d))
	}
	scores := fmt.Sprintf("%s of %s recomputed", words.Plural(c.Scores, "score"), words.Plural(c.Findings, "finding"))
	rows := fmt.Sprintf("%s and %s compared with the stored rows", words.Plural(c.Recipients, "weighed recipient"), words.Plural(c.Signals, "signal"))
	if len(c.Differences) == 0 {
		to.line(2, "%s, all equal", scores)
		to.line(2, "%s, all equal", rows)
	} else {
		to.line(2, "%s, %s; %s", scores, rows, words.Plural(len(c.Differences), "difference"))
	}
	var not []string
	for _, reason := range slices.Sorted(maps.Keys(c.Unchecked)) {
		not = append(not, fmt.Sprintf("%s (%d)", reason, c.Unchecked[reason]))
	}
	if len(not) > 0 {
		to.line(2, "not checked: %s", visible(strings.Join(not, "; ")))
	}
	return to.err
}
