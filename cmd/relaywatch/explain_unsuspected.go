package main

import (
	"context"
	"fmt"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// unsuspected says what is known of a submitter whom nobody accuses.
func (p *program) unsuspected(ctx context.Context, db *store.DB, who mail.Submitter, ruleSet []*detect.Rule, format string) error {
	findings, err := db.Findings(ctx, who)
	if err != nil {
		return err
	}
	hours, err := db.Timeline(ctx, who, 0, 1<<40)
	if err != nil {
		return err
	}
	logins, err := db.Logins(ctx, who, 0, 1<<40, maxLogins)
	if err != nil {
		return err
	}
	if len(hours)+len(findings)+len(logins) == 0 {
		return notStored(who)
	}
	d := dossier{Timeline: hours, Logins: logins, Weighers: weighersOf(ruleSet)}
	if d.Watched, d.Weighed, err = onWatch(ctx, db, who); err != nil {
		return err
	}
	if format == "json" {
		for _, f := range findings {
			d.Findings = append(d.Findings, finding{Finding: f})
		}
		return printJSON(p.out, newExplainReport(d))
	}
	sent := 0
	for _, h := range hours {
		sent += h.Recipients
	}
	text := &page{w: p.out, width: terminalWidth(p.out)}
	text.line(2, "%s is not under suspicion: %s in %s with mail", visible(who.String()),
		words.Plural(sent, "recipient"), words.Plural(len(hours), "hour"))
	d.printWatched(text)
	d.printLogins(text)
	for _, f := range findings {
		note := "accuses nobody alone"
		if f.Silenced != "" {
			note = "silenced by the allow-list: " + f.Silenced
		}
		text.line(4, "  %s UTC  %s: %s (%s)", short(f.FlaggedAt), f.Rule, visible(f.Sentence), visible(note))
	}
	return text.err
}

// shownWithout is how much of the newest mail of somebody who is not accused a page
// shows.
const shownWithout = 30 * 24 * time.Hour

// nobodysSuspect stands for a submitter whom nobody accuses: its Severity is "".
func nobodysSuspect(ctx context.Context, db *store.DB, who mail.Submitter) ([]store.Suspect, error) {
	hours, err := db.Timeline(ctx, who, 0, 1<<40)
	if err != nil {
		return nil, err
	}
	logins, err := db.Logins(ctx, who, 0, 1<<40, 1)
	if err != nil {
		return nil, err
	}
	s := store.Suspect{Submitter: who}
	switch {
	case len(hours) > 0:
		s.LastFlagged = hours[len(hours)-1].Hour + 3599
		s.Start = max(hours[0].Hour, s.LastFlagged.Add(-shownWithout))
	case len(logins) > 0:
		s.Start, s.LastFlagged = logins[0].At, logins[0].At
	default:
		return nil, notStored(who)
	}
	for _, h := range hours {
		if h.Hour >= hourOf(s.Start) {
			s.Recipients += h.Recipients
		}
	}
	return []store.Suspect{s}, nil
}

func notStored(who mail.Submitter) error {
	return fmt.Errorf("%s is not in the store: `relaywatch query \"SELECT DISTINCT submitter FROM v_hourly\"` lists who is", who)
}
