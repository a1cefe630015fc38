package main

import (
	"cmp"
	"math"
	"slices"
	"time"

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
type inCommon struct{ path, size int }

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
