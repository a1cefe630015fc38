package traffic

import "time"

// anyTime is a moment of the first day at which an attack can begin and still end
// on the next.
func (r *raid) anyTime() time.Time { return r.midnight(0).Add(r.span(0, 23*time.Hour)) }

// blaster sends one recipient a second for half an hour to an hour and a half, in
// three sessions at a time. Of its list 15 % do not exist, which shows at delivery.
func blaster(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.5))
	if !ok {
		return nil
	}
	list := r.bought(r.between(1800, 5400))
	m := mailing{
		list: &list, perHour: 1200, least: 1, most: r.between(1, 5), perSession: r.between(2, 20),
		from: r.ownOrForeign(o), size: r.between(1800, 9000), unknown: 0.15, greet: "HELO",
	}
	start := r.anyTime()
	var all []*Session
	third := len(list) / 3
	for i := range 3 {
		part := take(&list, third)
		m.list, m.start = &part, start.Add(time.Duration(i)*700*time.Millisecond)
		all = append(all, r.run(o, m)...)
	}
	return all
}

// cleanList sends 300 an hour for two to five hours to people who exist.
func cleanList(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.7))
	if !ok {
		return nil
	}
	list := r.bought(r.between(600, 1500))
	return r.run(o, mailing{
		list: &list, perHour: 300, least: 1, most: r.between(1, 5), perSession: r.between(1, 10), start: r.anyTime(),
		from: r.ownOrForeign(o), size: r.between(2500, 30_000), unknown: 0.01,
	})
}

// nightOwl sends 30 to 120 an hour while nobody works, one night or two.
func nightOwl(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.6))
	if !ok {
		return nil
	}
	m := mailing{
		perHour: float64(r.between(30, 120)), least: 1, most: r.between(1, 4), perSession: r.between(1, 5),
		from: r.ownOrForeign(o), size: r.between(2500, 12_000), unknown: 0.05,
	}
	list := r.bought(2000)
	m.list = &list
	var all []*Session
	for night := range r.between(1, 2) {
		m.start = r.midnight(night).Add(22*time.Hour + r.span(0, 3*time.Hour))
		m.end = m.start.Add(r.span(3*time.Hour, 5*time.Hour))
		all = append(all, r.run(o, m)...)
	}
	return all
}

// hijackedAccount is an account whose password is guessed from outside, and which
// then mails a list from there at 100 to 400 an hour. Servers without accounts have
// none.
func hijackedAccount(r *raid) []*Session {
	if r.world.Server != "exchange" {
		return nil
	}
	o, ok := r.desk(true)
	if !ok {
		return nil
	}
	o.client, o.host = "198.51.100."+itoa(r.between(2, 19)), "WIN-"+itoa(r.between(1000, 9999))
	at := r.anyTime()
	var all []*Session
	for range r.between(3, 14) {
		s := r.open(o, at)
		s.Account = ""
		s.fail(o.account, r.between(2, 5))
		all = append(all, s)
		at = s.End.Add(r.span(20*time.Second, 6*time.Minute))
	}
	list := r.bought(r.between(300, 1000))
	return append(all, r.run(o, mailing{
		list: &list, perHour: float64(r.between(100, 400)), least: 1, most: r.between(1, 12), perSession: r.between(5, 20),
		start: at.Add(r.span(time.Minute, 2*time.Hour)), from: always(o.address), size: r.between(2500, 12_000), unknown: 0.08,
	})...)
}

// rotating gives each message another reverse-path, of the outside or invented ones
// of the company, at 200 to 600 an hour.
func rotating(r *raid) []*Session {
	o, ok := r.desk(false)
	if !ok {
		return nil
	}
	from := func() string { return r.bought(1)[0] }
	if r.odds(0.3) {
		from = func() string { return r.list.at(OwnDomain, 1)[0] }
	}
	list := r.bought(r.between(300, 1200))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(200, 600)), least: 1, most: r.between(1, 10), perSession: r.between(1, 6),
		start: r.anyTime(), from: from, size: r.between(1800, 5000), unknown: 0.12,
	})
}

// behindSharedHost is one of the people behind an address that many share, whose
// machine mails a list at 100 to 400 an hour under the person's reverse-path or one
// of the outside.
func behindSharedHost(r *raid) []*Session {
	o, ok := r.neighbour()
	if !ok {
		return nil
	}
	list := r.bought(r.between(300, 1200))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(100, 400)), least: 1, most: r.between(1, 5), perSession: r.between(1, 8),
		start: r.anyTime(), from: r.ownOrForeign(o), size: r.between(2500, 12_000), unknown: 0.08,
	})
}
