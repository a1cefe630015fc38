package main

import (
	"fmt"
	"time"

	"relaywatch/store"
)

// learningDays is how many days of mail it takes until what is usual for a submitter
// tells more than what is usual for all: two weeks have two of each weekday.
const learningDays = 14

// learningReport tells how far that is. nil: it is over, or nothing is judged yet.
type learningReport struct {
	Since string `json:"since"`
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
	return &learningReport{s.MemorySince.String(), max(0, days), learningDays}
}

func printLearning(w *page, s store.Status) {
	if l := learning(s); l != nil {
		w.line(hang, "learning   since %s: %s; until then, what is new to a submitter is measured against all submitters together",
			s.MemorySince.Std().Format("2 Jan"), fmt.Sprintf("%d of %d days", l.Days, l.Of))
	}
}
