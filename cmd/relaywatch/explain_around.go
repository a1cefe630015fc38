package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// How far around an episode explain looks.
const (
	alikeWithin = 7 * 24 * time.Hour // Other episodes that may be of one campaign.
	maxAlike    = 5                  // Are told.
	maxCompared = 50                 // Other episodes are looked at: the worst.
)

// surroundings are what stands beside an episode: the submitter's other hours, and
// others that did alike.
type surroundings struct {
	Hours     []store.Hour // Of the submitter, from usualDays before the episode to a day after it.
	Oldest    mail.Time    // Row of the store; 0 if there is none.
	Zone      *time.Location
	FirstSeen map[mail.Path]mail.Time // When anybody here first mailed the recipients of the sample.
	Alike     []alike
}

// alike is an episode of somebody else with what it has in common.
type alike struct {
	store.Suspect
	Common []string // As "rule external-list", "HELO name WIN-PC".
}

// look fills in the surroundings of an episode.
func (d *dossier) look(ctx context.Context, db *store.DB, zone *time.Location) error {
	s := d.Suspect
	var err error
	if d.Hours, err = db.Timeline(ctx, s.Submitter, s.Start.Add(-usualDays*24*time.Hour), s.LastFlagged.Add(24*time.Hour)); err != nil {
		return err
	}
	if d.Oldest, _, err = db.Span(ctx); err != nil {
		return err
	}
	d.Zone = zone
	paths := make([]mail.Path, 0, len(d.Recipients))
	for _, r := range d.Recipients {
		paths = append(paths, r.Path)
	}
	if d.FirstSeen, err = db.FirstMailed(ctx, paths); err != nil {
		return err
	}
	d.Alike, err = d.others(ctx, db)
	return err
}

// others are the episodes of others within a week that have something in common with
// this one, the most alike first.
func (d *dossier) others(ctx context.Context, db *store.DB) ([]alike, error) {
	s := d.Suspect
	suspects, err := db.Suspects(ctx, store.Filter{Since: max(s.Start, s.FirstFlagged.Add(-detect.Quiet)).Add(-alikeWithin), Until: s.LastFlagged.Add(alikeWithin)})
	if err != nil {
		return nil, err
	}
	suspects = slices.DeleteFunc(suspects, func(o store.Suspect) bool { return o.Submitter == s.Submitter })
	var list []alike
	for _, o := range suspects[:min(len(suspects), maxCompared)] {
		// What it used while it was accused: an episode may have begun months before.
		uses, err := db.Uses(ctx, o.Submitter, max(o.Start, o.FirstFlagged.Add(-detect.Quiet)), o.LastFlagged, maxDomains)
		if err != nil {
			return nil, err
		}
		if common := d.common(&o, &uses); len(common) > 0 {
			list = append(list, alike{o, common})
		}
	}
	slices.SortStableFunc(list, func(a, b alike) int { return cmp.Compare(len(b.Common), len(a.Common)) })
	return list, nil
}

// common is what another episode shares with this one. The null reverse-path and a
// HELO name that the log does not tell are everybody's.
func (d *dossier) common(o *store.Suspect, uses *store.Uses) []string {
	var list []string
	for _, rule := range o.Rules {
		alert := slices.ContainsFunc(d.Findings, func(f finding) bool { return f.Rule == rule && f.Level == detect.LevelAlert })
		if alert {
			list = append(list, "rule "+rule)
		}
	}
	same := func(what string, mine, theirs []store.Use) {
		for _, u := range theirs {
			if u.Text != "" && slices.ContainsFunc(mine, func(m store.Use) bool { return m.Text == u.Text }) {
				list = append(list, what+" "+u.Text)
			}
		}
	}
	same("reverse-path", d.Uses.ReversePaths, uses.ReversePaths)
	same("HELO name", d.Uses.HELOs, uses.HELOs)
	same("client", d.Uses.Clients, uses.Clients)
	return list
}

// dayHours are recipients by the hour of the site's day.
type dayHours struct {
	Here  [24]float64 // In the episode, a day.
	Usual [24]float64 // On the days before it, a day.
	Days  int         // That Usual is of; 0: the store does not reach back a day.
}

// hoursOfDay compares the hours of the episode with those of the days before it.
func (d *dossier) hoursOfDay() dayHours {
	const day = 24 * 3600
	var h dayHours
	start, end := hourOf(d.Suspect.Start), d.Suspect.LastFlagged
	h.Days = daysBefore(start, d.Oldest)
	lasted := max(1, math.Ceil(float64(end-start+1)/day))
	for _, hour := range d.Hours {
		n := hour.Hour.Std().In(d.zone()).Hour()
		switch {
		case hour.Hour >= start && hour.Hour <= end:
			h.Here[n] += float64(hour.Recipients) / lasted
		case hour.Hour < start && hour.Hour >= start-mail.Time(h.Days)*day:
			h.Usual[n] += float64(hour.Recipients) / float64(h.Days)
		}
	}
	return h
}

func (d *dossier) zone() *time.Location {
	if d.Zone == nil {
		return time.UTC
	}
	return d.Zone
}

// usualText tells what the usual hours are of.
func (h *dayHours) usualText() string {
	if h.Days == 0 {
		return "not known: the stored mail begins with this"
	}
	return fmt.Sprintf("%s a day, of the %s before", rounded(sumOf(h.Usual[:])), words.Plural(h.Days, "day"))
}

func sumOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum
}

// rounded is a mean without more digits than it deserves.
func rounded(f float64) string {
	if f < 10 && f != math.Trunc(f) {
		return fmt.Sprintf("%.1f", f)
	}
	return words.Thousands(int64(math.Round(f)))
}

// seenText tells when a recipient of the sample was first mailed.
func (d *dossier) seenText(s *store.Sent) string {
	first, ok := d.FirstSeen[s.Path]
	switch {
	case !ok:
		return ""
	case first >= s.At:
		return "first mailed now"
	}
	return "first mailed " + short(first) + " UTC"
}

func (d *dossier) printHours(p *page) {
	h := d.hoursOfDay()
	if sumOf(h.Here[:]) == 0 {
		return
	}
	top := max(slices.Max(h.Here[:]), slices.Max(h.Usual[:]))
	p.line(0, "")
	p.line(0, "HOURS OF THE DAY (%s)", d.zone())
	p.line(4, "             0     6     12    18")
	p.line(4, "  this time  %s  %s a day", digest.Bars(h.Here[:], top), rounded(sumOf(h.Here[:])))
	if h.Days > 0 {
		p.line(4, "  usually    %s  %s", digest.Bars(h.Usual[:], top), h.usualText())
	} else {
		p.line(4, "  usually    %s", h.usualText())
	}
}

func (d *dossier) printAlike(p *page) {
	if len(d.Alike) == 0 {
		return
	}
	p.line(0, "")
	p.line(0, "OTHERS THAT DID ALIKE")
	for _, o := range d.Alike[:min(len(d.Alike), maxAlike)] {
		p.line(4, "  %s", visible(o.line()))
		p.line(6, "    in common: %s", visible(o.commonText()))
	}
	if n := len(d.Alike) - maxAlike; n > 0 {
		p.line(4, "  … and %d more: `relaywatch suspects` has them", n)
	}
}

func (o *alike) line() string {
	return fmt.Sprintf("%s  %s, %s UTC to %s, %s", o.Submitter, o.Severity, short(o.Start), shortAfter(o.LastFlagged, o.Start), words.Plural(o.Recipients, "recipient"))
}

// maxCommon is how much in common is told.
const maxCommon = 6

func (o *alike) commonText() string {
	return strings.Join(o.Common[:min(len(o.Common), maxCommon)], ", ") + more(len(o.Common), maxCommon)
}

// Reports for JSON.
type hoursReport struct {
	Zone  string      `json:"time_zone"`
	Here  [24]float64 `json:"recipients_a_day"` // By the hour.
	Usual [24]float64 `json:"usual_recipients_a_day"`
	Days  int         `json:"usual_days"` // 0: nothing is usual yet.
}

type alikeReport struct {
	store.Suspect
	Common []string
}

// MarshalJSON is here because that of Suspect would hide Common.
func (r alikeReport) MarshalJSON() ([]byte, error) {
	return ordered{[]string{"suspect", "in_common"}, []any{r.Suspect, r.Common}}.MarshalJSON()
}

func (d *dossier) hoursReport() *hoursReport {
	if d.Hours == nil {
		return nil
	}
	h := d.hoursOfDay()
	return &hoursReport{d.zone().String(), h.Here, h.Usual, h.Days}
}

func (d *dossier) alikeReport() []alikeReport {
	list := []alikeReport{}
	for _, o := range d.Alike {
		list = append(list, alikeReport(o))
	}
	return list
}
