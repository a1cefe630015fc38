package detect

import (
	"cmp"
	"slices"

	"relaywatch/mail"
)

// Sum is how a sequential rule came to its score, so that it can be computed again:
// Score is Before, faded since BeforeAt, and the recipients one by one, each sum
// fading until the next; and Support.
type Sum struct {
	Before   float64     `json:"before"`    // Of recipients that are not shown.
	BeforeAt mail.Time   `json:"before_at"` // Unix seconds.
	Steps    []Step      `json:"recipients"`
	Support  []Supported `json:"support,omitempty"`
	Score    float64     `json:"score"`
}

// Step is one recipient that was weighed, or what became of one.
type Step struct {
	Row      mail.LogPos `json:"row"`
	At       mail.Time   `json:"at"`                     // Unix seconds.
	Delivery bool        `json:"delivery,omitempty"`     // Refused is what a remote server did with a recipient; nothing else was weighed.
	Novelty  string      `json:"novelty"`                // "" of a delivery.
	Path     string      `json:"reverse_path,omitempty"` // "" for the null reverse-path.
	External bool        `json:"external"`
	Refused  bool        `json:"refused"`
	Hour     int         `json:"hour"` // Of the site's day.
	Nth      int         `json:"nth"`  // Of its message.
	Own      Own         `json:"own"`
	Baseline float64     `json:"baseline,omitempty"` // As Evidence.Baseline, then.
	Nats     float64     `json:"nats"`
}

// Own are the submitter's own shares of what was seen; of External and Refused, the
// share of those that are; of a delivery, the share of mail that came back. 0 is a term
// that told nothing.
type Own struct {
	Novelty  float32 `json:"novelty"`
	External float32 `json:"external"`
	Refused  float32 `json:"refused"`
	Path     float32 `json:"reverse_path"`
	Hour     float32 `json:"hour"`
}

// Supported is what a support rule added.
type Supported struct {
	Rule string  `json:"rule"`
	Nats float64 `json:"nats"`
}

// Record is how a rule on the own scale came to its score: z²/2 of the logarithm of
// 1 + Value/Baseline, for z spreads above the mean.
type Record struct {
	Signal string  `json:"signal"`
	Value  float64 `json:"value"`
	Mean   float64 `json:"mean"`   // Of the logarithms of 1 + the submitter's records of each day.
	Spread float64 `json:"spread"` // Of these.
	Best   float64 `json:"best"`   // The highest of these days, fading.
	Score  float64 `json:"score"`

	Baseline float64 `json:"baseline,omitempty"` // As Evidence.Baseline.
}

var (
	noveltyNames = [novelties]string{"known", "known_here", "new"}
	pathNames    = [...]string{usualPath: "usual", changedPath: "changed", foreignPath: "foreign", paths: "", noPath: ""}
)

// score is the signal score of rule i at the newest row.
func (j *judge) score(s *subject, i int, r *row) float64 {
	rule := j.rules[i]
	switch {
	case rule.Weigher != nil && r.summed:
		c := &s.profile.channels[j.asked[i].place]
		if !c.asked || c.sum == 0 {
			return 0
		}
		return c.sum + min(rule.Weigher.Support, j.support(s, r.at))
	case rule.Scale != nil && r.weighed:
		q := &j.asked[i]
		return j.beyond(s, q.place, rule.Scale, float64(s.rows.counts[q.scaled]), j.baseline(s, rule, r.at))
	}
	return 0
}

// support is what support rules that held in the last day add.
func (j *judge) support(s *subject, at mail.Time) float64 {
	nats := 0.0
	for _, f := range s.findings {
		if j.supports(f, at) {
			nats += j.rules[f.rule].Nats
		}
	}
	return nats
}

func (j *judge) supports(f *finding, at mail.Time) bool {
	return j.rules[f.rule].Nats > 0 && f.silenced == "" && at-f.last <= seconds(Quiet)
}

// adds tells whether the newest row, which has been counted, adds to the leading
// signal of rule i.
func (j *judge) adds(s *subject, i, lead int, m *measures) bool {
	rule, e := j.rules[i], s.rows.at(s.rows.end-1)
	if lead != sigScore {
		return e.adds(lead, j.asked[i].window, m)
	}
	if rule.Weigher != nil {
		return s.profile.channels[j.asked[i].place].nats > 0
	}
	return e.adds(rule.Scale.Of, j.asked[i].window, m)
}

// explainScore notes how the score came about, and where the finding begins.
func (j *judge) explainScore(s *subject, f *finding, i int, m *measures) {
	rule, place := j.rules[i], j.asked[i].place
	if rule.Scale != nil {
		mean, spread := j.fleet.usualRecord(s, place, rule.Scale)
		f.record = &Record{
			Signal: signals[rule.Scale.Of].Name, Value: m[rule.Scale.Of], Mean: mean, Spread: spread,
			Best: float64(s.profile.records[place].Best), Score: m[sigScore], Baseline: kept(j.baseline(s, rule, f.flagged)),
		}
		return
	}
	c := &s.profile.channels[place]
	f.start = c.start
	f.first = s.rows.since(c.start)
	f.sum = j.sumOf(s, i, m[sigScore], s.rows.newest)
	f.proof = f.proof[:0]
	for k := range f.sum.Steps {
		if st := &f.sum.Steps[k]; st.Nats > 0 && len(f.sum.Steps)-k <= MaxEvidence {
			f.proof = append(f.proof, st.Row)
		}
	}
}

// sumOf is how the sum of sequential rule i came to a score, with what supported it at a
// time.
func (j *judge) sumOf(s *subject, i int, score float64, at mail.Time) *Sum {
	rule, c := j.rules[i], &s.profile.channels[j.asked[i].place]
	sum := &Sum{Before: c.from, BeforeAt: c.began, Score: score}
	for k := range c.steps {
		st := &c.steps[k]
		sum.Steps = append(sum.Steps, st.shown(j.baseline(s, rule, st.at)))
	}
	for _, g := range s.findings {
		if j.supports(g, at) {
			sum.Support = append(sum.Support, Supported{j.rules[g.rule].Name, j.rules[g.rule].Nats})
		}
	}
	slices.SortFunc(sum.Support, func(a, b Supported) int { return cmp.Compare(a.Rule, b.Rule) })
	return sum
}

func (st *step) shown(factor float64) Step {
	f := &st.told
	if f.late {
		return Step{
			Row: st.pos, At: st.at, Delivery: true, Refused: f.refused, Hour: int(f.hour), Nth: int(f.nth),
			Own: Own{Refused: st.own[2]}, Baseline: kept(factor), Nats: st.nats,
		}
	}
	return Step{
		Row: st.pos, At: st.at, Novelty: noveltyNames[f.novelty], Path: pathNames[f.path], External: f.external, Refused: f.refused,
		Hour: int(f.hour), Nth: int(f.nth), Own: Own{st.own[0], st.own[1], st.own[2], st.own[3], st.own[4]}, Baseline: kept(factor), Nats: st.nats,
	}
}

// since is the number of the first row that is kept and not older than t.
func (r *rows) since(t mail.Time) uint64 {
	for n := r.start; n < r.end; n++ {
		if r.time(r.at(n)) >= t {
			return n
		}
	}
	return r.end - 1
}
