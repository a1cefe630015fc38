package traffic

import (
	"math"
	"slices"
)

// recipients chooses to whom a letter goes.
func (h *habits) recipients(s slot) []int {
	p := &h.people[s.person]
	n := 1
	if !h.odds(p.single) {
		n = int(h.model.Measured.Recipients.at(h.Float64()) + 0.5)
		if len(p.sets) > 0 && h.odds(h.model.Tuned.SameSet) {
			return p.sets[h.former(len(p.sets))]
		}
	}
	to := []int{h.first(s)}
	outside := to[0] >= len(h.people)
	for tries := 3 * n; len(to) < n && tries > 0; tries-- {
		if r := h.another(s.person, outside); !slices.Contains(to, r) && r != s.person {
			to = append(to, r)
		}
	}
	return h.everybody(s.person, n, to)
}

// everybody fills up a message to more than a person knows: it goes to all and sundry.
func (h *habits) everybody(person, n int, to []int) []int {
	if len(to) >= n {
		return to
	}
	for _, r := range h.Perm(len(h.people)) {
		if len(to) < n && r != person && !slices.Contains(to, r) {
			to = append(to, r)
		}
	}
	return to
}

// first is the first recipient: often somebody whose letter waits for an answer.
func (h *habits) first(s slot) int {
	p := &h.people[s.person]
	if len(p.inbox) > 0 && h.odds(h.model.Tuned.Reply) {
		i := len(p.inbox) - 1 - h.IntN(min(3, len(p.inbox)))
		r := p.inbox[i]
		if s.at-r.at < secondsADay {
			p.inbox = slices.Delete(p.inbox, i, i+1)
			return r.from
		}
	}
	return h.another(s.person, false)
}

// another is a recipient whom nobody's letter suggests.
func (h *habits) another(person int, outside bool) int {
	p := &h.people[person]
	step := min(int(math.Log2(float64(len(p.events)+1))), len(h.model.Tuned.New)-1)
	if len(p.events) == 0 || h.odds(min(0.98, h.model.Tuned.New[step]*p.unlike)) {
		return h.somebodyNew(person, outside)
	}
	return p.events[h.former(len(p.events))]
}

// former is an index below n, rather a great one.
func (h *habits) former(n int) int {
	return n - 1 - int(float64(n)*math.Pow(h.Float64(), h.model.Tuned.Recent))
}

// somebodyNew is somebody to whom a person has not written yet, if there still is.
func (h *habits) somebodyNew(person int, outside bool) int {
	p := &h.people[person]
	if h.stranger != nil {
		if r, ok := h.stranger(person, outside); ok {
			return r
		}
	}
	if h.odds(h.model.Tuned.WroteTo) {
		for i := len(p.inbox) - 1; i >= 0; i-- {
			if r := p.inbox[i].from; !p.known[r] {
				return r
			}
		}
	}
	best := (person + 1) % len(h.people)
	weight := -1.0
	for range 6 {
		i := h.IntN(len(h.people))
		if w := h.people[i].popular * h.Float64(); i != person && !p.known[i] && w > weight {
			best, weight = i, w
		}
	}
	return best
}

// Simulate makes the letters of an organisation with the given people.
func Simulate(m *Model, seed uint64, people, days int) []Letter {
	return simulate(newChance(seed, "simulate"), m, people, days)
}

// simulate makes the letters of an organisation in which everybody is inside.
func simulate(c chance, m *Model, people, days int) []Letter {
	h := newHabits(c, m, people)
	var letters []Letter
	for n := range days {
		letters = append(letters, h.day(n)...)
	}
	return letters
}
