package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"relaywatch/words"
)

// mistake is an error at a place of the configuration file.
type mistake struct {
	file string
	at   *token.Position // nil for what the environment set.
	text string
}

func (m *mistake) Error() string {
	if m.at == nil {
		return m.text
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.file, m.at.Line, m.at.Column, m.text)
}

// mistakes joins errors in the order of the file.
func mistakes(errs []error) error {
	place := func(err error) (line, column int) {
		var m *mistake
		if errors.As(err, &m) && m.at != nil {
			return m.at.Line, m.at.Column
		}
		return 0, 0
	}
	slices.SortStableFunc(errs, func(a, b error) int {
		lineA, columnA := place(a)
		lineB, columnB := place(b)
		return cmp.Or(cmp.Compare(lineA, lineB), cmp.Compare(columnA, columnB))
	})
	return errors.Join(errs...)
}

// parseYAML returns the tree of a configuration file.
func parseYAML(path string, data []byte) (positions, error) {
	tree, err := parser.ParseBytes(data, 0)
	var at yaml.Error
	switch {
	case errors.As(err, &at) && at.GetToken() != nil:
		text := at.GetMessage()
		if strings.Contains(text, "escape") {
			text += inSingleQuotes
		}
		return positions{}, &mistake{path, at.GetToken().Position, text}
	case err != nil:
		return positions{}, fmt.Errorf("%s: %w", path, err)
	}
	return positions{path, tree}, nil
}

// keys names every key that Config has not, and every value that can't be one of
// its key. shapes is false if there is such a value.
func (p positions) keys() (errs []error, shapes bool) {
	shapes = true
	for _, doc := range p.tree.Docs {
		if doc.Body == nil {
			continue
		}
		w := keyWalk{file: p.file, shapes: true}
		w.walk(doc.Body, reflect.TypeFor[Config](), "")
		errs = append(errs, w.errs...)
		shapes = shapes && w.shapes
	}
	return errs, shapes
}

type keyWalk struct {
	file   string
	errs   []error
	shapes bool
}

// walk compares a value with the type of its key.
func (w *keyWalk) walk(node ast.Node, t reflect.Type, name string) {
	switch n := node.(type) {
	case *ast.NullNode, *ast.AliasNode, *ast.CommentGroupNode:
		return
	case *ast.AnchorNode:
		w.walk(n.Value, t, name)
		return
	case *ast.TagNode:
		w.walk(n.Value, t, name)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		w.mapping(node, t, name)
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			w.shape(node, name, "want a list, as [one, two]")
			return
		}
		for i, v := range list.Values {
			w.walk(v, t.Elem(), fmt.Sprintf("%s[%d]", name, i))
		}
	case reflect.Map:
		mapping, ok := node.(ast.MapNode)
		if !ok {
			w.shape(node, name, "want names and numbers, as {distinct_recipients: 3000}")
			return
		}
		for entries := mapping.MapRange(); entries.Next(); {
			w.walk(entries.Value(), t.Elem(), name+"."+entries.Key().GetToken().Value)
		}
	case reflect.Int, reflect.Float64:
		_, isWhole := node.(*ast.IntegerNode)
		_, isFloat := node.(*ast.FloatNode)
		if !isWhole && (!isFloat || t.Kind() == reflect.Int) {
			w.shape(node, name, "want a number")
		}
	case reflect.Bool:
		if _, ok := node.(*ast.BoolNode); !ok {
			w.shape(node, name, "want true or false")
		}
	default:
		if _, ok := node.(ast.ScalarNode); !ok {
			w.shape(node, name, "want one text, not several")
		}
		if text, ok := node.(*ast.StringNode); ok && isPath(name) && strings.ContainsFunc(text.Value, unicode.IsControl) {
			w.shape(node, name, fmt.Sprintf("%q holds a control character%s", text.Value, inSingleQuotes))
		}
	}
}

// isPath tells whether a key names a file or a folder.
func isPath(key string) bool {
	return strings.HasSuffix(key, ".path") || strings.HasSuffix(key, "_file") || key == "agent.log"
}

func (w *keyWalk) mapping(node ast.Node, t reflect.Type, name string) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		w.shape(node, name, "want keys and values, as {"+keysOf(t)[0]+": …}")
		return
	}
	for entries := mapping.MapRange(); entries.Next(); {
		key := entries.Key().GetToken()
		known := keysOf(t)
		if i := slices.Index(known, key.Value); i >= 0 {
			w.walk(entries.Value(), t.Field(i).Type, strings.TrimPrefix(name+"."+key.Value, "."))
			continue
		}
		where := "the configuration"
		if name != "" {
			where = name
		}
		w.errs = append(w.errs, &mistake{w.file, key.Position, fmt.Sprintf("no key %q in %s (%s)", key.Value, where, hintOf(key.Value, known))})
	}
}

func (w *keyWalk) shape(node ast.Node, name, want string) {
	w.shapes = false
	if name == "" {
		name = "the configuration"
	}
	w.errs = append(w.errs, &mistake{w.file, node.GetToken().Position, name + ": " + want})
}

// keysOf are the keys of a struct of Config, in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() { // Those that are not stand last.
			keys = append(keys, f.Tag.Get("mapstructure"))
		}
	}
	return keys
}

// hintOf helps with a mistyped word.
func hintOf(typed string, known []string) string {
	if near := words.Nearest(typed, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(known, ", ")
}
