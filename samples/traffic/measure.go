package traffic

import (
	"math"
	"slices"
)

// Measures are what is known of an organisation's behaviour: nothing of it can be
// traced to one person or message. Real mail and simulated mail are measured by
// the same code, from an empty memory at the beginning of some weeks.
type Measures struct {
	Senders int // People who wrote at all.

	Rate       Quantiles // Messages a workday by sender.
	Dispersion Quantiles // Variance by mean of the messages a workday, of senders with one a workday at least.
	Single     Quantiles // Share of messages to one recipient, by sender with 20 messages at least.
	SingleAll  float64   // The same of all messages.
	Recipients Quantiles // Recipients of the other messages.
	SameSet    float64   // Share of the other messages whose very recipients the sender wrote to together before.

	New       []float64 // [i]: share of recipients that are new to a sender who wrote to 2^i-1 to 2^(i+1)-2 before.
	NewByDay  []float64 // [i]: the same of all senders on day newDays[i] and those since the one before.
	Distinct  Quantiles // Different recipients by sender who wrote to 50 at least.
	Top1      Quantiles // Share of the most frequent recipient, of the same senders.
	Top5      Quantiles // Of the five most frequent ones.
	Rank      Quantiles // Of messages to one who is known: how many others the sender wrote to since.
	Reply     float64   // Share of messages to somebody who wrote to the sender in the 24 hours before.
	WroteTo   float64   // Share of new recipients who had written to the sender first.
	PeakHour  Quantiles // Recipients in the busiest hour of a sender's day.
	Gaps      Quantiles // Seconds between two messages of a sender on one day.
	Close     float64   // Share of these that are closeGap at most.
	CloseGaps Quantiles // Those.

	Weekdays [7]float64     // Share of messages, from Monday.
	Hours    [2][24]float64 // Share of the messages of workdays, and of weekends.
}

// Quantiles of a distribution, at the levels in quantileLevels.
type Quantiles []float64

var quantileLevels = [...]float64{0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1}

// newDays are the last days, from 1, of the stretches of Measures.NewByDay.
var newDays = [...]int{1, 2, 5, 12, 26, 40}

// closeGap is the longest gap between messages that belong together, in seconds.
const closeGap = 600

func quantiles(values []float64) Quantiles {
	q := make(Quantiles, len(quantileLevels))
	if len(values) == 0 {
		return q
	}
	slices.Sort(values)
	for i, level := range quantileLevels {
		x := level * float64(len(values)-1)
		lo := int(x)
		hi := min(lo+1, len(values)-1)
		q[i] = values[lo] + (x-float64(lo))*(values[hi]-values[lo])
	}
	return q
}

// at is the value at a level from 0 to 1.
func (q Quantiles) at(level float64) float64 {
	for i := 1; i < len(q); i++ {
		if level <= quantileLevels[i] {
			part := (level - quantileLevels[i-1]) / (quantileLevels[i] - quantileLevels[i-1])
			return q[i-1] + part*(q[i]-q[i-1])
		}
	}
	return q[len(q)-1]
}

// measure measures stretches of so many days of letters, sorted by time; each
// stretch begins at second 0 and with an empty memory. Of those with a number of
// people or more, only what people hear from them counts.
func measure(days, people int, stretches ...[]Letter) *Measures {
	k := &measurer{days: days, people: people}
	for _, letters := range stretches {
		k.order, k.senders = nil, map[int]*measured{}
		for i := range letters {
			k.letter(&letters[i])
		}
		k.endStretch()
	}
	return k.sum(len(stretches))
}

// measurer counts letters in the order of time.
type measurer struct {
	days    int
	people  int
	order   []*measured // In the order of their first letters, so that sums are the same each time.
	senders map[int]*measured

	newOf    [24][2]float64 // By log2 of history: all, new.
	newOn    [len(newDays)][2]float64
	ranks    []float64
	many     []float64 // Recipients of messages to several.
	sameSets float64
	messages float64
	replies  float64
	news     float64
	wrote    float64 // New recipients who wrote first.
	gaps     []float64
	weekdays [7]float64
	hours    [2][24]float64

	rate, dispersion, single, distinct, top1, top5, peak []float64 // By sender.
}

// measured is what is known of one sender.
type measured struct {
	perDay   map[int]float64
	perHour  map[int]float64 // Recipients.
	messages float64
	single   float64
	events   int
	count    map[int]int
	recent   []int // Recipients, the last one first.
	sets     map[string]bool
	heard    map[int]int // When others last wrote to this one.
	last     int         // When this one last wrote.
}

func (k *measurer) sender(id int) *measured {
	s := k.senders[id]
	if s == nil {
		s = &measured{
			perDay: map[int]float64{}, perHour: map[int]float64{}, count: map[int]int{},
			sets: map[string]bool{}, heard: map[int]int{}, last: -1,
		}
		k.senders[id] = s
		k.order = append(k.order, s)
	}
	return s
}

func (k *measurer) letter(l *Letter) {
	if l.From >= k.people {
		k.hear(l)
		return
	}
	s := k.sender(l.From)
	k.messages++
	k.weekdays[l.day()%daysAWeek]++
	k.hours[l.weekend()][l.hour()]++
	if s.messages > 0 && s.last/secondsADay == l.day() {
		k.gaps = append(k.gaps, float64(l.At-s.last))
	}
	s.last = l.At
	s.messages++
	if l.weekend() == 0 {
		s.perDay[l.day()]++
	}
	s.perHour[l.At/3600] += float64(len(l.To))
	if len(l.To) == 1 {
		s.single++
	} else {
		k.set(s, l.To)
	}
	reply := false
	for _, to := range l.To {
		at, heard := s.heard[to]
		reply = reply || heard && l.At-at < secondsADay
		k.recipient(s, l, to, heard)
	}
	if reply {
		k.replies++
	}
	k.hear(l)
}

func (k *measurer) hear(l *Letter) {
	for _, to := range l.To {
		k.sender(to).heard[l.From] = l.At
	}
}

// set counts a message to several.
func (k *measurer) set(s *measured, to []int) {
	k.many = append(k.many, float64(len(to)))
	sorted := slices.Clone(to)
	slices.Sort(sorted)
	var key []byte
	for _, id := range sorted {
		key = append(key, byte(id), byte(id>>8), byte(id>>16))
	}
	if s.sets[string(key)] {
		k.sameSets++
	}
	s.sets[string(key)] = true
}

func (k *measurer) recipient(s *measured, l *Letter, to int, heard bool) {
	step := int(math.Log2(float64(s.events + 1)))
	k.newOf[step][0]++
	day, _ := slices.BinarySearch(newDays[:], l.day()+1)
	if day < len(newDays) {
		k.newOn[day][0]++
	}
	switch i := slices.Index(s.recent, to); {
	case i < 0:
		k.newOf[step][1]++
		if day < len(newDays) {
			k.newOn[day][1]++
		}
		k.news++
		if heard {
			k.wrote++
		}
		s.recent = slices.Insert(s.recent, 0, to)
	default:
		if len(l.To) == 1 {
			k.ranks = append(k.ranks, float64(i))
		}
		copy(s.recent[1:i+1], s.recent[:i])
		s.recent[0] = to
	}
	s.count[to]++
	s.events++
}
