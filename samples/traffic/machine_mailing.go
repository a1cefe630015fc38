package traffic

import (
	"slices"
	"time"
)

// mailings are machines that write to many at once, and to the same again.
func (f *plant) mailings() {
	f.reports()
	f.newsletter()
	f.invoices()
}

// reports sends the night's figures to customers, who seldom change.
func (f *plant) reports() {
	c := newChance(f.w.Seed, "readers of reports")
	customers := append(f.out.some(c, c.between(20, 60)), f.out.new(c, c.between(10, 50), 0)...)
	f.add(Machine{Name: "reports", Kind: KindReports, IP: "10.2.0.13", Host: "reports01", Address: "reports@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			if c.odds(0.15) {
				customers = append(customers, f.out.new(c, 1, 0)...)
			}
			return f.run(m, c, f.w.Clock(n, 4, 30).Add(c.span(0, 4*time.Minute)), 90_000, 25, 5*time.Second, singles(customers))
		})
}

// newsletter goes to subscribers once a week. The list grows by one percent, and
// half of those who can't be reached are taken off it.
func (f *plant) newsletter() {
	c := newChance(f.w.Seed, "subscribers")
	n := c.between(2, 6)*len(f.w.People)/2 + 150
	list := append(f.out.some(c, n/3), f.out.new(c, n-n/3, 0.02)...)
	weekday, hour := time.Weekday(c.between(2, 4)), c.between(8, 15)
	each, pace := [...]int{1, 1, 5, 20}[c.IntN(4)], c.span(time.Second, 6*time.Second)
	f.add(Machine{Name: "newsletter", Kind: KindNewsletter, IP: newsletterIP, Host: "news." + OwnDomain, Address: "news@" + OwnDomain, Known: true},
		func(m *Machine, c chance, n int) []*Session {
			if f.w.weekday(n) != weekday {
				return nil
			}
			all := f.run(m, c, f.w.Clock(n, hour, c.IntN(20)), 31_000, 60, pace, slices.Collect(slices.Chunk(slices.Clone(list), each)))
			list = slices.DeleteFunc(list, func(path string) bool { return f.out.gone[path] && c.odds(0.5) })
			list = append(list, f.out.new(c, len(list)/100, 0.02)...)
			return all
		})
}

// invoices go out in the evening of the last workday of a month, a tenth of them to
// new customers; and reminders in the middle of it.
func (f *plant) invoices() {
	c := newChance(f.w.Seed, "who gets invoices")
	n := c.between(1, 2)*len(f.w.People)/2 + 60
	customers := append(f.out.some(c, n*2/3), f.out.new(c, n/3, 0.01)...)
	f.add(Machine{Name: "invoices", Kind: KindInvoices, IP: "10.2.0.11", Host: "erp01", Address: "invoices@" + OwnDomain},
		func(m *Machine, c chance, n int) []*Session {
			at, due := f.w.Clock(n, 18, 30), f.w.Day(n)
			switch {
			case f.lastWorkday(n):
				customers = append(customers, f.out.new(c, len(customers)/10, 0.02)...)
				return f.run(m, c, at, 60_000, 20, 4*time.Second, singles(slices.Clone(customers)))
			case f.w.workday(n) && (due.Day() == 15 || due.Day() < 18 && due.Day() > 15 && due.Weekday() == time.Monday):
				var late []string
				for _, path := range customers {
					if c.odds(0.15) {
						late = append(late, path)
					}
				}
				return f.run(m, c, at, 20_000, 20, 4*time.Second, singles(late))
			}
			return nil
		})
}

// lastWorkday is true for the last workday of a month.
func (f *plant) lastWorkday(n int) bool {
	if !f.w.workday(n) {
		return false
	}
	for next := n + 1; ; next++ {
		if f.w.Day(next).Month() != f.w.Day(n).Month() {
			return true
		}
		if f.w.workday(next) {
			return false
		}
	}
}
