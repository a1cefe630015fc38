package detect

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"relaywatch/mail"
)

// allowed is an Allow that was read.
type allowed struct {
	Allow
	pattern pattern
	caps    []limit
}

// Check tells what is wrong with the entry, but for rules that there are not.
func (a *Allow) Check() error {
	_, err := readAllow(*a)
	return err
}

// Means tells whether the entry is about a rule and a submitter, at whatever time.
func (a *Allow) Means(who mail.Submitter, r *Rule) bool {
	p, err := parsePattern(a.Submitter)
	return err == nil && a.means(p, who, r)
}

func (a *Allow) means(p pattern, who mail.Submitter, r *Rule) bool {
	return (len(a.Rules) == 0 || slices.ContainsFunc(a.Rules, r.answersTo)) && p.matches(who)
}

// limit is how much a signal may be while an entry holds.
type limit struct {
	signal int
	most   float64
}

// MaxBaseline is the highest baseline of an entry: beyond, it says silence.
const MaxBaseline = 1000

func readAllow(a Allow) (allowed, error) {
	p, err := parsePattern(a.Submitter)
	errs := []error{err}
	if strings.TrimSpace(a.Reason) == "" {
		errs = append(errs, errors.New("has no reason (say who wants it and why)"))
	}
	out := allowed{Allow: a, pattern: p}
	for _, name := range slices.Sorted(maps.Keys(a.AtMost)) {
		if err := CheckLimit(name, a.AtMost[name]); err != nil {
			errs = append(errs, err)
			continue
		}
		out.caps = append(out.caps, limit{signalNamed(name), a.AtMost[name]})
	}
	errs = append(errs, CheckBaseline(a.Baseline, len(a.AtMost) > 0))
	return out, errors.Join(errs...)
}

// CheckLimit tells what is wrong with a number of Allow.AtMost.
func CheckLimit(signal string, most float64) error {
	switch i := signalNamed(signal); {
	case i < 0:
		return errors.New(unknownSignal(signal))
	case i == sigScore:
		return errors.New("a score has no number that is usual (name a signal, or give a baseline)")
	case !(most > 0):
		return fmt.Errorf("%s of at most %g is never (give a number above 0)", signal, most)
	}
	return nil
}

// CheckBaseline tells what is wrong with Allow.Baseline. 0 is none.
func CheckBaseline(factor float64, capped bool) error {
	switch {
	case factor == 0:
		return nil
	case !(factor > 1 && factor <= MaxBaseline):
		return fmt.Errorf("baseline %g (give a number above 1, at most %d: 2.5 has rules ask for two and a half times as much)", factor, MaxBaseline)
	case capped:
		return errors.New("at_most and baseline in one entry (write two: one is silent up to a number, the other asks for more)")
	}
	return nil
}

// silenced is the reason of the first entry that is in force at t and silences the
// rule, or "".
// m are the signals in the rule's window; nil where their limits are no matter.
func (n *network) silenced(who mail.Submitter, r *Rule, t mail.Time, m *measures) string {
	for i := range n.allow {
		a := &n.allow[i]
		if a.Baseline == 0 && (a.Until == 0 || t < a.Until) && a.within(m) && a.means(a.pattern, who, r) {
			return a.Reason
		}
	}
	return ""
}

// within tells whether no signal is beyond its limit.
func (a *allowed) within(m *measures) bool {
	return m == nil || !slices.ContainsFunc(a.caps, func(c limit) bool { return m[c.signal] > c.most })
}

// baseline is how many times as much the rule asks for of the submitter. An entry
// counts as long as its time is in the rule's window: what was sent then is not held
// against the submitter the moment it ends.
func (n *network) baseline(who mail.Submitter, r *Rule, t mail.Time) float64 {
	if !n.raises {
		return 1
	}
	most := 1.0
	for i := range n.allow {
		a := &n.allow[i]
		if a.Baseline > most && (a.Until == 0 || t-seconds(r.Window) < a.Until) && a.means(a.pattern, who, r) {
			most = a.Baseline
		}
	}
	return most
}

// raised tells whether some entry has a baseline for the submitter, at whatever time.
func (n *network) raised(who mail.Submitter) bool {
	return n.raises && slices.ContainsFunc(n.allow, func(a allowed) bool { return a.Baseline != 0 && a.pattern.matches(who) })
}

// baseline is that of the network. It is asked at each row and rule, so that what can't
// change is kept with the subject.
func (j *judge) baseline(s *subject, r *Rule, t mail.Time) float64 {
	if !s.raised {
		return 1
	}
	return j.network.baseline(s.who, r, t)
}

// limited are the signals that entries ask about.
func (n *network) limited() []int {
	var list []int
	for i := range n.allow {
		for _, c := range n.allow[i].caps {
			if !slices.Contains(list, c.signal) {
				list = append(list, c.signal)
			}
		}
	}
	return list
}

// isAmount is true for a signal of which there can be twice as much.
func isAmount(signal int) bool {
	return signal != sigScore && signal != sigNewSource && signals[signal].Unit != unitShare
}

// lowered is what a rule sees that asks for factor times as much. Scores are lowered
// where they are made.
func (m *measures) lowered(factor float64) *measures {
	if factor == 1 {
		return m
	}
	low := *m
	for i := range low {
		if isAmount(i) {
			low[i] /= factor
		}
	}
	return &low
}

// thresholds are what the signals had to reach for the rule to hold, which it does.
func (r *Rule) thresholds(m *measures, factor float64) map[int]float64 {
	reached := make(map[int]float64)
	r.condition.guard.reached(m.lowered(factor), reached)
	for i := range reached {
		if isAmount(i) {
			reached[i] *= factor
		}
	}
	return reached
}

// factorOf is a baseline as evidence keeps it: 0 is none.
func factorOf(kept float64) float64 { return cmp.Or(kept, 1) }

// kept is a baseline as evidence keeps it.
func kept(factor float64) float64 {
	if factor == 1 {
		return 0
	}
	return factor
}
