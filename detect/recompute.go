package detect

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/expr-lang/expr/vm"
)

// exactly is how far a number that is computed again may be from the one that was
// kept: the order of additions, and another processor's logarithm.
const exactly = 1e-9

func same(a, b float64) bool { return math.Abs(a-b) <= exactly*max(1, math.Abs(a), math.Abs(b)) }

// Recompute is the score of evidence, computed from its facts and shares alone: what
// it says of nats and score is not read. It is 0 for a rule without a score. The
// error says that the evidence is none of this rule.
func (r *Rule) Recompute(e Evidence) (float64, error) {
	switch {
	case (e.Sum != nil) != (r.Weigher != nil):
		return 0, fmt.Errorf("rule %s sums up recipients, and the evidence does not, or the other way round", r.Name)
	case (e.Record != nil) != (r.Scale != nil):
		return 0, fmt.Errorf("rule %s compares with records, and the evidence does not, or the other way round", r.Name)
	case e.Sum != nil:
		return r.Weigher.resum(e.Sum)
	case e.Record != nil:
		return r.Scale.rescore(e.Record), nil
	}
	return 0, nil
}

// resum adds the recipients up again.
func (w *Weigher) resum(s *Sum) (float64, error) {
	sum, at := s.Before, s.BeforeAt
	for i := range s.Steps {
		nats, err := w.Nats(&s.Steps[i])
		if err != nil {
			return 0, err
		}
		sum = w.grown(sum, int64(s.Steps[i].At-at), nats)
		at = s.Steps[i].At
	}
	support := 0.0
	for _, by := range s.Support {
		support += by.Nats
	}
	return sum + min(w.Support, support), nil
}

// Nats is what a recipient weighs, computed from its facts and shares.
func (w *Weigher) Nats(st *Step) (float64, error) {
	if st.Delivery {
		nats := w.weigh(w.late(st.Own.Refused), new(own), &told{late: true, refused: st.Refused})
		return lowerNats(nats, factorOf(st.Baseline)), nil
	}
	n := slices.Index(noveltyNames[:], st.Novelty)
	p := slices.Index(pathNames[:], st.Path)
	if n < 0 || p < 0 || st.Hour < 0 || st.Hour > 23 {
		return 0, fmt.Errorf("recipient %s:%d has facts that there are not: novelty %q, reverse-path %q, hour %d", st.Row.Log, st.Row.Offset, st.Novelty, st.Path, st.Hour)
	}
	f := told{novelty: novelty(n), path: pathUse(p), external: st.External, refused: st.Refused, hour: uint8(st.Hour), nth: int32(st.Nth)}
	o := own{external: st.Own.External, refused: st.Own.Refused}
	o.novelty[f.novelty], o.hours[f.hour] = st.Own.Novelty, st.Own.Hour
	if f.path < paths {
		o.path[f.path] = st.Own.Path
	}
	return lowerNats(w.weigh(w.against(&o), &o, &f), factorOf(st.Baseline)), nil
}

// rescore compares the value with the records again.
func (c *Scale) rescore(r *Record) float64 {
	value := r.Value / factorOf(r.Baseline)
	z := (math.Log1p(value) - r.Mean) / r.Spread
	if value < c.Least || z <= 0 {
		return 0
	}
	return z * z / 2
}

// Audit tells what in a finding does not follow from the rule and its own evidence:
// nats, score, thresholds, whether the rule holds at all, and the sentence.
func (r *Rule) Audit(f *Finding) []error {
	var wrong []error
	differ := func(what string, got, want any) {
		if got != want {
			wrong = append(wrong, fmt.Errorf("%s: the finding has %v; it is %v", what, got, want))
		}
	}
	differ("level", f.Level, r.Level)
	differ("weight", f.Weight, r.Weight)
	m, err := r.measured(f.Evidence.Signals)
	if err != nil {
		return append(wrong, err)
	}
	factor := factorOf(f.Evidence.Baseline)
	reached := r.thresholds(m, factor)
	for _, s := range f.Evidence.Signals {
		if want, ok := reached[signalNamed(s.Signal)]; ok != (s.Threshold != nil) || ok && !same(*s.Threshold, want) {
			wrong = append(wrong, fmt.Errorf("threshold of %s: the finding has %s; it is %s", s.Signal, optional(s.Threshold), optional(when(ok, want))))
		}
	}
	var machine vm.VM
	if !r.condition.holds(&machine, m.lowered(factor)) {
		wrong = append(wrong, fmt.Errorf("the rule does not hold with these values (when: %s)", r.When))
	}
	differ("sentence", f.Sentence, r.sentence(f.Submitter, m))
	return append(wrong, r.auditScore(&f.Evidence, m)...)
}

// measured are the values of the signals; they are all that the rule names.
func (r *Rule) measured(signals []Measure) (*measures, error) {
	var m measures
	var named []int
	for _, s := range signals {
		i := signalNamed(s.Signal)
		if i < 0 {
			return nil, errors.New(unknownSignal(s.Signal))
		}
		m[i] = s.Value
		named = append(named, i)
	}
	if !slices.Equal(named, r.measures) {
		return nil, errors.New("the evidence has not the signals that the rule names")
	}
	return &m, nil
}

// auditScore compares nats and score with those that are computed again.
func (r *Rule) auditScore(e *Evidence, m *measures) []error {
	score, err := r.Recompute(*e)
	if err != nil {
		return []error{err}
	}
	var wrong []error
	kept := 0.0
	switch {
	case e.Sum != nil:
		kept = e.Sum.Score
		for i := range e.Sum.Steps {
			st := &e.Sum.Steps[i]
			if nats, err := r.Weigher.Nats(st); err == nil && !same(nats, st.Nats) {
				wrong = append(wrong, fmt.Errorf("recipient %s:%d: the finding has %.9g nats; they are %.9g", st.Row.Log, st.Row.Offset, st.Nats, nats))
			}
		}
		wrong = append(wrong, r.auditOrder(e.Sum)...)
	case e.Record != nil:
		kept = e.Record.Score
	default:
		return nil
	}
	if !same(kept, score) {
		wrong = append(wrong, fmt.Errorf("score: the finding has %.9g nats; they are %.9g", kept, score))
	}
	if m[sigScore] < kept && !same(m[sigScore], kept) {
		wrong = append(wrong, fmt.Errorf("score: %.9g nats at the strongest moment, and %.9g when the rule first held", m[sigScore], kept))
	}
	return wrong
}

// auditOrder asks for recipients in the order of time.
func (r *Rule) auditOrder(s *Sum) []error {
	byTime := func(a, b Step) int { return cmp.Compare(a.At, b.At) }
	if len(s.Steps) == 0 || len(s.Steps) > maxSteps || !slices.IsSortedFunc(s.Steps, byTime) || s.Steps[0].At < s.BeforeAt {
		return []error{fmt.Errorf("the sum has %d recipients, or not in the order of time", len(s.Steps))}
	}
	return nil
}

func when(ok bool, n float64) *float64 {
	if ok {
		return &n
	}
	return nil
}

func optional(n *float64) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprintf("%.9g", *n)
}
