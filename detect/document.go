package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"relaywatch/words"
)

// document reads a YAML file strictly and collects what is wrong with it. Every
// error has its position: file.yaml:line:column.
type document struct {
	path    string
	text    string
	errs    []located
	variant located // Where the rule names that which it is a variant of.
}

// located is what is wrong at a line and column, both from 1.
type located struct {
	line, column int
	text         string
}

// err is everything that is wrong, in the order of the file, or nil.
func (d *document) err() error {
	slices.SortStableFunc(d.errs, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for _, e := range d.errs {
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", d.path, e.line, e.column, e.text))
	}
	return errors.Join(errs...)
}

// failAt notes what is wrong at a line and column, both from 1.
func (d *document) failAt(line, column int, format string, args ...any) {
	d.errs = append(d.errs, located{line, column, fmt.Sprintf(format, args...)})
}

func (d *document) fail(node ast.Node, format string, args ...any) {
	line, column := position(node)
	d.failAt(line, column, format, args...)
}

// position is where a node begins.
func position(node ast.Node) (line, column int) {
	tk := node.GetToken()
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		tk = m.Values[0].Key.GetToken()
	}
	if tk == nil || tk.Position == nil {
		return 1, 1
	}
	return tk.Position.Line, tk.Position.Column
}

// root is the mapping that the file must be, or nil.
func (d *document) root() *ast.MappingNode {
	file, err := parser.ParseBytes([]byte(d.text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, column, what := 1, 1, err.Error()
		var at yaml.Error
		if errors.As(err, &at) {
			what = at.GetMessage()
			if tk := at.GetToken(); tk != nil && tk.Position != nil {
				line, column = tk.Position.Line, tk.Position.Column
			}
		}
		d.failAt(line, column, "%s (this is no YAML)", what)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.failAt(1, 1, "the file is empty (write rule, about, when, … as keys)")
		return nil
	case 1:
	default:
		d.fail(bodies[1], "a second document (one file holds one rule)")
	}
	m := mapping(bodies[0])
	if m == nil {
		d.fail(bodies[0], "want keys and values (as rule: recipient-fanout)")
	}
	return m
}

// mapping is node as a mapping, or nil. The parser gives a mapping of one key
// another type.
func mapping(node ast.Node) *ast.MappingNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n
	case *ast.MappingValueNode:
		m := ast.Mapping(n.Key.GetToken(), false, n)
		m.BaseNode = n.BaseNode
		return m
	}
	return nil
}

// field reads the value of a key.
type field struct {
	key  string
	read func(ast.Node)
}

// fields reads a mapping whose keys are all known and stand once. It returns the
// nodes of the values by key.
func (d *document) fields(m *ast.MappingNode, known []field) map[string]ast.Node {
	seen := make(map[string]ast.Node)
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.key
	}
	for _, value := range m.Values {
		key := value.Key.GetToken().Value
		i := slices.Index(names, key)
		if i < 0 {
			d.fail(value.Key, "no key %q here%s", key, hintOrAll(key, names))
			continue
		}
		if before, twice := seen[key]; twice {
			line, _ := position(before)
			d.fail(value.Key, "key %q stands twice (first at line %d)", key, line)
			continue
		}
		seen[key] = value.Value
		known[i].read(value.Value)
	}
	return seen
}

// hint is a remark with the candidate that a mistyped word meant, or "".
func hint(word string, candidates []string) string {
	if near := words.Nearest(word, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// hintOrAll is a hint, or all candidates where none is near.
func hintOrAll(word string, candidates []string) string {
	if h := hint(word, candidates); h != "" {
		return h
	}
	return " (known are " + strings.Join(candidates, ", ") + ")"
}

// scalar is the text of a value that is no list and no mapping.
func (d *document) scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.NullNode:
		d.fail(node, "no value")
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.fail(node, "want one value, not a list or keys")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	default:
		d.fail(node, "want a plain value (anchors, aliases and tags are not read)")
	}
	return "", false
}

// str reads a text that is not empty.
func (d *document) str(to *string) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node)
		if ok && strings.TrimSpace(text) == "" {
			d.fail(node, "no value")
		}
		*to = strings.TrimSpace(text)
	}
}

// oneOf reads one of some words.
func oneOf[T ~string](d *document, to *T, words ...T) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node)
		if !ok {
			return
		}
		if !slices.Contains(words, T(text)) {
			d.fail(node, "no such value %q (%s)", text, alternatives(words))
			return
		}
		*to = T(text)
	}
}

func alternatives[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// number reads a number from least to most.
func (d *document) number(to *float64, least, most float64) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node)
		if !ok {
			return
		}
		n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil || !(n >= least && n <= most) {
			d.fail(node, "no such number %q (from %g to %g)", text, least, most)
			return
		}
		*to = n
	}
}

// whole reads a whole number from least to most.
func (d *document) whole(to *int, least, most int) func(ast.Node) {
	return func(node ast.Node) {
		var n float64
		d.number(&n, float64(least), float64(most))(node)
		if n != float64(int(n)) {
			d.fail(node, "want a whole number")
			return
		}
		*to = int(n)
	}
}

// truth reads true or false.
func (d *document) truth(to *bool) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node)
		if !ok {
			return
		}
		b, err := strconv.ParseBool(text)
		if err != nil {
			d.fail(node, "no such value %q (true or false)", text)
		}
		*to = b
	}
}

// duration reads a time as 90s, 10m or 24h, of whole seconds.
func (d *document) duration(to *time.Duration, least, most time.Duration) func(ast.Node) {
	return func(node ast.Node) {
		text, ok := d.scalar(node)
		if !ok {
			return
		}
		t, err := time.ParseDuration(text)
		if err != nil || t < least || t > most || t%time.Second != 0 {
			d.fail(node, "no such time %q (write it as 90s, 10m or 24h; from %s to %s)", text, short(least), short(most))
			return
		}
		*to = t
	}
}

// short writes a duration without its zero ends: 24h, not 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// each reads the items of a list; a value alone is a list of one.
func (d *document) each(read func(ast.Node)) func(ast.Node) {
	return func(node ast.Node) {
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			read(node)
			return
		}
		for _, item := range list.Values {
			read(item)
		}
	}
}

// list reads a list of texts, each checked.
func (d *document) list(to *[]string, check func(string) error) func(ast.Node) {
	return d.each(func(node ast.Node) {
		text, ok := d.scalar(node)
		if !ok {
			return
		}
		if err := check(text); err != nil {
			d.fail(node, "%v", err)
			return
		}
		*to = append(*to, text)
	})
}

// within finds the line and column of a place in a value: its offset in runes.
// YAML folds and indents lines but keeps what is not blank, so the place is found
// by counting that.
func (d *document) within(node ast.Node, value string, offset int) (line, column int) {
	line, column = position(node)
	tk := node.GetToken()
	if n, ok := node.(*ast.LiteralNode); ok {
		line, column = n.Start.Position.Line+1, 1
	} else if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
		column++
	}
	runes := []rune(strings.TrimRight(value, " \n"))
	offset = max(0, min(offset, len(runes)-1)) // What is missing, is missing after the last.
	ink := 0                                   // What is not blank before the place.
	for i, r := range runes {
		if i < offset && !unicode.IsSpace(r) {
			ink++
		}
	}
	lines := strings.Split(d.text, "\n")
	for l := line; l <= len(lines); l++ {
		runes := []rune(lines[l-1])
		from := 0
		if l == line {
			from = min(column-1, len(runes))
		}
		for c := from; c < len(runes); c++ {
			if unicode.IsSpace(runes[c]) {
				continue
			}
			if ink == 0 {
				return l, c + 1
			}
			ink--
		}
	}
	return line, column
}
