package digest

import (
	"fmt"
	"strings"

	"relaywatch/words"
)

// maxListed is how many entries of a list are told; the rest is counted.
const maxListed = 20

// list is a part of the mail below the suspects.
type list struct {
	Title string
	Items []string
}

// lists are the parts below the suspects that have something to tell.
func (d *Day) lists() []list {
	var all []list
	add := func(title string, items []string, where string) {
		if n := len(items) - maxListed; n > 0 {
			items = append(items[:maxListed:maxListed], fmt.Sprintf("and %d more: %s", n, where))
		}
		if len(items) > 0 {
			all = append(all, list{title, items})
		}
	}
	var closed, silenced, ending []string
	for i := range d.Closed {
		closed = append(closed, d.closed(&d.Closed[i]))
	}
	for _, s := range d.Silenced {
		silenced = append(silenced, fmt.Sprintf("%s (%s): %s", clean(s.Submitter.String(), maxName), strings.Join(s.Rules, ", "), clean(s.Reason, maxSentence)))
	}
	for _, e := range d.Ending {
		ending = append(ending, fmt.Sprintf("%s, last day %s: %s", clean(e.Submitter, maxName), lastDay(e.Until, d.zone()), clean(e.Reason, maxSentence)))
	}
	add("Closed since the mail before", closed, "relaywatch suspects --state closed")
	add("Near an alarm, and accused of nothing", d.onWatch(), "")
	add("Silenced by the allow-list", silenced, "v_silenced has them")
	add("Allow-list entries that end soon", ending, "relaywatch allow list")
	return all
}

// maxWatched is how many of those on watch are named: the line is for who wonders.
const maxWatched = 3

// onWatch is one line at the most: to be on watch is no alarm.
func (d *Day) onWatch() []string {
	if len(d.OnWatch) == 0 {
		return nil
	}
	var names []string
	for _, w := range d.OnWatch[:min(len(d.OnWatch), maxWatched)] {
		names = append(names, fmt.Sprintf("%s (%.0f of %.0f nats, %s)", clean(w.Submitter.String(), maxName), w.Nats, w.Alert, clean(w.Rule, maxName)))
	}
	more := ""
	if n := len(d.OnWatch) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return []string{fmt.Sprintf("%s%s; nothing to do: relaywatch suspects --state watch", strings.Join(names, ", "), more)}
}

func (d *Day) closed(c *Closed) string {
	how := "quiet since " + d.moment(c.Last)
	if c.State == "false-alarm" {
		how = "a false alarm"
	} else if c.Note != "" {
		how = "closed"
	}
	if c.Note != "" {
		how += ": " + clean(c.Note, maxSentence)
	}
	return fmt.Sprintf("%s, %s since %s; %s", clean(c.Submitter.String(), maxName), words.Plural(c.Recipients, "recipient"), d.moment(c.Since), how)
}

func (d *Day) textLists(t *text) {
	for _, l := range d.lists() {
		t.heading(l.Title)
		for _, item := range l.Items {
			t.para("- ", item)
		}
	}
}

// health are the lines of the part of that name. It is there every day: that nothing
// is wrong is said, too.
func (d *Day) health() []string {
	var items []string
	for _, t := range d.Health.Troubles {
		items = append(items, fmt.Sprintf("TROUBLE: %s To do: %s", clean(t.Text, maxSentence), clean(t.Do, maxSentence)))
	}
	for _, n := range d.Health.Notes {
		items = append(items, clean(n, maxSentence))
	}
	if q := d.Health.Quarantined; q > 0 {
		new := ""
		if n := d.Health.QuarantinedNew; n >= 0 {
			new = fmt.Sprintf(", %s of them new", words.Thousands(n))
		}
		items = append(items, fmt.Sprintf("%s could not be read and are in the quarantine%s: relaywatch query \"SELECT reason, count(*) FROM v_quarantine GROUP BY 1\"",
			words.Plural(q, "row"), new))
	}
	for _, b := range d.Health.Blind {
		items = append(items, fmt.Sprintf("Blind: %s (%s). To do: %s.", clean(b.Detection, maxSentence), clean(b.Reason, maxSentence), clean(b.Remedy, maxSentence)))
	}
	if len(items) == 0 {
		return []string{"All logs are read, no row was left out, and every rule can see."}
	}
	return items
}

func (d *Day) textHealth(t *text) {
	t.heading("Health")
	for _, item := range d.health() {
		t.para("- ", item)
	}
}

// weekHead is the head of the week's table.
var weekHead = []string{"from", "messages", "recipients", "suspects", "reached"}

const weekNote = "Suspects are those whose episode began in that day; reached is all that they sent since."

// weekRows is the week's table, with its sum.
func (d *Day) weekRows() [][]string {
	if len(d.Week) == 0 {
		return nil
	}
	var sum WeekDay
	var rows [][]string
	row := func(name string, w WeekDay) {
		rows = append(rows, []string{name, words.Thousands(w.Messages), words.Thousands(w.Recipients), words.Thousands(w.Suspects), words.Thousands(w.Reached)})
	}
	for _, w := range d.Week {
		row(d.moment(w.Start), w)
		sum.Messages += w.Messages
		sum.Recipients += w.Recipients
		sum.Suspects += w.Suspects
		sum.Reached += w.Reached
	}
	row("in all", sum)
	return rows
}

func (d *Day) textWeek(t *text) {
	rows := d.weekRows()
	if rows == nil {
		return
	}
	t.heading("The week")
	for _, r := range append([][]string{weekHead}, rows...) {
		t.line(fmt.Sprintf("%-16s %10s %11s %9s %9s", r[0], r[1], r[2], r[3], r[4]))
	}
	t.para("", weekNote)
}
