package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"relaywatch/mail"
)

// finding is a Finding in the making.
type finding struct {
	who      mail.Submitter
	rule     int
	start    mail.Time
	flagged  mail.Time
	last     mail.Time // When the rule held last.
	silenced string
	peak     measures // When the first signal of the condition was highest.
	proof    []mail.LogPos
	touched  bool // Is in judge.findings.
}

func (f *finding) clone() *finding {
	c := *f
	c.touched = false
	return &c
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
	Recipients   int `json:"recipients"`
	External     int `json:"external"`
	Transactions int `json:"transactions"`
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

// held notes that rule i holds for s at row e, the last of window w.
func (j *judge) held(s *subject, i int, w *window, e *entry) {
	r := j.rules[i]
	f := s.findings[i]
	if f != nil && j.over(f, e.at) {
		f = nil
	}
	if f == nil {
		f = &finding{who: s.who, rule: i, start: s.rows.at(w.first).at, flagged: e.at, peak: w.m}
		f.silenced = j.network.silenced(s.who, r.Name, e.at)
		f.proof = s.rows.proof(w, signals[r.condition.signals[0]].proves)
		if s.findings == nil {
			s.findings = make(map[int]*finding)
		}
		s.findings[i] = f
	} else if first := r.condition.signals[0]; w.m[first] > f.peak[first] {
		f.peak = w.m
	}
	f.last = e.at
	j.touchFinding(f)
	if f.silenced == "" && r.Level != LevelInfo {
		j.accuse(s, f, w)
	}
}

// over is true if a finding ended before t. One that was silenced ends when its
// allow-list entry ended a whole window ago: what was sent under the entry is not
// held against the submitter the moment it ends.
func (j *judge) over(f *finding, t mail.Time) bool {
	r := j.rules[f.rule]
	length := seconds(r.Window)
	return t-f.last > length ||
		f.silenced != "" && j.network.silenced(f.who, r.Name, t-length+1) == ""
}

// accuse adds a finding that holds to the episode of its submitter. Only an alert
// opens one; support of the last day joins it then.
func (j *judge) accuse(s *subject, f *finding, w *window) {
	ep := s.episode
	if ep == nil {
		if j.rules[f.rule].Level != LevelAlert {
			return
		}
		ep = &episode{
			who: s.who, start: f.start, first: f.last,
			sent: tally{int(w.m[sigRecipients]), int(w.m[sigExternalRecipients]), int(w.mailed)},
		}
		s.episode = ep
		for _, i := range s.rules {
			g := s.findings[i]
			if g != nil && j.rules[i].Level == LevelSupport && g.silenced == "" && f.last-g.last <= seconds(Quiet) {
				j.join(ep, g)
			}
		}
	}
	ep.sent.add(ep.pending)
	ep.pending = tally{}
	ep.last = f.last
	j.join(ep, f)
	j.touchEpisode(ep)
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

// proof chooses the rows that show a finding: those of the window that have one
// of the flags, the first and the last ones if they are many.
func (r *rows) proof(w *window, proves flag) []mail.LogPos {
	var proof []mail.LogPos
	for n := w.first; n < r.end; n++ {
		e := r.at(n)
		if e.flags&proves == 0 {
			continue
		}
		if len(proof) == MaxEvidence {
			copy(proof[MaxEvidence/2:], proof[MaxEvidence/2+1:])
			proof = proof[:MaxEvidence-1]
		}
		proof = append(proof, e.pos)
	}
	return proof
}

// told is the finding as others see it.
func (j *judge) told(f *finding) Finding {
	r := j.rules[f.rule]
	out := Finding{
		Rule: r.Name, Submitter: f.who, WindowStart: f.start, WindowEnd: f.last, FlaggedAt: f.flagged,
		Level: r.Level, Weight: r.Weight, Sentence: r.sentence(f.who, &f.peak), Silenced: f.silenced,
		Evidence: Evidence{Rows: f.proof},
	}
	reached := make(map[int]float64)
	r.condition.guard.reached(&f.peak, reached)
	for _, i := range r.measures {
		m := Measure{Signal: signals[i].Name, Value: f.peak[i], Unit: signals[i].Unit}
		if threshold, ok := reached[i]; ok {
			m.Threshold = &threshold
		}
		out.Evidence.Signals = append(out.Evidence.Signals, m)
	}
	return out
}

// toldEpisode is the episode as others see it.
func (j *judge) toldEpisode(ep *episode) Episode {
	out := Episode{
		Submitter: ep.who, Start: ep.start, FirstFlagged: ep.first, LastFlagged: ep.last,
		Recipients: ep.sent.Recipients, External: ep.sent.External, Transactions: ep.sent.Transactions,
	}
	least := Low
	for _, i := range ep.rules {
		r := j.rules[i]
		out.Rules = append(out.Rules, r.Name)
		out.Score += r.Weight
		if rank(r.Severity) > rank(least) {
			least = r.Severity
		}
	}
	out.Severity = severityOf(out.Score)
	if rank(least) > rank(out.Severity) {
		out.Severity = least
	}
	out.Summary = j.summary(ep)
	return out
}

func (j *judge) summary(ep *episode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s sent to %s", ep.who.Value, plural(ep.sent.Recipients, "recipient"))
	if ep.sent.External > 0 {
		fmt.Fprintf(&b, ", %s of them outside,", grouped(int64(ep.sent.External)))
	}
	fmt.Fprintf(&b, " in %s", plural(ep.sent.Transactions, "transaction"))
	fmt.Fprintf(&b, " since %s UTC", ep.start.Std().Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, ": it %s.", j.rules[ep.words.rule].words(&ep.words.peak))
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(int64(n)) + " " + noun + "s"
}

// severities in rising order.
var severities = [...]Severity{Low, Medium, High, Critical}

func rank(s Severity) int { return slices.Index(severities[:], s) }

// severityOf grades a score. One alert alone is medium at most (weights are up to
// 60); high takes one that other signs support, critical two alerts.
func severityOf(score float64) Severity {
	switch {
	case score >= 100:
		return Critical
	case score >= 70:
		return High
	case score >= 40:
		return Medium
	}
	return Low
}
