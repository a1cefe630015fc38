package traffic

import (
	"slices"
	"time"
)

// mailing is how a list is worked off from one outlet.
type mailing struct {
	list       *[]string // Is used up.
	perHour    float64   // Recipients, while it goes on.
	least      int       // Recipients a message, from least
	most       int       // to most.
	perSession int       // Messages a session, at most.
	start, end time.Time // It stops at end, list or not; the zero end is never.
	from       func() string
	size       int     // Bytes of a message, give or take a hundredth.
	unknown    float64 // Share of the recipients outside whom the outside refuses at delivery.
	greet      string  // As Session.Greet; "" is EHLO.
}

// run makes the sessions of a mailing.
func (r *raid) run(o outlet, m mailing) []*Session {
	var all []*Session
	var s *Session
	next := m.start
	for len(*m.list) > 0 && (m.end.IsZero() || next.Before(m.end)) {
		to := take(m.list, r.between(m.least, m.most))
		if s == nil || len(s.Messages) >= m.perSession || next.Sub(s.End) > 5*time.Minute {
			at := next
			if s != nil && !s.End.Before(at) {
				at = s.End.Add(r.span(100*time.Millisecond, time.Second))
			}
			s = r.open(o, at)
			s.Unknown = m.unknown
			if m.greet != "" {
				s.Greet = m.greet
			}
			all = append(all, s)
		}
		s.Pause = max(20*time.Millisecond, next.Sub(s.End))
		s.send(r.spam(s, m, to))
		next = next.Add(r.pace(m.perHour, len(to)))
	}
	return all
}

// pace is the time that n recipients take at a rate, more or less.
func (r *raid) pace(perHour float64, n int) time.Duration {
	even := float64(n) / perHour * float64(time.Hour)
	return time.Duration(even * (0.5 + r.Float64())).Truncate(time.Millisecond)
}

// spam is one message.
func (r *raid) spam(s *Session, m mailing, paths []string) Message {
	each := time.Duration(float64(time.Hour) / m.perHour / 3)
	return Message{
		Gap: r.span(time.Millisecond, 4*time.Millisecond+min(each, 300*time.Millisecond)), Transfer: r.span(30*time.Millisecond, 50*time.Millisecond+min(each, 700*time.Millisecond)),
		From: m.from(), To: to(paths...), ID: r.messageID(lower(s.HELO)), Size: m.size + r.IntN(1+m.size/50),
	}
}

// take cuts the first n off a list.
func take(list *[]string, n int) []string {
	n = min(n, len(*list))
	first := (*list)[:n]
	*list = (*list)[n:]
	return first
}

// always is one reverse-path for all messages.
func always(path string) func() string { return func() string { return path } }

// foreign is a reverse-path of the outside, the same for the whole mailing.
func (r *raid) foreign() func() string { return always(r.bought(1)[0]) }

// ownOrForeign is the outlet's own reverse-path, or that of somebody outside.
func (r *raid) ownOrForeign(o outlet) func() string {
	if o.address != "" && r.odds(0.5) {
		return always(o.address)
	}
	return r.foreign()
}

// bought is a list of n strangers: half of them at the large providers, the others
// spread over some hundred companies.
func (r *raid) bought(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		domain := r.list.domain()
		if r.odds(0.5) {
			domain = r.company()
		}
		paths[i] = r.list.at(domain, 1)[0]
	}
	return paths
}

var trades = [...]string{"trade", "works", "foods", "paper", "tools", "garden", "motors", "design", "clinic", "hotel", "school", "media"}

// company is the domain of some firm.
func (r *raid) company() string {
	return lower(lastNames[r.IntN(len(lastNames))]) + "-" + trades[r.IntN(len(trades))] + ".example"
}

// colleagues are all people of the company but one, in any order.
func (r *raid) colleagues(but string) []string {
	return r.shuffled(slices.DeleteFunc(r.world.Book(), func(path string) bool { return path == but }))
}

// contacts are the people to whom the owner of an outlet wrote before the attack.
func (r *raid) contacts(o outlet) []string { return Contacts(r.ordinary, o.person, r.midnight(0)) }

// known are the people outside to whom people of the organisation wrote before the
// attack, in any order.
func (r *raid) known() []string {
	book := map[string]bool{}
	for _, path := range r.world.Book() {
		book[path] = true
	}
	var paths []string
	for _, s := range r.ordinary {
		if !s.Start.Before(r.midnight(0)) {
			break
		}
		for i := range s.Messages {
			if !book[s.Messages[i].From] {
				continue
			}
			for _, to := range s.Messages[i].To {
				if !book[to.Path] && !own(to.Path) {
					paths = append(paths, to.Path)
				}
			}
		}
	}
	return r.shuffled(unique(paths))
}

func (r *raid) shuffled(list []string) []string {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
