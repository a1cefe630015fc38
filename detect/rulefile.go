package detect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"relaywatch/mail"
)

// parseRule reads one rule file. The error holds everything that is wrong with
// it.
func (d *document) parseRule() (*Rule, error) {
	r := &Rule{From: FromInside}
	if m := d.root(); m != nil {
		d.rule(m, r)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	r.measures = slices.Clone(r.condition.signals)
	for i := range signals {
		if !slices.Contains(r.measures, i) && strings.Contains(r.Says, "{"+signals[i].Name+"}") {
			r.measures = append(r.measures, i)
		}
	}
	return r, nil
}

// required are the keys that no rule goes without.
var required = [...]string{"rule", "about", "submitters", "window", "when", "weight", "level", "remedy", "says", "tests"}

func (d *document) rule(m *ast.MappingNode, r *Rule) {
	seen := d.fields(m, []field{
		{"rule", d.str(&r.Name)},
		{"about", d.str(&r.About)},
		{"submitters", d.list(&r.Submitters, checkKind)},
		{"from", oneOf(d, &r.From, FromInside, FromOutside, FromAny)},
		{"window", d.duration(&r.Window, time.Second, MaxWindow)},
		{"when", func(node ast.Node) { d.when(node, r) }},
		{"evidence", func(node ast.Node) { d.evidence(node, r) }},
		{"scale", func(node ast.Node) { d.scale(node, r) }},
		{"nats", d.number(&r.Nats, 0, 20)},
		{"weight", d.number(&r.Weight, 0, 100)},
		{"level", oneOf(d, &r.Level, LevelAlert, LevelSupport, LevelInfo)},
		{"severity", oneOf(d, &r.Severity, Low, Medium, High, Critical)},
		{"techniques", d.list(&r.Techniques, checkTechnique)},
		{"remedy", d.str(&r.Remedy)},
		{"says", func(node ast.Node) { d.says(node, r) }},
		{"except", d.each(func(node ast.Node) { d.except(node, r) })},
		{"variant_of", func(node ast.Node) {
			d.str(&r.VariantOf)(node)
			d.variant.line, d.variant.column = position(node)
		}},
		{"tests", d.each(func(node ast.Node) { d.test(node, r) })},
	})
	for _, key := range required {
		if _, ok := seen[key]; !ok {
			d.fail(m, "no key %q (every rule has one)", key)
		}
	}
	if node, ok := seen["rule"]; ok && r.Name != "" && r.Name+".yaml" != d.path {
		d.fail(node, "rule %q is in the wrong file (name it %s.yaml)", r.Name, r.Name)
	}
	d.checkScore(m, seen, r)
	if node, ok := seen["tests"]; ok {
		d.bothWays(node, r)
	}
}

// bothWays asks for a test that finds and one that stays silent.
func (d *document) bothWays(node ast.Node, r *Rule) {
	finds, silent := false, false
	for i := range r.Tests {
		if len(r.Tests[i].Finds) > 0 {
			finds = true
		} else {
			silent = true
		}
	}
	if !finds {
		d.fail(node, "no test that finds (add one with finds: [{submitter: …}])")
	}
	if !silent {
		d.fail(node, "no test that stays silent (add one with finds: [], just below the threshold)")
	}
}

func checkKind(kind string) error {
	switch kind {
	case mail.KindIP, mail.KindUser, mail.KindSender:
		return nil
	}
	return fmt.Errorf("no kind of submitter %q (%s, %s or %s)", kind, mail.KindIP, mail.KindUser, mail.KindSender)
}

var technique = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

func checkTechnique(id string) error {
	if !technique.MatchString(id) {
		return fmt.Errorf("no technique %q (write it as MITRE ATT&CK does: T1078 or T1110.003)", id)
	}
	return nil
}

func (d *document) when(node ast.Node, r *Rule) {
	text, ok := d.scalar(node)
	if !ok {
		return
	}
	r.When = strings.TrimSpace(text)
	c, errs := compile(text)
	for _, e := range errs {
		line, column := d.within(node, text, e.offset)
		d.failAt(line, column, "when: %s", e.text)
	}
	r.condition = c
}

// says checks the placeholders of the sentence.
func (d *document) says(node ast.Node, r *Rule) {
	text, ok := d.scalar(node)
	if !ok {
		return
	}
	r.Says = strings.TrimSuffix(strings.TrimSpace(text), ".")
	if r.Says == "" {
		d.fail(node, "no value")
	}
	for offset, rest := 0, text; ; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			return
		}
		offset += len([]rune(rest[:open]))
		name, behind, closed := strings.Cut(rest[open+1:], "}")
		line, column := d.within(node, text, offset)
		if !closed {
			d.failAt(line, column, "says: { is not closed (write signals as {recipients})")
			return
		}
		if signalNamed(name) < 0 {
			d.failAt(line, column, "says: %s", unknownSignal(name))
		}
		offset += len([]rune(name)) + 2
		rest = behind
	}
}

func (d *document) except(node ast.Node, r *Rule) {
	text, ok := d.scalar(node)
	if !ok {
		return
	}
	p, err := parsePattern(text)
	if err != nil {
		d.fail(node, "%v", err)
		return
	}
	r.Except = append(r.Except, text)
	r.except = append(r.except, p)
}
