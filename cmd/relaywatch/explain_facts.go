package main

import (
	"fmt"
	"strconv"

	"relaywatch/detect"
	"relaywatch/mail"
)

// checkSum compares the recipients of a sum with their rows, and what supports it
// with the rules.
func (w *witness) checkSum(report *checkReport, f *detect.Finding, byName map[string]*detect.Rule) {
	sum := f.Evidence.Sum
	for _, by := range sum.Support {
		if r := byName[by.Rule]; r == nil || r.Nats != by.Nats {
			report.differ(f, fmt.Sprintf("rule %s does not support with %g nats", by.Rule, by.Nats))
		}
	}
	if n := len(sum.Steps); n > 0 && sum.Steps[n-1].At != f.FlaggedAt {
		report.differ(f, fmt.Sprintf("its last recipient is of %s", sum.Steps[n-1].At))
	}
	for i := range sum.Steps {
		report.Recipients++
		st := &sum.Steps[i]
		row := w.wanted[st.Row]
		name := fmt.Sprintf("recipient %s:%d", st.Row.Log, st.Row.Offset)
		switch {
		case (row == nil || st.Delivery && row.who == (mail.Submitter{})) && w.mayBeGone(st.At): // The mail is gone before what came of it.
			report.Unchecked["rows that were pruned"]++
			continue
		case row != nil && row.kind == rowRecipient && !row.to.Path.Known() && w.mayBeGone(st.At): // Only the address is.
			report.Unchecked["recipients whose address was removed"]++
			continue
		case row == nil || (row.kind == rowDelivery) != st.Delivery || row.kind != rowRecipient && row.kind != rowDelivery:
			report.differ(f, name+" is not stored")
			continue
		case row.who != f.Submitter:
			report.differ(f, fmt.Sprintf("%s is of %s", name, orNobody(row.who)))
			continue
		}
		compare := w.compareStep
		if st.Delivery {
			compare = w.compareDelivery
		}
		for _, d := range compare(st, row) {
			d.what = name + ", " + d.what
			report.differ(f, d.String())
		}
		if !st.Delivery && !w.novelty(st, row) {
			report.Unchecked["novelty, as older mail was pruned"]++
		}
	}
}

// compareStep tells which facts of a recipient are others in its row.
func (w *witness) compareStep(st *detect.Step, row *rowFact) []difference {
	var found []difference
	differ := func(what, kept, is string) {
		if kept != is {
			found = append(found, difference{what, kept, is})
		}
	}
	_, hour := w.calendar.Local(row.at)
	differ("time", st.At.String(), row.at.String())
	differ("hour", strconv.Itoa(st.Hour), strconv.Itoa(hour))
	differ("nth of its message", strconv.Itoa(st.Nth), strconv.Itoa(row.nth))
	differ("outside", strconv.FormatBool(st.External), strconv.FormatBool(w.external(row.to.Path.Domain())))
	differ("refused", strconv.FormatBool(st.Refused), strconv.FormatBool(row.to.Reply >= 500))
	if is := w.pathUse(st, row); is != "" {
		differ("reverse-path", strconv.Quote(st.Path), is)
	}
	if is := w.noveltyOf(row); is != st.Novelty && !w.excused(row, st.Novelty, is) {
		differ("novelty", strconv.Quote(st.Novelty), strconv.Quote(is))
	}
	return found
}

// noveltyOf is to whom a recipient was new, as the stored rows tell.
func (w *witness) noveltyOf(row *rowFact) string {
	a := w.told[row.to.Path]
	if a == nil {
		return "known" // The log does not tell the recipient.
	}
	isNew, newToAll := w.novel(row)
	if isNew && row.who.Address() != "" {
		if first, ok := a.pairs[row.tx.ReversePath]; ok && first.before(row.place) {
			return "known"
		}
	}
	switch {
	case newToAll:
		return "new"
	case isNew:
		return "known_here"
	}
	return "known"
}

// earlier tells whether is is a better acquaintance than kept: mail that was pruned
// can only have made one, so it contradicts.
func earlier(kept, is string) bool {
	rank := map[string]int{"known": 0, "known_here": 1, "new": 2}
	return rank[is] < rank[kept]
}

// excused tells whether a recipient may be another acquaintance than the stored rows tell:
// a better one, as older mail was pruned, or none, as the memory forgot it.
func (w *witness) excused(row *rowFact, kept, is string) bool {
	if earlier(kept, is) {
		return w.allLost || w.forgets[row.who]
	}
	return w.pruned != 0
}

// novelty tells whether the stored rows suffice to tell the novelty of a recipient.
func (w *witness) novelty(st *detect.Step, row *rowFact) bool {
	is := w.noveltyOf(row)
	return st.Novelty == is || !w.excused(row, st.Novelty, is)
}

// pathUse is what the rows tell against the use of a reverse-path, or "". Which ones
// are usual is of the profile, which forgets; that a usual one was used before, and
// whether it is of an own domain, is of the rows.
func (w *witness) pathUse(st *detect.Step, row *rowFact) string {
	path := row.tx.ReversePath
	if path == "" || !path.Known() {
		return strconv.Quote("")
	}
	foreign := w.external(path.Domain())
	switch st.Path {
	case "foreign":
		if !foreign {
			return "of an own domain"
		}
	case "changed":
		if foreign {
			return "of no own domain"
		}
	case "usual":
		today, _ := w.calendar.Local(row.at)
		first, ok := w.firstDay[pathOf{row.who, path}]
		if day, _ := w.calendar.Local(first); w.pruned == 0 && (!ok || day >= today) && w.age(row) != 0 {
			return "used for the first time"
		}
	default:
		return strconv.Quote(string(path))
	}
	return ""
}
