package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// sayDecision says what was noted, and which other episodes wait.
func (p *program) sayDecision(ctx context.Context, db *store.DB, d store.Decision) error {
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(2, "%s is %s now: the episode from %s to %s UTC with %s", visible(d.Submitter.String()), d.State,
		short(d.FirstFlagged), shortAfter(d.LastFlagged, d.FirstFlagged), words.Plural(d.Recipients, "recipient"))
	note := "without a note"
	if d.Note != "" {
		note = "with the note: " + visible(d.Note)
	}
	w.line(2, "decided by %s at %s UTC %s", visible(d.By), short(d.At), note)
	suspects, err := db.Suspects(ctx, store.Filter{Submitter: d.Submitter})
	if err != nil {
		return err
	}
	for _, s := range suspects {
		if s.FirstFlagged != d.FirstFlagged && s.State == stateOpen {
			w.line(2, "open is also its episode from %s UTC: --episode %s", short(s.FirstFlagged), s.FirstFlagged)
		}
	}
	return w.err
}

// undecidedFor is how long before the newest row an episode ended that is still
// listed though nobody decided about it. What ended by itself at night wants a look
// all the same.
const undecidedFor = 30 * 24 * time.Hour

// triageList prints the episodes that are worked on, or wait for it, worst first.
func (p *program) triageList(ctx context.Context, format string) error {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	suspects, err := db.Suspects(ctx, store.Filter{})
	if err != nil {
		return err
	}
	decisions, err := db.Decisions(ctx, mail.Submitter{})
	if err != nil {
		return err
	}
	_, newest, err := db.Span(ctx)
	if err != nil {
		return err
	}
	suspects = slices.DeleteFunc(suspects, func(s store.Suspect) bool {
		undecided := s.State == stateClosed && s.Decision(decisions) == nil && newest.Sub(s.LastFlagged) < undecidedFor
		return !s.InWork() && !undecided
	})
	if format != "table" {
		return triageRecords(suspects, decisions).print(p.out, format)
	}
	r := &rows{
		columns: []string{"suspect", "severity", "since (UTC)", "until", "sent to", "state", "decided", "by", "note"}, prose: "note", spare: []string{"until", "by"},
		empty: "nothing waits: nobody is under suspicion, or all is decided",
	}
	for _, s := range suspects {
		at, by, note := "", "", ""
		if d := s.Decision(decisions); d != nil {
			at, by, note = short(d.At), d.By, d.Note
		} else if d := closedBefore(&s, decisions); d != nil {
			at, by, note = short(d.At), d.By, "went on after it was closed: "+d.Note
		}
		r.cells = append(r.cells, []any{
			s.Submitter.String(), string(s.Severity), short(s.FirstFlagged), shortAfter(s.LastFlagged, s.FirstFlagged), count(s.Recipients), s.State, at, by, note,
		})
	}
	return r.print(p.out, format)
}

// closedBefore is the decision by which an episode was closed that went on.
func closedBefore(s *store.Suspect, all []store.Decision) *store.Decision {
	for i := range slices.Backward(all) {
		if d := &all[i]; d.Reopened(s) {
			return d
		}
	}
	return nil
}

// triageRecords are for programs: what was decided is empty where nothing was.
func triageRecords(suspects []store.Suspect, decisions []store.Decision) *rows {
	r := &rows{columns: []string{"submitter", "first_flagged", "last_flagged", "severity", "recipients", "state", "decided_at", "who", "note"}}
	for _, s := range suspects {
		var at, by, note any
		if d := s.Decision(decisions); d != nil {
			at, by, note = d.At.String(), d.By, d.Note
		}
		r.cells = append(r.cells, []any{
			s.Submitter.String(), s.FirstFlagged.String(), s.LastFlagged.String(), string(s.Severity), s.Recipients, s.State, at, by, note,
		})
	}
	return r
}

// triageHistory prints the episodes of a submitter with what was decided about them.
func (p *program) triageHistory(ctx context.Context, who mail.Submitter, format string) error {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	decisions, err := db.Decisions(ctx, who)
	if err != nil {
		return err
	}
	suspects, err := db.Suspects(ctx, store.Filter{Submitter: who})
	if err != nil {
		return err
	}
	if len(decisions)+len(suspects) == 0 {
		return fmt.Errorf("%s is not under suspicion and never was triaged: `relaywatch suspects` lists who is", who)
	}
	if format != "table" {
		return decisionRecords(decisions).print(p.out, format)
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	slices.SortFunc(suspects, func(a, b store.Suspect) int { return cmp.Compare(a.FirstFlagged, b.FirstFlagged) })
	for _, s := range suspects {
		w.line(2, "%s  from %s to %s UTC: %s, %s, %s", visible(who.String()), short(s.FirstFlagged), shortAfter(s.LastFlagged, s.FirstFlagged),
			s.State, s.Severity, words.Plural(s.Recipients, "recipient"))
	}
	for _, d := range decisions {
		w.line(4, "  %s UTC  %s  by %s, about %s UTC (%s)%s", short(d.At), d.State, visible(d.By), short(d.FirstFlagged),
			words.Plural(d.Recipients, "recipient"), noted(d.Note))
	}
	if len(decisions) == 0 {
		w.line(2, "nobody decided anything about it yet")
	}
	return w.err
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return ": " + visible(note)
}

// decisionRecords has the columns of v_triage.
func decisionRecords(decisions []store.Decision) *rows {
	r := &rows{columns: []string{"id", "at", "who", "submitter", "first_flagged", "last_flagged", "state", "note", "recipients"}}
	for _, d := range decisions {
		r.cells = append(r.cells, []any{
			d.ID, d.At.String(), d.By, d.Submitter.String(), d.FirstFlagged.String(), d.LastFlagged.String(), d.State, d.Note, d.Recipients,
		})
	}
	return r
}
