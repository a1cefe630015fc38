package digest

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

//go:embed mail.tmpl
var mailTemplate string

var mailHTML = template.Must(template.New("mail").Parse(mailTemplate))

// Outlook's Word engine knows no max-width: it gets a table of a fixed width around
// the mail. html/template drops comments, also those, so they come as values.
const (
	openOutlook  = template.HTML(`<!--[if mso]><table role="presentation" width="640" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->`)
	closeOutlook = template.HTML(`<!--[if mso]></td></tr></table><![endif]-->`)
)

// view is what the template shows: all texts are clean, and are escaped by
// html/template.
type view struct {
	Subject, Now, Title, Period, Total, Rests, Foot, More string
	Colour, WeekNote                                      string
	Notices                                               []string
	Suspects                                              []suspectView
	Lists                                                 []list
	Health                                                []string
	WeekHead                                              []string
	Week                                                  [][]string
	OpenOutlook, CloseOutlook                             template.HTML
}

type suspectView struct {
	Number                int
	Who, Standing, Colour string
	Why                   string
	Facts                 []fact
	Chart                 template.URL // "" for none.
	Alt, Span, Peak       string
	Legend                bool // There is something usual in the chart.
	Ticks                 []string
	Proof                 []proofView
	Advice                []string
	Steps                 []Step
	Answers               []string
}

type proofView struct{ Place, Text string }

// Colours of the banner and of the severities: each bears white text, at a contrast
// of 4.5 or more.
const (
	red    = "#b3261e"
	orange = "#b34700"
	amber  = "#7a5c00"
	grey   = "#59616d"
	green  = "#1e6b3a"
)

func severityColour(severity string) string {
	switch severity {
	case "critical":
		return red
	case "high":
		return orange
	case "medium":
		return amber
	}
	return grey
}

// HTML is the mail as a page that stands alone: its charts are inside.
func (d *Day) HTML() ([]byte, error) {
	charts, err := d.charts()
	if err != nil {
		return nil, err
	}
	return d.html(func(i int) template.URL {
		return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(charts[i]))
	})
}

// charts are the pictures of the suspects that are told in full; nil for one who has
// none.
func (d *Day) charts() ([][]byte, error) {
	charts := make([][]byte, min(len(d.Suspects), maxFull))
	for i := range charts {
		if d.Suspects[i].Chart.text() == "" {
			continue
		}
		var err error
		if charts[i], err = d.Suspects[i].Chart.PNG(); err != nil {
			return nil, err
		}
	}
	return charts, nil
}

// html is the page with the charts where address says.
func (d *Day) html(address func(i int) template.URL) ([]byte, error) {
	v := view{
		Subject: d.Subject(), Now: d.Now(), Title: d.title(), Period: d.period(), Total: d.total(),
		Rests: d.rests(), Foot: d.foot(), Notices: d.notices(), Lists: d.lists(), Health: d.health(),
		Week: d.weekRows(), WeekHead: weekHead, WeekNote: weekNote, Colour: d.colour(), OpenOutlook: openOutlook, CloseOutlook: closeOutlook,
	}
	for i := range d.Suspects {
		if i == maxFull {
			v.More = d.more()
			break
		}
		s := d.suspectView(i)
		if s.Alt != "" {
			s.Chart = address(i)
		}
		v.Suspects = append(v.Suspects, s)
	}
	var b bytes.Buffer
	if err := mailHTML.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("write the mail's HTML: %w", err)
	}
	return b.Bytes(), nil
}

// colour of the banner.
func (d *Day) colour() string {
	switch {
	case d.Quiet():
		return green
	case len(d.Suspects) == 0:
		return amber
	}
	return severityColour(string(d.Suspects[0].Severity))
}

func (d *Day) suspectView(i int) suspectView {
	s := &d.Suspects[i]
	v := suspectView{
		Number: i + 1, Who: clean(s.Submitter.String(), maxName), Standing: s.standing(), Colour: severityColour(string(s.Severity)),
		Why: clean(s.Why, maxSentence), Steps: s.Remedy(), Answers: s.Answers(),
	}
	for _, f := range d.facts(s) {
		if f.Text != "" {
			v.Facts = append(v.Facts, f)
		}
	}
	if s.Chart.text() != "" {
		v.Peak = s.Chart.peak(d.zone())
		v.Span = s.Chart.span(d.zone())
		v.Alt = v.Span + "; " + v.Peak
		v.Legend = s.Chart.Usual != nil
		v.Ticks = s.Chart.ticks(d.zone())
	}
	for _, r := range s.Proof {
		lines := r.lines()
		v.Proof = append(v.Proof, proofView{lines[0], strings.TrimSpace(strings.Join(lines[1:], ""))})
	}
	for _, a := range s.Advice {
		v.Advice = append(v.Advice, clean(a, maxSentence))
	}
	return v
}
