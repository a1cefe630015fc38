package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"relaywatch/samples/traffic"
)

// printer writes what was measured, as aligned text or as Markdown.
type printer struct {
	to       io.Writer
	markdown bool
	err      error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format+"\n", args...)
	}
}

// table writes a table below its title. All columns but the first are numbers.
func (p *printer) table(title string, columns []string, cells [][]string) {
	t := table.NewWriter()
	header := table.Row{}
	for i, c := range columns {
		header = append(header, c)
		if i > 0 {
			t.SetColumnConfigs(append(configs(i), table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight}))
		}
	}
	t.AppendHeader(header)
	for _, line := range cells {
		row := table.Row{}
		for _, c := range line {
			row = append(row, c)
		}
		t.AppendRow(row)
	}
	if p.markdown {
		p.line("\n**%s**\n\n%s", title, t.RenderMarkdown())
		return
	}
	t.SetStyle(table.Style{
		Name: "plain", Box: table.BoxStyle{PaddingRight: "  "}, Options: table.OptionsNoBordersAndSeparators,
	})
	p.line("\n%s\n%s", title, t.Render())
}

// configs align the first n columns after the first to the right.
func configs(n int) []table.ColumnConfig {
	var all []table.ColumnConfig
	for i := 1; i < n; i++ {
		all = append(all, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return all
}

// report writes all tables.
func (p *printer) report(m *measured) {
	p.detectors(m)
	p.byGroup(m, "By class of attack: found, and recipients that left before the alarm (median/p90)", "class", classes(), ofClass)
	p.byAttack(m)
	p.byGroup(m, "By attack, beside the simple rules: found, leak (median/p90)", "attack", names(), ofName)
	p.byKind(m)
	p.byWeek(m)
	p.byRule(m)
	p.variants(m)
	p.goals(m)
}

func classes() []string {
	return []string{traffic.ClassList, traffic.ClassInternal, traffic.ClassSlow, traffic.ClassBook, traffic.ClassCircle, traffic.ClassOther}
}

func names() []string {
	var all []string
	for _, a := range traffic.Attacks() {
		all = append(all, a.Name)
	}
	return all
}

func (p *printer) detectors(m *measured) {
	var cells [][]string
	for i := range m.Detectors {
		cells = append(cells, detectorCells(&m.Detectors[i], m.Days.all()))
	}
	p.table("All attacks, and false alarms in 1,000 submitter-days (95 % interval)",
		[]string{"detector", "found", "leak p50", "p90", "max", "time p50", "false", "in 1,000", "precision"}, cells)
}

func detectorCells(d *detectorResult, days int) []string {
	f := figuresOf(d.Attacks, everyAttack)
	return []string{
		d.Name, fmt.Sprintf("%d/%d", f.Found, f.N), whole(f.LeakP50), whole(f.LeakP90), whole(f.LeakMax), short(f.DelayP50),
		whole(len(d.FalseAlarms)), rateOf(len(d.FalseAlarms), days).String(), fmt.Sprintf("%.1f %%", d.precision()),
	}
}

// byGroup compares all detectors by groups of attacks.
func (p *printer) byGroup(m *measured, title, what string, groups []string, of func(string) func(attackResult) bool) {
	columns := []string{what, "n"}
	for _, d := range m.Detectors {
		columns = append(columns, d.Name)
	}
	var cells [][]string
	for _, g := range groups {
		line := []string{g, whole(figuresOf(m.Detectors[0].Attacks, of(g)).N)}
		for _, d := range m.Detectors {
			f := figuresOf(d.Attacks, of(g))
			line = append(line, fmt.Sprintf("%.0f %% %d/%d", share(f.Found, f.N), f.LeakP50, f.LeakP90))
		}
		if line[1] != "0" {
			cells = append(cells, line)
		}
	}
	p.table(title, columns, cells)
}

func (p *printer) byAttack(m *measured) {
	var cells [][]string
	for _, a := range traffic.Attacks() {
		f := figuresOf(m.Detectors[0].Attacks, ofName(a.Name))
		if f.N == 0 {
			continue
		}
		cells = append(cells, []string{
			a.Name + ": " + a.About, a.Class, fmt.Sprintf("%d/%d", f.Found, f.N), whole(f.LeakP50), whole(f.LeakP90), whole(f.LeakMax),
			whole(f.VolumeP50), short(f.DelayP50),
		})
	}
	p.table("relaywatch by attack", []string{"attack", "class", "found", "leak p50", "p90", "max", "volume p50", "time p50"}, cells)
}

// byKind tells the false alarms by kind of submitter. One outside has no days: only
// accounts and clients inside are counted.
func (p *printer) byKind(m *measured) {
	kinds := maps.Clone(m.Days.ByKind)
	for _, d := range m.Detectors {
		for _, a := range d.FalseAlarms {
			kinds[a.Kind] += 0
		}
	}
	columns := []string{"kind", "submitter-days", "in 1,000"}
	for _, d := range m.Detectors {
		columns = append(columns, d.Name)
	}
	var cells [][]string
	for _, kind := range slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), strings.Compare(a, b))
	}) {
		line := []string{kind, whole(kinds[kind]), rateOf(m.Detectors[0].wrongOf(kind), kinds[kind]).String()}
		for i := range m.Detectors {
			line = append(line, whole(m.Detectors[i].wrongOf(kind)))
		}
		cells = append(cells, line)
	}
	p.table("False alarms by kind of submitter: relaywatch's rate, and counts", columns, cells)
}

// byWeek tells the false alarms by the age of the log: how much is learnt by then.
func (p *printer) byWeek(m *measured) {
	var cells [][]string
	for _, week := range slices.Sorted(maps.Keys(m.Days.ByWeek)) {
		n := 0
		for _, a := range m.Detectors[0].FalseAlarms {
			if a.Week == week {
				n++
			}
		}
		cells = append(cells, []string{whole(week), whole(m.Days.ByWeek[week]), whole(n), rateOf(n, m.Days.ByWeek[week]).String()})
	}
	p.table("False alarms of relaywatch by week of the log", []string{"week", "submitter-days", "false", "in 1,000"}, cells)
}

// byRule tells in how many attacks and false alarms each rule held, and where it
// alone opened the episode.
func (p *printer) byRule(m *measured) {
	var cells [][]string
	for _, name := range m.Alerts {
		var n [4]int
		count := func(rules []string, all, alone *int) {
			if !slices.Contains(rules, name) {
				return
			}
			*all++
			if !slices.ContainsFunc(rules, func(r string) bool { return r != name && slices.Contains(m.Alerts, r) }) {
				*alone++
			}
		}
		for _, a := range m.Detectors[0].Attacks {
			count(a.Rules, &n[0], &n[1])
		}
		for _, a := range m.Detectors[0].FalseAlarms {
			count(a.Rules, &n[2], &n[3])
		}
		cells = append(cells, []string{name, whole(n[0]), whole(n[1]), whole(n[2]), whole(n[3])})
	}
	p.table("Attacks and false alarms in which each alert rule held",
		[]string{"rule", "attacks", "alone", "false alarms", "alone"}, cells)
}

// variants tell what other rules change.
func (p *printer) variants(m *measured) {
	if len(m.Variants) == 0 {
		return
	}
	all := figuresOf(m.Detectors[0].Attacks, everyAttack)
	var cells [][]string
	for i := range m.Variants {
		d := &m.Variants[i]
		f := figuresOf(d.Attacks, everyAttack)
		cells = append(cells, []string{
			d.Name, fmt.Sprintf("%+d", f.Found-all.Found), fmt.Sprintf("%+d", f.LeakP50-all.LeakP50), fmt.Sprintf("%+d", f.LeakP90-all.LeakP90),
			fmt.Sprintf("%+d", total(d.Attacks)-total(m.Detectors[0].Attacks)),
			fmt.Sprintf("%+d", len(d.FalseAlarms)-len(m.Detectors[0].FalseAlarms)),
		})
	}
	p.table("What changes with other rules", []string{"rules", "found", "leak p50", "leak p90", "leak in all", "false alarms"}, cells)
	var columns []string
	for _, c := range classes() {
		columns = append(columns, c+" found", "leak")
	}
	cells = nil
	for _, d := range append(m.Detectors[:1:1], m.Variants...) {
		line := []string{d.Name}
		for _, c := range classes() {
			f := figuresOf(d.Attacks, ofClass(c))
			line = append(line, whole(f.Found), fmt.Sprintf("%d/%d", f.LeakP50, f.LeakP90))
		}
		cells = append(cells, line)
	}
	p.table("The same by class: found, leak (median/p90)", append([]string{"rules"}, columns...), cells)
}

func total(attacks []attackResult) int {
	n := 0
	for _, a := range attacks {
		n += a.Leak
	}
	return n
}

func (p *printer) goals(m *measured) {
	var cells [][]string
	for _, g := range m.goals() {
		met := "MISSED"
		if g.Met {
			met = "met"
		}
		cells = append(cells, []string{g.What, g.Want, g.Measured, met})
	}
	p.table("Goals", []string{"goal", "wanted", "measured", ""}, cells)
}

// details are a line for each missed attack and each false alarm of relaywatch.
func (p *printer) details(m *measured) {
	p.line("")
	for _, a := range m.Detectors[0].Attacks {
		what := "missed"
		if a.Found {
			what = "found"
		}
		p.line("%s: seed %d %s: %s, %d of %d recipients left, after %s, rules %s", what, a.Seed, a.Name, strings.Join(a.Submitters, " "),
			a.Leak, a.Volume, short(a.Delay), strings.Join(a.Rules, " "))
	}
	for _, f := range m.Detectors[0].FalseAlarms {
		p.line("false alarm: seed %d (attacks: %v) %s %s: %s, week %d, rules %s, %d recipients", f.Seed, f.Attacked, f.Kind, f.Submitter, f.At, f.Week,
			strings.Join(f.Rules, " "), f.Recipients)
	}
}

func whole(n int) string { return fmt.Sprint(n) }

// short is a duration to the second, or to the minute from an hour on.
func short(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
