package traffic

import "time"

// hijackedNewsletter and hijackedCRM are hosts that mail many people outside by
// right, and now mail a foreign list under a foreign reverse-path, at 200 to 1,000
// an hour.
func hijackedNewsletter(r *raid) []*Session { return r.hijackedBulk(KindNewsletter) }
func hijackedCRM(r *raid) []*Session        { return r.hijackedBulk(KindCRM) }

func (r *raid) hijackedBulk(kind string) []*Session {
	o, ok := r.host(kind)
	if !ok {
		return nil
	}
	list := r.bought(r.between(500, 2000))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(200, 1000)), least: 1, most: r.between(1, 5), perSession: r.between(2, 20),
		start: r.anyTime(), from: r.foreign(), size: r.between(2500, 12_000), unknown: 0.1,
	})
}

// hijackedDevice is a scanner or a monitoring host, which mails few people and
// always the same, and now a list at 100 to 600 an hour.
func hijackedDevice(r *raid) []*Session {
	o, ok := r.host(KindScanner, KindMonitor)
	if !ok {
		return nil
	}
	list := r.bought(r.between(300, 1500))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(100, 600)), least: 1, most: r.between(1, 4), perSession: r.between(1, 6),
		start: r.anyTime(), from: r.ownOrForeign(o), size: r.between(2500, 12_000), unknown: 0.1, greet: "HELO",
	})
}

// relayedFromOutside is a client outside whose mail to the outside is taken: one
// message to see whether it arrives, then a list at 100 to 1,000 an hour.
func relayedFromOutside(r *raid) []*Session {
	o := outlet{client: "203.0.113." + itoa(r.between(60, 99)), host: "win-" + itoa(r.between(10, 99))}
	list := r.bought(r.between(100, 800))
	test := take(&list, 1)
	m := mailing{
		list: &test, perHour: float64(r.between(100, 1000)), least: 1, most: r.between(1, 8), perSession: r.between(1, 10),
		start: r.anyTime(), from: r.foreign(), size: r.between(1800, 5000), unknown: 0.1,
	}
	all := r.run(o, m)
	m.list, m.start = &list, m.start.Add(r.span(10*time.Minute, 90*time.Minute))
	return append(all, r.run(o, m)...)
}

// backscatter is a host that answers forged mail: messages with the null
// reverse-path to people who never wrote, at 60 to 400 an hour.
func backscatter(r *raid) []*Session {
	o, ok := r.desk(false)
	if !ok {
		return nil
	}
	list := r.bought(r.between(150, 600))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(60, 400)), least: 1, most: 1, perSession: r.between(1, 3),
		start: r.anyTime(), from: always(""), size: r.between(3000, 6000), unknown: 0.2,
	})
}
