package detect

import (
	"cmp"
	"math"
	"slices"

	"relaywatch/mail"
)

// Watched is a submitter on watch: a sequential rule's sum is suspicious, and nobody
// accuses the submitter. It is told to people who ask, and is no alarm.
type Watched struct {
	Submitter  mail.Submitter
	Rule       string
	Since      mail.Time // Of the first recipient of the sum.
	At         mail.Time // Of the newest.
	Score      float64   // In nats, with what support rules add, when it was weighed; what is left fades.
	From       float64   // From this sum on it is on watch.
	Alert      float64   // Score that accuses.
	Until      mail.Time // When the sum will be below From, if nothing more comes.
	Recipients int       // That accuse, of the newest of the sum.
	Sum        Sum
}

// onWatch notes that a sum is suspicious; whether it still is, is asked when it is told.
func (j *judge) onWatch(s *subject) {
	if j.suspicious == nil {
		j.suspicious = make(map[mail.Submitter]struct{})
	}
	j.suspicious[s.who] = struct{}{}
}

// watchedAt are all who are on watch at a time, after which nothing was judged. It forgets
// those that are not suspicious any more.
func (j *judge) watchedAt(now mail.Time) []Watched {
	var out []Watched
	for who := range j.suspicious {
		s := j.kept(who)
		if s == nil || s.profile == nil {
			delete(j.suspicious, who)
			continue
		}
		some := false
		for place, i := range j.weighed {
			w, c := j.rules[i].Weigher, &s.profile.channels[place]
			if w.Watch == 0 || w.Fade(c.sum, int64(now-c.at)) < w.Watch {
				continue
			}
			some = true
			if j.isQuiet(s, i, now) {
				out = append(out, j.toldWatched(s, i, c))
			}
		}
		if !some {
			delete(j.suspicious, who)
		}
	}
	slices.SortFunc(out, func(a, b Watched) int {
		return cmp.Or(cmp.Compare(b.Score/b.Alert, a.Score/a.Alert), cmp.Compare(a.Submitter.String(), b.Submitter.String()), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// kept is a subject as the judge, or the one that it is a fork of, has it; nil if there
// is none. It is not to be changed.
func (j *judge) kept(who mail.Submitter) *subject {
	if s := j.subjects[who]; s != nil || j.base == nil {
		return s
	}
	return j.base.subjects[who]
}

// isQuiet tells whether nobody accuses the submitter at a time, and whether the rule could:
// a verdict or the allow-list may speak against it.
func (j *judge) isQuiet(s *subject, i int, now mail.Time) bool {
	c := &s.profile.channels[j.asked[i].place]
	if s.episode != nil && now-s.episode.last <= seconds(Quiet) || s.server != nil || s.innocent(c.at) || !s.judging.judges(i) {
		return false
	}
	if f := s.findings.of(i); f != nil && f.silenced != "" && now-f.last <= seconds(Quiet) {
		return false
	}
	var m measures
	if s.rows.windows != nil {
		j.measure(s, &row{}, j.asked[i].window, &m)
	}
	return j.network.silenced(s.who, j.rules[i], now, &m) == ""
}

// toldWatched is the sum of rule i as others see it.
func (j *judge) toldWatched(s *subject, i int, c *channel) Watched {
	rule := j.rules[i]
	w := rule.Weigher
	score := c.sum + min(w.Support, j.support(s, c.at))
	out := Watched{
		Submitter: s.who, Rule: rule.Name, Since: c.start, At: c.at, Score: score, From: w.Watch, Alert: j.asked[i].least,
		Until: c.at + mail.Time(math.Ceil(math.Log2(c.sum/w.Watch)*w.HalfLife.Seconds())), Sum: *j.sumOf(s, i, score, c.at),
	}
	for k := range out.Sum.Steps {
		out.Recipients += index(out.Sum.Steps[k].Nats > 0)
	}
	return out
}
