package traffic

import "time"

// unasked is advertisements and newsletters, and attempts to relay that are
// refused.
func (m *post) unasked() {
	c := newChance(m.w.Seed, "unasked")
	for n := range m.w.Days {
		for i := range m.w.People {
			for range c.times(unasked) {
				at := m.w.wall(n*secondsADay + c.IntN(secondsADay))
				m.inbound(at, "news@"+firm(c), &m.w.People[i])
			}
		}
		m.relayRefused(c, n)
	}
}

// relayRefused is an outside client that looks for an open relay.
func (m *post) relayRefused(c chance, n int) {
	for range c.times(1.5) {
		at := m.w.wall(n*secondsADay + c.IntN(secondsADay-3600))
		s := newSession(at.UTC(), "203.0.113."+itoa(c.between(120, 160)), "User")
		s.Port, s.NoQuit = portOf(at), true
		s.send(Message{
			Gap: refusal + time.Second, From: "test@" + OwnDomain,
			To: []Recipient{{"relaytest" + itoa(c.between(10, 99)) + "@webmail.example", 550}},
		})
		m.all = append(m.all, s)
	}
}

// probes are the Exchange server's own health probes, and the load balancer's,
// which say nothing.
func (m *post) probes() {
	c := newChance(m.w.Seed, "probes")
	const health = "HealthMailbox6f31c0d9a4e24f2c@" + OwnDomain
	for hour := range m.w.Days * 24 {
		at := m.w.wall(hour * 3600).Add(c.span(0, 50*time.Minute)).UTC()
		s := newSession(at, exIP, exFQDN)
		s.Port = portOf(at)
		s.send(Message{Gap: 2 * time.Millisecond, Transfer: 60 * time.Millisecond, From: health, To: to(health), ID: c.messageID(exFQDN), Size: 1104})
		silent := newSession(at.Add(3*time.Minute), "10.0.0.5", "")
		silent.Greet, silent.Port = "", portOf(at)
		m.all = append(m.all, s, silent)
	}
}

// telephones go on trying an old password, every ten minutes or so, until their
// owner notices.
func (m *post) telephones() {
	for i := range m.w.People {
		p := &m.w.People[i]
		if p.Kind != KindTelephone {
			continue
		}
		c := newChance(m.w.Seed, "telephone "+itoa(i))
		at := m.w.Clock(p.event, 8, c.IntN(60))
		for range c.between(6, 30) {
			s := m.w.Session(p, at)
			s.Client, s.HELO, s.Account = "203.0.113."+itoa(40+i%20), "iPhone", ""
			s.fail(p.Account, c.between(1, 2))
			m.all = append(m.all, s)
			at = at.Add(c.span(4*time.Minute, 15*time.Minute))
		}
		s := m.w.Session(p, at)
		s.Client, s.HELO = "203.0.113."+itoa(40+i%20), "iPhone"
		s.send(m.message(p, &Letter{From: i, To: []int{(i + 1) % len(m.w.People)}}))
		m.all = append(m.all, s)
	}
}
