package detect

import (
	"math"

	"relaywatch/mail"
)

// Scored is the score of a rule at a row, and what it is made of.
type Scored struct {
	Submitter mail.Submitter
	Rule      string
	At        mail.Time
	Score     float64
	Nats      float64     // Of a sequential rule: what the row weighs.
	Support   float64     // Of a sequential rule: what support rules add, at most Weigher.Support.
	Holds     func() bool // Whether the rule would hold and not be silenced, were the score high enough. Not to be kept.
}

// Watch calls each with every score that is judged for good from now on: one for each
// recipient and each rule with a score that is asked then. It changes nothing of what
// is found.
func (e *Engine) Watch(each func(Scored)) { e.judge.watch = each }

// Threshold is the score that the rule asks for; false if it asks for none.
func (r *Rule) Threshold() (float64, bool) {
	least := leastOf(sigScore, r.condition.guard)
	return least, least > 0
}

// watched tells the score of rule i at the newest row.
func (j *judge) watched(s *subject, i int, r *row, score float64) {
	rule := j.rules[i]
	told := Scored{
		Submitter: s.who, Rule: rule.Name, At: r.at, Score: score,
		Holds: func() bool { return j.wouldHold(s, i, r) },
	}
	switch {
	case rule.Weigher != nil && r.summed && s.profile.channels[j.asked[i].place].asked:
		told.Nats = s.profile.channels[j.asked[i].place].nats
		told.Support = min(rule.Weigher.Support, j.support(s, r.at))
	case rule.Scale != nil && r.weighed:
	default:
		return
	}
	j.watch(told)
}

// wouldHold tells whether rule i holds at the newest row for any score that is high
// enough.
func (j *judge) wouldHold(s *subject, i int, r *row) bool {
	q, rule := &j.asked[i], j.rules[i]
	if !s.meets(q, r) {
		return false
	}
	var m measures
	j.measure(s, r, q.window, &m)
	m[sigScore] = math.Inf(1)
	return q.condition.holds(&j.machine, m.lowered(j.baseline(s, rule, r.at))) && j.network.silenced(s.who, rule, r.at, &m) == ""
}
