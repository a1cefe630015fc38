package detect

import (
	"slices"

	"relaywatch/mail"
)

// Verdict is that people took an episode for a false alarm. What the submitter did in
// that time is usual for it, and is learnt, though an accusation stood. What it does
// afterwards is judged on its own: nothing from before counts any more, so that one
// who is taken over tomorrow opens an episode tomorrow.
type Verdict struct {
	Submitter mail.Submitter
	From      mail.Time // Of the first row of the episode.
	Until     mail.Time // Of the last row that the verdict speaks of.
}

// Of tells whether a verdict is about a submitter. One about the bare name of an account
// is about the account: failed logins with that name count for it once it was seen.
func (v Verdict) Of(who mail.Submitter) bool {
	return v.Submitter.Kind == who.Kind && (v.Submitter.Value == who.Value || who.Kind == mail.KindUser && v.Submitter.Value == bareName(who.Value))
}

// verdictWeight is how much an innocent day that was accused is learnt. Once is too
// little where the like comes again only in weeks, when half of it is forgotten.
const verdictWeight = 3

// innocent tells whether a verdict speaks of a time.
func (s *subject) innocent(at mail.Time) bool {
	for _, v := range s.verdicts {
		if v.From <= at && at <= v.Until {
			return true
		}
	}
	return false
}

// acquit takes what a verdict speaks of out of all that is still open, before a row of
// a later time. It may be asked any number of times, also while rows are seen again
// after a restart: then the rest is as it was stored.
func (j *judge) acquit(s *subject, at mail.Time, silent bool) {
	until := mail.Time(0)
	for _, v := range s.verdicts {
		if v.Until < at {
			until = max(until, v.Until)
		}
	}
	if until == 0 {
		return
	}
	for s.rows.start < s.rows.end && s.rows.time(s.rows.at(s.rows.start)) <= until {
		s.rows.drop(&j.layout)
	}
	if silent {
		return
	}
	s.findings = slices.DeleteFunc(s.findings, func(f *finding) bool { return f.flagged <= until })
	if s.episode != nil && s.episode.first <= until {
		s.episode = nil
	}
	if s.profile == nil {
		return
	}
	for i := range s.profile.channels {
		if c := &s.profile.channels[i]; c.sum > 0 && c.start <= until {
			*c = channel{at: c.at}
			j.changed(s)
		}
	}
}
