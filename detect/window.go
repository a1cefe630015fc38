package detect

import (
	"math/bits"
	"slices"

	"relaywatch/mail"
)

// maxEntries bounds the memory of one submitter: of a flood, windows hold the last
// 200,000 rows (about 12 MB). No shipped threshold comes near it.
const maxEntries = 200_000

// failuresBefore is how many failed logins make a successful one suspect: 8 in two
// minutes is what Wazuh's rule 3357 takes for guessing; people give up or call for
// help after three to five.
const failuresBefore = 8

// window is the entries of the last so many seconds, (t-length, t].
type window struct {
	first   uint64    // Number of its first entry.
	since   mail.Time // Of its first entry, if it has one: asked for at each row.
	bytes   int64     // Of the messages that ended.
	counted uint32    // Of a sparse span, its entries that count there. It ends with the last of them, and begins with the next.
}

// rows are the entries of one submitter in the longest window, with a count for
// each window. Entries are numbered from 0 on; those of a flood and those too old
// are dropped. The zero value has none, and takes no more memory: most submitters
// are silent most of the time.
type rows struct {
	ring    []entry // The length is a power of two.
	start   uint64  // Number of the oldest entry that is kept.
	end     uint64  // Number of the next.
	newest  mail.Time
	seen    seen
	sizes   sizes
	windows []window // nil before the first row.
	counts  []uint32 // Of all windows, see span.places.
}

func (r *rows) at(number uint64) *entry { return &r.ring[number&uint64(len(r.ring)-1)] }

// time is when the row of a kept entry was logged: less than 2^32 seconds before the
// newest.
func (r *rows) time(e *entry) mail.Time {
	return r.newest - mail.Time(uint32(r.newest)-e.at)
}

// add counts a row in all windows and takes out what it makes too old.
func (r *rows) add(row *row, l *layout) {
	if r.windows == nil {
		r.windows, r.counts = make([]window, len(l.spans)), make([]uint32, l.places)
	}
	r.expire(row.at, l)
	if r.end-r.start == maxEntries {
		r.drop(l)
	}
	if int(r.end-r.start) == len(r.ring) {
		r.grow()
	}
	number := r.end
	e := r.at(number)
	*e = entry{row.pos.Offset, row.keys, row.more, l.logs.numberOf(row.pos.Log), uint32(row.at), row.flags & (l.needs | ^every)}
	r.end++
	r.newest = row.at
	if e.flags&isLogin != 0 {
		e.keys[1] = r.afterFailures(l)
	}
	for rest := e.flags & l.needs &^ every; rest != 0; rest &= rest - 1 {
		for _, place := range l.adds[bits.TrailingZeros64(uint64(rest))] {
			r.counts[place]++
		}
	}
	for i := range r.windows {
		if w := &r.windows[i]; w.first == number {
			w.since = row.at
		}
		if l.spans[i].sparse {
			r.countSparse(e, i, l)
		}
		if e.flags&(isEnd|isLogin) != 0 {
			r.countRare(e, i, l, 1)
		}
	}
	for rest := e.flags & every; rest != 0; rest &= rest - 1 {
		r.see(dimension(bits.TrailingZeros64(uint64(rest))-firstDimension), number, l)
	}
	if e.flags&isEnd != 0 {
		r.sizes.push(sized{number, e.size()})
	}
}

// afterFailures has a bit for each window with many failed logins.
func (r *rows) afterFailures(l *layout) uint32 {
	after := uint32(0)
	for i := range l.spans {
		if s := &l.spans[i]; s.needs&isFailure != 0 && r.counts[s.places[counterOf(isFailure)]] >= failuresBefore {
			after |= 1 << i
		}
	}
	return after
}

// see counts the value of dimension d of an entry in the windows that have no
// other entry with it.
func (r *rows) see(d dimension, number uint64, l *layout) {
	before, known := r.seen.swap(keyOf(d, r.at(number)), number)
	if known {
		r.at(before).flags |= againOf[d]
	}
	for _, c := range l.differ[d] {
		if !known || before < r.windows[c.window].first {
			r.counts[c.place]++
		}
	}
}

// expire takes out of each window what is older than its length at time now.
func (r *rows) expire(now mail.Time, l *layout) {
	if r.start == r.end {
		return
	}
	for i := range r.windows {
		w := &r.windows[i]
		for w.first < r.end && w.since <= now-l.spans[i].length {
			r.remove(i, l)
		}
	}
	if len(r.windows) > 0 {
		for longest := r.windows[len(r.windows)-1].first; r.start < longest; {
			r.forget()
		}
	}
}

// drop takes the oldest entry out of everything.
func (r *rows) drop(l *layout) {
	for i := range r.windows {
		if r.windows[i].first == r.start {
			r.remove(i, l)
		}
	}
	r.forget()
}

// forget drops the oldest entry, which is in no window any more.
func (r *rows) forget() {
	e := r.at(r.start)
	for rest := e.flags & every; rest != 0; rest &= rest - 1 {
		d := dimension(bits.TrailingZeros64(uint64(rest)) - firstDimension)
		if e.flags&againOf[d] == 0 {
			r.seen.forget(keyOf(d, e))
		}
	}
	if e.flags&isEnd != 0 {
		r.sizes.forget(r.start)
	}
	r.start++
}

func (r *rows) grow() {
	ring := make([]entry, max(4, 2*len(r.ring)))
	for n := r.start; n < r.end; { // What stands in one piece in the old ring does in the new one.
		i := n & uint64(len(r.ring)-1)
		n += uint64(copy(ring[n&uint64(len(ring)-1):], r.ring[i:min(i+r.end-n, uint64(len(r.ring)))]))
	}
	r.ring = ring
}

// clone is a copy that shares nothing which changes.
func (r *rows) clone() rows {
	c := *r
	c.ring, c.windows, c.counts = slices.Clone(r.ring), slices.Clone(r.windows), slices.Clone(r.counts)
	c.seen.slots, c.sizes.queue = slices.Clone(r.seen.slots), slices.Clone(r.sizes.queue)
	return c
}

// remove takes out the first entry of window i.
func (r *rows) remove(i int, l *layout) {
	w, s := &r.windows[i], &l.spans[i]
	e := r.at(w.first)
	for rest := e.flags & s.needs; rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(uint64(rest))
		if bit < firstDimension || e.flags&againOf[bit-firstDimension] == 0 {
			r.counts[s.places[bit]]--
		}
	}
	if e.flags&(isEnd|isLogin) != 0 {
		r.countRare(e, i, l, -1)
	}
	w.first++
	if s.sparse && e.flags&s.needs != 0 {
		if w.counted--; w.counted == 0 {
			w.first = r.end
		}
	}
	if w.first < r.end {
		w.since = r.time(r.at(w.first))
	}
}

// countSparse takes the newest entry into a window where few count: those before the first
// that does need not be taken out one by one.
func (r *rows) countSparse(e *entry, i int, l *layout) {
	w := &r.windows[i]
	if e.flags&l.spans[i].needs != 0 {
		w.counted++
	} else if w.counted == 0 {
		w.first = r.end
	}
}

// countRare adds what no flag counts of an end or a login in window i, or takes it away if
// one is -1.
func (r *rows) countRare(e *entry, i int, l *layout, one int64) {
	switch {
	case e.flags&isEnd != 0:
		r.windows[i].bytes += one * e.size()
	case e.after()&(1<<i) != 0 && l.spans[i].counts(afterCounter):
		r.counts[l.spans[i].places[afterCounter]] += uint32(one)
	}
}

// measure tells signals of window i.
func (r *rows) measure(i int, list []measurement, m *measures) {
	w := &r.windows[i]
	for k := range list {
		s := &list[k]
		switch s.how {
		case asCount:
			m[s.signal] = float64(r.counts[s.place])
		case asShare:
			m[s.signal] = share(r.counts[s.place], r.counts[s.whole[0]]+r.counts[s.whole[1]])
		case asBytes:
			m[s.signal] = float64(w.bytes)
		case asLargest:
			m[s.signal] = float64(r.sizes.largest(w.first))
		}
	}
}

func share(part, whole uint32) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// sizes are the messages that no later one exceeds: their sizes fall.
type sizes struct {
	queue []sized
	head  int // Of those, the first that is kept.
}

type sized struct {
	number uint64 // Of the entry.
	bytes  int64
}

func (s *sizes) push(last sized) {
	for len(s.queue) > s.head && s.queue[len(s.queue)-1].bytes <= last.bytes {
		s.queue = s.queue[:len(s.queue)-1]
	}
	if len(s.queue) == s.head {
		s.queue, s.head = s.queue[:0], 0
	}
	if len(s.queue) == cap(s.queue) && s.head > len(s.queue)/2 {
		s.queue = s.queue[:copy(s.queue, s.queue[s.head:])]
		s.head = 0
	}
	s.queue = append(s.queue, last)
}

// forget drops an entry that is older than all others.
func (s *sizes) forget(number uint64) {
	if s.head < len(s.queue) && s.queue[s.head].number == number {
		s.head++
	}
}

// largest is the size of the largest message from entry first on, or 0.
func (s *sizes) largest(first uint64) int64 {
	kept := s.queue[s.head:]
	i, _ := slices.BinarySearchFunc(kept, first, func(s sized, first uint64) int {
		if s.number < first {
			return -1
		}
		return 1
	})
	if i < len(kept) {
		return kept[i].bytes
	}
	return 0
}
