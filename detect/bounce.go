package detect

import "relaywatch/mail"

// What comes back by a message of its own has the null reverse-path and goes to the
// reverse-path of the mail: a report that somebody does not exist, and just as well an
// out-of-office reply, a receipt, or backscatter of what others sent under the address.
// The log does not tell which. So it counts only for who lately mailed outside under that
// address, and a rule asks for it in proportion to that mail.

// mailbox is who mailed outside under an own reverse-path last.
type mailbox struct {
	at  mail.Time
	who uint32 // In judge.posters, from 1.
}

// mailboxes are those of the last day, by what the reverse-path is known by as a
// recipient.
type mailboxes struct {
	base *mailboxes // Is searched too and never changed; nil in the engine itself.
	of   map[uint64]mailbox

	// What was put last, which the next recipient of a message puts again.
	lastHash uint64
	last     mailbox
}

func (m *mailboxes) fork() *mailboxes { return &mailboxes{base: m} }

func (m *mailboxes) put(hash uint64, b mailbox) {
	if hash == m.lastHash && b == m.last {
		return
	}
	m.lastHash, m.last = hash, b
	if m.of == nil {
		m.of = make(map[uint64]mailbox)
	}
	m.of[hash] = b
}

// at is who mailed outside under an address within the day before now.
func (m *mailboxes) at(hash uint64, now mail.Time) (who uint32, ok bool) {
	b, ok := m.of[hash]
	if !ok && m.base != nil {
		b, ok = m.base.of[hash]
	}
	return b.who, ok && now-b.at < afterDay
}

// expire drops what is too old for anything after now.
func (m *mailboxes) expire(now mail.Time) {
	for hash, b := range m.of {
		if now-b.at >= afterDay {
			delete(m.of, hash)
		}
	}
}

// bouncesOf appends the events of a message with the null reverse-path that comes in
// from outside, also by a gateway: one for each mailbox here.
func (j *judge) bouncesOf(to []event, p *part) []event {
	t := &p.transaction
	if !j.judgesBounces || t.ReversePath != "" || t.Authenticated || t.Hop || !j.network.fromOutside(t.ClientIP) {
		return to
	}
	for i := range t.Recipients {
		r := &t.Recipients[i]
		if r.At != 0 && replyAccepts(r) && r.Path.Known() && !j.network.external(r.Path.Domain()) {
			to = append(to, event{at: r.At, pos: r.Pos, part: p, index: int32(i), kind: eventBounce})
		}
	}
	return to
}

// applyBounce counts it for who mailed under the address. A sum that was a little short
// may be enough with what it supports: then it accuses now, and not with the next
// recipient.
func (j *judge) applyBounce(ev *event, silent bool) {
	who, ok := j.mailboxes.at(j.network.hashPath(ev.part.transaction.Recipients[ev.index].Path), ev.at)
	if !ok {
		return
	}
	s := j.known(j.posters[who-1])
	if s.isServer(ev) {
		return
	}
	r := row{at: ev.at, pos: ev.pos, flags: isBounced}
	if s.profile != nil && !silent {
		r.summed = true
		for place, i := range j.weighed {
			c := &s.profile.channels[place]
			c.asked = j.rules[i].Weigher.Watch > 0 && c.sum > 0
		}
	}
	j.count(s, &r, silent)
}
