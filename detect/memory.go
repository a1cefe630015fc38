package detect

import (
	"time"

	"relaywatch/mail"
)

// What is remembered of recipients is bounded: for each submitter, in all, and in time.
// What was not used for longest goes first. It goes by turns, of which the newest two are
// remembered: whoever is mailed in a turn is noted in it, also who was known from the turn
// before, and when the next turn begins, the one before the last is forgotten as a whole.
// So a recipient needs no time beside it, and the notes of two turns, in the order of the
// rows, are all that the store must keep for the memory to be the same after a restart.
//
// The organisation's turn ends after half a year, or with half of maxRemembered notes. A
// submitter's own one ends besides with a third of maxContacts, so that one that mails
// millions forgets its own recipients, and nobody else's. It goes on to be judged: a
// recipient that was forgotten is new to it again, or known here.
const (
	// turnLength is half of how long a recipient is remembered at the most: who was mailed
	// in the last half year is known if the numbers below allow, and who was not for a year
	// is not.
	turnLength = mail.Time(183 * 24 * time.Hour / time.Second)
	// maxRemembered bounds the notes in all. One is a recipient of a submitter, or of an own
	// reverse-path, or somebody who wrote to us: with the tables of who is known here they
	// take some 18 bytes each, 39 MB in all. An organisation of 20,000 makes some 150,000 a
	// month.
	maxRemembered = 1 << 21
	// maxContacts bounds the recipients of a submitter, at 7 to 11 bytes each: some 5 MB. A
	// list of 170,000 that is mailed every week fits in.
	maxContacts = 1 << 19
	// maxHeard bounds the notes of a turn of who wrote to us: all the internet does, and
	// must not make us forget whom we write to.
	maxHeard = maxRemembered / 8
)

// limits are the bounds, which tests make smaller.
type limits struct{ remembered, contacts, heard int }

// turns tell when the organisation's turns began.
type turns struct {
	starts []mail.Time // Of turn 0 and those after it; 0 of turns that nobody asks about any more.
	notes  int         // Of the newest.
	heard  int         // Of those, who wrote to us.
}

// number is that of the newest turn.
func (t *turns) number() uint32 { return uint32(max(1, len(t.starts)) - 1) }

// upTo is the number of the turn at a time, and when it began; 0 is never.
func (t *turns) upTo(at mail.Time) (number uint32, began mail.Time) {
	for i := len(t.starts) - 1; i >= 0; i-- {
		if t.starts[i] <= at {
			return uint32(i), t.starts[i]
		}
	}
	return 0, 0
}

// turn begins the organisation's next turn if it is time for it.
func (j *judge) turn(at mail.Time) {
	t := &j.turns
	if n := len(t.starts); n > 0 && at-t.starts[n-1] < turnLength && t.notes < j.limits.remembered/2 {
		return
	}
	t.starts = append(t.starts, at)
	t.notes, t.heard = 0, 0
	j.turned = true
}

// contact is a note for the store: that a submitter mailed a recipient who was new to its
// turn.
type contact struct {
	hash uint64 // Above hashMask: the organisation's turn.
	at   mail.Time
}

func (c contact) turn() uint32 { return uint32(c.hash >> (8 * hashBytes)) }

// memory are the recipients of the newest two turns. The zero memory has none.
type memory struct {
	young hashSet
	old   [2]*hashSet // Never changed. nil: none.
	turn  uint32      // The organisation's, of young.
	count uint32      // Notes in young.
	past  [2]uint32   // Notes in old.
	own   bool        // The submitter's own turn ended in this one of the organisation: old[0] is of this, too.
}

// roll ends a turn, and keeps the one before that, if it is told to.
func (m *memory) roll(before *hashSet, notes uint32) {
	m.old, m.past = [2]*hashSet{nil, before}, [2]uint32{m.count, notes}
	if m.count > 0 {
		m.old[0] = m.young.packed()
	}
	m.young, m.count = hashSet{}, 0
}

// rollOwn ends the submitter's own turn.
func (m *memory) rollOwn() {
	m.roll(nil, 0)
	m.own = true
}

// turnTo brings it up to a turn of the organisation.
func (m *memory) turnTo(turn uint32) {
	for ; m.turn != turn && !m.empty(); m.turn++ {
		var before *hashSet
		var notes uint32
		if m.own {
			before, notes = m.old[0], m.past[0]
		}
		m.roll(before, notes)
		m.own = false
	}
	m.turn, m.own = turn, m.own && m.turn == turn
}

func (m *memory) empty() bool { return m.count == 0 && m.old == [2]*hashSet{} }

func (m *memory) hasOld(hash uint64) bool {
	return m.old[0] != nil && m.old[0].has(hash) || m.old[1] != nil && m.old[1].has(hash)
}

// has is asked in a turn, and leaves all as it is.
func (m *memory) has(hash uint64, turn uint32) bool {
	switch turn - m.turn {
	case 0:
		return m.young.has(hash) || m.hasOld(hash)
	case 1:
		return m.young.has(hash) || m.own && m.old[0] != nil && m.old[0].has(hash)
	}
	return false
}

// touch notes that a recipient was mailed in a turn. It tells whether it was known, and
// whether it is noted anew.
func (m *memory) touch(hash uint64, turn uint32) (known, noted bool) {
	if m.turn != turn {
		m.turnTo(turn)
	}
	if !m.young.add(hash) {
		return true, false
	}
	m.count++
	return m.hasOld(hash), true
}

// notes counts, in a turn, what is noted of the newest two: a recipient that was mailed
// in both counts twice. It leaves all as it is: a preview asks it of those who are not
// judged for the time being, and may be a turn ahead of them.
func (m *memory) notes(turn uint32) int {
	switch {
	case turn == m.turn:
		return int(m.count + m.past[0] + m.past[1])
	case turn-m.turn == 1 && m.own:
		return int(m.count + m.past[0])
	case turn-m.turn == 1:
		return int(m.count)
	}
	return 0
}

// fork is a memory that goes on from m and leaves it as it is. It is void when m rolls.
func (m *memory) fork(turn uint32) memory {
	m.turnTo(turn)
	f := *m
	f.young = hashSet{base: &m.young}
	return f
}

// keep notes that a submitter mailed a recipient. It tells whether that was known, and
// whether it is noted anew.
func (j *judge) keep(s *subject, hash uint64, at mail.Time) (known, noted bool) {
	if known, noted = s.memory.touch(hash, j.turns.number()); !noted {
		return known, noted
	}
	j.note(s, hash, at)
	if int(s.memory.count) >= j.limits.contacts/3 && s.who.Value != "" {
		s.memory.rollOwn()
		j.turned = true
	}
	return known, noted
}

// note has the store keep a recipient.
func (j *judge) note(s *subject, hash uint64, at mail.Time) {
	j.turns.notes++
	if j.base == nil { // What is judged for the time being is not stored.
		s.contacts = append(s.contacts, contact{uint64(j.turns.number())<<(8*hashBytes) | hash, at})
	}
}

// restoreTurn goes on in a turn of the organisation: it is called before the memory is
// restored.
func (j *judge) restoreTurn(number uint32, began mail.Time) {
	if began == 0 {
		return
	}
	j.turns.starts = make([]mail.Time, number+1)
	j.turns.starts[number] = began
	j.everyone.turn = number
}

// restoreNote adds what was noted in a turn.
func (j *judge) restoreNote(s *subject, hash uint64, turn uint32) {
	newest := j.turns.number()
	if turn+1 < newest || turn > newest {
		return // Forgotten.
	}
	if turn == newest {
		j.turns.notes++
		j.turns.heard += index(s.who == heardKept)
	}
	if s.who != heardKept {
		s.memory.touch(hash, turn)
		if int(s.memory.count) >= j.limits.contacts/3 && s.who.Value != "" {
			s.memory.rollOwn()
		}
	}
	if s.who != pairsKept {
		j.everyone.restore(hash, turn)
	}
}

// restore adds what was noted in m's turn or in the one before.
func (m *memory) restore(hash uint64, turn uint32) {
	if turn == m.turn {
		m.count += uint32(index(m.young.add(hash)))
		return
	}
	if m.old[0] == nil {
		m.old[0] = new(hashSet)
	}
	m.old[0].add(hash)
}

// reserve makes room for so many notes that are to be restored of a turn.
func (m *memory) reserve(notes int, turn uint32) {
	if turn == m.turn && m.old[0] == nil {
		m.young.reserve(notes)
	}
}

// packMemory has what was restored of the turn before, which is not added to any more,
// take no room to grow.
func (j *judge) packMemory() {
	j.everyone.pack()
	for _, s := range j.subjects {
		s.memory.pack()
	}
}

func (m *memory) pack() {
	if m.old[0] != nil {
		m.old[0] = m.old[0].packed()
	}
}

// Forgetful are the submitters of whose recipients the engine may have forgotten some,
// though old rows tell of them. all is true where it may of anybody's.
func (c *Checkpoint) Forgetful() (some map[mail.Submitter]bool, all bool) {
	notes := make(map[mail.Submitter]int)
	some = make(map[mail.Submitter]bool)
	for i := range c.Memory {
		m := &c.Memory[i]
		if notes[m.Submitter] += len(m.Hashes) / hashBytes; notes[m.Submitter] >= maxContacts/3 {
			some[m.Submitter] = true
		}
	}
	return some, c.Turn > 0
}
