package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// What the text and the page say alike.

// safe is a text from a log for people: cut, and without what steers.
func safe(s string, most int) string { return visible(ingest.Cut(s, most)) }

func (d *dossier) sinceText() string {
	return fmt.Sprintf("%s UTC, still so at %s; accused after %s", short(d.Suspect.Start), short(d.Suspect.LastFlagged), words.Plural(d.Before, "recipient"))
}

func (d *dossier) leftText() string {
	s, outside := &d.Suspect, "?"
	if s.External != nil {
		outside = words.Thousands(*s.External)
	}
	return fmt.Sprintf("%s accepted, %s outside, in %s", words.Plural(s.Recipients, "recipient"), outside, words.Plural(s.Transactions, "transaction"))
}

// episodeText is another episode of the same submitter.
func episodeText(s *store.Suspect) string {
	return fmt.Sprintf("%s UTC to %s: %s, %s", short(s.FirstFlagged), shortAfter(s.LastFlagged, s.FirstFlagged), s.Severity, words.Plural(s.Recipients, "recipient"))
}

// byWeight are the findings, the heaviest first.
func (d *dossier) byWeight() []finding {
	list := slices.Clone(d.Findings)
	slices.SortStableFunc(list, func(a, b finding) int { return cmp.Compare(b.Weight, a.Weight) })
	return list
}

func baselineText(e *detect.Evidence) string {
	return fmt.Sprintf("the allow-list has it ask for %g times as much", e.Baseline)
}

// line is the remedy without the line breaks of the rule file.
func (r *remedy) line() string { return visible(strings.Join(strings.Fields(r.Text), " ")) }

func domainText(d *store.Domain) string { return cmp.Or(d.Name, "(local)") }

func isOurs(d *store.Domain) bool { return d.External != nil && !*d.External }

func pathText(p mail.Path) string {
	if !p.Known() {
		return "(not in the log)"
	}
	return string(p)
}

// useText is a name that was used, or "" if there is none. The null reverse-path is one.
func useText(u *store.Use, isPath bool) string {
	if isPath {
		return cmp.Or(u.Text, "<>")
	}
	return u.Text
}

func userText(l *mail.Login) string { return cmp.Or(l.User, "(not named)") }

func outcomeOf(l *mail.Login) string {
	if l.OK {
		return "ok"
	}
	return "failed"
}
