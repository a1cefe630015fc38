package detect

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// condition is what a rule asks of the signals, compiled.
type condition struct {
	program *vm.Program
	guard   term  // Never false where the program is true.
	exact   bool  // The guard is true where the program is, and nowhere else.
	signals []int // Those named, in the order of the source.
}

// holds runs the program only where the guard does not decide: comparisons of
// signals and constants take it a hundredth of the time.
func (c *condition) holds(machine *vm.VM, m *measures) bool {
	if !c.guard.possible(m) {
		return false
	}
	if c.exact {
		return true
	}
	out, err := machine.Run(c.program, environment(m))
	held, ok := out.(bool)
	return err == nil && ok && held // Arithmetic on numbers does not fail.
}

// lead is the signal that accuses: the first that the branch names which holds.
// Where a branch was not understood in full, it is taken to hold if it may.
func (c *condition) lead(m *measures) int {
	if i := c.guard.lead(m); i >= 0 {
		return i
	}
	return c.signals[0]
}

// counts are the rows that add to some signal of the condition.
func (c *condition) counts() flag {
	var f flag
	for _, i := range c.signals {
		f |= signals[i].counts
	}
	return f
}

// environment is m as programs see it: by name.
func environment(m *measures) map[string]float64 {
	env := make(map[string]float64, len(m))
	for i := range m {
		env[signals[i].Name] = m[i]
	}
	return env
}

// conditionError is what is wrong with a condition, and where.
type conditionError struct {
	offset int // In runes of the source.
	text   string
}

// compile checks a condition against the signals and reports everything that is
// wrong with it.
func compile(source string) (*condition, []conditionError) {
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, []conditionError{positioned(err)}
	}
	names := collector{}
	ast.Walk(&tree.Node, &names)
	if len(names.unknown) > 0 {
		return nil, names.unknown
	}
	program, err := expr.Compile(source, expr.Env(environment(&measures{})), expr.AsBool(), expr.DisableAllBuiltins())
	if err != nil {
		return nil, []conditionError{positioned(err)}
	}
	if len(names.signals) == 0 {
		return nil, []conditionError{{0, "names no signal, so it holds always or never"}}
	}
	guard := termOf(tree.Node)
	return &condition{program, guard, decides(guard), names.signals}, nil
}

func positioned(err error) conditionError {
	var at *file.Error
	if errors.As(err, &at) {
		return conditionError{at.From, at.Message}
	}
	return conditionError{0, err.Error()}
}

// collector finds the signals that a condition names.
type collector struct {
	signals []int
	unknown []conditionError
}

func (c *collector) Visit(node *ast.Node) {
	name, ok := (*node).(*ast.IdentifierNode)
	if !ok {
		return
	}
	i := signalNamed(name.Value)
	if i < 0 {
		c.unknown = append(c.unknown, conditionError{name.Location().From, unknownSignal(name.Value)})
		return
	}
	for _, seen := range c.signals {
		if seen == i {
			return
		}
	}
	c.signals = append(c.signals, i)
}

func unknownSignal(name string) string {
	known := make([]string, len(signals))
	for i := range signals {
		known[i] = signals[i].Name
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("no signal %q (did you mean %s?)", name, near)
	}
	return fmt.Sprintf("no signal %q (see relaywatch rules list --signals)", name)
}

// term is a part of a condition that can be judged without the virtual machine.
type term interface {
	// possible is false only if the part cannot be true.
	possible(*measures) bool
	// reached tells the constants that signals had to reach for the part to be
	// true, which it is.
	reached(*measures, map[int]float64)
	// lead is the first signal of the part, which is true, or -1 if it has none.
	lead(*measures) int
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
