package traffic

import "time"

// applications write to customers all day, new ones among them.
func (f *plant) applications() {
	f.ticketing()
	f.crm()
	f.shop()
}

// ticketing answers customers who wrote in, a third of them for the first time,
// and tells people about it.
func (f *plant) ticketing() {
	c := newChance(f.w.Seed, "customers of ticketing")
	customers, agents := f.out.some(c, 60+len(f.w.People)/2), f.staff(c, 6)
	pace := 10 + 0.1*float64(len(f.w.People))
	news := float64(c.between(25, 45)) / 100
	f.add(Machine{Name: "ticketing", Kind: KindTicketing, IP: "10.2.0.15", Host: "tickets01", Address: "support@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			var all []*Session
			if !f.w.workday(n) {
				return nil
			}
			for range c.times(pace) {
				at := f.w.office(c, n)
				path := customers[c.IntN(len(customers))]
				if c.odds(news) {
					path = f.out.new(c, 1, 0.005)[0]
					customers = append(customers, path)
				}
				if s := f.w.gateway(c, at.Add(-c.span(time.Minute, 3*time.Hour)), path, m.Address); s != nil {
					all = append(all, s)
				}
				all = append(all, f.mail(m, c, at, 3000, path))
				if c.odds(0.5) {
					all = append(all, f.mail(m, c, at.Add(c.span(time.Second, time.Minute)), 2500, favourite(c, agents)))
				}
			}
			return all
		})
}

// crm writes to customers, of whom 20 to 60 % are new ones, some of whose addresses
// do not exist.
func (f *plant) crm() {
	c := newChance(f.w.Seed, "customers of crm")
	customers := f.out.some(c, 100)
	pace := float64(c.between(15, 60))
	news := float64(c.between(20, 60)) / 100
	f.add(Machine{Name: "crm", Kind: KindCRM, IP: "10.2.0.12", Host: "crm01." + OwnDomain, Address: "service@" + OwnDomain, Account: `CORP\svc-crm`},
		func(m *Machine, c chance, n int) []*Session {
			if !f.w.workday(n) && c.odds(0.9) {
				return nil
			}
			var all []*Session
			for range c.times(pace) {
				path := customers[c.IntN(len(customers))]
				if c.odds(news) {
					path = f.out.new(c, 1, 0.025)[0]
					customers = append(customers, path)
				}
				all = append(all, f.mail(m, c, f.w.office(c, n), 8000, path))
			}
			return all
		})
}

// shop is a new server: it begins in the middle, with customers whom nobody knows,
// who order in the evening and on Sunday too.
func (f *plant) shop() {
	c := newChance(f.w.Seed, "customers of shop")
	first, pace := f.w.Days/3+c.IntN(f.w.Days/3+1), float64(c.between(10, 40))
	var orders []string
	f.add(Machine{Name: "shop", Kind: KindShop, IP: "10.2.0.20", Host: "shop01." + OwnDomain, Address: "orders@" + OwnDomain, Account: `CORP\svc-shop`},
		func(m *Machine, c chance, n int) []*Session {
			if n < first {
				return nil
			}
			var all []*Session
			for _, path := range orders { // Of the day before: they are sent today.
				all = append(all, f.mail(m, c, f.w.Clock(n, 15, 0).Add(c.span(0, 2*time.Hour)), 6000, path))
			}
			orders = f.out.new(c, c.times(pace), 0.01)
			for _, path := range orders {
				hour := [...]int{8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 19, 20, 20, 21, 21, 22, 23}[c.IntN(18)]
				all = append(all, f.mail(m, c, f.w.Clock(n, hour, c.IntN(60)).Add(c.span(0, 59*time.Second)), 7000, path))
			}
			return all
		})
}
