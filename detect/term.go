package detect

import (
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// term is a part of a condition that can be judged without the virtual machine.
type term interface {
	// possible is false only if the part cannot be true.
	possible(*measures) bool
	// reached tells the constants that signals had to reach for the part to be
	// true, which it is.
	reached(*measures, map[int]float64)
	// lead is the first signal of the part, which is true, or -1 if it has none.
	lead(*measures) int
	// gates are counts: where none is reached, the part is not true. No gates tell
	// nothing.
	gates() []gate
}

// gate asks a counter for so many, which takes next to no time.
type gate struct {
	counter uint8
	place   uint16 // Of the counter in rows.counts: see span.gates.
	least   uint32
}

// gateOf asks a signal for a least value, if it is a plain count.
func gateOf(signal int, least float64) []gate {
	switch signal {
	case sigExternalShare, sigOffHoursShare, sigRefusedShare, sigBytes, sigLargestMessage:
		return nil
	}
	if isBeside(signal) || !(least > 0 && least <= maxEntries) {
		return nil
	}
	return []gate{{counter: signals[signal].counter, least: uint32(math.Ceil(least))}}
}

// gates are those of a term, with their places.
func (s *span) gates(t term) []gate {
	gates := t.gates()
	for i := range gates {
		gates[i].place = s.places[gates[i].counter]
	}
	return gates
}

// open is true if one of the gates is, or there are none.
func (r *rows) open(gates []gate) bool {
	for i := range gates {
		if r.counts[gates[i].place] >= gates[i].least {
			return true
		}
	}
	return len(gates) == 0
}

// leastOf is the value of a signal below which a condition is not true, or 0.
func leastOf(signal int, t term) float64 {
	switch t := t.(type) {
	case both:
		return max(leastOf(signal, t.left), leastOf(signal, t.right))
	case either:
		return min(leastOf(signal, t.left), leastOf(signal, t.right))
	case atLeast:
		if t.signal == signal {
			return t.least
		}
	}
	return 0
}

// termOf turns a node into a term; what it does not understand may be true.
func termOf(node ast.Node) term {
	names := collector{}
	ast.Walk(&node, &names)
	first := -1
	if len(names.signals) > 0 {
		first = names.signals[0]
	}
	b, ok := node.(*ast.BinaryNode)
	if !ok {
		return anything{first}
	}
	switch b.Operator {
	case "&&", "and":
		return both{termOf(b.Left), termOf(b.Right)}
	case "||", "or":
		return either{termOf(b.Left), termOf(b.Right)}
	case ">", ">=", "<", "<=", "==", "!=":
		left, right := numberOf(b.Left), numberOf(b.Right)
		if left == nil || right == nil {
			break
		}
		signal, ok := left.(named)
		if least, also := right.(constant); ok && also && b.Operator == ">=" {
			return atLeast{int(signal), float64(least)}
		}
		return comparison{b.Operator, left, right, first}
	}
	return anything{first}
}

// decides is true for a term that was understood to the last part.
func decides(t term) bool {
	switch t := t.(type) {
	case both:
		return decides(t.left) && decides(t.right)
	case either:
		return decides(t.left) && decides(t.right)
	case comparison, atLeast:
		return true
	}
	return false
}

// anything is a part that was not understood.
type anything struct{ first int }

func (anything) possible(*measures) bool            { return true }
func (anything) reached(*measures, map[int]float64) {}
func (t anything) lead(*measures) int               { return t.first }
func (anything) gates() []gate                      { return nil }

type both struct{ left, right term }

func (t both) possible(m *measures) bool { return t.left.possible(m) && t.right.possible(m) }

func (t both) reached(m *measures, to map[int]float64) {
	t.left.reached(m, to)
	t.right.reached(m, to)
}

func (t both) lead(m *measures) int {
	if i := t.left.lead(m); i >= 0 {
		return i
	}
	return t.right.lead(m)
}

func (t both) gates() []gate {
	if g := t.partGates(); g != nil {
		return g
	}
	if g := t.left.gates(); len(g) > 0 {
		return g
	}
	return t.right.gates()
}

// partGates are those of at least so many recipients of whom at least a share is off-hours:
// the two together ask for so many of these, which few have by day.
func (t both) partGates() []gate {
	of, ok := t.left.(atLeast)
	part, also := t.right.(atLeast)
	if !ok || !also || of.signal != sigRecipients || part.signal != sigOffHoursShare || !(part.least > 0 && of.least > 0 && of.least*part.least <= maxEntries) {
		return nil
	}
	const rounding = 1e-6 // Of a share that is computed.
	return []gate{{counter: signals[part.signal].counter, least: uint32(max(1, math.Ceil(of.least*part.least-rounding)))}}
}

type either struct{ left, right term }

func (t either) possible(m *measures) bool { return t.left.possible(m) || t.right.possible(m) }

// reached follows the first branch that holds: that is the one that accuses.
func (t either) reached(m *measures, to map[int]float64) {
	if t.left.possible(m) {
		t.left.reached(m, to)
		return
	}
	t.right.reached(m, to)
}

func (t either) lead(m *measures) int {
	if t.left.possible(m) {
		return t.left.lead(m)
	}
	return t.right.lead(m)
}

// gates are those of both sides. Of those that ask for the same, the least decides.
func (t either) gates() []gate {
	all, right := t.left.gates(), t.right.gates()
	if len(all) == 0 || len(right) == 0 {
		return nil
	}
	for _, g := range right {
		i := slices.IndexFunc(all, func(h gate) bool { return h.counter == g.counter })
		if i < 0 {
			all = append(all, g)
			continue
		}
		all[i].least = min(all[i].least, g.least)
	}
	return all
}

// atLeast is the comparison that nearly all are: signal >= constant.
type atLeast struct {
	signal int
	least  float64
}

func (t atLeast) possible(m *measures) bool { return m[t.signal] >= t.least }

func (t atLeast) reached(_ *measures, to map[int]float64) {
	if _, known := to[t.signal]; !known {
		to[t.signal] = t.least
	}
}

func (t atLeast) lead(*measures) int { return t.signal }
func (t atLeast) gates() []gate      { return gateOf(t.signal, t.least) }

type comparison struct {
	operator    string
	left, right number
	first       int
}

func (t comparison) possible(m *measures) bool {
	a, b := t.left.of(m), t.right.of(m)
	switch t.operator {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case "==":
		return a == b
	}
	return a != b
}

func (t comparison) reached(_ *measures, to map[int]float64) {
	name, value := t.left, t.right
	if _, turned := value.(named); turned {
		name, value = value, name
	}
	i, ok := name.(named)
	constant, also := value.(constant)
	if !ok || !also {
		return
	}
	if _, known := to[int(i)]; !known {
		to[int(i)] = float64(constant)
	}
}

func (t comparison) lead(*measures) int { return t.first }
func (comparison) gates() []gate        { return nil }

// number is a part of a condition that has a value.
type number interface{ of(*measures) float64 }

type constant float64

func (n constant) of(*measures) float64 { return float64(n) }

// named is the signal of that index.
type named int

func (n named) of(m *measures) float64 { return m[n] }

type arithmetic struct {
	operator    string
	left, right number
}

func (n arithmetic) of(m *measures) float64 {
	a, b := n.left.of(m), n.right.of(m)
	switch n.operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	return a / b
}

// numberOf turns a node into a number, or is nil for what it does not understand.
func numberOf(node ast.Node) number {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return constant(n.Value)
	case *ast.FloatNode:
		return constant(n.Value)
	case *ast.IdentifierNode:
		return named(signalNamed(n.Value))
	case *ast.BinaryNode:
		left, right := numberOf(n.Left), numberOf(n.Right)
		switch n.Operator {
		case "+", "-", "*", "/":
			if left != nil && right != nil {
				return arithmetic{n.Operator, left, right}
			}
		}
	}
	return nil
}
