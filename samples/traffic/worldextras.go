package traffic

import "slices"

// extras adds the letters that make people special.
func (w *World) extras(ordinary []Letter) []Letter {
	letters := slices.Clone(ordinary)
	for i := range w.People {
		e := extra{chance: newChance(w.Seed, "extras "+itoa(i)), w: w, person: i, others: ordinary}
		switch p := &w.People[i]; p.Kind {
		case KindSales:
			e.sales()
		case KindPrivate:
			e.private()
		case KindInvitation:
			e.invitation(p.event)
		case KindMerge:
			e.merge(p.event)
		case KindCircular:
			e.circular(p.event)
		}
		letters = append(letters, e.letters...)
	}
	sortLetters(letters)
	return letters
}

// extra makes letters of one person.
type extra struct {
	chance
	w       *World
	person  int
	others  []Letter // Of all people, in the order of time.
	letters []Letter
	copy    int // Of letters that are added.
}

// letter adds a letter, unless the person is on holiday.
func (e *extra) letter(day, second int, to ...int) {
	if e.w.People[e.person].Away.has(day) && e.w.behaviour.Model != nil {
		return
	}
	e.letters = append(e.letters, Letter{At: day*secondsADay + second, From: e.person, To: to, Copy: e.copy})
}

// outsider is the number of an outsider as a recipient.
func (e *extra) outsider(i int) int { return len(e.w.People) + i }

// customer is somebody outside to whom a mailing goes: with the given odds one whom
// the organisation wrote to before that day, or one who is new, else one whom it
// knows from earlier years.
func (e *extra) customer(seen []int, known, news float64) int {
	switch x := e.Float64(); {
	case x < known && len(seen) > 0:
		return seen[e.IntN(len(seen))]
	case x < known+news:
		return e.outsider(e.w.outsiders.fresh(e.chance, 0.03))
	}
	return e.outsider(e.w.outsiders.known(e.chance))
}

// seen are those outside to whom anybody wrote before a day.
func (e *extra) seen(day int) []int {
	count := map[int]int{}
	for _, l := range e.others {
		if l.day() >= day {
			break
		}
		for _, to := range l.To {
			if l.From < len(e.w.People) && to >= len(e.w.People) && !own(e.w.address(to)) {
				count[to]++
			}
		}
	}
	return byCount(count)
}

// sales writes to two to eight new people each workday.
func (e *extra) sales() {
	pace := e.between(2, 8)
	for n := range e.w.Days {
		if !e.w.workday(n) || e.odds(0.12) {
			continue
		}
		for range e.times(float64(pace)) {
			e.letter(n, e.between(8*3600, 18*3600), e.outsider(e.w.outsiders.fresh(e.chance, 0.03)))
		}
	}
}

// private writes to two to six friends, at lunch, in the evening and on Saturday.
func (e *extra) private() {
	var friends []int
	for range e.between(2, 6) {
		friends = append(friends, e.outsider(e.w.outsiders.at(e.chance, strangerDomains[e.IntN(len(strangerDomains))], 0)))
	}
	for n := range e.w.Days {
		for range e.times(0.8) {
			hour := [...]int{12, 12, 13, 18, 19, 20, 21, 22, 23}[e.IntN(9)]
			e.letter(n, hour*3600+e.IntN(3600), friends[e.IntN(len(friends))])
		}
	}
}

// invitation is one message to 50 to 300 people, a fifth of them colleagues, and a
// fifth new.
func (e *extra) invitation(day int) {
	seen := e.seen(day)
	var to []int
	for range e.between(50, 300) {
		r := e.customer(seen, 0.5, 0.25)
		if e.odds(0.2) {
			r = e.IntN(len(e.w.People))
		}
		if r != e.person && !slices.Contains(to, r) {
			to = append(to, r)
		}
	}
	e.letter(day, e.between(9*3600, 17*3600), to...)
}

// merge is 100 to 200 letters within an hour, three of four to people whom the
// organisation wrote to lately, and the same again after four weeks.
func (e *extra) merge(day int) {
	seen := e.seen(day)
	var list []int
	for range e.between(100, 200) {
		if r := e.customer(seen, 0.75, 0.1); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	for ; day < e.w.Days; day += 28 {
		second := e.between(9*3600, 16*3600)
		e.copy = 1 + day
		for _, r := range list {
			e.letter(day, second, r)
			second += e.between(10, 30)
		}
	}
}

// circular is a letter to colleagues that comes again: a manager's to all every four
// weeks, an assistant's to a team every week, or a secretary's to most every two, which
// is one message, or where the mail program allows no more a copy for every 40 to 100.
func (e *extra) circular(day int) {
	everybody := slices.DeleteFunc(e.Perm(len(e.w.People)), func(i int) bool { return i == e.person })
	every, each := 28, len(everybody)
	list := everybody
	switch e.IntN(3) {
	case 0:
		every, list = 7, everybody[:min(len(everybody), e.between(15, 50))]
	case 1:
		every, list = 14, everybody[:len(everybody)*e.between(60, 95)/100]
		if e.odds(0.3) {
			each = e.between(40, 100)
		}
	}
	for ; day < e.w.Days; day += every {
		second := e.between(9*3600, 17*3600)
		e.copy = 1 + day
		for part := range slices.Chunk(list, each) {
			e.letter(day, second, part...)
			second += e.between(40, 200)
		}
	}
}
