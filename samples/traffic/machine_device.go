package traffic

import "time"

// devices are scanners, monitoring and backup: they write to few, and always to the
// same.
func (f *plant) devices() {
	for i := range 1 + len(f.w.People)/60 {
		f.scanner(i)
	}
	f.monitor()
	admins := f.staff(newChance(f.w.Seed, "backup"), 2)
	f.add(Machine{Name: "backup", Kind: KindBackup, IP: "10.2.0.18", Host: "backup01", Address: "backup@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			return []*Session{f.mail(m, c, f.w.Clock(n, 1, 0).Add(c.span(0, 9*time.Minute)), 3000, admins...)}
		})
}

// scanner sends what people scan to themselves, and to somebody outside now and
// then. It says HELO and lets the server make the Message-ID, as devices do.
func (f *plant) scanner(i int) {
	host := "SCANNER-" + itoa(i+1)
	c := newChance(f.w.Seed, "around "+host)
	floor, partners := f.staff(c, 30), f.out.some(c, 3)
	pace := float64(c.between(4, 15))
	f.add(Machine{Name: lower(host), Kind: KindScanner, IP: "10.1.80." + itoa(90+i), Host: host, Address: lower(host) + "@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			if !f.w.workday(n) {
				return nil
			}
			var all []*Session
			for range c.times(pace) {
				path := favourite(c, floor)
				if c.odds(0.02) {
					path = favourite(c, partners)
				}
				s := f.mail(m, c, f.w.office(c, n), 400_000, path)
				s.Greet, s.MailArg = "HELO", "mixed"
				s.Messages[0].ServerID = true
				all = append(all, s)
			}
			return all
		})
}

// monitor writes to the same three people, a few times a day and night; when
// something breaks, hundreds of messages within minutes.
func (f *plant) monitor() {
	c := newChance(f.w.Seed, "outages")
	admins := f.staff(c, 3)
	broken := map[int]bool{c.IntN(f.w.Days): true, c.IntN(f.w.Days): c.odds(0.5)}
	f.add(Machine{Name: "monitoring", Kind: KindMonitor, IP: monitorIP, Host: "mon01." + OwnDomain, Address: "monitoring@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			var all []*Session
			for range c.times(5) {
				all = append(all, f.mail(m, c, f.w.wall(n*secondsADay+c.IntN(secondsADay-600)), 1480, admins...))
			}
			if !broken[n] {
				return all
			}
			at := f.w.Clock(n, c.IntN(23), c.IntN(60))
			for range c.between(150, 500) {
				all = append(all, f.mail(m, c, at, 1480, admins...))
				at = at.Add(c.span(100*time.Millisecond, 5*time.Second))
			}
			return all
		})
}
