package traffic

import "time"

// servers pass on mail, answer it or probe the server.
func (f *plant) servers() {
	f.add(Machine{Name: "terminal server", Kind: KindTerminal, IP: terminalIP, Host: terminalHost}, nil)
	f.add(Machine{Name: "outstation", Kind: KindNAT, IP: natIP}, nil)
	f.add(Machine{Name: "branch server", Kind: KindBranch, IP: branchIP, Host: branchHost}, nil)
	f.add(Machine{Name: "groupware", Kind: KindVacation, IP: groupwareIP, Host: groupwareHost}, nil)
	f.bounces()
	f.loop()
	f.audit()
}

// vacation is the reply of the groupware server to somebody who wrote to a person
// on holiday.
func (m *post) vacation(at time.Time, path string, _ *Person) *Session {
	s := newSession(at.UTC(), groupwareIP, groupwareHost)
	s.Port = portOf(at)
	if m.w.Server == "exchange" {
		s.Way = Relay
	}
	s.send(Message{
		Gap: 5 * time.Millisecond, Transfer: m.span(20*time.Millisecond, 90*time.Millisecond),
		From: "", To: to(path), ID: m.messageID(groupwareHost), Size: m.size(1500),
	})
	return s
}

// bounces is a filter that returns mail to senders, who often are forged: null
// reverse-paths to people who never wrote. One day somebody's spam names many.
func (f *plant) bounces() {
	c := newChance(f.w.Seed, "forged")
	pace, wave := float64(c.between(3, 15)), f.w.eventDay(c)
	f.add(Machine{Name: "filter", Kind: KindBounces, IP: filterIP, Host: "filter01." + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			var all []*Session
			for range c.times(pace) {
				all = append(all, f.mail(m, c, f.w.wall(n*secondsADay+c.IntN(secondsADay-600)), 4000, f.out.new(c, 1, 0.3)...))
			}
			if n != wave {
				return all
			}
			at := f.w.Clock(n, c.between(0, 19), c.IntN(60))
			for range c.between(50, 110) {
				all = append(all, f.mail(m, c, at, 4000, f.out.new(c, 1, 0.3)...))
				at = at.Add(c.span(10*time.Second, 4*time.Minute))
			}
			return all
		})
}

// loop is two addresses that forward to each other for an hour or two of a night.
func (f *plant) loop() {
	c := newChance(f.w.Seed, "loop")
	night := f.w.eventDay(c)
	inside, outside := f.staff(c, 1)[0], f.out.some(c, 1)[0]
	f.add(Machine{Name: "forwarder", Kind: KindLoop, IP: "10.0.0.36", Host: "forward01", Address: inside},
		func(m *Machine, c chance, n int) []*Session {
			if n != night {
				return nil
			}
			var all []*Session
			at := f.w.Clock(n, c.between(0, 4), c.IntN(60))
			for range c.between(80, 400) {
				if s := f.w.gateway(c, at, outside, inside); s != nil {
					all = append(all, s)
				}
				all = append(all, f.mail(m, c, at.Add(c.span(time.Second, 4*time.Second)), 5000, outside))
				at = at.Add(c.span(8*time.Second, 25*time.Second))
			}
			return all
		})
}
