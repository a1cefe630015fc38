package detect

import (
	"slices"

	"relaywatch/mail"
)

// newcomers are recipients outside that were strangers to all until somebody here mailed
// them within the last day, and who has mailed them since: one list that leaves through
// many hosts. What they have in common is seen by no other rule: to all but the first of
// them the recipient is known here.
type newcomers struct {
	base  *newcomers // Is searched too and never changed; nil in the engine itself.
	of    map[uint64]newcomer
	queue []uint64 // Of the engine itself, the oldest first.
	next  uint64   // Number of the next one.
}

// newcomer is one of them.
type newcomer struct {
	number uint64
	at     mail.Time
	first  poster
	others []poster // Never changed.
}

// poster is who mailed a newcomer, and in which row first.
type poster struct {
	who    uint32 // In judge.posters, from 1.
	log    uint32 // In layout.logs.
	offset int64
}

// maxNewcomers bounds the memory: of a flood, the newest are known, in some 12 MB: measured, with three submitters each.
const maxNewcomers = 1 << 16

func (n *newcomers) fork() newcomers { return newcomers{base: n, next: n.next} }

// find tells nothing of what is over, kept or not: after a restart it is not.
func (n *newcomers) find(hash uint64, now mail.Time) (newcomer, bool) {
	c, ok := n.of[hash]
	if !ok && n.base != nil {
		c, ok = n.base.of[hash]
	}
	return c, ok && now-c.at <= seconds(Quiet) && n.next-c.number <= maxNewcomers
}

func (n *newcomers) put(hash uint64, c newcomer) {
	if n.of == nil {
		n.of = make(map[uint64]newcomer)
	}
	n.of[hash] = c
}

// begin takes a recipient that nobody here had mailed.
func (n *newcomers) begin(hash uint64, who poster, at mail.Time) {
	n.put(hash, newcomer{number: n.next, at: at, first: who})
	n.next++
	if n.base != nil {
		return
	}
	n.queue = append(n.queue, hash)
	for {
		oldest := n.of[n.queue[0]]
		if oldest.number == n.next-uint64(len(n.queue)) { // Or it began anew: that is kept.
			if len(n.queue) <= maxNewcomers && at-oldest.at <= seconds(Quiet) {
				return
			}
			delete(n.of, n.queue[0])
		}
		n.queue = n.queue[1:]
	}
}

// join counts who has mailed a newcomer, with a submitter to whom it is new, at most
// maxMembers; 0 if it is none.
func (n *newcomers) join(hash uint64, who poster, at mail.Time) int {
	c, ok := n.find(hash, at)
	if !ok {
		return 0
	}
	if len(c.others) < maxMembers-1 && !c.has(who.who) {
		c.others = append(slices.Clip(c.others), who)
		n.put(hash, c)
	}
	return 1 + len(c.others)
}

func (c *newcomer) has(who uint32) bool {
	return c.first.who == who || slices.ContainsFunc(c.others, func(p poster) bool { return p.who == who })
}

// meetNewcomer notes that a submitter mailed somebody outside who is new to it.
func (j *judge) meetNewcomer(s *subject, r *row, hash uint64) {
	who := poster{j.posterOf(s), j.layout.logs.numberOf(r.pos.Log), r.pos.Offset}
	if r.flags&isStranger != 0 {
		j.newcomers.begin(hash, who, r.at)
		return
	}
	if r.common = j.newcomers.join(hash, who, r.at); r.common > 0 {
		r.flags |= isCommon
		r.newcomer = hash
	}
}

// othersMailing are the rows in which the others first mailed the newcomer of a row, in
// their order.
func (j *judge) othersMailing(s *subject, r *row) []mail.LogPos {
	c, ok := j.newcomers.find(r.newcomer, r.at)
	if r.common == 0 || !ok {
		return nil
	}
	var rows []mail.LogPos
	for _, p := range append([]poster{c.first}, c.others...) {
		if p.who != s.poster && len(rows) < r.common-1 {
			rows = append(rows, mail.LogPos{Log: j.layout.logs.ids[p.log], Offset: p.offset})
		}
	}
	return rows
}
