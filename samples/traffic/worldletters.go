package traffic

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Assumptions about people outside: the sets of real behaviour have none.
const (
	outsideMost  = 0.9  // Of new recipients, of whoever writes to the outside most; the mean is a third.
	outsideCurve = 1.6  // The mean is outsideMost/(1+outsideCurve).
	sharedNew    = 0.35 // Of new recipients outside: somebody else of the organisation knows them.
	besideSame   = 0.7  // Of new further recipients of a message to the outside: outside too.
	newGone      = 0.02 // New addresses that do not exist: typing errors, old cards.
)

// write makes the letters of a model's people.
func (w *World) write(m *Model) []Letter {
	c := newChance(w.Seed, "world letters")
	h := newHabits(c, m, len(w.People))
	first := (int(w.First.Weekday()) + 6) % daysAWeek // The habits' weeks begin on Monday.
	share := make([]float64, len(w.People))
	for i := range h.people {
		share[i] = outsideMost * math.Pow(c.Float64(), outsideCurve)
		h.people[i].from = first + w.People[i].From
		if w.People[i].Kind == KindSales {
			share[i] = outsideMost
			h.people[i].rate = max(h.people[i].rate, 4)
			h.people[i].unlike = max(h.people[i].unlike, 2)
		}
		h.people[i].away = Days{first + w.People[i].Away.From, first + w.People[i].Away.Until}
	}
	h.stranger = func(person int, aside bool) (int, bool) {
		odds := share[person]
		if aside {
			odds = besideSame
		}
		if !c.odds(odds) {
			return 0, false
		}
		if c.odds(sharedNew) {
			return len(w.People) + w.outsiders.known(c), true
		}
		return len(w.People) + w.outsiders.fresh(c, newGone), true
	}
	var letters []Letter
	for n := range w.Days {
		day := h.day(first + n)
		for i := range day {
			day[i].At -= first * secondsADay
		}
		letters = append(letters, day...)
	}
	return w.extras(letters)
}

// Days is a stretch of days, without the last one.
type Days struct{ From, Until int }

func (d Days) has(n int) bool { return n >= d.From && n < d.Until }

// extras adds the letters that make people special.
func (w *World) extras(letters []Letter) []Letter {
	for i := range w.People {
		e := extra{newChance(w.Seed, "extras "+itoa(i)), w, i, nil}
		switch p := &w.People[i]; p.Kind {
		case KindSales:
			e.sales()
		case KindPrivate:
			e.private()
		case KindInvitation:
			e.invitation(p.event)
		case KindMerge:
			e.merge(p.event)
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
	letters []Letter
}

func (e *extra) letter(day, second int, to ...int) {
	e.letters = append(e.letters, Letter{At: day*secondsADay + second, From: e.person, To: to})
}

// outsider is the number of an outsider as a recipient.
func (e *extra) outsider(i int) int { return len(e.w.People) + i }

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

// invitation is one message to 50 to 300 people, of whom some are new.
func (e *extra) invitation(day int) {
	known := e.w.outsiders
	var to []int
	for range e.between(50, 300) {
		r := e.outsider(known.known(e.chance))
		switch {
		case e.odds(0.3):
			r = e.outsider(known.fresh(e.chance, 0.03))
		case e.odds(0.3):
			r = e.IntN(len(e.w.People))
		}
		if r != e.person && !slices.Contains(to, r) {
			to = append(to, r)
		}
	}
	e.letter(day, e.between(9*3600, 17*3600), to...)
}

// merge is 100 to 200 letters within an hour, most of them to people whom the
// organisation knows, and the same again after four weeks.
func (e *extra) merge(day int) {
	var list []int
	for range e.between(100, 200) {
		r := e.w.outsiders.known(e.chance)
		if e.odds(0.12) {
			r = e.w.outsiders.fresh(e.chance, 0.03)
		}
		if r = e.outsider(r); !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	for ; day < e.w.Days; day += 28 {
		second := e.between(9*3600, 16*3600)
		for _, r := range list {
			e.letter(day, second, r)
			second += e.between(10, 30)
		}
	}
}

// acquaint writes down how much people write and to whom in the first half of the
// world: a thief who comes later finds them in the address books.
func (w *World) acquaint() {
	counts := make([]map[int]int, len(w.People))
	for i := range counts {
		counts[i] = map[int]int{}
	}
	outside := map[int]int{}
	for _, l := range w.letters {
		if l.From >= len(w.People) {
			continue
		}
		w.People[l.From].PerDay += 1 / float64(w.Days)
		for _, to := range l.To {
			if l.day() > w.Days/2 {
				continue
			}
			counts[l.From][to]++
			if !own(w.address(to)) {
				outside[to]++
			}
		}
	}
	for i, count := range counts {
		p := &w.People[i]
		for _, id := range byCount(count) {
			if path := w.address(id); own(path) {
				p.Colleagues = append(p.Colleagues, path)
			} else {
				p.Partners = append(p.Partners, path)
			}
		}
	}
	for _, id := range byCount(outside) {
		w.partners = append(w.partners, w.address(id))
	}
}

// byCount are the keys of a map, those with the highest counts first.
func byCount(counts map[int]int) []int {
	return slices.SortedFunc(maps.Keys(counts), func(a, b int) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// address is that of a number in letters.
func (w *World) address(id int) string {
	if id < len(w.People) {
		return w.People[id].Address
	}
	return w.outsiders.all[id-len(w.People)]
}
