package detect

import (
	"slices"
	"time"

	"relaywatch/mail"
)

// subject is what is kept of a submitter.
type subject struct {
	of       *judge // nil once it is forgotten.
	who      mail.Submitter
	judging  *judging // What judges it. Shared with others.
	rows     rows
	memory   memory    // Recipients that it mailed.
	contacts []contact // Of the newest of them, after MemoryAt, in event time.
	findings findings
	episode  *episode // nil if none is open.
	server   *event   // The row that told its address is a server's; nil if none did.
	behind   string   // Address of the host that it was seen to send through last, where many share one.
	host     *subject // Of a machine that is told by its name: its address, as of the newest row.
	claimed  bool     // Is an account that exists: see claim.
	stored   bool     // The store has memory of it.
	raised   bool     // Rules ask more of it: see network.raised.
	profile  *profile // nil until it mails somebody.
	verdicts []Verdict
	poster   uint32 // Its number in judge.posters; 0: it has none.
}

// subject finds or makes what is kept of a submitter.
func (j *judge) subject(who mail.Submitter, c class) *subject {
	if s := j.subjects[who]; s != nil {
		return s
	}
	var s *subject
	if j.base != nil && j.base.subjects[who] != nil {
		s = j.base.subjects[who].clone(j.base.turns.number())
	} else {
		s = &subject{who: who, verdicts: j.network.verdictsOf(who), raised: j.network.raised(who)}
		s.judging = j.rulesFor(who, c)
	}
	s.of = j
	if who.Kind == mail.KindIP {
		s.server = j.servers[who.Value]
	}
	j.subjects[who] = s
	return s
}

// judging is what judges a submitter.
type judging struct {
	rules   []int // By judge.rules, rising.
	plain   []int // Of those, the ones that may hold at a row without a score: all but those that ask for one.
	weighed []int // Of those, the sequential ones: by judge.weighed, rising.
}

// judges tells whether rule i does.
func (g *judging) judges(i int) bool {
	_, found := slices.BinarySearch(g.rules, i)
	return found
}

// rulesFor are the rules that judge a submitter. Those of most are the same.
func (j *judge) rulesFor(who mail.Submitter, c class) *judging {
	g := new(judging)
	for i, r := range j.rules {
		if r.judges(who, c) {
			g.rules = append(g.rules, i)
		}
	}
	for _, same := range j.judging {
		if slices.Equal(same.rules, g.rules) {
			return same
		}
	}
	for _, i := range g.rules {
		if j.asked[i].least == 0 {
			g.plain = append(g.plain, i)
		}
	}
	for place, i := range j.weighed {
		if g.judges(i) {
			g.weighed = append(g.weighed, place)
		}
	}
	if len(j.judging) < maxLists {
		j.judging = append(j.judging, g)
	}
	return g
}

// maxLists is how many lists of rules are shared: there are some for each kind of
// submitter, and those of the exceptions.
const maxLists = 16

// subjectOf is the subject of a part.
func (j *judge) subjectOf(p *part) *subject {
	if p.subject == nil || p.subject.of != j {
		if p.class == account {
			p.subject = j.account(p.who.Value)
		} else {
			p.subject = j.subject(p.who, p.class)
		}
	}
	return p.subject
}

// clone copies what judging changes.
func (s *subject) clone(turn uint32) *subject {
	c := *s
	c.rows = s.rows.clone()
	c.memory = s.memory.fork(turn)
	c.contacts = nil
	c.profile = s.profile.clone()
	c.findings = nil // Most have none.
	for _, f := range s.findings {
		c.findings = append(c.findings, f.clone())
	}
	if s.episode != nil {
		e := *s.episode
		e.touched = false
		e.rules = slices.Clone(e.rules)
		if f := s.findings.of(e.words.rule); f == e.words {
			e.words = c.findings.of(f.rule)
		} else {
			e.words = e.words.clone()
		}
		c.episode = &e
	}
	return &c
}

// sweep forgets what no later row can need: windows that ran out, and submitters
// of whom nothing is left.
func (j *judge) sweep(until mail.Time) {
	j.outbox.expire(until)
	j.mailboxes.expire(until)
	for who, s := range j.subjects {
		s.rows.expire(until, &j.layout)
		if s.profile != nil && until-s.rows.newest > seconds(time.Hour) {
			clear(s.profile.weights) // They come out the same when they are needed again.
		}
		if s.rows.start < s.rows.end {
			continue
		}
		s.rows = rows{}
		s.memory.turnTo(j.turns.number())
		if !s.memory.empty() || len(s.contacts) > 0 || who.Value == "" {
			continue
		}
		if len(s.findings) == 0 && s.profile == nil {
			s.of = nil
			delete(j.subjects, who)
		}
	}
}
