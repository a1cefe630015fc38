package detect

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"relaywatch/words"
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

// adds are the rows that add to some signal of the condition.
func (c *condition) adds() flag {
	var f flag
	for _, i := range c.signals {
		f |= signals[i].adds
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
	if near := words.Nearest(name, known); near != "" {
		return fmt.Sprintf("no signal %q (did you mean %s?)", name, near)
	}
	return fmt.Sprintf("no signal %q (see relaywatch rules list --signals)", name)
}
