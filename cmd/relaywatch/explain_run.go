package main

import (
	"slices"
	"time"

	"relaywatch/mail"
)

// messageRun are the runs of a submitter, as the stored rows tell them: messages of one
// size, and transactions that began at the same interval. They are of all the mail
// before, not of a window's.
type messageRun struct {
	waiting []runRow  // Heard, and others of before may still come: in order.
	begun   bool      // A recipient was seen: no run begins before.
	day     int32     // Of the newest recipient.
	sizes   streak    // In bytes.
	gaps    streak    // In seconds.
	last    mail.Time // When the newest transaction began.
	history []runAfter
}

// streak is a run of values that are alike.
type streak struct {
	length int
	mean   float32
	broken mail.Time // When the stored rows first told that one ended; 0: never.
}

func (s *streak) goOn(value float32, alike bool, at mail.Time) {
	if s.length > 0 && alike {
		s.length++
		s.mean += (value - s.mean) / float32(s.length)
		return
	}
	if s.length > 0 && s.broken == 0 {
		s.broken = at
	}
	s.length, s.mean = 1, value
}

// runRow is a row that a run depends on: the beginning and the end of a transaction, and
// its recipients.
type runRow struct {
	place
	kind     rowKind
	size     int64
	stranger *stranger // Of a recipient that may be one; nil of others.
}

// runAfter is how long runs are after a row, in the time of findings; and the last one
// before.
type runAfter struct {
	place
	kind   rowKind
	runs   lengths
	inside bool // It is in that time.
}

// lengths are how many messages of one size there were in a row, and how many transactions at
// the same interval.
type lengths struct{ sizes, gaps int }

// orderly is how much later than a row others may be heard that were logged before it:
// transactions come by their beginning, and clocks are set back.
const orderly = time.Hour

// hearRun adds a row of the transaction that began at now, if a finding asks for runs.
func (w *witness) hearRun(row *rowFact, now mail.Time, s *stranger) {
	if !w.asked["same_size"] && !w.asked["same_size_hosts"] && !w.asked["same_gap"] || row.class != insideClient && row.class != accountClient {
		return
	}
	r := w.runs[row.who]
	if r == nil {
		r = &messageRun{}
		w.runs[row.who] = r
	}
	w.endRun(row.who, r, now.Add(-orderly))
	add := runRow{place: row.place, kind: row.kind, size: row.tx.SizeBytes, stranger: s}
	i := len(r.waiting)
	for i > 0 && (add.before(r.waiting[i-1].place) || add.place == r.waiting[i-1].place && add.kind < r.waiting[i-1].kind) {
		i--
	}
	r.waiting = slices.Insert(r.waiting, i, add)
}

// endRun goes through what waits of before a time.
func (w *witness) endRun(who mail.Submitter, r *messageRun, before mail.Time) {
	n := 0
	for n < len(r.waiting) && r.waiting[n].at < before {
		if row := &r.waiting[n]; !w.isServer(who, row.place) {
			w.goOn(r, row)
			w.noteRun(who, r, row)
		}
		n++
	}
	r.waiting = slices.Delete(r.waiting, 0, n)
}

// goOn continues the runs with a row, or begins others.
func (w *witness) goOn(r *messageRun, row *runRow) {
	switch {
	case row.kind == rowRecipient:
		today, _ := w.calendar.Local(row.at)
		if r.begun && today-r.day > 90 { // It begins anew after so many days without mail.
			r.sizes.length, r.gaps.length, r.last = 0, 0, 0
		}
		r.begun, r.day = true, max(r.day, today)
		if row.stranger != nil && r.sizes.length >= 3 {
			w.sized(row.stranger, r.sizes.mean)
		}
	case !r.begun:
	case row.kind == rowMail:
		gap, mean := float32(row.at-r.last), r.gaps.mean
		r.last = row.at
		r.gaps.goOn(gap, gap >= 2 && max(gap-mean, mean-gap) <= max(1, mean/10), row.at)
	default:
		size, mean := float32(row.size), r.sizes.mean
		r.sizes.goOn(size, size <= mean*1.02 && size >= mean*0.98, row.at)
	}
}

// noteRun keeps how long the runs of a submitter of findings are.
func (w *witness) noteRun(who mail.Submitter, r *messageRun, row *runRow) {
	if _, asked := w.spans[who]; !asked || row.kind == rowRecipient {
		return
	}
	after := runAfter{row.place, row.kind, lengths{r.sizes.length, r.gaps.length}, w.within(who, row.at)}
	if n := len(r.history); n > 0 && !after.inside && !r.history[n-1].inside {
		r.history[n-1] = after
		return
	}
	r.history = append(r.history, after)
}

// tellRuns tells the rows of a submitter, in order, how long its runs are after each.
func (w *witness) tellRuns(who mail.Submitter, rows []rowFact) {
	r := w.runs[who]
	if r == nil {
		return
	}
	next, now := 0, lengths{}
	for i := range rows {
		for ; next < len(r.history); next++ {
			after := &r.history[next]
			if row := (rowFact{place: after.place, kind: after.kind}); row.compare(&rows[i]) > 0 {
				break
			}
			now = after.runs
		}
		rows[i].runs = now
	}
}

// knowsRun tells whether the run of a signal at a time began in the stored rows.
func (w *witness) knowsRun(signal string, who mail.Submitter, at mail.Time) bool {
	if w.pruned == 0 {
		return true
	}
	r := w.runs[who]
	if r == nil {
		return false
	}
	broken := r.sizes.broken
	if signal == "same_gap" {
		broken = r.gaps.broken
	}
	return broken != 0 && broken <= at
}
