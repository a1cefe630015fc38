package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// stranger is a recipient outside that may be new to all, of any submitter: what hosts
// that mail strangers have in common is counted of these.
type stranger struct {
	place
	who   mail.Submitter
	to    mail.Path
	from  mail.Path // Of no own domain; "" is another.
	sizes [2]uint32 // Of the run of messages that it came in: classes of sizes, which overlap; 0 of none.
}

// inCommon is how many submitters have something in common with that of a recipient.
type inCommon struct{ path, size, recipient int }

// mostMembers is how many submitters of a campaign are told at most.
const mostMembers = 32

// hearStranger is a recipient that may count for the campaigns of findings; nil if it
// can't.
func (w *witness) hearStranger(row *rowFact) *stranger {
	if row.class == outsideClient || !slices.ContainsFunc(w.campaigns, func(s stretch) bool { return s.from < row.at && row.at <= s.to }) ||
		!taken(row.to) || !row.to.Path.Known() || !w.external(row.to.Path.Domain()) {
		return nil
	}
	s := &stranger{place: row.place, who: row.who, to: row.to.Path}
	if from := row.tx.ReversePath; from.Known() && w.external(from.Domain()) {
		s.from = from
		w.keepStranger(s)
	}
	return s
}

// sized tells of which sizes the run of messages is that the recipient came in.
func (w *witness) sized(s *stranger, mean float32) {
	steps := math.Log(float64(max(1, mean))) / 0.04
	s.sizes = [2]uint32{2 * uint32(steps), 2*uint32(steps+0.5) + 1}
	if s.from == "" {
		w.keepStranger(s)
	}
}

func (w *witness) keepStranger(s *stranger) {
	w.strangers = append(w.strangers, s)
	w.meet(s.to)
}

// joinCampaigns counts, at each stranger, who mailed strangers in the day before under
// the same foreign reverse-path, or in runs of messages of the same size.
func (w *witness) joinCampaigns() {
	slices.SortFunc(w.strangers, func(a, b *stranger) int { return cmp.Or(cmp.Compare(a.at, b.at), a.pos.Compare(b.pos)) })
	paths, sizes := campaigns[mail.Path]{}, campaigns[uint32]{}
	for _, s := range w.strangers {
		row := rowFact{place: s.place, who: s.who, to: mail.Recipient{Path: s.to}}
		if _, newToAll := w.novel(&row); !newToAll || s.at.Sub(w.began) < 24*time.Hour || w.isServer(s.who, s.place) {
			continue
		}
		var n inCommon
		if s.from != "" {
			n.path = paths.join(s.from, s)
		}
		for _, size := range s.sizes {
			if s.sizes != [2]uint32{} {
				n.size = max(n.size, sizes.join(size, s))
			}
		}
		w.inCommon[s.pos] = n
	}
}

// campaigns are when each submitter mailed a stranger last, by what they have in common.
type campaigns[K comparable] map[K]map[mail.Submitter]mail.Time

func (c campaigns[K]) join(key K, s *stranger) int {
	if c[key] == nil {
		c[key] = map[mail.Submitter]mail.Time{}
	}
	members := c[key]
	members[s.who] = s.at
	for who, last := range members {
		if s.at.Sub(last) > 24*time.Hour {
			delete(members, who)
		}
	}
	return min(len(members), mostMembers)
}

// checkOthers looks for the rows of the others in the campaign of a finding: as many
// submitters as it counts, each with a recipient outside in the day before, under one
// sender if that is what they share, or one recipient.
func (w *witness) checkOthers(report *checkReport, f *detect.Finding) {
	by, shared := "", 0
	for _, s := range f.Evidence.Signals {
		if s.Signal == "campaign_hosts" || s.Signal == "same_size_hosts" || s.Signal == "common_hosts" {
			by, shared = s.Signal, int(s.Value)
			break
		}
	}
	if shared == 0 && len(f.Evidence.Others) == 0 {
		return
	}
	if len(f.Evidence.Others) == 0 && f.FlaggedAt < w.pruned {
		report.Unchecked["the others of a campaign, which an older relaywatch did not name"]++
		return
	}
	if n := 1 + len(f.Evidence.Others); n != shared {
		report.differ(f, fmt.Sprintf("%d submitters have in common what accuses, and it names the rows of %d", shared, n))
	}
	seen := map[mail.Submitter]bool{f.Submitter: true}
	senders, recipients := map[mail.Path]bool{}, map[mail.Path]bool{}
	for _, pos := range f.Evidence.Others {
		row := w.wanted[pos]
		if row == nil && w.mayBeGone(f.FlaggedAt.Add(-24*time.Hour)) {
			report.Unchecked["rows that were pruned"]++
			continue
		}
		name := fmt.Sprintf("row %s:%d of another in the campaign", pos.Log, pos.Offset)
		switch {
		case row == nil:
			report.differ(f, name+" is not stored")
			continue
		case row.kind != rowRecipient || !taken(row.to) || row.to.Path.Known() && !w.external(row.to.Path.Domain()):
			report.differ(f, name+" is no recipient outside that was accepted")
			continue
		case seen[row.who]:
			report.differ(f, name+" is of "+orNobody(row.who)+", who is in it already")
		case row.at < f.FlaggedAt.Add(-24*time.Hour) || row.at > f.WindowEnd:
			report.differ(f, name+" is of another time")
		}
		seen[row.who] = true
		senders[row.tx.ReversePath] = true
		if row.to.Path.Known() { // Else its address was removed.
			recipients[row.to.Path] = true
		}
	}
	switch {
	case by == "campaign_hosts" && len(senders) > 1:
		report.differ(f, fmt.Sprintf("the others in the campaign have %d senders, not one", len(senders)))
	case by == "common_hosts" && len(recipients) > 1:
		report.differ(f, fmt.Sprintf("the others in the campaign have %d recipients, not one", len(recipients)))
	}
}

// inCommonBy counts who has mailed a recipient outside up to a row, with the submitter of
// the row, to whom it is new: if another was the first here to mail it, within the day
// before. 0 if it was none.
func (w *witness) inCommonBy(r *rowFact) int {
	if !r.isNew || r.newToAll || !taken(r.to) || !w.external(r.to.Path.Domain()) {
		return 0
	}
	a := w.told[r.to.Path]
	first := r.place
	for _, p := range a.by {
		if p.before(first) {
			first = p
		}
	}
	if a.heard.at != 0 && a.heard.before(first) || first.at.Sub(w.began) < 24*time.Hour || r.at.Sub(first.at) > 24*time.Hour {
		return 0
	}
	n, begun := 0, false
	for who, p := range a.taken {
		if p != a.by[who] || r.place.before(p) {
			continue // It was refused before, or mailed later.
		}
		begun = begun || p == first
		row := rowFact{place: p, who: who, to: r.to}
		if isNew, _ := w.novel(&row); isNew {
			n++
		}
	}
	if !begun {
		return 0
	}
	return min(n, mostMembers)
}

// mostNewcomers is of how many strangers the engine remembers for a day who mailed them.
const mostNewcomers = 1 << 16

// isFlood tells whether there may have been more on a day between two times, or before.
func (w *witness) isFlood(from, to mail.Time) bool {
	const hour = 3600
	n, begin := 0, from-from%hour-48*hour
	for h := begin; h <= to; h += hour {
		if n += w.outward[h]; h-25*hour >= begin {
			n -= w.outward[h-25*hour]
		}
		if n > mostNewcomers {
			return true
		}
	}
	return false
}
