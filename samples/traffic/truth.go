package traffic

import (
	"strings"
	"time"
)

// Spammer is the ground truth about one Case.
type Spammer struct {
	Case
	First, Last time.Time // Of the first and last RCPT row of its spam, to the second.
	Messages    int       // MAIL commands.
	Recipients  int       // RCPT commands, refused ones too.
	Accepted    int       // Those answered 250.
	External    int       // Accepted and outside the own domain.
	Distinct    int       // Different accepted recipients.
}

// truth sums the spam in sessions up, in the order of Case.Name.
func truth(sessions []*Session, names ...string) []Spammer {
	var all []Spammer
	for _, name := range names {
		sp := Spammer{}
		seen := map[string]bool{}
		for _, s := range sessions {
			if s.Case.Name == name {
				sp.Case = s.Case
				sp.count(s, seen)
			}
		}
		if sp.Messages > 0 {
			sp.Distinct = len(seen)
			all = append(all, sp)
		}
	}
	return all
}

func (sp *Spammer) count(s *Session, seen map[string]bool) {
	for i := range s.Messages {
		m := &s.Messages[i]
		sp.Messages++
		for j, r := range m.To {
			at := m.rcptAt(j).Truncate(time.Second)
			if s.Pipelined {
				at = m.At.Truncate(time.Second)
			}
			if sp.First.IsZero() || at.Before(sp.First) {
				sp.First = at
			}
			if at.After(sp.Last) {
				sp.Last = at
			}
			sp.Recipients++
			if r.Reply != 250 {
				continue
			}
			sp.Accepted++
			seen[strings.ToLower(r.Path)] = true
			if !own(r.Path) {
				sp.External++
			}
		}
	}
}
