package detect

import (
	"slices"

	"relaywatch/mail"
)

// Told is an episode as somebody was told of it. It is the same one as long as it
// overlaps: judged anew, an episode may begin at another row.
type Told struct {
	Submitter    mail.Submitter
	FirstFlagged mail.Time // As it was told first.
	LastFlagged  mail.Time // As it was seen last, also where there was nothing to tell.
	Severity     Severity  // The highest that was told.
	Rules        []string  // All that were told.
	Recipients   int       // The most that were told.
}

// What is told of an episode.
const (
	Opened    = "opened"    // Nobody was told of it before.
	Grown     = "grown"     // See Told.Grew.
	Withdrawn = "withdrawn" // There was no such episode after all.
)

// What of an episode may have grown.
const (
	GrewSeverity   = "severity"   // It rose.
	GrewRules      = "rules"      // One holds that was not told.
	GrewRecipients = "recipients" // Twice as many as were told, and muchMore at least.
)

// muchMore is by how many recipients at least an episode must grow to be told again for
// them alone. From 1 to 2 and 4 is no news.
const muchMore = 50

// About tells whether an episode is the one that was told: those of one submitter are
// Quiet apart.
func (t *Told) About(who mail.Submitter, first, last mail.Time) bool {
	return t.Submitter == who && first < t.LastFlagged.Add(Quiet) && last > t.FirstFlagged.Add(-Quiet)
}

// Grew is what of the episode is worth being told again; nothing while it only goes on.
func (t *Told) Grew(severity Severity, rules []string, recipients int) []string {
	var grew []string
	if rank(severity) > rank(t.Severity) {
		grew = append(grew, GrewSeverity)
	}
	if slices.ContainsFunc(rules, func(r string) bool { return !slices.Contains(t.Rules, r) }) {
		grew = append(grew, GrewRules)
	}
	if recipients >= 2*t.Recipients && recipients-t.Recipients >= muchMore {
		grew = append(grew, GrewRecipients)
	}
	return grew
}

// Tell notes that the episode is told as it is now.
func (t *Told) Tell(severity Severity, rules []string, recipients int) {
	if t.Severity == "" || severity.AtLeast(t.Severity) {
		t.Severity = severity
	}
	for _, r := range rules {
		if !slices.Contains(t.Rules, r) {
			t.Rules = append(t.Rules, r)
		}
	}
	t.Recipients = max(t.Recipients, recipients)
}

// Settled tells whether it is certain, where all rows up to a time are judged for good,
// that there was no such episode if there is none now. Before, it may only be that what
// is shown for the time being is just made anew.
func (t *Told) Settled(until mail.Time) bool { return until >= t.LastFlagged.Add(Grace) }

// Withdrawal says for people why the episode is gone.
func (t *Told) Withdrawal() string {
	return "what " + t.Submitter.Value + " was accused of no longer stands: rows that came late, the allow-list or changed rules explain it."
}
