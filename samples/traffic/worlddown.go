package traffic

import (
	"slices"
	"time"
)

// outage is half a workday on which the server is down, from before work until
// after noon. Short worlds have none.
func (w *World) outage() Span {
	if w.Days < 10 {
		return Span{}
	}
	c := newChance(w.Seed, "outage")
	n := w.Days / 2
	for n += c.IntN(w.Days/2 - 1); !w.workday(n) && n > 0; n-- {
	}
	return Span{w.Clock(n, 4, c.IntN(60)).UTC(), w.Clock(n, 13, c.IntN(60)).UTC()}
}

// retried returns sessions as they are with the server down for a while: what would
// have rows then is tried again after it, and so comes in a burst. Sessions that
// change are copied.
func (w *World) retried(sessions []*Session) []*Session {
	if w.Down.From.IsZero() {
		return sessions
	}
	all := slices.Clone(sessions)
	for i, s := range all {
		if s.End.Add(time.Second).After(w.Down.From) && s.Start.Before(w.Down.Until) {
			all[i] = s.moved(w.Down.Until.Sub(s.Start) + w.patience(s))
		}
	}
	byStart(all)
	return all
}

// patience is how long after the server is up a client tries again. Programs do so
// every few minutes, so that most come within a quarter of an hour.
func (w *World) patience(s *Session) time.Duration {
	c := newChance(w.Seed, "patience "+s.Client+s.HELO+itoa(int(s.Start.UnixMilli())))
	return c.span(5*time.Second, 8*time.Minute) + c.span(0, 12*time.Minute)
}

// moved is a copy of s that happens later.
func (s *Session) moved(by time.Duration) *Session {
	later := *s
	later.Start, later.End = s.Start.Add(by), s.End.Add(by)
	later.Messages = slices.Clone(s.Messages)
	for i := range later.Messages {
		later.Messages[i].At = s.Messages[i].At.Add(by)
	}
	return &later
}
