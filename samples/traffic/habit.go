package traffic

import (
	"cmp"
	"math"
	"slices"
)

// habits are an organisation's people as writers of letters: what each knows and
// does, changed by each letter. One source of chance: letters are made in order.
type habits struct {
	chance
	model  *Model
	people []habit

	// stranger makes a new recipient outside for a person, or returns false where it
	// is to be somebody inside. aside is true for the further recipients of a message
	// whose first one is outside. nil: everybody is inside.
	stranger func(person int, aside bool) (int, bool)

	// answer is told of each recipient outside, and makes the letter that comes back,
	// if any. nil: nobody is outside.
	answer func(l *Letter, to int) (Letter, bool)
	coming []Letter // From outside, in the order of time.
}

// habit is one person.
type habit struct {
	rate      float64 // Messages a workday.
	single    float64 // Share of messages to one recipient.
	unlike    float64 // Factor on the share of new recipients.
	irregular float64 // k of the days' negative binomial distribution.
	from      int     // First day of work.
	away      Days    // On holiday.
	known     map[int]bool
	events    []int // Recipients in the order of messages, with repetitions.
	sets      [][]int
	inbox     []received // The last ones that nobody answered.
	popular   float64    // Weight when others choose somebody new.
}

// received is a letter in somebody's inbox.
type received struct{ from, at int }

// inboxSize is how many letters wait for an answer.
const inboxSize = 12

// newHabits makes people whose rates have the model's distribution.
func newHabits(c chance, m *Model, people int) *habits {
	h := &habits{chance: c, model: m, people: make([]habit, people)}
	for i, level := range c.Perm(people) {
		q := (float64(level) + 0.5) / float64(people)
		p := &h.people[i]
		p.rate = m.Measured.Rate.at(q)
		p.single = m.Measured.Single.at(c.Float64())
		p.unlike = math.Exp(m.Tuned.Unlike * c.NormFloat64())
		p.known = map[int]bool{}
		p.popular = math.Sqrt(p.rate) * math.Exp(c.NormFloat64()*0.7)
		p.irregular = m.Tuned.Irregular * math.Exp(m.Tuned.Uneven*c.NormFloat64())
	}
	return h
}

// slot is a moment at which a person writes.
type slot struct{ at, person int }

// day makes the letters of a day, in the order of time, with those that come from
// outside.
func (h *habits) day(n int) []Letter {
	var slots []slot
	for i := range h.people {
		if p := &h.people[i]; n >= p.from && !p.away.has(n) {
			slots = h.slots(slots, n, i)
		}
	}
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.person, b.person)) })
	letters := make([]Letter, 0, len(slots))
	for _, s := range slots {
		letters = append(letters, h.arrive(s.at)...)
		l := Letter{At: s.at, From: s.person, To: h.recipients(s)}
		h.deliver(&l)
		letters = append(letters, l)
	}
	return append(letters, h.arrive((n+1)*secondsADay)...)
}

// expect adds a letter that will come from outside.
func (h *habits) expect(l Letter) {
	i, _ := slices.BinarySearchFunc(h.coming, l.At+1, func(l Letter, at int) int { return cmp.Compare(l.At, at) })
	h.coming = slices.Insert(h.coming, i, l)
}

// arrive are the letters that come from outside before a moment.
func (h *habits) arrive(until int) []Letter {
	n := 0
	for ; n < len(h.coming) && h.coming[n].At < until; n++ {
		l := &h.coming[n]
		h.receive(l.To[0], received{l.From, l.At})
	}
	letters := h.coming[:n:n]
	h.coming = h.coming[n:]
	return letters
}

// slots adds the moments of a person's day: some on their own, others close upon
// one before.
func (h *habits) slots(slots []slot, n, person int) []slot {
	m := h.model
	weekday := n % daysAWeek
	mean := h.people[person].rate * m.Measured.Weekdays[weekday] / workdayShare(m)
	at := -1
	weekend := 0
	if weekday >= 5 {
		weekend = 1
	}
	for range h.times(mean * h.gamma(h.people[person].irregular)) {
		if at >= 0 && h.odds(m.Tuned.Close) {
			at = min(at+int(m.Measured.CloseGaps.at(h.Float64())), (n+1)*secondsADay-1)
		} else {
			at = n*secondsADay + h.hour(&m.Measured.Hours[weekend])*3600 + h.IntN(3600)
		}
		slots = append(slots, slot{at, person})
	}
	return slots
}

// workdayShare is the share of a week's letters that a workday has.
func workdayShare(m *Model) float64 {
	sum := 0.0
	for _, w := range m.Measured.Weekdays[:5] {
		sum += w
	}
	return sum / 5
}

// hour picks one of 24 with the given shares.
func (c chance) hour(shares *[24]float64) int {
	x := c.Float64()
	for h, s := range shares {
		if x -= s; x < 0 {
			return h
		}
	}
	return 12
}

// gamma is a number with mean 1 and variance 1/k (Marsaglia and Tsang, 2000).
func (c chance) gamma(k float64) float64 {
	if k < 1 {
		return c.gamma(k+1) * (k + 1) / k * math.Pow(c.Float64(), 1/k)
	}
	d := k - 1.0/3
	for {
		x := c.NormFloat64()
		v := 1 + x/math.Sqrt(9*d)
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-c.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / k
		}
	}
}

// deliver makes l known to who wrote and who gets it.
func (h *habits) deliver(l *Letter) {
	p := &h.people[l.From]
	for _, to := range l.To {
		p.known[to] = true
		p.events = append(p.events, to)
		if to < len(h.people) {
			h.receive(to, received{l.From, l.At})
		} else if answer, ok := h.answer(l, to); ok {
			h.expect(answer)
		}
	}
	if len(l.To) > 1 {
		p.sets = append(p.sets, l.To)
	}
}

// receive puts a letter into a person's inbox.
func (h *habits) receive(person int, r received) {
	p := &h.people[person]
	if len(p.inbox) == inboxSize {
		p.inbox = slices.Delete(p.inbox, 0, 1)
	}
	p.inbox = append(p.inbox, r)
}
