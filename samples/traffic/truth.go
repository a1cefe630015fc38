package traffic

import (
	"slices"
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

	Begin, End time.Time // Of its first and its last session: guessing a password begins before the spam.
	Submitters []string  // All whom it comes from, in the order of the alphabet. Case.Submitter is the first that began.
	Spam       []Spam    // Its RCPT rows, by time.
}

// Spam is one RCPT row of a spammer.
type Spam struct {
	At        time.Time // To the second, as relaywatch reads it.
	Submitter string    // Of the session.
	Client    string    // IP address.
	HELO      string    // Name that it gave; "" for none.
	Account   string    // As logged; "" for none.
	From      string    // Reverse-path.
	Path      string    // Recipient.
	Accepted  bool
}

// truth sums the spam in sessions up, in the order of names.
func truth(sessions []*Session, names ...string) []Spammer {
	var all []Spammer
	for _, name := range names {
		sp := Spammer{}
		seen := map[string]bool{}
		for _, s := range sessions {
			if s.Case.Name == name {
				sp.count(s, seen)
			}
		}
		if sp.Messages > 0 {
			sp.Distinct = len(seen)
			slices.Sort(sp.Submitters)
			slices.SortStableFunc(sp.Spam, func(a, b Spam) int { return a.At.Compare(b.At) })
			all = append(all, sp)
		}
	}
	return all
}

func (sp *Spammer) count(s *Session, seen map[string]bool) {
	if sp.Begin.IsZero() || s.Start.Before(sp.Begin) {
		sp.Begin, sp.Case = s.Start, s.Case
	}
	if s.End.After(sp.End) {
		sp.End = s.End
	}
	if !slices.Contains(sp.Submitters, s.Case.Submitter) {
		sp.Submitters = append(sp.Submitters, s.Case.Submitter)
	}
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
			sp.recipient(Spam{at, s.Case.Submitter, s.Client, s.HELO, s.Account, m.From, r.Path, r.Reply == 250}, seen)
		}
	}
}

// recipient counts one RCPT row.
func (sp *Spammer) recipient(row Spam, seen map[string]bool) {
	sp.Spam = append(sp.Spam, row)
	sp.Recipients++
	if !row.Accepted {
		return
	}
	sp.Accepted++
	seen[strings.ToLower(row.Path)] = true
	if !own(row.Path) {
		sp.External++
	}
}
