package detect

import (
	"relaywatch/mail"
)

// The receive side of a relay accepts nearly every recipient outside: that a list is
// bad shows when its mail comes back. What remote servers answer is therefore weighed
// against whoever submitted that mail, later, by the time of the answer.

// returns counts what became of mail, without what was deferred.
type returns struct {
	Decided float32
	Refused float32 // Of those.
}

func (r *returns) add(s returns, weight float32) {
	r.Decided += weight * s.Decided
	r.Refused += weight * s.Refused
}

func (r *returns) age(factor float32) {
	r.Decided, r.Refused = factor*r.Decided, factor*r.Refused
}

// Delivery takes what became of a recipient of one of the server's own deliveries.
// What the log does not tell is not judged, and no bounce: that goes to strangers by
// nature.
func (e *Engine) Delivery(d mail.Delivery) {
	if !e.judge.judgesReturns || d.RepliedAt == 0 || d.Outcome == mail.Undecided ||
		d.ReversePath == "" || !d.ReversePath.Known() || !d.Recipient.Known() {
		return
	}
	p := e.part()
	p.pair, p.outcome = hashPair(e.judge.network.hashOf(d.ReversePath), e.judge.network.hashPath(d.Recipient)), d.Outcome
	before := len(e.buffer)
	e.buffer = append(e.buffer, event{at: d.RepliedAt, pos: d.Pos, part: p, kind: eventDelivery})
	e.admit(before, p)
}

// post remembers an accepted recipient until it is told what became of it. What stays
// here is not delivered to a remote server.
func (j *judge) post(s *subject, p *part, recipient uint64, external bool, at mail.Time) {
	if !j.judgesReturns && !j.judgesBounces || p.pathHash == 0 || p.class == outside || !external && len(j.network.own) > 0 {
		return
	}
	who := j.posterOf(s)
	if j.judgesReturns {
		j.outbox.add(hashPair(p.pathHash, recipient), at, who)
	}
	if j.judgesBounces && external && !p.foreign {
		if p.mailbox == 0 {
			p.mailbox = j.network.asRecipient(p.transaction.ReversePath)
		}
		j.mailboxes.put(p.mailbox, mailbox{at, who})
	}
}

// posterOf is the number of a submitter in judge.posters, from 1.
func (j *judge) posterOf(s *subject) uint32 {
	if s.poster == 0 {
		j.posters = append(j.posters, s.who)
		s.poster = uint32(len(j.posters))
	}
	return s.poster
}

// applyDelivery finds whose mail it was. Of each message, a recipient is refused,
// delivered and deferred once: deferred mail is tried again for days. A refusal counts
// also after a server of ours, or a smart host, had taken the mail.
func (j *judge) applyDelivery(ev *event, silent bool) {
	mark, unless := wasDeferred, uint8(0)
	r := row{at: ev.at, pos: ev.pos}
	switch ev.part.outcome {
	case mail.RefusedThere:
		mark, r.flags = wasRefused, isReturned
	case mail.Deferred:
		r.flags = isDeferred
	default:
		mark, unless = wasDelivered, wasRefused
	}
	found, again, ok := j.outbox.settle(ev.part.pair, ev.at, mark, unless)
	if !ok || again && mark != wasDelivered {
		return // A device may mail the same wrong address every minute.
	}
	s := j.known(j.posters[found.who-1])
	if s.isServer(ev) {
		return
	}
	j.acquit(s, ev.at, silent)
	if !silent && mark != wasDeferred && s.profile != nil {
		j.weighDelivery(s, &r, found.at)
	}
	if r.flags&j.layout.needs != 0 || r.flags&isReturned != 0 {
		j.count(s, &r, silent)
	}
}

// weighDelivery gives what became of a recipient, submitted at a time, to the
// sequential rules of its submitter, and to what is usual for it: it counts for the
// last day with mail, and begins none.
func (j *judge) weighDelivery(s *subject, r *row, submitted mail.Time) {
	_, hour := j.local(r.at)
	mine := s.profile
	o := own{returned: j.fleet.returned(s, mine)}
	f := &told{late: true, refused: r.flags&isReturned != 0, path: noPath, hour: hour, nth: 1}
	for i, rule := range j.weighed {
		w, c := j.rules[rule].Weigher, &mine.channels[i]
		c.nats = 0
		if c.asked = s.judging.judges(rule) && w.takes(c, f, r.at); !c.asked {
			continue
		}
		c.nats = c.add(w, w.late(o.returned), &o, r.at, r.pos, f, j.baseline(s, j.rules[rule], r.at))
		if w.lateOnly && f.refused {
			c.start = min(c.start, submitted)
		}
		if w.Watch > 0 && c.sum >= w.Watch {
			mine.Watched = true
			j.onWatch(s)
		}
		if j.watch != nil && !f.refused {
			j.watch(Scored{Submitter: s.who, Rule: j.rules[rule].Name, At: r.at, Score: c.sum, Nats: c.nats, Holds: func() bool { return false }})
		}
	}
	r.summed = f.refused
	j.fleet.countReturn(s, f)
	mine.ReturnsToday.add(returnsOf(f), 1)
	j.changed(s)
}

// takes tells whether a rule weighs an outcome. One that weighs nothing else weighs
// all; another only what comes back, and only while its sum is suspicious: late
// refusals raise an open case, and what is delivered never takes it down.
func (w *Weigher) takes(c *channel, f *told, at mail.Time) bool {
	if w.Returned == 0 || w.lateOnly {
		return w.lateOnly
	}
	return f.refused && w.Watch > 0 && w.Fade(c.sum, int64(at-c.at)) >= w.Watch
}

func returnsOf(f *told) returns {
	return returns{Decided: 1, Refused: float32(index(f.refused))}
}

// countReturn counts an outcome, if it is one of the submitter's first today.
func (f *fleet) countReturn(s *subject, t *told) {
	if s.profile.ReturnsToday.Decided < fleetShare {
		f.ReturnsToday[kindOf(s.who)].add(returnsOf(t), 1)
	}
}

// rollReturns begins a day; age is what is left of the days before.
func (f *fleet) rollReturns(age float32) {
	for k := range f.Returns {
		f.Returns[k].age(age)
		f.Returns[k].add(f.ReturnsToday[k], 1)
	}
	f.ReturnsToday = [kinds]returns{}
}

// returned is the submitter's own share of mail that comes back.
func (f *fleet) returned(s *subject, p *profile) float32 {
	others := f.Returns[kindOf(s.who)]
	usual := shareWith(others.Refused, others.Decided, assumedRefused, prior)
	return between(assumedRefused, shareWith(p.Returns.Refused, p.Returns.Decided, usual, trust), 0.9)
}

// late weighs what becomes of mail against the submitter's own share of what comes
// back. Under spam it is three times that at least, or who always has a bad list would
// look clean.
func (w *Weigher) late(own float32) *weights {
	spam := min(0.95, max(w.Returned, 3*float64(own)))
	return &weights{returned: [2]float64{ratio(w.Weights.Returned, 1-spam, 1-own), ratio(w.Weights.Returned, spam, own)}}
}
