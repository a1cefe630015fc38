package traffic

import "time"

// lowAndSlow sends 15 to 30 strangers an hour in office hours, under the reverse-path
// of the person who works there and writes ordinary mail too, for one to four days.
func lowAndSlow(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.7))
	if !ok {
		return nil
	}
	list := r.bought(1200)
	m := mailing{
		list: &list, perHour: float64(r.between(15, 30)), least: 1, most: r.between(1, 6), perSession: 1,
		from: always(o.address), size: r.between(3000, 8000), unknown: 0.02,
	}
	var all []*Session
	for _, day := range r.workdays(r.between(1, 4)) {
		m.start, m.end = day.Add(8*time.Hour+r.span(0, 90*time.Minute)), day.Add(17*time.Hour+r.span(0, time.Hour))
		all = append(all, r.run(o, m)...)
	}
	return all
}

// moonlighter is an employee with a side business: 20 to 60 offers a day, each to
// one outsider who was never mailed, in office hours under the own address, on five
// to eight working days.
func moonlighter(r *raid) []*Session {
	o, ok := r.desk(true)
	if !ok {
		return nil
	}
	size := r.between(4000, 40_000)
	var all []*Session
	for _, day := range r.workdays(r.between(5, 8)) {
		for _, path := range r.bought(r.between(20, 60)) {
			s := r.open(o, r.office(day))
			s.Unknown = 0.03
			s.send(Message{
				Gap: r.span(3*time.Millisecond, 40*time.Millisecond), Transfer: r.span(20*time.Millisecond, 900*time.Millisecond),
				From: o.address, To: to(path), ID: r.messageID(o.person.Host), Size: size + r.IntN(200),
			})
			all = append(all, s)
		}
	}
	return all
}

// snowshoe is one list spread over ten to fourteen workstations, each of which
// sends 5 to 15 an hour for six to ten hours on one day or two. What they share is
// the reverse-path or, under their own ones, the size of the message.
func snowshoe(r *raid) []*Session {
	shared := r.foreign()
	own, login := r.odds(0.5), r.odds(0.5)
	size, days := r.between(3000, 8000), r.between(1, 2)
	var all []*Session
	for range r.between(10, 14) {
		o, ok := r.desk(login)
		if !ok {
			break
		}
		from := shared
		if own {
			from = always(o.address)
		}
		list := r.bought(400)
		for day := range days {
			start := r.midnight(day).Add(7*time.Hour + r.span(0, 3*time.Hour))
			all = append(all, r.run(o, mailing{
				list: &list, perHour: float64(r.between(5, 15)), least: 1, most: 2, perSession: 1, start: start,
				end: start.Add(r.span(6*time.Hour, 10*time.Hour)), from: from, size: size, unknown: 0.05,
			})...)
		}
	}
	return all
}

// warmUp doubles what it sends from day to day, 5 at first, so that no day is far
// from the one before.
func warmUp(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.7))
	if !ok {
		return nil
	}
	from, size := r.ownOrForeign(o), r.between(3000, 8000)
	var all []*Session
	n := 5
	for day := range r.between(7, 9) {
		list := r.bought(n)
		n *= 2
		start := r.midnight(day).Add(8*time.Hour + r.span(0, time.Hour))
		all = append(all, r.run(o, mailing{
			list: &list, perHour: max(float64(len(list))/9, 1), least: 1, most: 3, perSession: 2, start: start,
			end: r.midnight(day).Add(23 * time.Hour), from: from, size: size, unknown: 0.03,
		})...)
	}
	return all
}

// chorus is a list that ten to fourteen workstations work off in the same order, 5 to 15
// an hour each, under the reverse-path of who works there, with messages of all sizes: all
// of it, half or a third is what they have in common, the rest each has alone.
func chorus(r *raid) []*Session {
	login, days, share := r.odds(0.5), r.between(1, 2), [...]float64{1, 0.5, 0.3}[r.IntN(3)]
	common, begin := r.bought(400), r.span(0, 3*time.Hour)
	var all []*Session
	for range r.between(10, 14) {
		o, ok := r.desk(login)
		if !ok {
			break
		}
		list := r.bought(len(common))
		for i := range list {
			if r.odds(share) {
				list[i] = common[i]
			}
		}
		for day := range days {
			start := r.midnight(day).Add(7*time.Hour + begin + r.span(0, 10*time.Minute))
			spam := r.run(o, mailing{
				list: &list, perHour: float64(r.between(5, 15)), least: 1, most: 2, perSession: 1, start: start,
				end: start.Add(r.span(6*time.Hour, 10*time.Hour)), from: always(o.address), unknown: 0.05,
			})
			for _, s := range spam {
				for i := range s.Messages {
					s.Messages[i].Size = r.between(2500, 40_000)
				}
			}
			all = append(all, spam...)
		}
	}
	return all
}
