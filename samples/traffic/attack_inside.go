package traffic

import (
	"slices"
	"time"
)

// worm mails itself to everybody in the company's address list at 60 to 600 an hour,
// under the reverse-path of the machine's owner or of some colleague.
func worm(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.5))
	if !ok {
		return nil
	}
	list := r.colleagues(o.address)
	from := always(o.address)
	if r.odds(0.5) {
		people := r.world.People
		from = func() string { return people[r.IntN(len(people))].Address }
	}
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(60, 600)), least: 1, most: r.between(1, 3), perSession: r.between(1, 5),
		start: r.anyTime(), from: from, size: r.between(30_000, 90_000),
	})
}

// internalPhish goes from a hijacked mailbox to 40 to 100 colleagues whom its owner
// does not write to, within 10 minutes to two hours of an office day.
func internalPhish(r *raid) []*Session {
	o, ok := r.desk(true)
	if !ok {
		return nil
	}
	contacts := r.contacts(o)
	list := slices.DeleteFunc(r.colleagues(o.address), func(path string) bool { return slices.Contains(contacts, path) })
	list = list[:min(len(list), r.between(40, 100))]
	days := r.workdays(1)
	if len(days) == 0 || len(list) < 20 {
		return nil
	}
	duration := r.span(10*time.Minute, 2*time.Hour)
	return r.run(o, mailing{
		list: &list, perHour: float64(len(list)) / duration.Hours(), least: 1, most: r.between(1, 20), perSession: 4,
		start: days[0].Add(8*time.Hour + r.span(0, 7*time.Hour)), from: always(o.address), size: r.between(6000, 20_000),
	})
}

// circlePhish goes from a hijacked mailbox to 40 to 120 colleagues (from a fifth of a
// small company on), half to four in five of whom its owner writes to, by 1 to 10 a
// message within 10 minutes to two hours of an office day.
func circlePhish(r *raid) []*Session {
	o, list, ok := r.circle()
	days := r.workdays(1)
	if !ok || len(days) == 0 {
		return nil
	}
	duration := r.span(10*time.Minute, 2*time.Hour)
	return r.run(o, mailing{
		list: &list, perHour: float64(len(list)) / duration.Hours(), least: 1, most: r.between(1, 10), perSession: 4,
		start: days[0].Add(8*time.Hour + r.span(0, 7*time.Hour)), from: always(o.address), size: r.between(6000, 20_000),
	})
}

// circleBcc is one such message to all of them, by an account that is used from
// elsewhere. Servers without accounts have none: from the desk of its owner, nothing in
// the log tells it from an announcement.
func circleBcc(r *raid) []*Session {
	if r.world.Server != "exchange" {
		return nil
	}
	o, list, ok := r.circle()
	days := r.workdays(1)
	if !ok || len(days) == 0 {
		return nil
	}
	o.client, o.host = "198.51.100."+itoa(r.between(2, 19)), "WIN-"+itoa(r.between(1000, 9999))
	s := r.open(o, days[0].Add(8*time.Hour+r.span(0, 9*time.Hour)))
	s.send(Message{
		Gap: r.span(2*time.Millisecond, 25*time.Millisecond), Transfer: r.span(100*time.Millisecond, 900*time.Millisecond),
		From: o.address, To: to(list...), ID: r.messageID(o.person.Host), Size: r.between(6000, 20_000),
	})
	return []*Session{s}
}

// circle is a mailbox whose owner writes to half as many colleagues at least, and those
// to whom a thief writes.
func (r *raid) circle() (o outlet, list []string, ok bool) {
	least := 40
	if n := len(r.world.People); n < 100 {
		least = n / 5
	}
	var others []outlet
	defer func() {
		for _, o := range others {
			r.release(o)
		}
	}()
	for {
		if o, ok = r.desk(true); !ok {
			return o, nil, false
		}
		contacts := r.contacts(o)
		known := slices.DeleteFunc(r.shuffled(slices.Clone(contacts)), func(path string) bool { return !own(path) })
		if len(known) < least/2 {
			others = append(others, o)
			continue
		}
		n := r.between(least, 120)
		share := min(0.5+0.3*r.Float64(), float64(len(known))/float64(least))
		n = min(n, int(float64(len(known))/share))
		strange := slices.DeleteFunc(r.colleagues(o.address), func(path string) bool { return slices.Contains(contacts, path) })
		known = known[:int(share*float64(n))]
		return o, r.shuffled(append(known, strange[:min(len(strange), n-len(known))]...)), true
	}
}

// addressBook is a phish from a hijacked mailbox to everybody its owner knows and to
// others outside whom the organisation knows, 80 to 300 in all at 60 to 300 an hour.
// Nearly all of them exist.
func addressBook(r *raid) []*Session {
	o, ok := r.desk(true)
	if !ok {
		return nil
	}
	list := unique(append(r.contacts(o), r.known()...))
	list = r.shuffled(list[:min(len(list), r.between(80, 300))])
	days := r.workdays(1)
	if len(days) == 0 {
		return nil
	}
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(60, 300)), least: 1, most: r.between(1, 10), perSession: 5,
		start: days[0].Add(8*time.Hour + r.span(0, 8*time.Hour)), from: always(o.address), size: r.between(6000, 20_000), unknown: 0.02,
	})
}

// halfKnown mixes a bought list with people whom the organisation knows: 60 % are
// new, at 60 to 300 an hour.
func halfKnown(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.7))
	if !ok {
		return nil
	}
	n := r.between(200, 600)
	known := r.known()
	known = known[:min(len(known), n*2/5)]
	list := r.shuffled(append(known, r.bought(len(known)*3/2)...))
	return r.run(o, mailing{
		list: &list, perHour: float64(r.between(60, 300)), least: 1, most: r.between(1, 5), perSession: 5,
		start: r.anyTime(), from: always(o.address), size: r.between(3000, 12_000), unknown: 0.05,
	})
}

// bccBlast is 100 to 400 strangers in one message, or in a few right after each
// other.
func bccBlast(r *raid) []*Session {
	o, ok := r.desk(r.odds(0.7))
	if !ok {
		return nil
	}
	list := r.bought(r.between(100, 400))
	each := (len(list) + 2) / r.between(1, 3)
	s := r.open(o, r.anyTime())
	s.Unknown = 0.05
	size := r.between(4000, 40_000)
	for len(list) > 0 {
		s.Pause = r.span(5*time.Second, 3*time.Minute)
		s.send(Message{
			Gap: r.span(2*time.Millisecond, 25*time.Millisecond), Transfer: r.span(100*time.Millisecond, 900*time.Millisecond),
			From: o.address, To: to(take(&list, each)...), ID: r.messageID(o.person.Host), Size: size,
		})
	}
	return []*Session{s}
}
