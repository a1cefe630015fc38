package detect

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// maxHalfLife is the longest that a sum remembers by half.
const maxHalfLife = 7 * 24 * time.Hour

// evidence reads how a sequential rule weighs recipients.
func (d *document) evidence(node ast.Node, r *Rule) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want terms (novelty, external, refused, returned, reverse_path, hour) and temper, clip, later, half_life, ceiling, watch, support")
		return
	}
	w := &Weigher{Temper: 1, Least: -3, Most: 3, HalfLife: 24 * time.Hour, Ceiling: 1000}
	ones := &w.Weights
	*ones = termWeights{Novelty: 1, External: 1, Refused: 1, Returned: 1, Path: 1}
	clip := []float64{w.Least, w.Most}
	seen := d.fields(m, []field{
		{"novelty", d.term([]shareOfSpam{{"known", &w.Novelty[known]}, {"known_here", &w.Novelty[knownHere]}, {"new", &w.Novelty[newToAll]}}, &ones.Novelty)},
		{"external", d.term([]shareOfSpam{{"share", &w.External}}, &ones.External)},
		{"refused", d.term([]shareOfSpam{{"share", &w.Refused}}, &ones.Refused)},
		{"returned", d.term([]shareOfSpam{{"share", &w.Returned}}, &ones.Returned)},
		{"reverse_path", d.term([]shareOfSpam{{"usual", &w.Path[usualPath]}, {"changed", &w.Path[changedPath]}, {"foreign", &w.Path[foreignPath]}}, &ones.Path)},
		{"hour", d.term(nil, &ones.Hour)},
		{"temper", d.number(&w.Temper, 0.01, 1)},
		{"clip", func(node ast.Node) {
			clip = clip[:0]
			d.each(func(item ast.Node) {
				var n float64
				d.number(&n, -20, 20)(item)
				clip = append(clip, n)
			})(node)
		}},
		{"later", d.number(&w.Later, 0, 1)},
		{"first", d.whole(&w.First, 0, 1000)},
		{"crowd", d.whole(&w.Crowd, 0, 1000)},
		{"half_life", d.duration(&w.HalfLife, time.Minute, maxHalfLife)},
		{"ceiling", d.number(&w.Ceiling, 1, 1000)},
		{"watch", d.number(&w.Watch, 0, 1000)},
		{"support", d.number(&w.Support, 0, 20)},
	})
	if len(clip) != 2 || !(clip[0] < 0 && clip[1] > 0) {
		d.fail(orElse(seen["clip"], m), "want a number below 0 and one above it (as clip: [-2.5, 3])")
	} else {
		w.Least, w.Most = clip[0], clip[1]
	}
	w.lateOnly = w.Novelty == [novelties]float64{} && w.External == 0 && w.Refused == 0 && w.Path == [paths]float64{} && ones.Hour == 0
	switch {
	case w.lateOnly && w.Returned == 0:
		d.fail(m, "no term (write novelty, external, refused, returned, reverse_path or hour)")
	case !w.lateOnly && w.Returned > 0 && w.Watch == 0:
		d.fail(seen["returned"], "beside other terms, mail that comes back is weighed from watch on, and there is none (write watch: 8)")
	}
	w.prepare()
	r.Weigher = w
}

// shareOfSpam names where a share under spam is kept.
type shareOfSpam struct {
	name string
	to   *float64
}

// term reads the shares of a term and its weight. A term of several shares has them
// all, since each recipient is one of them.
func (d *document) term(shares []shareOfSpam, weight *float64) func(ast.Node) {
	return func(node ast.Node) {
		m := mapping(node)
		if m == nil {
			d.fail(node, "want shares under spam and a weight (as external: {share: 0.9, weight: 0.5})")
			return
		}
		known := []field{{"weight", d.number(weight, 0, 2)}}
		for _, s := range shares {
			known = append(known, field{s.name, d.number(s.to, 0.001, 0.999)})
		}
		seen := d.fields(m, known)
		sum := 0.0
		for _, s := range shares {
			if seen[s.name] == nil {
				d.fail(m, "no key %q (a term has all its shares)", s.name)
			}
			sum += *s.to
		}
		if len(shares) > 1 && (sum < 0.99 || sum > 1.01) {
			d.fail(m, "the shares are %.2f together (make it 1: each recipient is one of them)", sum)
		}
	}
}

// scale reads which signal is measured by the submitter's own records.
func (d *document) scale(node ast.Node, r *Rule) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want of and at_least (as scale: {of: distinct_recipients, at_least: 20})")
		return
	}
	s := &Scale{Least: 1, Days: 3, Usual: 3, Spread: 0.8} // The best hour of most people has some three recipients.
	var name string
	seen := d.fields(m, []field{
		{"of", d.str(&name)},
		{"at_least", d.number(&s.Least, 1, maxEntries)},
		{"days", d.number(&s.Days, 0, 30)},
		{"usual", d.number(&s.Usual, 0, maxEntries)},
		{"spread", d.number(&s.Spread, 0.1, 5)},
	})
	s.Of = signalNamed(name)
	switch {
	case seen["of"] == nil:
		d.fail(m, "no key \"of\" (name a signal)")
	case s.Of < 0:
		d.fail(seen["of"], "%s", unknownSignal(name))
	case gateOf(s.Of, 1) == nil:
		d.fail(seen["of"], "signal %q is no plain count (a scale is of one)", name)
	}
	r.Scale = s
}

// checkScore tells what does not fit together.
func (d *document) checkScore(m *ast.MappingNode, seen map[string]ast.Node, r *Rule) {
	named := false
	if r.condition != nil {
		for _, i := range r.condition.signals {
			named = named || i == sigScore
		}
	}
	has := r.Weigher != nil || r.Scale != nil
	switch {
	case r.Weigher != nil && r.Scale != nil:
		d.fail(seen["scale"], "a rule has evidence or a scale, not both")
	case has && r.condition != nil && !named:
		d.fail(seen["when"], "when: does not ask for score (as score >= 16)")
	case !has && named:
		d.fail(seen["when"], "when: no score without the key evidence or scale")
	}
	if r.Nats > 0 && r.Level != LevelSupport {
		d.fail(seen["nats"], "nats are for rules of level support")
	}
}
