package main

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"relaywatch/mail"
)

// returned is what came in for an own address with the null reverse-path, and who mailed
// outside under that address.
type returned struct {
	back []place
	sent []submission
}

// hearBack notes messages with the null reverse-path from outside, in the time of findings.
func (w *witness) hearBack(row *rowFact) {
	t := row.tx
	if t.ReversePath != "" || t.Authenticated || t.Hop || !w.fromOutside(t.ClientIP) || row.at == 0 ||
		!taken(row.to) || !row.to.Path.Known() || w.external(row.to.Path.Domain()) || !w.site.Hide.Apart() || len(w.site.OwnDomains) == 0 {
		return
	}
	_, named := w.wanted[row.pos]
	for who := range w.spans {
		named = named || w.within(who, row.at)
	}
	if !named {
		return
	}
	if w.returned[row.to.Path] == nil {
		w.returned[row.to.Path] = new(returned)
	}
	r := w.returned[row.to.Path]
	r.back = append(r.back, row.place)
}

// fromOutside is true for a client outside and for a gateway.
func (w *witness) fromOutside(client string) bool {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.Contains(w.site.Gateways, addr) ||
		!addr.IsLoopback() && !slices.ContainsFunc(w.site.Internal, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// hearMailed keeps a recipient outside of mail that may have come back.
func (w *witness) hearMailed(row *rowFact) {
	from := row.tx.ReversePath
	if len(w.returned) == 0 || from == "" || !from.Known() || !taken(row.to) || row.class == outsideClient ||
		!w.external(row.to.Path.Domain()) || w.external(from.Domain()) {
		return
	}
	if r := w.returned[w.site.Hide.Path(from)]; r != nil {
		r.sent = append(r.sent, submission{place: row.place, who: row.who})
	}
}

// joinReturned keeps what came back as rows of who mailed outside under the address last.
func (w *witness) joinReturned() {
	for to, r := range w.returned {
		slices.SortFunc(r.sent, func(a, b submission) int { return cmp.Or(cmp.Compare(a.at, b.at), a.pos.Compare(b.pos)) })
		for _, back := range r.back {
			n, _ := slices.BinarySearchFunc(r.sent, back.at+1, func(s submission, t mail.Time) int { return cmp.Compare(s.at, t) })
			if n == 0 || back.at.Sub(r.sent[n-1].at) >= 24*time.Hour {
				continue
			}
			row := rowFact{place: back, kind: rowBounce, who: r.sent[n-1].who, to: mail.Recipient{Path: to}}
			if _, ok := w.wanted[back.pos]; ok {
				copied := row
				w.wanted[back.pos] = &copied
			}
			if w.within(row.who, row.at) {
				w.rows[row.who] = append(w.rows[row.who], row)
			}
		}
	}
}
