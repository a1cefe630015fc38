package detect

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"

	"relaywatch/mail"
)

// MaxWindow is the longest window of a rule: a day, after which an episode closes
// too, so that windows never outlive what they proved.
const MaxWindow = 24 * time.Hour

// Which client addresses a rule judges. Accounts are judged wherever they come from.
const (
	FromInside  = "inside"
	FromOutside = "outside"
	FromAny     = "any"
)

// Rule is one rule file. It is made by LoadRules alone, and nobody changes it.
type Rule struct {
	Name       string        // Of the file, without .yaml.
	About      string        // One sentence: what it finds.
	Submitters []string      // Kinds of submitter it judges, as mail.KindIP.
	From       string        // FromInside, FromOutside or FromAny.
	Window     time.Duration // Over which signals are measured.
	When       string        // The condition, as written.
	Weigher    *Weigher      // Makes the signal score; nil if the rule is no sequential one.
	Scale      *Scale        // Makes the signal score; nil if the rule does not measure by the submitter's own records.
	Nats       float64       // What a support rule that holds adds to the scores of its submitter.
	Weight     float64       // Points for the score of an episode.
	Level      Level
	Severity   Severity // The least that an episode has in which the rule held; "" is Low.
	Techniques []string // Of MITRE ATT&CK, as T1078.
	Remedy     string   // What to do.
	Says       string   // What the submitter did, with {signal} placeholders.
	Except     []string // Submitters it never judges, as Allow.Submitter.
	VariantOf  string   // Rule that finds the same faster or slower: who is allowed or excepted there is here too. "" if it is none's.
	Tests      []Case

	condition *condition
	measures  []int     // Signals of the evidence: those that the condition names, then those that Says names besides.
	except    []pattern // Those of Except, and of the rule that it is a variant of.
}

// LoadRules reads every *.yaml of the root of fsys and returns the rules by name.
// The error holds all that is wrong with all files, each as
// file.yaml:line:column: what (hint); no rule is returned then.
func LoadRules(fsys fs.FS) ([]*Rule, error) {
	paths, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list rule files: %w", err)
	}
	if len(paths) == 0 {
		return nil, errors.New("no rule file: the folder of rules holds no *.yaml")
	}
	slices.Sort(paths)
	var rules []*Rule
	var documents []*document // Of rules.
	var errs []error
	for _, path := range paths {
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			errs = append(errs, fmt.Errorf("read rule: %w", err))
			continue
		}
		d := &document{path: path, text: string(text)}
		rule, err := d.parseRule()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, rule)
		documents = append(documents, d)
	}
	errs = append(errs, linkVariants(rules, documents, paths)...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return cmp.Compare(a.Name, b.Name) })
	return rules, nil
}

// linkVariants gives the exceptions of a rule to its variants, and tells what is
// wrong with variants. A rule that was not read is in paths all the same.
func linkVariants(rules []*Rule, documents []*document, paths []string) []error {
	byName := make(map[string]*Rule)
	for _, r := range rules {
		byName[r.Name] = r
	}
	var errs []error
	for i, r := range rules {
		d := documents[i]
		of := byName[r.VariantOf]
		switch {
		case r.VariantOf == "":
			continue
		case of == nil && !slices.Contains(paths, r.VariantOf+".yaml"):
			d.failAt(d.variant.line, d.variant.column, "no rule %q in this folder%s", r.VariantOf, hint(r.VariantOf, ruleNames(rules)))
		case of == r:
			d.failAt(d.variant.line, d.variant.column, "a rule is no variant of itself")
		case of != nil && of.VariantOf != "":
			d.failAt(d.variant.line, d.variant.column, "rule %q is a variant itself (name %s)", r.VariantOf, of.VariantOf)
		case of != nil:
			r.except = append(r.except, of.except...)
		}
		if err := d.err(); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// answersTo tells whether the rule is meant by a name: its own, or that of the rule
// it is a variant of.
func (r *Rule) answersTo(name string) bool {
	return name == r.Name || name == r.VariantOf && name != ""
}

// judges tells whether the rule is for a submitter of that class.
func (r *Rule) judges(who mail.Submitter, c class) bool {
	kind := who.Kind
	if kind == mail.KindHELO {
		kind = mail.KindIP // It is a client, whose address others have too.
	}
	if !slices.Contains(r.Submitters, kind) {
		return false
	}
	if slices.ContainsFunc(r.except, func(p pattern) bool { return p.matches(who) }) {
		return false
	}
	switch {
	case c == account || r.From == FromAny:
		return true
	case r.From == FromOutside:
		return c == outside
	}
	return c == inside
}

// words fills the placeholders of Says.
func (r *Rule) words(m *measures) string {
	var b strings.Builder
	rest := r.Says
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		name, behind, closed := strings.Cut(after, "}")
		i := signalNamed(name)
		if !found || !closed || i < 0 { // LoadRules leaves no other.
			return b.String()
		}
		b.WriteString(readable(m[i], signals[i].Unit))
		rest = behind
	}
}

// pattern is a submitter, or the addresses of a network.
type pattern struct {
	who     mail.Submitter
	network netip.Prefix // Valid for a network.
}

// parsePattern reads a submitter or a network, as ip:10.0.9.0/24.
func parsePattern(text string) (pattern, error) {
	who, err := mail.ParseSubmitter(text)
	if err != nil {
		return pattern{}, err
	}
	if who.Kind != mail.KindIP {
		return pattern{who: who}, nil
	}
	if prefix, err := netip.ParsePrefix(who.Value); err == nil {
		return pattern{who, prefix.Masked()}, nil
	}
	addr, err := netip.ParseAddr(who.Value)
	if err != nil {
		return pattern{}, fmt.Errorf("submitter %q: no address and no network (write ip:10.1.4.7 or ip:10.0.9.0/24)", text)
	}
	return pattern{who: mail.Submitter{Kind: mail.KindIP, Value: addr.String()}}, nil
}

func (p pattern) matches(who mail.Submitter) bool {
	if p.who == who {
		return true
	}
	address := who.Address()
	if p.who.Kind != mail.KindIP || address == "" {
		return false
	}
	if !p.network.IsValid() {
		return p.who.Value == address
	}
	addr, err := netip.ParseAddr(address)
	return err == nil && p.network.Contains(addr.Unmap())
}
