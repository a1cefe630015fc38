package detect

// door is the least that a rule without a score asks for, in 8 bytes: it is asked of
// every row, and most rules end there.
type door struct {
	place uint16 // As that of a gate. Place 0 is always 0.
	least uint32 // 0 of a rule with a score, or with several gates, or none.
}

// doorOf is open where gates may be.
func doorOf(gates []gate) door {
	if len(gates) != 1 {
		return door{}
	}
	return door{gates[0].place, gates[0].least}
}

// question is how a rule is asked at a row.
type question struct {
	gates     []gate
	window    int
	condition *condition
	deciding  []measurement // What tells whether the condition holds; nil: all of the window, or more, must be measured for it.
	place     int           // In judge.weighed or judge.recorded, for a rule with a score.
	scaled    uint16        // Of a rule on the own scale: place of what it measures in rows.counts.
	least     float64       // Score.
	leastSum  float64       // Of a sequential rule: below it the score is less than least, whatever supports it. 0: it is not known.
	sameSize  float64       // At least.
	newSource float64       // At least.
	campaign  int           // At least so many.
	alike     int           // At least so many.
	common    int           // At least so many.
	sameGap   float64       // At least.
	late      bool          // It asks what became of mail.
	lateOnly  bool          // Its score is of that alone.
}

// inFull are all signals of a window of a submitter at its newest row, but for the score.
func (j *judge) inFull(s *subject, r *row, window int) *measures {
	m := &j.measured[window]
	if j.full&(1<<window) == 0 {
		j.full |= 1 << window
		j.measure(s, r, window, m)
	}
	return m
}

// measure tells the signals of a window of a submitter at its newest row.
func (j *judge) measure(s *subject, r *row, window int, m *measures) {
	s.rows.measure(window, j.layout.spans[window].measured, m)
	m[sigSameSize], m[sigSameSizeInside], m[sigNewSource] = s.sameSize(), s.sameSizeInside(), s.newSource()
	m[sigCampaignHosts], m[sigAlikeHosts], m[sigSameGap] = float64(len(r.campaign)), float64(len(r.alike)), s.sameGap()
	m[sigCommonHosts] = float64(r.common)
	m[sigContacts] = float64(s.memory.notes(j.turns.number()))
}

// meets tells whether the newest row has the least that a rule asks for, before anything is
// measured.
func (s *subject) meets(q *question, r *row) bool {
	return len(r.campaign) >= q.campaign && len(r.alike) >= q.alike && r.common >= q.common && s.rows.open(q.gates) && s.habits(q)
}

// count adds a row of a submitter and asks the rules.
func (j *judge) count(s *subject, r *row, silent bool) {
	if len(j.rules) == 0 {
		return
	}
	j.acquit(s, r.at, silent) // Of a login.
	s.rows.add(r, &j.layout)
	if silent {
		return
	}
	if s.episode != nil {
		if r.at-s.episode.last > seconds(Quiet) {
			s.episode.words = s.episode.words.clone() // The finding may go on without it.
			s.episode = nil
		} else {
			s.episode.pending.count(r.flags)
		}
	}
	asked := s.judging.rules
	if !r.summed && !r.weighed {
		asked = s.judging.plain
	}
	j.full = 0
	for _, i := range asked {
		if d := j.doors[i]; s.rows.counts[d.place] < d.least {
			continue
		}
		q := &j.asked[i]
		if late := r.flags&isLate != 0; late && !q.late || !late && q.lateOnly {
			continue
		}
		if q.leastSum > 0 && j.watch == nil && (!r.summed || s.profile.channels[q.place].sum < q.leastSum) {
			continue
		}
		score := j.score(s, i, r)
		if j.watch != nil && r.flags&isBounced == 0 { // It weighs nothing.
			j.watched(s, i, r, score)
		}
		if score < q.least || !s.meets(q, r) {
			continue
		}
		m := &j.measured[q.window]
		if q.deciding == nil {
			j.inFull(s, r, q.window)[sigScore] = score
		} else if j.full&(1<<q.window) == 0 {
			s.rows.measure(q.window, q.deciding, m)
		}
		low := m.lowered(j.baseline(s, j.rules[i], r.at))
		if q.condition.holds(&j.machine, low) {
			j.held(s, i, r, q.condition.lead(low), score)
		}
	}
}
