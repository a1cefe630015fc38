package traffic

import (
	"cmp"
	"time"
)

// mailStyles are how mail programs write MAIL and RCPT arguments, as in
// Session.MailArg.
var mailStyles = [...]string{"", "", "sized", "sized", "spaced"}

// Assumptions about mail from outside.
const (
	unasked     = 0.8   // Newsletters and advertisements a person and day.
	mistyped    = 0.004 // Of recipients inside: there is no such mailbox.
	lateBounces = 0.3   // Of addresses that exist no more: the report comes as a message of its own.
)

// Sessions is the ordinary mail, sorted by start.
func (w *World) Sessions() []*Session {
	m := &post{chance: newChance(w.Seed, "world mail"), w: w, told: map[string]bool{}}
	for i := range w.letters {
		m.letter(&w.letters[i])
	}
	m.unasked()
	if w.Server == "exchange" {
		m.probes()
		m.telephones()
	}
	if !w.alone {
		for _, k := range w.workers() {
			for n := range w.Days {
				m.all = append(m.all, k.day(n)...)
			}
		}
	}
	byStart(m.all)
	return w.retried(m.all)
}

// post turns letters into sessions.
type post struct {
	chance
	w    *World
	all  []*Session
	told map[string]bool // Who got a vacation reply from whom.
}

// letter makes the session of one letter, and of what comes back at once.
func (m *post) letter(l *Letter) {
	at := m.w.wall(l.At).Add(m.span(0, 999*time.Millisecond))
	if l.From >= len(m.w.People) {
		m.fromOutside(l, at)
		return
	}
	p := &m.w.People[l.From]
	s := m.w.Session(p, at)
	s.MailArg = mailStyles[p.style]
	if s.Account != "" {
		m.mistakes(s, p)
	}
	s.send(m.message(p, l))
	m.all = append(m.all, s)
	m.bounces(l, s)
}

// mistakes are passwords that people mistype.
func (m *post) mistakes(s *Session, p *Person) {
	switch {
	case m.odds(0.002):
		s.fail(p.Account, m.between(2, 3))
	case m.odds(0.01):
		s.fail(p.Account, 1)
	}
}

// message is a letter as a transaction.
func (m *post) message(p *Person, l *Letter) Message {
	msg := Message{
		Gap: m.span(3*time.Millisecond, 40*time.Millisecond), Transfer: m.span(20*time.Millisecond, 900*time.Millisecond),
		From: p.Address, ID: m.messageID(lower(p.Host)), Size: m.size(5200),
	}
	if l.Copy > 0 { // Names and greetings differ.
		msg.Size = newChance(m.w.Seed, p.Address+" copy "+itoa(l.Copy)).size(5200)
		msg.Size += m.IntN(1 + msg.Size/100)
	}
	for _, id := range l.To {
		msg.To = append(msg.To, Recipient{m.w.address(id), 250})
		if own(m.w.address(id)) && m.odds(mistyped) {
			msg.To = append(msg.To, Recipient{"x" + m.w.address(id), 550})
			msg.Gap = refusal + 200*time.Millisecond // Who is refused must wait.
		}
	}
	return msg
}

// bounces are reports that somebody does not exist, where a server outside sends
// them only after it took the mail.
func (m *post) bounces(l *Letter, s *Session) {
	p := &m.w.People[l.From]
	for _, id := range l.To {
		if id >= len(m.w.People) && m.w.outsiders.gone[m.w.address(id)] && m.odds(lateBounces) {
			m.inbound(s.End.Add(m.span(20*time.Second, time.Hour)), "", p)
		}
	}
}

// fromOutside is a letter that somebody outside writes.
func (m *post) fromOutside(l *Letter, at time.Time) {
	for _, id := range l.To {
		if id < len(m.w.People) {
			m.inbound(at, m.w.address(l.From), &m.w.People[id])
		}
	}
}

// inbound is a message that the gateway brings in; path is "" for a report of
// non-delivery. What would be before or after the world is left out.
func (m *post) inbound(at time.Time, path string, p *Person) {
	s := m.w.gateway(m.chance, at, path, p.Address)
	if s == nil {
		return
	}
	m.all = append(m.all, s)
	key := p.Address + " " + path
	if path == "" || !p.Away.has(m.w.dayOf(at)) || m.told[key] || m.w.alone {
		return
	}
	m.told[key] = true
	m.all = append(m.all, m.vacation(s.End.Add(m.span(2*time.Second, 40*time.Second)), path, p))
}

// gateway is a session of the gateway with one message, or nil if it would be
// before or after the world.
func (w *World) gateway(c chance, at time.Time, from, rcpt string) *Session {
	if at.Before(w.First) || !at.Before(w.Day(w.Days).Add(-time.Hour)) {
		return nil
	}
	s := newSession(at.UTC().Truncate(time.Millisecond), gatewayIP, "gw."+OwnDomain)
	s.Port, s.MailArg, s.Pipelined = portOf(at), "sized", c.odds(0.3)
	s.send(Message{
		Gap: c.span(2*time.Millisecond, 9*time.Millisecond), Transfer: c.span(15*time.Millisecond, 300*time.Millisecond),
		From: from, To: to(rcpt), ID: c.messageID(cmp.Or(domainOf(from), OwnDomain)), Size: c.size(9000),
	})
	return s
}

// dayOf is the number of a moment's day.
func (w *World) dayOf(at time.Time) int {
	midnight := func(t time.Time) int64 {
		y, m, d := t.In(w.Zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
	}
	return int((midnight(at) - midnight(w.First)) / secondsADay)
}
