package detect

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"relaywatch/mail"
	"relaywatch/words"
)

// take tells what was touched since it was taken last.
func (j *judge) take() Judgement {
	out := j.tell()
	for _, f := range j.findings {
		f.touched = false
	}
	for _, ep := range j.episodes {
		ep.touched = false
	}
	j.findings, j.episodes = nil, nil
	return out
}

// tell tells what was touched, in an order of its own.
func (j *judge) tell() Judgement {
	var out Judgement
	for _, f := range j.findings {
		out.Findings = append(out.Findings, j.told(f))
	}
	for _, ep := range j.episodes {
		out.Episodes = append(out.Episodes, j.toldEpisode(ep))
	}
	out.sort()
	return out
}

// replace adds what another judgement knows, in the place of what has the same key.
func (j *Judgement) replace(by Judgement) {
	if len(j.Findings)+len(j.Episodes) == 0 {
		j.Findings, j.Episodes = by.Findings, by.Episodes
		return
	}
	type key struct {
		rule string
		who  mail.Submitter
		at   mail.Time
	}
	known := make(map[key]bool, len(by.Findings)+len(by.Episodes))
	for i := range by.Findings {
		f := &by.Findings[i]
		known[key{f.Rule, f.Submitter, f.FlaggedAt}] = true
	}
	for i := range by.Episodes {
		known[key{who: by.Episodes[i].Submitter, at: by.Episodes[i].FirstFlagged}] = true
	}
	j.Findings = slices.DeleteFunc(j.Findings, func(f Finding) bool { return known[key{f.Rule, f.Submitter, f.FlaggedAt}] })
	j.Episodes = slices.DeleteFunc(j.Episodes, func(e Episode) bool { return known[key{who: e.Submitter, at: e.FirstFlagged}] })
	j.Findings, j.Episodes = append(j.Findings, by.Findings...), append(j.Episodes, by.Episodes...)
	j.sort()
}

// sort puts findings and episodes in the order in which they are told.
func (j *Judgement) sort() {
	slices.SortFunc(j.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.FlaggedAt, b.FlaggedAt), cmp.Compare(a.Submitter.String(), b.Submitter.String()), cmp.Compare(a.Rule, b.Rule))
	})
	slices.SortFunc(j.Episodes, func(a, b Episode) int {
		return cmp.Or(cmp.Compare(a.FirstFlagged, b.FirstFlagged), cmp.Compare(a.Submitter.String(), b.Submitter.String()))
	})
}

// told is the finding as others see it.
func (j *judge) told(f *finding) Finding {
	r := j.rules[f.rule]
	out := Finding{
		Rule: r.Name, Submitter: f.who, WindowStart: f.start, WindowEnd: f.last, FlaggedAt: f.flagged,
		Level: r.Level, Weight: r.Weight, Sentence: r.sentence(f.who, &f.peak), Silenced: f.silenced,
		Evidence: Evidence{Rows: f.proof, Others: f.others, Behind: f.behind, Sum: f.sum, Record: f.record},
	}
	factor := j.network.baseline(f.who, r, f.flagged)
	out.Evidence.Baseline = kept(factor)
	reached := r.thresholds(&f.peak, factor)
	for _, i := range r.measures {
		m := Measure{Signal: signals[i].Name, Value: f.peak[i], Unit: signals[i].Unit}
		if threshold, ok := reached[i]; ok {
			m.Threshold = &threshold
		}
		out.Evidence.Signals = append(out.Evidence.Signals, m)
	}
	return out
}

// toldEpisode is the episode as others see it.
func (j *judge) toldEpisode(ep *episode) Episode {
	out := Episode{
		Submitter: ep.who, Start: ep.start, FirstFlagged: ep.first, LastFlagged: ep.last,
		Recipients: ep.sent.Recipients, External: ep.sent.External, Transactions: ep.sent.Transactions,
	}
	least := Low
	for _, i := range ep.rules {
		r := j.rules[i]
		out.Rules = append(out.Rules, r.Name)
		out.Score += r.Weight
		if rank(r.Severity) > rank(least) {
			least = r.Severity
		}
	}
	out.Severity = severityOf(out.Score)
	if rank(least) > rank(out.Severity) {
		out.Severity = least
	}
	out.Summary = j.summary(ep)
	return out
}

// summary says what the heaviest rule found, and how much left since then.
func (j *judge) summary(ep *episode) string {
	since := "Since " + ep.start.Std().Format("2006-01-02 15:04") + " UTC."
	if n := ep.sent.Recipients; n > 0 {
		since = words.Plural(n, "recipient") + " s" + since[1:]
	}
	if host := ep.words.behind; host != "" {
		since += " Many share " + host + ", which it came through."
	}
	return j.rules[ep.words.rule].sentence(ep.who, &ep.words.peak) + " " + since
}

// severities in rising order.
var severities = [...]Severity{Low, Medium, High, Critical}

func rank(s Severity) int { return slices.Index(severities[:], s) }

// AtLeast tells whether s is as severe as least, or worse.
func (s Severity) AtLeast(least Severity) bool { return rank(s) >= rank(least) }

// severityOf grades a score. One alert alone is medium at most (weights are up to
// 60); high takes one that other signs support, critical two alerts.
func severityOf(score float64) Severity {
	switch {
	case score >= 100:
		return Critical
	case score >= 70:
		return High
	case score >= 40:
		return Medium
	}
	return Low
}

// maxName is how many bytes of a submitter stand in a sentence: a mailbox of 64 and
// a short domain. Longer names are made up by who wants to fill the screen.
const maxName = 80

// sentence says what the submitter did, with the values of m.
func (r *Rule) sentence(who mail.Submitter, m *measures) string {
	name := who.Value
	if len(name) > maxName {
		end := maxName
		for !utf8.RuneStart(name[end]) && end > maxName-utf8.UTFMax {
			end--
		}
		name = name[:end] + "…"
	}
	return name + " " + r.words(m) + "."
}
