package traffic

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// outsidePercent of the people of a replayed set are taken for partners outside:
// the sets have internal mail only.
const outsidePercent = 35

// replay is some weeks of a set, with the people of it who work here.
type replay struct {
	all    []Letter // Numbers as in the set.
	desks  []int    // Who writes, inside; those who write most first.
	staff  map[int]int
	others map[int]int // Number in the world of whoever has no desk.
}

// window takes the weeks that the seed picks among the full ones of the set, from
// the weekday on with which the world begins.
func (w *World) window() *replay {
	days := w.Days + daysAWeek
	mondays := busyWeeks(w.behaviour.Letters, days)
	monday := mondays[newChance(w.Seed, "window").IntN(len(mondays))]
	first := (int(w.First.Weekday()) + 6) % daysAWeek
	r := &replay{all: weeksOf(w.behaviour.Letters, monday+first, w.Days), staff: map[int]int{}, others: map[int]int{}}
	wrote := map[int]int{}
	for _, l := range r.all {
		if !outsideOfSet(l.From) {
			wrote[l.From]++
		}
	}
	for id := range wrote {
		r.desks = append(r.desks, id)
	}
	slices.SortFunc(r.desks, func(a, b int) int { return cmp.Or(cmp.Compare(wrote[b], wrote[a]), cmp.Compare(a, b)) })
	return r
}

// outsideOfSet is true for people who are taken for partners outside.
func outsideOfSet(id int) bool {
	h := fnv.New32a()
	h.Write([]byte(itoa(id)))
	return h.Sum32()%100 < outsidePercent
}

// people chooses n who get a desk, evenly from those who write most to those who
// write least; 0 is all of them. It returns how many there are.
func (r *replay) people(n int) int {
	if n == 0 || n > len(r.desks) {
		n = len(r.desks)
	}
	for i := range n {
		r.staff[r.desks[i*len(r.desks)/n]] = i
	}
	return n
}

// letters are those that one of the staff writes, or gets from outside.
func (r *replay) letters(w *World) []Letter {
	c := newChance(w.Seed, "replay")
	var letters []Letter
	for _, l := range r.all {
		_, here := r.staff[l.From]
		if !here && !outsideOfSet(l.From) {
			continue
		}
		world := Letter{At: l.At, From: r.number(c, w, l.From)}
		for _, to := range l.To {
			if _, staff := r.staff[to]; here || staff {
				world.To = append(world.To, r.number(c, w, to))
			}
		}
		if len(world.To) > 0 && (!here || w.People[world.From].From <= l.day()) {
			letters = append(letters, world)
		}
	}
	return w.extras(letters)
}

// number is that of one of the set's people in the world.
func (r *replay) number(c chance, w *World, id int) int {
	if i, ok := r.staff[id]; ok {
		return i
	}
	i, ok := r.others[id]
	if !ok {
		domain := OwnDomain // Has a mailbox, but writes nothing here.
		if outsideOfSet(id) {
			domain = firm(c)
			if len(w.outsiders.firms) > 0 && c.odds(0.6) {
				domain = favourite(c, w.outsiders.firms)
			}
		}
		i = len(w.People) + w.outsiders.at(c, domain, 0)
		r.others[id] = i
	}
	return i
}
