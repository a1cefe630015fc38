package detect

import (
	"slices"
	"time"

	"relaywatch/mail"
)

// outbox are the recipients that were accepted in the last day, so that what becomes
// of their mail finds who sent it. They are kept in the order in which they are
// judged, and found by a hash of reverse-path and recipient. The zero outbox is
// empty.
type outbox struct {
	base  *outbox          // Is searched too and never changed, below number first; nil in the engine itself.
	first uint64           // 0 in the engine itself.
	ring  []posted         // The length is 0 or a power of two.
	start uint64           // Number of the oldest entry that is kept; numbers begin with 1.
	end   uint64           // Number of the next.
	marks map[uint64]uint8 // Of entries of base.

	// The index is made when it is asked for: most logs tell no outcome.
	heads  []uint32 // By hash: the low bits of the newest number there. As many as ring, or none.
	linked uint64   // Number of the first entry that is not in it.
}

// posted is one accepted recipient of one message. Its hash has 32 bits: with a hundred
// thousand kept, one of forty thousand outcomes is taken for another's.
type posted struct {
	hash uint32
	back uint32 // How many numbers before it the next older one of its head stands; 0: there is none.
	at   uint32 // Low bits of the time.
	who  uint32 // Above the marks: number of the submitter.
}

const (
	// afterDay is how long after its submission what becomes of mail is told of it.
	// Most refusals come within minutes; a server gives up after days, and then tells
	// no remote server's reply.
	afterDay = mail.Time(24 * time.Hour / time.Second)
	// maxPosted bounds the memory: of a flood, the newest two million recipients are
	// known, in 40 MB.
	maxPosted = 1 << 21
	// maxSame is how many messages of the same reverse-path to the same recipient are
	// told apart: whoever sends more a day sends them by a program, all alike.
	maxSame = 16
)

// markBits of posted.who are marks: what became of the recipient.
const (
	wasDeferred uint8 = 1 << iota
	wasDelivered
	wasRefused

	markBits = 3
	allMarks = 1<<markBits - 1
)

// hashPair is what a recipient under a reverse-path is found by.
func hashPair(path uint32, recipient uint64) uint32 {
	return uint32((recipient ^ uint64(path)<<8) * 0x9E3779B97F4A7C15 >> 32)
}

func (o *outbox) at(number uint64) *posted { return &o.ring[number&uint64(len(o.ring)-1)] }

func (o *outbox) head(hash uint32) *uint32 { return &o.heads[int(hash)&(len(o.heads)-1)] }

// before is the number that a head tells, below start if it is of none that is kept.
func (o *outbox) before(head uint32) uint64 {
	last := o.end - 1
	return last - uint64(uint32(last)-head)
}

// time is when a kept entry was submitted, which is not after now.
func (o *outbox) time(e *posted, now mail.Time) mail.Time { return now - mail.Time(uint32(now)-e.at) }

// add takes a recipient that a submitter was accepted for.
func (o *outbox) add(hash uint32, at mail.Time, who uint32) {
	if o.end == 0 {
		o.start, o.end = 1, 1
	}
	o.expire(at)
	switch kept := int(o.end - o.start); kept {
	case maxPosted:
		o.start++
	case len(o.ring):
		o.grow()
	}
	*o.at(o.end) = posted{hash: hash, at: uint32(at), who: who << markBits}
	o.end++
}

// index brings the index up to date.
func (o *outbox) index() {
	if len(o.heads) != len(o.ring) {
		o.heads, o.linked = make([]uint32, len(o.ring)), o.start
	}
	for o.linked = max(o.linked, o.start); o.linked < o.end; o.linked++ {
		e := o.at(o.linked)
		head := o.head(e.hash)
		e.back = 0
		if older := o.before(*head); older >= o.start {
			e.back = uint32(o.linked - older)
		}
		*head = uint32(o.linked)
	}
}

// expire drops what is too old for anything after now to be told of.
func (o *outbox) expire(now mail.Time) {
	for o.start < o.end && now-o.time(o.at(o.start), now) >= afterDay {
		o.start++
	}
}

func (o *outbox) grow() {
	ring := make([]posted, max(64, 2*len(o.ring)))
	for number := o.start; number < o.end; number++ {
		ring[number&uint64(len(ring)-1)] = *o.at(number)
	}
	o.ring = ring
}

// fork is an outbox that goes on from o and leaves it as it is.
func (o *outbox) fork() *outbox {
	first := max(1, o.end)
	return &outbox{base: o, first: first, start: first, end: first, marks: make(map[uint64]uint8)}
}

// candidate is an entry that an outcome may be of.
type candidate struct {
	number uint64
	who    uint32
	at     mail.Time
	marks  uint8
}

// settle finds the recipient that an outcome at a time is of, and marks it: the newest
// one that has neither this mark nor one of unless. again tells that another message
// of the same submitter to the same recipient has the mark already.
func (o *outbox) settle(hash uint32, now mail.Time, mark, unless uint8) (found candidate, again, ok bool) {
	var space [maxSame]candidate
	same := o.chain(space[:0], o, hash, now)
	if o.base != nil {
		same = o.base.chain(same, o, hash, now)
	}
	i := slices.IndexFunc(same, func(c candidate) bool { return c.marks&(mark|unless) == 0 })
	if i < 0 {
		return candidate{}, false, false
	}
	found = same[i]
	again = slices.ContainsFunc(same, func(c candidate) bool { return c.who == found.who && c.marks&mark != 0 })
	if found.number >= o.first {
		o.at(found.number).who |= uint32(mark)
	} else {
		o.marks[found.number] |= mark
	}
	return found, again, true
}

// chain appends the entries of o with a hash, the newest first, as seen from an outbox
// that is o itself or goes on from it.
func (o *outbox) chain(to []candidate, from *outbox, hash uint32, now mail.Time) []candidate {
	if o.start == o.end {
		return to
	}
	o.index()
	for number := o.before(*o.head(hash)); number >= o.start && number+maxPosted >= from.end && len(to) < maxSame; {
		e := o.at(number)
		at := o.time(e, now)
		if now-at >= afterDay {
			break
		}
		// o may have gone on meanwhile: what it has since then, from has itself.
		if e.hash == hash && (o == from || number < from.first) {
			to = append(to, candidate{number, e.who >> markBits, at, uint8(e.who)&allMarks | from.marks[number]})
		}
		if e.back == 0 {
			break
		}
		number -= uint64(e.back)
	}
	return to
}
