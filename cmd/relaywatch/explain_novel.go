package main

import (
	"cmp"
	"maps"
	"slices"

	"relaywatch/detect"
	"relaywatch/mail"
)

// acquaintance is who mailed an address first, and when.
type acquaintance struct {
	by    map[mail.Submitter]place
	pairs map[mail.Path]place      // By an own reverse-path.
	heard place                    // The address wrote to us; at 0: never.
	taken map[mail.Submitter]place // As by, of recipients that were accepted, of clients inside.
}

func note[K comparable](first map[K]place, key K, p place) {
	if before, ok := first[key]; !ok || p.before(before) {
		first[key] = p
	}
}

// hearFirst notes who mailed the recipients of findings first.
func (w *witness) hearFirst(t mail.Transaction) {
	start := place{t.At, t.Pos}
	who, class := w.answers(&t, t.At)
	if class == nobodysClient || class == outsideClient {
		if a := w.told[w.site.Hide.Path(t.ReversePath)]; a != nil && w.writesFromOutside(&t) && (a.heard.at == 0 || start.before(a.heard)) {
			a.heard = start
		}
	}
	if _, ok := w.spans[who]; ok && t.ReversePath != "" {
		key := pathOf{who, t.ReversePath}
		if first, ok := w.firstDay[key]; len(t.Recipients) > 0 && (!ok || t.At < first) {
			w.firstDay[key] = t.At
		}
	}
	for i, to := range t.Recipients {
		row := rowFact{place: place{to.At, to.Pos}, kind: rowRecipient, tx: &t, to: to, nth: i + 1}
		row.who, row.class = w.answers(&t, to.At)
		if to.At == 0 || !to.Path.Known() || !w.counts(&row) || w.isServer(row.who, row.place) {
			continue
		}
		if w.began == 0 || to.At < w.began {
			w.began = to.At
		}
		w.hearPosted(&row)
		w.hearMailed(&row)
		if row.who.Kind == mail.KindHELO {
			note(w.born, row.who, row.place)
		}
		if met := w.met[row.who]; met != nil {
			note(met, to.Path, row.place)
		}
		a := w.told[to.Path]
		if a == nil {
			continue
		}
		note(a.by, row.who, row.place)
		if taken(to) && row.class != outsideClient {
			note(a.taken, row.who, row.place)
		}
		if t.ReversePath != "" && t.ReversePath.Known() && len(w.site.OwnDomains) > 0 && !w.external(t.ReversePath.Domain()) {
			note(a.pairs, t.ReversePath, row.place)
		}
	}
}

// writesFromOutside is true for mail that makes its sender known here: it is an
// answer to write back.
func (w *witness) writesFromOutside(t *mail.Transaction) bool {
	return w.profiled && t.ServerIP != "" && !t.Authenticated && t.ReversePath != "" && t.ReversePath.Known() && w.external(t.ReversePath.Domain())
}

// settle tells of the kept rows to whom they were new, and puts them in order.
func (w *witness) settle() {
	for who, rows := range w.rows {
		rows = slices.DeleteFunc(rows, func(r rowFact) bool { return w.isServer(r.who, r.place) })
		slices.SortFunc(rows, func(a, b rowFact) int { return a.compare(&b) })
		for i := range rows {
			if r := &rows[i]; r.kind == rowRecipient && r.to.Path.Known() {
				r.isNew, r.newToAll = w.novel(r)
				r.common = w.inCommon[r.pos]
				r.common.recipient = w.inCommonBy(r)
			}
		}
		w.tellUsage(who, rows)
		w.tellContacts(who, rows)
		w.rows[who] = rows
	}
}

// tellContacts tells the rows of a submitter, in order, how many it had mailed by then.
func (w *witness) tellContacts(who mail.Submitter, rows []rowFact) {
	first := slices.SortedFunc(maps.Values(w.met[who]), func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), a.pos.Compare(b.pos)) })
	n := 0
	for i := range rows {
		for n < len(first) && !rows[i].before(first[n]) {
			n++
		}
		rows[i].contacts = n
	}
}

// compare is the order in which rows are judged.
func (r *rowFact) compare(q *rowFact) int {
	if late, also := r.kind >= rowDelivery, q.kind >= rowDelivery; r.at == q.at && late != also { // What becomes of mail comes last.
		return cmp.Compare(r.kind, q.kind)
	}
	return cmp.Or(cmp.Compare(r.at, q.at), r.pos.Compare(q.pos), cmp.Compare(r.kind, q.kind))
}

// age is how many days before a row its machine was told apart from others behind its
// address, or -1 for any other submitter.
func (w *witness) age(r *rowFact) int32 {
	first, ok := w.born[r.who]
	if !ok {
		return -1
	}
	born, _ := w.calendar.Local(first.at)
	today, _ := w.calendar.Local(r.at)
	return today - born
}

// novel tells whether the submitter never mailed the recipient before, and whether
// nobody here knew it.
func (w *witness) novel(r *rowFact) (isNew, newToAll bool) {
	a := w.told[r.to.Path]
	if first, ok := a.by[r.who]; ok && first.before(r.place) {
		return false, false
	}
	if age := w.age(r); age >= 0 && !detect.Acquainted(age) {
		if first, ok := a.by[mail.Submitter{Kind: mail.KindIP, Value: r.who.Address()}]; ok && first.before(r.place) {
			return false, false // Mailed before machines were told apart, by whichever.
		}
	}
	if a.heard.at != 0 && a.heard.before(r.place) {
		return true, false
	}
	for _, first := range a.by {
		if first.before(r.place) {
			return true, false
		}
	}
	return true, true
}
