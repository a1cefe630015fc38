package traffic

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Assumptions about people outside: the sets of real behaviour have none.
const (
	outsideMost = 0.75 // Of new recipients, of whoever writes to the outside most; the mean is half of it.
	sharedNew   = 0.35 // Of new recipients outside: somebody else of the organisation knows them.
	besideSame  = 0.7  // Of new further recipients of a message to the outside: outside too.
	newGone     = 0.02 // New addresses that do not exist: typing errors, old cards.
	answered    = 0.45 // Of messages to a few people outside: each answers with these odds.
	unprompted  = 0.7  // Letters from outside that answer none: so many by a person's letters and share of new recipients outside.
	fromKnown   = 0.8  // Of these: the person wrote to the sender before.
)

// write makes the letters of a model's people, and those that they get from
// outside.
func (w *World) write(m *Model) []Letter {
	c := newChance(w.Seed, "world letters")
	o := &correspondence{w: w, chance: c, habits: newHabits(c, m, len(w.People)), first: (int(w.First.Weekday()) + 6) % daysAWeek}
	o.habits.stranger, o.habits.answer = o.stranger, o.answer
	for i := range o.habits.people {
		o.settle(&o.habits.people[i], &w.People[i])
	}
	var letters []Letter
	for n := range w.Days {
		o.unprompted(n)
		for _, l := range o.habits.day(o.first + n) {
			l.At -= o.first * secondsADay
			letters = append(letters, l)
		}
	}
	return w.extras(letters)
}

// correspondence is the mail of a model's people with each other and the outside.
type correspondence struct {
	chance
	w      *World
	habits *habits
	first  int       // Day of the habits' first week, which begins on Monday, that is the world's first.
	share  []float64 // Of new recipients that are outside, by person.
}

// settle gives a person's habits what is special about the person.
func (o *correspondence) settle(h *habit, p *Person) {
	share := outsideMost * o.Float64()
	h.from = o.first + p.From
	h.away = Days{o.first + p.Away.From, o.first + p.Away.Until}
	if p.Kind == KindSales {
		share = outsideMost
		h.rate, h.unlike = max(h.rate, 4), max(h.unlike, 2)
	}
	o.share = append(o.share, share)
}

// stranger is somebody new outside, as habits.stranger.
func (o *correspondence) stranger(person int, aside bool) (int, bool) {
	odds := o.share[person]
	if aside {
		odds = besideSame
	}
	if !o.odds(odds) {
		return 0, false
	}
	if o.odds(sharedNew) {
		return len(o.w.People) + o.w.outsiders.known(o.chance), true
	}
	return len(o.w.People) + o.w.outsiders.fresh(o.chance, newGone), true
}

// answer is a letter back from outside, within hours of work.
func (o *correspondence) answer(l *Letter, to int) (Letter, bool) {
	if len(l.To) > 5 || o.w.outsiders.gone[o.w.address(to)] || !o.odds(answered) {
		return Letter{}, false
	}
	hours := math.Exp(o.NormFloat64()*1.3) * 2
	return Letter{At: officeTime(l.At + 60 + int(hours*3600)), From: to, To: []int{l.From}}, true
}

// unprompted are letters that come from outside on a day and answer none.
func (o *correspondence) unprompted(n int) {
	for i := range o.habits.people {
		p := &o.habits.people[i]
		if o.first+n < p.from {
			continue
		}
		for range o.times(p.rate * unprompted * o.share[i]) {
			at := officeTime((o.first+n)*secondsADay + o.between(7*3600, 19*3600))
			o.habits.expect(Letter{At: at, From: o.writer(p), To: []int{i}})
		}
	}
}

// writer is somebody outside who writes to a person.
func (o *correspondence) writer(p *habit) int {
	if len(p.events) > 0 && o.odds(fromKnown) {
		for range 5 {
			if id := p.events[o.IntN(len(p.events))]; id >= len(o.w.People) {
				return id
			}
		}
	}
	if o.odds(sharedNew) {
		return len(o.w.People) + o.w.outsiders.known(o.chance)
	}
	return len(o.w.People) + o.w.outsiders.fresh(o.chance, 0)
}

// officeTime moves a moment out of the night and the weekend, to the workday after.
func officeTime(at int) int {
	for range 30 {
		hour, weekday := at%secondsADay/3600, at/secondsADay%daysAWeek
		if hour >= 7 && hour < 20 && weekday < 5 {
			break
		}
		at += 5 * 3600
	}
	return at
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
