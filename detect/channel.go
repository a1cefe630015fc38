package detect

import (
	"slices"

	"relaywatch/mail"
)

// channel is the sum of a sequential rule for a submitter.
type channel struct {
	sum   float64
	at    mail.Time // Of the last recipient that was weighed.
	start mail.Time // Of the first since the sum was 0 or faint.
	from  float64   // The sum before the first of steps, at the time fromAt.
	began mail.Time // fromAt.
	steps []step    // The newest since the sum was 0, at most maxSteps.
	nats  float64   // Of the last recipient.
	asked bool      // The newest row is in the sum: a sum is that of its last row, and not of now.
}

// maxSteps is how many recipients are kept of a sum, so that it can be shown and
// computed again. What came before them stays as a number.
const maxSteps = MaxEvidence

// step is one recipient that was weighed.
type step struct {
	at   mail.Time
	pos  mail.LogPos
	told told
	own  [terms]float32
	nats float64
}

// terms of a Weigher, in the order of step.own.
const terms = 5

// of are the shares of one recipient's facts.
func (o *own) of(t *told) [terms]float32 {
	if t.late {
		return [terms]float32{2: o.returned}
	}
	shares := [terms]float32{o.novelty[t.novelty], o.external, o.refused, 0, o.hours[t.hour]}
	if t.path < paths {
		shares[3] = o.path[t.path]
	}
	return shares
}

func (c *channel) clone() channel {
	d := *c
	d.steps = slices.Clone(c.steps)
	return d
}

// add weighs a recipient. What accuses counts for a part of it where more is asked for.
func (c *channel) add(w *Weigher, t *weights, o *own, at mail.Time, pos mail.LogPos, f *told, factor float64) float64 {
	nats := lowerNats(w.weigh(t, o, f), factor)
	before := w.Fade(c.sum, int64(at-c.at))
	anew := c.sum == 0 || before < faint && before <= c.sum/2 // Nothing for a half-life.
	c.at = at
	if before+nats <= 0 {
		if c.sum != 0 {
			*c = channel{at: at, asked: c.asked}
		}
		return nats
	}
	if c.sum == 0 {
		c.began, c.from, c.steps = at, 0, c.steps[:0]
	}
	if anew {
		c.start = at
	}
	c.sum = w.grown(before, 0, nats)
	if len(c.steps) == maxSteps {
		first := c.steps[0]
		c.from = w.grown(c.from, int64(first.at-c.began), first.nats)
		c.began = first.at
		c.steps = append(c.steps[:0], c.steps[1:]...)
	}
	if len(c.steps) == cap(c.steps) {
		c.steps = append(make([]step, 0, len(c.steps)+4), c.steps...) // Most sums stay short.
	}
	c.steps = append(c.steps, step{at, pos, *f, o.of(f), nats})
	return nats
}

// faint is below how many nats a sum no longer tells where an accusation begins: a sum
// that only fades is never 0, and what somebody did months ago is no part of it.
const faint = 0.5

// lowerNats lowers what accuses; what takes down a sum counts in full.
func lowerNats(nats, factor float64) float64 {
	if nats > 0 {
		return nats / factor
	}
	return nats
}

// weigh gives a recipient to the sequential rules of its submitter, and to what is
// usual for it.
func (j *judge) weigh(s *subject, r *row, p *part) {
	day, hour := j.local(r.at)
	j.fleet.roll(day, hour)
	fresh := s.profile == nil
	mine := j.rolled(s, day, r.at)
	if fresh {
		j.growUp(s, p)
	}
	f := &r.told
	f.hour, f.path = hour, noPath
	if p.pathHash != 0 {
		f.path = mine.path(p.pathHash, p.foreign)
		if s.host != nil && mine.Born == day {
			f.path = usualPath // All are new on that day, and were used before.
		}
	}
	if s.who.Kind == mail.KindUser && f.nth == 1 {
		mine.source(p.transaction.ClientIP)
	}
	if r.flags&isAccepted != 0 && !f.external {
		mine.goInside(p.transaction.Pos)
	}
	r.weighed = true
	if r.flags&(isStranger|isExternal) == isStranger|isExternal && j.needs(isStranger) {
		r.alike = j.alikeHosts(s, r)
	}
	if f.skip || p.transaction.ReversePath == "" {
		return // Bounces and receipts go to strangers by nature: null-sender-storm sees them.
	}
	r.summed = true
	j.sumUp(s, r)
	j.fleet.count(s, f)
	mine.Today.count(f, 1)
}

// growUp begins the profile of a submitter that did not begin today.
func (j *judge) growUp(s *subject, p *part) {
	mine := s.profile
	if p.moved && s.who.Kind == mail.KindIP {
		mine.Active = grownUp // Somebody who is known got another address.
	}
	if s.host != nil {
		mine.Active = 1 // It was there for days before its name was taken for it.
		mine.Learned.Novelty = s.host.profile.nameAt(p.nameHash).Novelty
	}
	if mine.Active == 0 && j.isMailbox(p) {
		mine.Active = 1
	}
}

// sumUp adds a recipient to the sums of the sequential rules of its submitter.
func (j *judge) sumUp(s *subject, r *row) {
	mine := s.profile
	for _, i := range s.judging.weighed {
		rule := j.weighed[i]
		t := j.today(s, i)
		w, c := j.rules[rule].Weigher, &mine.channels[i]
		if c.asked = !w.lateOnly; !c.asked {
			continue
		}
		before := 0.0
		if s.host != nil {
			before = w.Fade(c.sum, int64(r.at-c.at))
		}
		c.nats = c.add(w, t, &mine.mine, r.at, r.pos, &r.told, j.baseline(s, j.rules[rule], r.at))
		if w.Watch > 0 && c.sum >= w.Watch {
			mine.Watched = true
			j.onWatch(s)
		}
		if s.host != nil {
			j.pool(s, i, r.at, before, c.nats)
		}
	}
}
