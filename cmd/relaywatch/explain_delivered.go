package main

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// addressed is a recipient under a reverse-path: what joins an outcome of mail to whoever
// submitted it.
type addressed struct{ from, to mail.Path }

// correspondence is what was submitted for one recipient under one reverse-path, and
// what became of it.
type correspondence struct {
	sent     []submission
	outcomes []mail.Delivery
}

// submission is one recipient of one message that was accepted here.
type submission struct {
	place
	who                         mail.Submitter
	deferred, delivered, refuse bool // What became of it so far.
}

// hearDelivery notes of which mail the outcomes are looked for.
func (w *witness) hearDelivery(d mail.Delivery) {
	_, named := w.wanted[d.Pos]
	for who := range w.spans {
		named = named || w.within(who, d.RepliedAt)
	}
	if named {
		w.posted[addressed{d.ReversePath, d.Recipient}] = new(correspondence)
	}
}

// hearOutcome keeps the outcomes of that mail.
func (w *witness) hearOutcome(d mail.Delivery) {
	if c := w.posted[addressed{d.ReversePath, d.Recipient}]; c != nil {
		c.outcomes = append(c.outcomes, d)
	}
}

// hearPosted keeps a recipient that may be of that mail.
func (w *witness) hearPosted(row *rowFact) {
	from := row.tx.ReversePath
	c := w.posted[addressed{from, row.to.Path}]
	if c == nil || from == "" || !from.Known() || !taken(row.to) || row.class == outsideClient ||
		len(w.site.OwnDomains) > 0 && !w.external(row.to.Path.Domain()) {
		return
	}
	c.sent = append(c.sent, submission{place: row.place, who: row.who})
}

// joinPosted finds whose mail each outcome is of, and keeps it as a row of theirs.
func (w *witness) joinPosted() {
	for pair, c := range w.posted {
		slices.SortFunc(c.sent, func(a, b submission) int { return cmp.Or(cmp.Compare(a.at, b.at), a.pos.Compare(b.pos)) })
		slices.SortFunc(c.outcomes, func(a, b mail.Delivery) int {
			return cmp.Or(cmp.Compare(a.RepliedAt, b.RepliedAt), a.Pos.Compare(b.Pos))
		})
		for _, d := range c.outcomes {
			row := rowFact{place: place{d.RepliedAt, d.Pos}, kind: rowDelivery, to: mail.Recipient{Path: pair.to, Reply: d.Reply}, outcome: d.Outcome, nth: 1}
			if s, again := c.of(&d); s != nil {
				row.who, row.again = s.who, again
			}
			if _, ok := w.wanted[d.Pos]; ok {
				copied := row
				w.wanted[d.Pos] = &copied
			}
			if d.Outcome != mail.Delivered && !row.again && w.within(row.who, row.at) {
				w.rows[row.who] = append(w.rows[row.who], row)
			}
		}
	}
}

// of is the submission that an outcome is of, and whether the same submitter had it of
// another before: the newest of the last day that has not had it yet, among the newest
// sixteen.
func (c *correspondence) of(d *mail.Delivery) (found *submission, again bool) {
	var list []*submission
	for i := len(c.sent) - 1; i >= 0 && len(list) < 16; i-- {
		if s := &c.sent[i]; s.at <= d.RepliedAt && d.RepliedAt.Sub(s.at) < 24*time.Hour {
			list = append(list, s)
		}
	}
	for _, s := range list {
		if had := s.had(d.Outcome); !*had && (d.Outcome != mail.Delivered || !s.refuse) {
			found = s
			break
		}
	}
	if found == nil {
		return nil, false
	}
	for _, s := range list {
		again = again || s.who == found.who && *s.had(d.Outcome)
	}
	*found.had(d.Outcome) = true
	return found, again
}

func (s *submission) had(outcome mail.DeliveryOutcome) *bool {
	switch outcome {
	case mail.RefusedThere:
		return &s.refuse
	case mail.Deferred:
		return &s.deferred
	}
	return &s.delivered
}

// compareDelivery tells which facts of an outcome are others in its row.
func (w *witness) compareDelivery(st *detect.Step, row *rowFact) []difference {
	var found []difference
	differ := func(what, kept, is string) {
		if kept != is {
			found = append(found, difference{what, kept, is})
		}
	}
	_, hour := w.calendar.Local(row.at)
	differ("time", st.At.String(), row.at.String())
	differ("hour", strconv.Itoa(st.Hour), strconv.Itoa(hour))
	differ("refused", strconv.FormatBool(st.Refused), strconv.FormatBool(row.outcome == mail.RefusedThere))
	differ("told before", "false", strconv.FormatBool(row.again && st.Refused))
	return found
}

// countDelivery counts what came back.
func (c *recount) countDelivery(r *rowFact, by int) {
	switch r.outcome {
	case mail.RefusedThere:
		c.refusedDeliveries += by
	case mail.Deferred:
		c.deferredDeliveries += by
	}
}
