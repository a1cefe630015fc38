package detect

import (
	"maps"
	"math/bits"
	"slices"

	"relaywatch/mail"
)

// maxEntries bounds the memory of one submitter: of a flood, windows hold the last
// 200,000 rows (about 20 MB). No shipped threshold comes near it.
const maxEntries = 200_000

// failuresBefore is how many failed logins make a successful one suspect: 8 in two
// minutes is what Wazuh's rule 3357 takes for guessing; people give up or call for
// help after three to five.
const failuresBefore = 8

// flag tells what a row is and what it counts for.
type flag uint32

const (
	isMail      flag = 1 << iota // A MAIL command.
	isRecipient                  // A RCPT command, whatever the reply.
	isEnd                        // The end of a transaction.
	isFailure                    // A login that proved no account.
	isLogin                      // A login that proved one.
	isAccepted
	isRefused
	isExternal // Accepted, outside the own domains.
	isNew
	isNewToAll
	isOffHours // Accepted.
	isUnauthenticated
	isRelayRight
	isRefusedRelay
	isRefusedUnknown
	isForeignPath
	isNullPath          // A MAIL command with it.
	isNullPathRecipient // An accepted recipient of such a transaction.
	isFirst             // The first recipient of its transaction.
)

// dimension is what different values are counted of.
type dimension uint8

const (
	byRecipient dimension = iota
	byNullPathRecipient
	byDomain
	byReversePath
	byHELO
	byLoginName
	byHost
	byFailingHost
	dimensions
)

// entry is one row of a submitter, as windows need it.
type entry struct {
	at    mail.Time
	pos   mail.LogPos
	keys  [3]uint64 // Hashes of values: see keyOf. The size of the message, for an end.
	flags flag
	after uint16 // Bit i: counts as a login after failures in window i.
	dims  uint8  // Bit d: has a value of dimension d.
	again uint8  // Bit d: a later entry has the same value.
}

// keyOf is where an entry keeps its value of a dimension. No row has two values
// that share a place but the recipient, which counts twice.
var keyOf = [dimensions]uint8{byRecipient: 0, byNullPathRecipient: 0, byReversePath: 0, byLoginName: 0, byDomain: 1, byHELO: 1, byHost: 2, byFailingHost: 2}

// window counts the entries of the last so many seconds, (t-length, t].
type window struct {
	first    uint64 // Number of its first entry.
	m        measures
	offHours float64
	distinct [dimensions]int
}

// rows are the entries of one submitter in the longest window, with a count for
// each window. Entries are numbered from 0 on; those of a flood and those too old
// are dropped.
type rows struct {
	ring    []entry // The length is a power of two.
	start   uint64  // Number of the oldest entry that is kept.
	end     uint64  // Number of the next.
	last    [dimensions]map[uint64]uint64
	sizes   []sized // Sizes that no later message exceeds, falling.
	windows []window
}

type sized struct {
	number uint64
	bytes  float64
}

func newRows(windows int) rows { return rows{windows: make([]window, windows)} }

func (r *rows) at(number uint64) *entry { return &r.ring[number&uint64(len(r.ring)-1)] }

// add counts e in all windows and takes out what it makes too old. lengths are
// those of the windows in seconds, rising.
func (r *rows) add(e *entry, lengths []mail.Time) {
	r.expire(e.at, lengths)
	if r.end-r.start == maxEntries {
		r.drop()
	}
	if int(r.end-r.start) == len(r.ring) {
		r.grow()
	}
	number := r.end
	r.end++
	for i := range r.windows {
		w := &r.windows[i]
		if e.flags&isLogin != 0 && w.m[sigFailedLogins] >= failuresBefore {
			e.after |= 1 << i
		}
		w.count(e, i, 1)
	}
	*r.at(number) = *e
	for rest := e.dims; rest != 0; rest &= rest - 1 {
		r.see(dimension(bits.TrailingZeros8(rest)), number)
	}
	if e.flags&isEnd != 0 {
		bytes := float64(e.keys[0])
		for len(r.sizes) > 0 && r.sizes[len(r.sizes)-1].bytes <= bytes {
			r.sizes = r.sizes[:len(r.sizes)-1]
		}
		r.sizes = append(r.sizes, sized{number, bytes})
	}
}

// see counts the value of dimension d of an entry in the windows that have no
// other entry with it.
func (r *rows) see(d dimension, number uint64) {
	if r.last[d] == nil {
		r.last[d] = make(map[uint64]uint64)
	}
	key := r.at(number).keys[keyOf[d]]
	before, seen := r.last[d][key]
	r.last[d][key] = number
	if seen {
		r.at(before).again |= 1 << d
	}
	for i := range r.windows {
		if w := &r.windows[i]; !seen || before < w.first {
			w.distinct[d]++
		}
	}
}

// expire takes out of each window what is older than its length at time now.
func (r *rows) expire(now mail.Time, lengths []mail.Time) {
	for i := range r.windows {
		w := &r.windows[i]
		for w.first < r.end && r.at(w.first).at <= now-lengths[i] {
			w.remove(r.at(w.first), i)
		}
	}
	if len(r.windows) > 0 {
		for longest := r.windows[len(r.windows)-1].first; r.start < longest; {
			r.forget()
		}
	}
}

// drop takes the oldest entry out of everything.
func (r *rows) drop() {
	for i := range r.windows {
		if w := &r.windows[i]; w.first == r.start {
			w.remove(r.at(r.start), i)
		}
	}
	r.forget()
}

// forget drops the oldest entry, which is in no window any more.
func (r *rows) forget() {
	e := r.at(r.start)
	for rest := e.dims &^ e.again; rest != 0; rest &= rest - 1 {
		d := bits.TrailingZeros8(rest)
		delete(r.last[d], e.keys[keyOf[d]])
	}
	if len(r.sizes) > 0 && r.sizes[0].number == r.start {
		r.sizes = r.sizes[1:]
	}
	r.start++
}

func (r *rows) grow() {
	ring := make([]entry, max(8, 2*len(r.ring)))
	for n := r.start; n < r.end; n++ {
		ring[n&uint64(len(ring)-1)] = *r.at(n)
	}
	r.ring = ring
}

// clone is a copy that shares nothing which changes.
func (r *rows) clone() rows {
	c := *r
	c.ring, c.sizes, c.windows = slices.Clone(r.ring), slices.Clone(r.sizes), slices.Clone(r.windows)
	for d := range c.last {
		c.last[d] = maps.Clone(r.last[d])
	}
	return c
}

// remove takes out the first entry of window i.
func (w *window) remove(e *entry, i int) {
	w.count(e, i, -1)
	for rest := e.dims &^ e.again; rest != 0; rest &= rest - 1 {
		w.distinct[bits.TrailingZeros8(rest)]--
	}
	w.first++
}

// count adds what an entry counts for, or takes it away with sign -1. All are
// whole numbers, so that what was added is taken away to the last digit.
func (w *window) count(e *entry, i int, sign float64) {
	if e.flags&isRecipient != 0 {
		w.countRecipient(e.flags, sign)
		return
	}
	m := &w.m
	switch {
	case e.flags&isMail != 0:
		m[sigTransactions] += sign
		if e.flags&isForeignPath != 0 {
			m[sigForeignReversePaths] += sign
		}
		if e.flags&isNullPath != 0 {
			m[sigNullReversePaths] += sign
		}
	case e.flags&isEnd != 0:
		m[sigBytes] += sign * float64(e.keys[0])
	case e.flags&isFailure != 0:
		m[sigFailedLogins] += sign
	case e.after&(1<<i) != 0:
		m[sigLoginsAfterFailures] += sign
	}
}

func (w *window) countRecipient(f flag, sign float64) {
	m := &w.m
	if f&isRefused != 0 {
		m[sigRefusedRecipients] += sign
		if f&isRefusedRelay != 0 {
			m[sigRefusedRelay] += sign
		}
		if f&isRefusedUnknown != 0 {
			m[sigRefusedUnknown] += sign
		}
	}
	if f&isAccepted == 0 {
		return
	}
	m[sigRecipients] += sign
	if f&isNew != 0 {
		m[sigNewRecipients] += sign
	}
	if f&isNewToAll != 0 {
		m[sigNewToAll] += sign
	}
	if f&isExternal != 0 {
		m[sigExternalRecipients] += sign
	}
	if f&isOffHours != 0 {
		w.offHours += sign
	}
	if f&isUnauthenticated != 0 {
		m[sigUnauthenticated] += sign
	}
	if f&isRelayRight != 0 {
		m[sigRelayRight] += sign
	}
}

// derive brings the signals that are no plain counts up to date.
func (r *rows) derive(w *window) *measures {
	m := &w.m
	m[sigDistinctRecipients] = float64(w.distinct[byRecipient])
	m[sigNullPathRecipients] = float64(w.distinct[byNullPathRecipient])
	m[sigDistinctDomains] = float64(w.distinct[byDomain])
	m[sigDistinctReversePaths] = float64(w.distinct[byReversePath])
	m[sigDistinctHELONames] = float64(w.distinct[byHELO])
	m[sigDistinctLoginNames] = float64(w.distinct[byLoginName])
	m[sigHosts] = float64(w.distinct[byHost])
	m[sigFailedLoginHosts] = float64(w.distinct[byFailingHost])
	m[sigExternalShare] = share(m[sigExternalRecipients], m[sigRecipients])
	m[sigOffHoursShare] = share(w.offHours, m[sigRecipients])
	m[sigRefusedShare] = share(m[sigRefusedRecipients], m[sigRecipients]+m[sigRefusedRecipients])
	m[sigLargestMessage] = 0
	if i, _ := slices.BinarySearchFunc(r.sizes, w.first, func(s sized, first uint64) int {
		if s.number < first {
			return -1
		}
		return 1
	}); i < len(r.sizes) {
		m[sigLargestMessage] = r.sizes[i].bytes
	}
	return m
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
