package detect

import (
	"cmp"
	"slices"

	"relaywatch/mail"
)

// finding is a Finding in the making.
type finding struct {
	who      mail.Submitter
	rule     int
	start    mail.Time // Of its first row.
	first    uint64    // Number of that row. Known while the finding is new.
	flagged  mail.Time
	last     mail.Time // When the rule held last.
	silenced string
	peak     measures // When the leading signal was highest.
	proof    []mail.LogPos
	others   []mail.LogPos // Of a campaign, at the peak: see Evidence.
	behind   string        // Address of the host that many share, for a sender.
	sum      *Sum          // Of a sequential rule; never changed.
	record   *Record       // Of a rule on the own scale; never changed.
	shown    bool          // Is handed out: it is an alert, or belongs to an episode.
	touched  bool          // Is in judge.findings.
}

func (f *finding) clone() *finding {
	c := *f
	c.touched = false
	return &c
}

// findings are the newest of each rule, by rule. Most submitters have none, and an accused
// one a handful, which are asked for at each row.
type findings []*finding

// of is that of a rule, or nil.
func (fs findings) of(rule int) *finding {
	for _, f := range fs {
		if f.rule == rule {
			return f
		}
	}
	return nil
}

// put takes one in, in the place of the one before it.
func (fs *findings) put(f *finding) {
	i, found := slices.BinarySearchFunc(*fs, f.rule, func(g *finding, rule int) int { return cmp.Compare(g.rule, rule) })
	if found {
		(*fs)[i] = f
		return
	}
	*fs = slices.Insert(*fs, i, f)
}

// episode is an Episode in the making.
type episode struct {
	who     mail.Submitter
	start   mail.Time
	first   mail.Time
	last    mail.Time
	sent    tally    // Up to last.
	pending tally    // Since then: counts if a rule holds again.
	rules   []int    // Heaviest first, then by name.
	words   *finding // Of the heaviest rule, the newest.
	touched bool     // Is in judge.episodes.
}

// tally counts what left.
type tally struct {
	Recipients   int
	External     int
	Transactions int
}

func (t *tally) count(f flag) {
	if f&isAccepted != 0 {
		t.Recipients++
	}
	if f&isExternal != 0 {
		t.External++
	}
	if f&isFirst != 0 {
		t.Transactions++
	}
}

func (t *tally) add(u tally) {
	t.Recipients += u.Recipients
	t.External += u.External
	t.Transactions += u.Transactions
}

// held notes that rule i holds for s at its newest row, with a score; what decided that is
// measured, and all else where a finding takes it over. What adds nothing to the leading signal moves no finding: who was caught at night may write
// a mail in the afternoon while the window is still full.
func (j *judge) held(s *subject, i int, newest *row, lead int, score float64) {
	r, window := j.rules[i], j.asked[i].window
	m := &j.measured[window]
	f := s.findings.of(i)
	if f != nil && j.over(s, f, newest) {
		if f.flagged == s.rows.newest { // The one that begins has its key: it takes its place.
			f.touched = false
			j.findings = slices.DeleteFunc(j.findings, func(g *finding) bool { return g == f })
		}
		f = nil
	}
	switch strongest := strength(lead); {
	case f == nil:
		j.inFull(s, newest, window)[sigScore] = score
		f = j.open(s, i, lead, m)
		f.others = j.othersOf(s, newest, r)
	case !j.adds(s, i, lead, m):
		return
	case m[strongest] > f.peak[strongest], lead == sigScore && m[sigScore] == f.peak[sigScore]: // A sum has a ceiling.
		j.inFull(s, newest, window)[sigScore] = score
		f.peak = *m
		f.others = j.othersOf(s, newest, r)
	}
	f.last = s.rows.newest
	if f.shown || r.Level == LevelAlert || s.episode != nil || j.showsAll {
		j.show(f)
	}
	if f.silenced == "" && r.Level != LevelInfo {
		j.accuse(s, f)
		j.freeze(s, f.last)
	}
}

// open begins a finding of rule i at the newest row.
func (j *judge) open(s *subject, i, lead int, m *measures) *finding {
	r := j.rules[i]
	f := &finding{who: s.who, rule: i, flagged: s.rows.newest, peak: *m, behind: s.behind}
	shown := scaleOf(r, lead)
	f.first = s.rows.began(j.asked[i].window, shown, m)
	f.start = s.rows.time(s.rows.at(f.first))
	f.silenced = j.network.silenced(s.who, r, f.flagged, m)
	f.proof = s.rows.proof(j.asked[i].window, signals[shown].proves, j.layout.logs)
	if lead == sigScore {
		j.explainScore(s, f, i, m)
	}
	s.findings.put(f)
	return f
}

// show hands a finding out from now on, to its end. Support and info that belong to no episode
// accuse nobody: they are kept, the newest of each rule, and shown if one opens.
func (j *judge) show(f *finding) {
	f.shown = true
	j.touchFinding(f)
}

// over is true if a finding ended before the newest row. One that was silenced
// ends when its allow-list entry ended a whole window ago: what was sent under the entry
// is not held against the submitter the moment it ends. It ends at once where a signal
// is beyond what the entry allows, and so does one for which more was asked than is now.
func (j *judge) over(s *subject, f *finding, newest *row) bool {
	r, t := j.rules[f.rule], newest.at
	length := seconds(r.Window)
	return t-f.last > length ||
		f.silenced != "" && j.network.silenced(f.who, r, t-length+1, j.inFull(s, newest, j.asked[f.rule].window)) == "" ||
		j.baseline(s, r, f.flagged) != j.baseline(s, r, t)
}

// accuse adds a finding that holds to the episode of its submitter. Only an alert
// opens one, and only alerts prolong it: what supports is true of many ordinary
// hosts every day. Support of the last day joins at the beginning.
func (j *judge) accuse(s *subject, f *finding) {
	ep := s.episode
	if ep == nil {
		if j.rules[f.rule].Level != LevelAlert {
			return
		}
		ep = &episode{
			who: s.who, start: f.start, first: f.last, sent: s.rows.sent(f.first),
		}
		s.episode = ep
		j.gather(s, ep)
	}
	if j.rules[f.rule].Level == LevelAlert {
		ep.sent.add(ep.pending)
		ep.pending = tally{}
		ep.last = f.last
	}
	j.join(ep, f)
	j.touchEpisode(ep)
}

// gather adds to a new episode what was found in the last day.
func (j *judge) gather(s *subject, ep *episode) {
	for _, i := range s.judging.rules {
		g := s.findings.of(i)
		if g == nil || j.rules[i].Level == LevelAlert || ep.first-g.last > seconds(Quiet) {
			continue
		}
		j.show(g)
		if j.rules[i].Level == LevelSupport && g.silenced == "" {
			j.join(ep, g)
		}
	}
}

// join counts the rule of f in the score, once.
func (j *judge) join(ep *episode, f *finding) {
	if !slices.Contains(ep.rules, f.rule) {
		ep.rules = append(ep.rules, f.rule)
		slices.SortFunc(ep.rules, func(a, b int) int {
			return cmp.Or(cmp.Compare(j.rules[b].Weight, j.rules[a].Weight), cmp.Compare(a, b))
		})
	}
	if ep.rules[0] == f.rule {
		ep.words = f
	}
}

func (j *judge) touchFinding(f *finding) {
	if !f.touched {
		f.touched = true
		j.findings = append(j.findings, f)
	}
}

func (j *judge) touchEpisode(ep *episode) {
	if !ep.touched {
		ep.touched = true
		j.episodes = append(j.episodes, ep)
	}
}

// began is the number of the first row of window i that adds to a signal, or of the
// first at all where none does.
func (r *rows) began(i, signal int, m *measures) uint64 {
	first := r.windows[i].first
	for n := first; n < r.end; n++ {
		if r.at(n).adds(signal, i, m) {
			return n
		}
	}
	return first
}

// sent counts what left from a row on.
func (r *rows) sent(first uint64) tally {
	var t tally
	for n := first; n < r.end; n++ {
		t.count(r.at(n).flags)
	}
	return t
}

// proof chooses the rows that show a finding: those of window i that have one of the
// flags, the first and the last ones if they are many.
func (r *rows) proof(i int, proves flag, l *logs) []mail.LogPos {
	var proof []mail.LogPos
	for n := r.windows[i].first; n < r.end; n++ {
		e := r.at(n)
		if e.flags&proves == 0 {
			continue
		}
		if len(proof) == MaxEvidence {
			copy(proof[MaxEvidence/2:], proof[MaxEvidence/2+1:])
			proof = proof[:MaxEvidence-1]
		}
		proof = append(proof, mail.LogPos{Log: l.ids[e.log], Offset: e.offset})
	}
	return proof
}
