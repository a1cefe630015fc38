package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// allowItem is an entry of the allow-list with what became of it.
type allowItem struct {
	AllowConfig
	id      int64     // In the store; 0 in the configuration.
	line    int       // In the configuration.
	file    string    // The configuration's.
	by      string    // Who added it; "" in the configuration.
	added   mail.Time // As well; 0 in the configuration.
	removed mail.Time // 0 while it is in force.

	ends   time.Time // First moment at which it no longer holds; zero if it never ends.
	ended  bool
	soon   bool   // It ends within endsSoon.
	unused bool   // Nothing was silenced by it for unusedFor, though it is as old as that.
	wrong  string // Why it is not in force.

	hits int       // Findings that it silenced, as far as the store goes back.
	last mail.Time // When the last of them held last; 0 if there is none.
}

// unusedFor is how long an entry may silence nothing before that is said: a quarter,
// in which everything that recurs has been.
const unusedFor = 90 * 24 * time.Hour

func (i *allowItem) inForce() bool { return i.removed == 0 && !i.ended && i.wrong == "" }

// name is what people call the entry.
func (i *allowItem) name() string {
	if i.id != 0 {
		return fmt.Sprintf("#%d", i.id)
	}
	return fmt.Sprintf("%s:%d", filepath.Base(i.file), i.line)
}

// note is what is to be said of it.
func (i *allowItem) note(now time.Time) string {
	switch {
	case i.wrong != "":
		return i.wrong
	case i.removed != 0:
		return "removed " + short(i.removed)
	case i.ended:
		return "ended: remove it"
	case i.soon:
		days := int(i.ends.Sub(now).Hours() / 24)
		return "ends in " + words.Plural(days, "day")
	case i.unused:
		return "no hit in 90 days: is it needed?"
	}
	return ""
}

// allowItems are all entries: those of the configuration, then those of the store.
func (p *program) allowItems(ctx context.Context, db *store.DB, ruleSet []*detect.Rule) ([]allowItem, error) {
	entries, err := db.AllowEntries(ctx)
	if err != nil {
		return nil, err
	}
	hits, err := db.Hits(ctx)
	if err != nil {
		return nil, err
	}
	oldest, newest, err := db.Span(ctx)
	if err != nil {
		return nil, err
	}
	zone, err := p.config.zone()
	if err != nil {
		return nil, err
	}
	var items []allowItem
	for i, a := range p.config.Allow {
		items = append(items, allowItem{AllowConfig: a, file: p.config.file, line: p.config.allowLine(i)})
	}
	for _, e := range entries {
		items = append(items, allowItem{AllowConfig: allowConfig(e), id: e.ID, by: e.By, added: e.Added, removed: e.Removed})
	}
	now := p.clock()
	for k := range items {
		i := &items[k]
		if ends, ok := i.AllowConfig.ends(zone); ok {
			i.ends, i.ended, i.soon = ends, !ends.After(now), ends.Before(now.Add(endsSoon))
		}
		i.judge(ruleSet)
		i.count(hits, ruleSet)
		since := max(oldest, i.added)
		i.unused = i.Baseline == 0 && newest != 0 && newest.Sub(since) >= unusedFor && newest.Sub(i.last) >= unusedFor
	}
	return items, nil
}

// judge tells why an entry of the store is not in force: the rules may have changed
// since it was added.
func (i *allowItem) judge(ruleSet []*detect.Rule) {
	entry, known := stillKnown(i.entry(time.UTC), ruleSet)
	switch err := entry.Check(); {
	case err != nil:
		i.wrong = err.Error()
	case !known:
		i.wrong = "none of its rules exists"
	}
}

// count adds up what the entry silenced. Two entries of one reason share it.
func (i *allowItem) count(hits []store.Hit, ruleSet []*detect.Rule) {
	entry := detect.Allow{Submitter: strings.ToLower(i.Submitter), Rules: i.Rules}
	for _, h := range hits {
		r := slices.IndexFunc(ruleSet, func(r *detect.Rule) bool { return r.Name == h.Rule })
		if h.Reason == i.Reason && r >= 0 && entry.Means(h.Submitter, ruleSet[r]) {
			i.hits += h.Findings
			i.last = max(i.last, h.Last)
		}
	}
}

// allowLine is the line of an entry of the configuration; 0 if that can't be told.
func (c *Config) allowLine(i int) int {
	data, err := os.ReadFile(c.file)
	if err != nil {
		return 0
	}
	places, err := parseYAML(c.file, data)
	if err != nil {
		return 0
	}
	path, err := yaml.PathString(fmt.Sprintf("$.allow[%d]", i))
	if err != nil {
		return 0
	}
	node, err := path.FilterFile(places.tree)
	if err != nil || node == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

func (p *program) allowListCommand() *cobra.Command {
	var format string
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Print the allow-list, what each entry silenced, and which want a look",
		Args:  only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			ruleSet, err := rulesIn(p.config.Rules.Path)
			if err != nil {
				return err
			}
			db, err := store.OpenReadOnly(c.Context(), p.config.Store.Path)
			if err != nil {
				return err
			}
			defer db.Close()
			items, err := p.allowItems(c.Context(), db, ruleSet)
			if err != nil {
				return err
			}
			if !all {
				items = slices.DeleteFunc(items, func(i allowItem) bool { return i.removed != 0 })
			}
			if format == "table" {
				return allowRows(items, p.clock()).print(p.out, format)
			}
			return allowRecords(items, p.clock()).print(p.out, format)
		},
	}
	formatFlag(c, &format)
	c.Flags().BoolVar(&all, "all", false, "print those that were removed, too")
	return c
}

// allowRows is for people.
func allowRows(items []allowItem, now time.Time) *rows {
	r := &rows{
		columns: []string{"entry", "submitter", "rules", "until", "hits", "last hit", "by", "note", "reason"}, prose: "reason", spare: []string{"by", "last hit"},
		empty: "the allow-list is empty",
	}
	for k := range items {
		i := &items[k]
		r.cells = append(r.cells, []any{
			i.name(), i.Submitter, ruleNames(i.Rules) + i.limitText(), i.Until, count(i.hits), short(i.last), cmp.Or(i.by, "-"), i.note(now), i.Reason,
		})
	}
	return r
}

// limitText is what the entry asks for instead of silence.
func (a *AllowConfig) limitText() string {
	if a.Baseline != 0 {
		return fmt.Sprintf(" from %g times as much on", a.Baseline)
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(a.AtMost)) {
		text += fmt.Sprintf(", %s at most %g", name, a.AtMost[name])
	}
	return text
}

// allowRecords is for programs.
func allowRecords(items []allowItem, now time.Time) *rows {
	r := &rows{columns: []string{"entry", "submitter", "rules", "reason", "until", "in_force", "hits", "last_hit", "note", "who", "added_at", "owner", "limits"}}
	for k := range items {
		i := &items[k]
		r.cells = append(r.cells, []any{
			i.name(), i.Submitter, strings.Join(i.Rules, ","), i.Reason, i.Until, i.inForce(), i.hits, i.last.String(), i.note(now), i.by, i.added.String(),
			i.Owner, strings.TrimPrefix(strings.TrimSpace(i.limitText()), ", "),
		})
	}
	return r
}
