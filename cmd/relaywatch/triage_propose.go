package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

const (
	// entryFor is how long a proposed entry lasts: half a year, then somebody has to
	// think again.
	entryFor = 180 * 24 * time.Hour
	// patienceToTry is how long proposals are judged over the stored mail before they
	// are left to `allow test`.
	patienceToTry = 20 * time.Second
)

// propose says what a false alarm teaches, and which entries of the allow-list would
// silence the like, the narrowest first, with what they silence in the stored mail.
func (p *program) propose(ctx context.Context, db *store.DB, d store.Decision) error {
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(0, "")
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	findings, err := db.Findings(ctx, d.Submitter)
	if err != nil {
		return err
	}
	findings = slices.DeleteFunc(findings, func(f detect.Finding) bool {
		return f.Level != detect.LevelAlert || f.Silenced != "" || f.FlaggedAt > d.LastFlagged || f.WindowEnd < d.FirstFlagged
	})
	learnt := slices.ContainsFunc(findings, func(f detect.Finding) bool { return f.Evidence.Sum != nil || f.Evidence.Record != nil })
	if learnt {
		w.line(2, "From the next judgement on the like is usual for it: days with a false alarm are learnt threefold. What it does later is judged on its own.")
	} else {
		w.line(2, "The rules that held ask for fixed numbers, so that nothing can be learnt. What it does later is judged on its own.")
	}
	entries := proposals(d, findings, p.clock())
	if len(entries) == 0 {
		return w.err
	}
	attempts, err := p.tryAll(ctx, db, ruleSet, entries)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	why := "If it comes again"
	if learnt {
		why = "Where that is not enough, as what comes once a month is forgotten again"
	}
	w.line(2, "%s, an entry of the allow-list fits, the narrowest first:", why)
	for i, a := range entries {
		w.line(4, "  %s", a.command())
		if err == nil {
			n, _ := attempts[i].silenced()
			w.line(4, "    since %s it would have silenced %d of %s", short(attempts[i].since), n, words.Plural(int64(attempts[i].without), "alarm"))
		}
	}
	if err != nil {
		w.line(2, "Judging the stored mail takes longer than %s: `relaywatch allow test` with the same flags tells what each silences.", span(patienceToTry))
	}
	return w.err
}

// proposals are entries that silence the findings: up to what was measured and a
// quarter, and altogether.
func proposals(d store.Decision, findings []detect.Finding, now time.Time) []AllowConfig {
	if len(findings) == 0 {
		return nil
	}
	wide := AllowConfig{Submitter: d.Submitter.String(), Reason: d.Note, Until: now.Add(entryFor).UTC().Format(time.DateOnly)}
	most := map[string]float64{}
	for _, f := range findings {
		if !slices.Contains(wide.Rules, f.Rule) {
			wide.Rules = append(wide.Rules, f.Rule)
		}
		for _, m := range f.Evidence.Signals {
			if m.Unit == "recipients" {
				most[m.Signal] = max(most[m.Signal], m.Value)
			}
		}
	}
	slices.Sort(wide.Rules)
	for _, signal := range []string{"distinct_recipients", "recipients"} {
		if most[signal] > 0 {
			narrow := wide
			narrow.AtMost = map[string]float64{signal: roundUp(most[signal] * 1.25)}
			return []AllowConfig{narrow, wide}
		}
	}
	return []AllowConfig{wide}
}

// roundUp has two figures, which people can keep in mind.
func roundUp(n float64) float64 {
	step := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	return math.Ceil(n/step) * step
}

// tryAll judges the stored mail with each entry.
func (p *program) tryAll(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, entries []AllowConfig) ([]attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, patienceToTry)
	defer cancel()
	site, err := p.config.judgingSite()
	if err != nil {
		return nil, err
	}
	if site, err = decided(ctx, db, ruleSet, site); err != nil {
		return nil, err
	}
	zone, err := p.config.zone()
	if err != nil {
		return nil, err
	}
	var others []detect.Site
	for _, a := range entries {
		if a.Reason == "" {
			a.Reason = "?"
		}
		other := site
		other.Allow = append(slices.Clone(site.Allow), a.entry(zone))
		others = append(others, other)
	}
	return try(ctx, db, ruleSet, 0, site, others...)
}

// command adds the entry.
func (a *AllowConfig) command() string {
	text := "relaywatch allow add " + argument(a.Submitter, "SUBMITTER")
	for _, name := range a.Rules {
		text += " --rule " + name
	}
	for signal, most := range a.AtMost { // There is one at most.
		text += fmt.Sprintf(" --at-most %s=%g", signal, most)
	}
	return text + " --until " + a.Until + " --reason " + argument(a.Reason, "WHY")
}

// argument is a text as one argument of a command, for sh and PowerShell; or what
// stands for it where a stranger's text might do more.
func argument(text, otherwise string) string {
	const marks = "._-:@/"
	switch {
	case text == "":
		return otherwise
	case strings.IndexFunc(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(marks, r)
	}) < 0 && text[0] != '-':
		return text
	case strings.ContainsAny(text, "'’‘‚‛") || strings.IndexFunc(text, mail.Steers) >= 0 || !utf8.ValidString(text):
		return otherwise
	}
	return "'" + text + "'"
}
