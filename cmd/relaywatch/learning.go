package main

import (
	"time"

	"relaywatch/mail"
	"relaywatch/store"
)

// learningDays is how many days of mail it takes until what is usual for a submitter
// tells more than what is usual for all: two weeks have two of each weekday.
const learningDays = 14

// learningReport tells how far that is. nil: it is over, or nothing is judged yet.
type learningReport struct {
	Since string `json:"since"`
	Until string `json:"until"`
	Days  int    `json:"days"` // Whole ones.
	Of    int    `json:"of_days"`
}

// learning goes by the time of the rows, as all that is judged.
func learning(s store.Status) *learningReport {
	if s.MemorySince == 0 {
		return nil
	}
	days := int(s.Newest.Sub(s.MemorySince) / (24 * time.Hour))
	if days >= learningDays {
		return nil
	}
	return &learningReport{s.MemorySince.String(), learnt(s).String(), max(0, days), learningDays}
}

// learnt is when it will be over.
func learnt(s store.Status) mail.Time { return s.MemorySince.Add(learningDays * 24 * time.Hour) }

func printLearning(w *page, s store.Status) {
	if l := learning(s); l != nil {
		w.line(hang, "learning   since %s: %d of %d days; until %s, what is new to a submitter is measured against all submitters together. Older logs, if they are read, shorten that",
			s.MemorySince.Std().Format("2 Jan"), l.Days, l.Of, learnt(s).Std().Format("2 Jan"))
	}
}
