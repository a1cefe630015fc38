package main

import (
	"slices"
	"strings"
	"time"

	"relaywatch/mail"
)

// usage is how a submitter goes on, as the stored rows tell it: its messages of one size,
// its transactions that began at the same interval, and the networks that an account
// sends from. It is of all the mail before, not of a window's.
type usage struct {
	waiting  []usageRow // Heard, and others of before may still come: in order.
	begun    bool       // A recipient was seen: nothing begins before.
	born     int32      // Day of the first recipient,
	day      int32      // and of the newest.
	sizes    copies     // In bytes.
	gaps     streak     // In seconds.
	last     mail.Time  // When the newest transaction began.
	networks []network  // The last that an account sent from.
	moved    int32      // Day on which one of these was new; 0: never.
	history  []usageAfter
}

// network is where an account sends from, and on which day it did last.
type network struct {
	name string
	day  int32
}

// maxNetworks is how many networks of an account are known.
const maxNetworks = 8

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

// usageRow is a row that usage depends on: the beginning and the end of a transaction, and
// its recipients.
type usageRow struct {
	place
	kind     rowKind
	tx       *mail.Transaction
	inside   bool      // It is a recipient of an own domain that was accepted.
	from     string    // Network of an account's first recipient of a transaction; "" of all else.
	stranger *stranger // Of a recipient that may be one; nil of others.
}

// usageAfter are the habits from a row on: in the time of findings, and the last before.
type usageAfter struct {
	place
	kind   rowKind
	habits habits
	inside bool // It is in that time.
}

// goingOn are the signals that are told of habits.
var goingOn = []string{"same_size", "same_size_inside", "same_gap", "new_source"}

// habits are how many messages of one size there were, how many transactions at
// the same interval, and whether an account sent from a new network that day.
type habits struct {
	sizes, gaps int
	inside      int // Recipients inside of those of one size.
	moved       bool
}

// orderly is how much later than a row others may be heard that were logged before it:
// transactions come by their beginning, and clocks are set back.
const orderly = time.Hour

// hearUsage adds a row of the transaction that began at now, if a finding asks for it.
func (w *witness) hearUsage(row *rowFact, now mail.Time, s *stranger) {
	if !w.asksUsage || row.class != insideClient && row.class != accountClient {
		return
	}
	r := w.usages[row.who]
	if r == nil {
		r = &usage{}
		w.usages[row.who] = r
	}
	w.endUsage(row.who, r, now.Add(-orderly))
	add := usageRow{place: row.place, kind: row.kind, tx: row.tx, stranger: s}
	add.inside = row.kind == rowRecipient && row.to.Path.Known() && taken(row.to) && !w.external(row.to.Path.Domain())
	if row.class == accountClient && row.kind == rowRecipient && row.nth == 1 && row.to.Path.Known() {
		add.from = row.tx.ClientIP
		if dot := strings.LastIndexByte(add.from, '.'); dot > 0 {
			add.from = add.from[:dot]
		}
	}
	i := len(r.waiting)
	for i > 0 && (add.before(r.waiting[i-1].place) || add.place == r.waiting[i-1].place && add.kind < r.waiting[i-1].kind) {
		i--
	}
	r.waiting = slices.Insert(r.waiting, i, add)
}

// endUsage goes through what waits of before a time.
func (w *witness) endUsage(who mail.Submitter, r *usage, before mail.Time) {
	n := 0
	for n < len(r.waiting) && r.waiting[n].at < before {
		if row := &r.waiting[n]; !w.isServer(who, row.place) {
			w.goOn(r, row)
			w.noteUsage(who, r, row)
		}
		n++
	}
	r.waiting = slices.Delete(r.waiting, 0, n)
}

// goOn continues the runs with a row, or begins others.
func (w *witness) goOn(r *usage, row *usageRow) {
	switch {
	case row.kind == rowRecipient:
		today, _ := w.calendar.Local(row.at)
		if !r.begun || today-r.day > 90 { // It begins anew after so many days without mail.
			r.begun, r.born, r.day = true, today, today
			r.sizes, r.gaps.length, r.last, r.networks, r.moved = copies{streak: streak{broken: r.sizes.broken}}, 0, 0, nil, 0
		}
		r.day = max(r.day, today)
		if row.inside {
			r.sizes.mails(row.tx)
		}
		if row.from != "" {
			r.sendFrom(row.from)
		}
		if row.stranger != nil && r.sizes.length >= 3 {
			w.sized(row.stranger, r.sizes.mean)
		}
	case !r.begun:
	case row.kind == rowMail:
		gap, mean := float32(row.at-r.last), r.gaps.mean
		r.last = row.at
		r.gaps.goOn(gap, gap >= 2 && max(gap-mean, mean-gap) <= max(1, mean/10), row.at)
	default:
		r.sizes.end(row.tx, row.at)
	}
}

// sendFrom notes that an account sent from a network; the one that was used last longest
// ago makes room.
func (r *usage) sendFrom(name string) {
	for i := range r.networks {
		if r.networks[i].name == name {
			r.networks[i].day = r.day
			return
		}
	}
	if r.day-r.born >= 7 {
		r.moved = r.day
	}
	if len(r.networks) < maxNetworks {
		r.networks = append(r.networks, network{name, r.day})
		return
	}
	oldest := 0
	for i := range r.networks {
		if r.networks[i].day < r.networks[oldest].day {
			oldest = i
		}
	}
	r.networks[oldest] = network{name, r.day}
}

// noteUsage keeps the habits of a submitter of findings, where they change.
func (w *witness) noteUsage(who mail.Submitter, r *usage, row *usageRow) {
	if _, asked := w.spans[who]; !asked {
		return
	}
	after := usageAfter{row.place, row.kind, habits{r.sizes.length, r.gaps.length, r.sizes.inside, r.moved != 0 && r.moved == r.day}, w.within(who, row.at)}
	switch n := len(r.history); {
	case n > 0 && r.history[n-1].habits == after.habits:
	case n > 0 && !after.inside && !r.history[n-1].inside:
		r.history[n-1] = after
	default:
		r.history = append(r.history, after)
	}
}

// tellUsage tells the rows of a submitter, in order, its habits after each.
func (w *witness) tellUsage(who mail.Submitter, rows []rowFact) {
	r := w.usages[who]
	if r == nil {
		return
	}
	next, now := 0, habits{}
	for i := range rows {
		for ; next < len(r.history); next++ {
			after := &r.history[next]
			if row := (rowFact{place: after.place, kind: after.kind}); row.compare(&rows[i]) > 0 {
				break
			}
			now = after.habits
		}
		rows[i].habits = now
	}
}

// knowsStart tells whether what a signal counts at a time began in the stored rows.
func (w *witness) knowsStart(signal string, who mail.Submitter, at mail.Time) bool {
	if w.pruned == 0 {
		return true
	}
	r := w.usages[who]
	if r == nil {
		return false
	}
	broken := mail.Time(0) // Of networks any number may be older.
	switch signal {
	case "same_size", "same_size_inside":
		broken = r.sizes.broken
	case "same_gap":
		broken = r.gaps.broken
	}
	return broken != 0 && broken <= at
}
