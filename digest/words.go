package digest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/words"
)

// maxFull is how many suspects are told in full; the rest is counted.
const maxFull = 20

// maxSubject is how long a subject may be: a phone shows 40 characters, Outlook 100;
// RFC 5322, section 2.1.1, allows 998.
const maxSubject = 140

// Subject tells all that matters.
func (d *Day) Subject() string {
	what := "all quiet"
	switch n := len(d.Suspects); {
	case d.Urgent && n == 1:
		what = fmt.Sprintf("%s %s, %s reached", strings.ToUpper(string(d.Suspects[0].Severity)),
			clean(d.Suspects[0].Submitter.String(), 40), words.Plural(d.Suspects[0].Recipients, "recipient"))
	case n > 0:
		reached, _ := d.Reached()
		what = fmt.Sprintf("%s%s, %s reached", words.Plural(n, "suspect"), d.worst(), words.Plural(reached, "recipient"))
		if t := d.troubles(); t != "" {
			what += "; " + t
		}
	case !d.Watched():
		what = "NOT WATCHED, no log row"
		if !d.Seen.Newest.IsZero() {
			what += " since " + d.moment(d.Seen.Newest)
		}
	case len(d.Health.Troubles) > 0:
		what = "no suspects, but " + d.troubles()
	}
	return cut(fmt.Sprintf("relaywatch %s: %s - %s", d.where(), what, d.when()), maxSubject)
}

// when is the date in the subject.
func (d *Day) when() string {
	if d.Urgent {
		return d.Made.In(d.zone()).Format("Mon 2 Jan 15:04")
	}
	text := d.Until.Format("Mon 2 Jan")
	if len(d.Week) > 0 {
		text += ", with the week"
	}
	if d.Late {
		text += " (late)"
	}
	return text
}

// worst counts the suspects that are worst, if they are critical or high.
func (d *Day) worst() string {
	for _, severity := range []detect.Severity{detect.Critical, detect.High} {
		n := 0
		for i := range d.Suspects {
			if d.Suspects[i].Severity == severity {
				n++
			}
		}
		if n > 0 {
			return fmt.Sprintf(" (%d %s)", n, severity)
		}
	}
	return ""
}

func (d *Day) troubles() string {
	switch n := len(d.Health.Troubles); n {
	case 0:
		return ""
	case 1:
		return clean(d.Health.Troubles[0].Short, maxName)
	default:
		return fmt.Sprintf("%d troubles", n)
	}
}

// where names the servers, at most two.
func (d *Day) where() string {
	var names []string
	for _, s := range d.Servers {
		names = append(names, clean(s, 20))
	}
	switch n := len(names); {
	case n == 0:
		return clean(d.Host, 20)
	case n <= 2:
		return strings.Join(names, ", ")
	default:
		return fmt.Sprintf("%s +%d", names[0], n-1)
	}
}

// Now is the one thing to do, in one line.
func (d *Day) Now() string {
	if !d.Watched() && len(d.Suspects) == 0 {
		return "Do now: find out why no log row came in: " + d.firstTrouble()
	}
	if len(d.Suspects) > 0 {
		return d.Suspects[0].now()
	}
	if len(d.Health.Troubles) > 0 {
		return "Do now: " + d.firstTrouble()
	}
	if len(d.Ending) > 0 {
		e := d.Ending[0]
		return fmt.Sprintf("Nothing urgent: decide whether the allow-list entry of %s shall go on; it ends on %s.",
			clean(e.Submitter, maxName), lastDay(e.Until, d.zone()))
	}
	return "Nothing to do: all quiet."
}

func (d *Day) firstTrouble() string {
	for _, t := range d.Health.Troubles {
		return clean(t.Do, maxSentence)
	}
	return "relaywatch status --logs tells which logs it follows."
}

// now is what to do about a suspect first.
func (s *Suspect) now() string {
	name, servers := clean(s.Submitter.Value, maxName), s.serverNames()
	switch {
	case s.relays():
		return fmt.Sprintf("Do now: close the relay of %s: %s outside uses it without a login.", servers, name)
	case s.Recipients == 0 && s.Submitter.Kind == mail.KindUser:
		return fmt.Sprintf("Do now: ask the owner of the account %s, and give it another password; it has sent nothing yet.", name)
	case s.Recipients == 0:
		return fmt.Sprintf("Do now: see what runs on %s%s; nothing that it sent was accepted yet.", name, s.helo())
	case s.Submitter.Kind == mail.KindIP:
		return fmt.Sprintf("Do now: take %s%s off the network, then clear the queue of %s.", name, s.helo(), servers)
	case s.Submitter.Kind == mail.KindHELO:
		return fmt.Sprintf("Do now: find the machine %s behind that address and take it off the network, then clear the queue of %s.", name, servers)
	case s.Submitter.Kind == mail.KindUser:
		return fmt.Sprintf("Do now: disable the account %s, then clear the queue of %s.", name, servers)
	}
	return fmt.Sprintf("Do now: stop whoever sends as %s, then clear the queue of %s.", name, servers)
}

// relays is true for a client outside that was let through.
func (s *Suspect) relays() bool { return slices.Contains(s.Rules, "open-relay") }

// helo is the name by which people know a host, if it has one.
func (s *Suspect) helo() string {
	if len(s.HELOs) != 1 || s.HELOs[0].Text == "" {
		return ""
	}
	return " (" + clean(s.HELOs[0].Text, 40) + ")"
}

// serverNames are the servers that took a suspect's mail, as people say it.
func (s *Suspect) serverNames() string {
	var names []string
	for _, server := range s.Servers {
		if name := clean(server.Name, 20); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch n := len(names); {
	case n == 0:
		return "the mail server"
	case n == 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// zone is that of the mail.
func (d *Day) zone() *time.Location { return d.From.Location() }

// moment is a time for people.
func (d *Day) moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(d.zone()).Format("Mon 2 Jan 15:04")
}

// after is moment without the date if it is that of before.
func (d *Day) after(t, before time.Time) string {
	if t.In(d.zone()).Format(time.DateOnly) == before.In(d.zone()).Format(time.DateOnly) {
		return t.In(d.zone()).Format("15:04")
	}
	return d.moment(t)
}

// lastDay is the last day of what holds until a moment.
func lastDay(until time.Time, zone *time.Location) string {
	return until.Add(-time.Second).In(zone).Format("Mon 2 Jan 2006")
}

// period tells what the mail covers.
func (d *Day) period() string {
	zone, _ := d.Until.Zone()
	if d.zone().String() != zone {
		zone = d.zone().String() + ", " + zone
	}
	return fmt.Sprintf("%s to %s (%s; log rows keep the log's own time, UTC)", d.moment(d.From), d.moment(d.Until), zone)
}

// total sums up the suspects.
func (d *Day) total() string {
	switch {
	case len(d.Suspects) > 0:
	case !d.Watched():
		return "Not watched: nothing can be said of this time."
	default:
		return "No suspects."
	}
	reached, external := d.Reached()
	outside := ""
	if external != nil {
		outside = fmt.Sprintf(", %s outside", words.Thousands(*external))
	}
	return fmt.Sprintf("%s%s, %s reached%s.", words.Plural(len(d.Suspects), "suspect"), d.worst(), words.Plural(reached, "recipient"), outside)
}

// rests tells what the mail rests on.
func (d *Day) rests() string {
	if !d.Watched() {
		return fmt.Sprintf("No log had a row in this time, so nothing can be said about it. The newest row of all is of %s.", d.moment(d.Seen.Newest))
	}
	return fmt.Sprintf("It rests on %s (%s in them), %s to %s in this time; the newest row is of %s.",
		words.Plural(d.Seen.Logs, "log"), words.Plural(d.Seen.Rows, "row"), words.Plural(d.Seen.Messages, "message"),
		words.Plural(d.Seen.Recipients, "recipient"), d.moment(d.Seen.Newest))
}

// standing tells of a suspect how bad, whether it is known, and whether it goes on.
func (s *Suspect) standing() string {
	words := []string{string(s.Severity)}
	if s.New {
		words = append(words, "new")
	} else {
		words = append(words, "known")
	}
	switch s.State {
	case "open":
	case "closed":
		words = append(words, "ended")
	default:
		words = append(words, s.State)
	}
	return strings.Join(words, ", ")
}

// peak tells of the busiest step of a chart.
func (c *Chart) peak(zone *time.Location) string {
	if len(c.Counts) == 0 || slices.Max(c.Counts) == 0 {
		return ""
	}
	i := slices.Index(c.Counts, slices.Max(c.Counts))
	layout := "15:04"
	if c.StepHours > 1 {
		layout = "Mon 2 Jan"
	}
	text := fmt.Sprintf("most: %s at %s", words.Thousands(c.Counts[i]), c.Start.Add(time.Duration(i)*c.step()).In(zone).Format(layout))
	if c.Usual == nil {
		return text + "; there is no day before to compare with"
	}
	return fmt.Sprintf("%s, usually %s then (mean of %s)", text, rounded(c.Usual[i]), words.Plural(c.Days, "day"))
}
