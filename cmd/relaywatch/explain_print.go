package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// page is text for people: lines are wrapped at the terminal's width.
type page struct {
	w     io.Writer
	width int // 0 wraps nothing.
	err   error
}

// line prints a line; lines that it is broken into are indented by hang.
func (p *page) line(hang int, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	s = strings.Join(lines(s, p.width, max(minCell, p.width-hang)), "\n"+strings.Repeat(" ", hang))
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(s, " "))
	}
}

// print writes a dossier for people: who and how much, why, when, to whom, under
// which names, the rows, and what to do.
func (d *dossier) print(w io.Writer, width int) error {
	p := &page{w: w, width: width}
	s := d.Suspect
	p.line(2, "%s  %s, score %g, %s", visible(s.Submitter.String()), s.Severity, s.Score, s.State)
	p.line(0, "%s", visible(s.Summary))
	p.line(0, "")
	p.line(11, "  since    %s", d.sinceText())
	p.line(11, "  left     %s", d.leftText())
	d.printNames(p)
	for i, e := range d.Others {
		if i == maxOthers {
			p.line(11, "           … %d more: v_suspects has them", len(d.Others)-maxOthers)
			break
		}
		p.line(11, "  %-8s %s", label(i, "also"), episodeText(&e))
	}
	d.printWatched(p)
	d.printWhy(p)
	d.printTimeline(p)
	d.printHours(p)
	d.printRecipients(p)
	d.printReturned(p)
	d.printAlike(p)
	d.printProof(p)
	p.line(0, "")
	p.line(0, "WHAT TO DO")
	for _, r := range d.remedyViews() {
		p.line(4, "  %s: %s", r.Name, r.Text)
	}
	p.line(4, "  %s", d.toDecide())
	return p.err
}

// toDecide tells how to note what it was.
func (d *dossier) toDecide() string {
	return "When you know what it was: relaywatch triage " + argument(d.Suspect.Submitter.String(), "SUBMITTER") +
		" confirmed --note WHY, or false-alarm, or closed"
}

// label is a name at the first of several lines.
func label(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

func (d *dossier) printWhy(p *page) {
	p.line(0, "")
	p.line(0, "WHY")
	for _, f := range d.Findings {
		p.line(4, "  %s UTC  %s (%s, %g points)", short(f.FlaggedAt), f.Rule, f.Level, f.Weight)
		p.line(4, "    %s", visible(f.Sentence))
		for _, m := range f.Evidence.Signals {
			threshold := ""
			if m.Threshold != nil {
				threshold = fmt.Sprintf("  (threshold %s)", measured(*m.Threshold, m.Unit))
			}
			p.line(8, "      %-24s %8s%s", m.Signal, measured(m.Value, m.Unit), threshold)
		}
		if f.Evidence.Baseline > 0 {
			p.line(8, "      %s", baselineText(&f.Evidence))
		}
		d.printScore(p, &f)
	}
}

// measured writes the value of a signal: a share in percent, as the sentences do.
func measured(value float64, unit string) string {
	switch unit {
	case "share":
		return fmt.Sprintf("%g %%", math.Round(value*1000)/10)
	case "bytes":
		return size(value).String()
	case "nats":
		return fmt.Sprintf("%.1f", value)
	}
	return words.Thousands(int64(value))
}

func (d *dossier) printNames(p *page) {
	for _, list := range []struct {
		name string
		uses []store.Use
	}{
		{"client", d.Uses.Clients},
		{"HELO", d.Uses.HELOs},
		{"as", d.Uses.ReversePaths},
		{"server", d.Uses.Servers},
	} {
		var texts []string
		for _, u := range list.uses {
			if text := useText(&u, list.name == "as"); text != "" {
				texts = append(texts, fmt.Sprintf("%s (%s)", safe(text, 60), words.Thousands(u.Recipients)))
			}
		}
		if len(texts) > 0 {
			p.line(11, "  %-8s %s%s", list.name, strings.Join(texts[:min(len(texts), 4)], ", "), more(len(texts), 4))
		}
	}
	d.printLogins(p)
}

func (d *dossier) printLogins(p *page) {
	ok, failed := 0, 0
	for _, l := range d.Logins {
		if l.OK {
			ok++
		} else {
			failed++
		}
	}
	if ok+failed > 0 {
		last := d.Logins[0]
		p.line(11, "  logins   of the last %d: %d ok, %d failed; last %s UTC as %s from %s",
			ok+failed, ok, failed, short(last.At), safe(userText(&last), 60), visible(last.ClientIP))
	}
}

func more(n, shown int) string {
	if n > shown {
		return ", …"
	}
	return ""
}

// barWidth is the length of the bar of the busiest hour.
const barWidth = 40

// maxHours is how many hours a timeline shows; the busiest are what matters.
const maxHours = 48

func (d *dossier) printTimeline(p *page) {
	p.line(0, "")
	p.line(0, "RECIPIENTS AN HOUR (UTC)")
	most := 1
	for _, h := range d.Timeline {
		most = max(most, h.Recipients)
	}
	for i, h := range d.Timeline {
		if i == maxHours {
			p.line(4, "  … %d hours more: v_hourly has them", len(d.Timeline)-maxHours)
			break
		}
		refused := ""
		if h.Refused > 0 {
			refused = fmt.Sprintf(", %s refused", words.Thousands(h.Refused))
		}
		bar := strings.Repeat("█", (h.Recipients*barWidth+most-1)/most)
		p.line(4, "  %s  %7s %s%s", short(h.Hour), words.Thousands(h.Recipients), bar, refused)
	}
}

func (d *dossier) printRecipients(p *page) {
	p.line(0, "")
	p.line(0, "TO WHOM")
	var domains []string
	for _, dom := range d.Domains {
		where := ""
		if isOurs(&dom) {
			where = ", ours"
		}
		domains = append(domains, fmt.Sprintf("%s (%s%s)", safe(domainText(&dom), 60), words.Thousands(dom.Recipients), where))
	}
	if len(domains) > 0 {
		p.line(11, "  domains  %s%s", strings.Join(domains, ", "), more(d.Suspect.Recipients, sum(d.Domains)))
	}
	for _, r := range d.Recipients {
		seen := d.seenText(&r)
		if seen != "" {
			seen = " (" + seen + ")"
		}
		p.line(29, "  %s  %s  %s%s", r.At, replyText(r.Reply), safe(pathText(r.Path), 80), seen)
	}
	if n := d.Suspect.Recipients - len(d.Recipients); n > 0 {
		p.line(4, "  … and %s more: v_recipients has them", words.Thousands(n))
	}
	if len(domains)+len(d.Recipients) == 0 {
		p.line(4, "  nobody")
	}
}

// replyText is a reply code, or blanks where the log does not tell it.
func replyText(reply int) string {
	if reply == 0 {
		return "   "
	}
	return fmt.Sprint(reply)
}

func sum(domains []store.Domain) int {
	n := 0
	for _, d := range domains {
		n += d.Recipients
	}
	return n
}

// How much of the proof is shown unless all is asked for: enough to see what it is
// about.
const (
	maxProof  = 5 // Rows of a finding.
	maxOthers = 5 // Other episodes of the submitter.
)

// printProof prints the rows of the alerts, the heaviest first. What supports them
// are mostly the same rows.
func (d *dossier) printProof(p *page) {
	p.line(0, "")
	p.line(0, "LOG ROWS")
	shown := map[mail.LogPos]bool{}
	var others []string
	for _, f := range d.byWeight() {
		if f.Level != detect.LevelAlert && !d.AllRows {
			others = append(others, f.Rule)
			continue
		}
		printRows(p, f.Rule, f.Proof, d.AllRows, shown)
		printRows(p, f.Rule+": others that share it", f.Others, d.AllRows, shown)
	}
	if len(others) > 0 {
		p.line(4, "  --rows shows those of %s, too", strings.Join(slices.Compact(others), ", "))
	}
}

// printRows prints the rows of a finding that are not shown yet.
func printRows(p *page, name string, rows []proof, all bool, shown map[mail.LogPos]bool) {
	n, left := 0, 0
	path := ""
	for _, row := range rows {
		switch {
		case shown[row.Pos]:
			continue
		case n == maxProof && !all:
			left++
			continue
		}
		n++
		shown[row.Pos] = true
		if row.Path != path {
			path = row.Path
			p.line(4, "  %s, in %s", name, visible(path))
		}
		if row.Text == "" {
			p.line(6, "    offset %d (%s)", row.Pos.Offset, whyNoText(row))
			continue
		}
		p.line(6, "    %d: %s", row.Line, safe(row.Text, 200))
	}
	if left > 0 {
		p.line(4, "    … %d more of %s; --rows shows all", left, name)
	}
}

// whyNoText says why a row can't be shown. A log that was never read has no path: an
// agent shows what it judged ahead of its turn.
func whyNoText(row proof) string {
	if row.Path == "" {
		return "the agent reads older mail first, and has not stored this row yet"
	}
	return "the log is no longer there"
}
