package digest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"relaywatch/words"
)

// textWidth is where lines of the text are broken; commands and log rows are not, as
// they are copied.
const textWidth = 76

// Text is the mail as plain text, which reads well alone.
func (d *Day) Text() string {
	t := &text{}
	t.para("", d.Now())
	t.line("")
	t.para("", d.title())
	t.para("", d.period())
	for _, note := range d.notices() {
		t.para("", note)
	}
	t.line("")
	t.para("", d.total())
	for i := range d.Suspects {
		if i == maxFull {
			t.line("")
			t.para("", d.more())
			break
		}
		d.textSuspect(t, i+1, &d.Suspects[i])
	}
	d.textLists(t)
	d.textHealth(t)
	d.textWeek(t)
	t.line("")
	t.para("", d.rests())
	t.para("", d.foot())
	return t.b.String()
}

// title names what is watched.
func (d *Day) title() string {
	return fmt.Sprintf("relaywatch on %s, %s", d.where(), d.Until.Format("Monday 2 January 2006"))
}

// notices are what must be known of the mail itself.
func (d *Day) notices() []string {
	var list []string
	if d.Urgent {
		list = append(list, "This is no daily mail: it tells of what has just come up.")
		if d.Last {
			list = append(list, "It is the last urgent mail of today; what else comes up is in the daily mail.")
		}
	}
	if d.Late {
		list = append(list, fmt.Sprintf("This mail is late: it was due on %s and was made on %s.", d.moment(d.Until), d.moment(d.Made)))
	}
	if span := d.Until.Sub(d.From); span > 36*time.Hour && !d.Urgent {
		list = append(list, fmt.Sprintf("It covers %d days, as no mail was made in between.", int(span.Round(24*time.Hour)/(24*time.Hour))))
	}
	if d.First {
		list = append(list, "This is the first mail. What was found before its time is not in it: relaywatch suspects lists all.")
	}
	return list
}

// more tells of the suspects that are not told in full.
func (d *Day) more() string {
	rest := Day{Suspects: d.Suspects[maxFull:]}
	reached, _ := rest.Reached()
	return fmt.Sprintf("And %s%s, %s reached: relaywatch suspects lists them.",
		words.Plural(len(rest.Suspects), "more suspect"), rest.worst(), words.Plural(reached, "recipient"))
}

func (d *Day) foot() string {
	return fmt.Sprintf("Made %s by relaywatch %s on %s, from the logs of the mail servers. It sees envelopes only.",
		d.moment(d.Made), clean(d.Version, maxName), clean(d.Host, maxName))
}

// text is plain text that is being written.
type text struct{ b strings.Builder }

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

// para writes a paragraph, broken at blanks. Lines after the first are indented as
// far as the text of the first behind head.
func (t *text) para(head, s string) {
	indent := strings.Repeat(" ", len([]rune(head)))
	line := head
	empty := true
	for _, word := range strings.Fields(s) {
		switch {
		case empty:
			line += word
		case len([]rune(line))+1+len([]rune(word)) > textWidth:
			t.line(line)
			line = indent + word
		default:
			line += " " + word
		}
		empty = false
	}
	t.line(line)
}

// field writes what a suspect has of something.
func (t *text) field(name, s string) {
	if s != "" {
		t.para(fmt.Sprintf("   %-8s ", name), s)
	}
}

// heading begins a part.
func (t *text) heading(s string) {
	t.line("")
	t.line(s)
	t.line(strings.Repeat("-", len([]rune(s))))
}

func (d *Day) textSuspect(t *text, n int, s *Suspect) {
	t.line("")
	t.para("", fmt.Sprintf("%d. %s - %s", n, clean(s.Submitter.String(), maxName), s.standing()))
	t.para("   ", clean(s.Why, maxSentence))
	for _, f := range d.facts(s) {
		t.field(f.Name, f.Text)
	}
	if bars := s.Chart.text(); bars != "" {
		t.line("   hours    " + bars)
		if usual := s.Chart.usualText(); usual != "" {
			t.line("   usually  " + usual)
		}
		t.para("            ", s.Chart.span(d.zone())+"; "+s.Chart.peak(d.zone()))
	}
	for i, r := range s.Proof {
		name := ""
		if i == 0 {
			name = "proof"
		}
		for j, line := range r.lines() {
			if j > 0 {
				name = ""
			}
			t.line(fmt.Sprintf("   %-8s %s", name, line))
		}
	}
	for i, advice := range s.Advice {
		name := ""
		if i == 0 {
			name = "advice"
		}
		t.field2(name, clean(advice, maxSentence))
	}
	for i, step := range s.Remedy() {
		name := ""
		if i == 0 {
			name = "to do"
		}
		t.field2(name, step.What)
		for _, command := range step.Commands {
			t.line("              " + command)
		}
	}
	t.field("answer", "tell relaywatch what came of it:")
	for _, command := range s.Answers() {
		t.line("              " + command)
	}
}

// field2 writes a field of several paragraphs.
func (t *text) field2(name, s string) { t.para(fmt.Sprintf("   %-8s ", name), s) }

// fact is a line about a suspect.
type fact struct{ Name, Text string }

// facts are what is known of a suspect, in the order in which it is needed.
func (d *Day) facts(s *Suspect) []fact {
	since := fmt.Sprintf("%s, last seen %s", d.moment(s.Since), d.after(s.Last, s.Since))
	outside := "how many of them outside is not known: network.own_domains is not set"
	if s.External != nil {
		outside = words.Thousands(*s.External) + " of them outside"
	}
	facts := []fact{
		{"since", since},
		{"accepted", fmt.Sprintf("%s in %s, %s", words.Plural(s.Recipients, "recipient"), words.Plural(s.Transactions, "message"), outside)},
		{"HELO", uses(s.HELOs, maxName, "")},
		{"sender", uses(s.ReversePaths, maxAddress, "<>")},
		{"account", names(s.Accounts)},
		{"server", s.serverList()},
	}
	if s.Submitter.Kind != "ip" {
		facts = append(facts, fact{"from", uses(s.Clients, maxName, "")})
	}
	var domains []string
	for _, dom := range s.Domains {
		name := clean(dom.Name, maxName)
		if name == "" {
			name = "(local)"
		}
		ours := ""
		if dom.Ours {
			ours = ", ours"
		}
		domains = append(domains, fmt.Sprintf("%s (%s%s)", name, words.Thousands(dom.Recipients), ours))
	}
	return append(facts, fact{"to", shortList(domains)})
}

// maxUses is how many names of a kind are told.
const maxUses = 4

// uses lists names with their recipients. empty stands for an empty one, which is
// left out if that is "" too.
func uses(list []Use, most int, empty string) string {
	var texts []string
	for _, u := range list {
		name := clean(u.Text, most)
		if name == "" {
			name = empty
		}
		if name != "" {
			texts = append(texts, fmt.Sprintf("%s (%s)", name, words.Thousands(u.Recipients)))
		}
	}
	return shortList(texts)
}

func names(list []string) string {
	var texts []string
	for _, name := range list {
		texts = append(texts, clean(name, maxName))
	}
	return shortList(texts)
}

func shortList(texts []string) string {
	if len(texts) > maxUses {
		return strings.Join(texts[:maxUses], ", ") + ", …"
	}
	return strings.Join(texts, ", ")
}

func (s *Suspect) serverList() string {
	var names []string
	for _, server := range s.Servers {
		if name := clean(server.Name, maxName); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return shortList(names)
}

// lines are a row with the place where it stands.
func (r *Row) lines() []string {
	path := clean(r.Path, maxPath)
	if r.Text == "" {
		return []string{fmt.Sprintf("%s, offset %d (the log is no longer there)", path, r.Offset)}
	}
	return []string{fmt.Sprintf("%s, line %d:", path, r.Line), "  " + clean(r.Text, maxRow)}
}
