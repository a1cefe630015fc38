package detect

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// hashBytes is the size of a recipient in the memory: of its keyed hash of 64 bits, 48
// are kept, a quarter less. Where two million are known, one new recipient in 140 million
// is taken for one of them, and as nobody knows the key, nobody can choose which.
const hashBytes = 6

const hashMask = 1<<(8*hashBytes) - 1

// keptOf is what the memory keeps of a hash. It is never 0.
func keptOf(hash uint64) uint64 { return max(1, hash>>(64-8*hashBytes)) }

// hashSet is a set of hashes that are not 0, in an array of them, packed: 7 to 11 bytes a
// recipient, where a map takes 40. The zero hashSet is empty.
//
// A hash has its home where it would stand if all were sorted and spread evenly. They
// stand in that order, each at its home or as near behind it as there is room: whoever
// looks for one ends at the first that is greater. So the array may be nearly full, of
// any length, and is filled anew from front to back when it grows.
type hashSet struct {
	base  *hashSet // Is searched too and never changed; nil in the engine itself.
	slots []byte   // Packed; 0 is a free slot, as the last one always is. What follows that lets it be read as 8 bytes.
	homes uint32   // Of the slots, those at the front. Behind them stands what finds no room there.
	size  uint32
}

const padding = 8 - hashBytes

func (s *hashSet) at(slot int) uint64 {
	return binary.LittleEndian.Uint64(s.slots[slot*hashBytes:]) & hashMask
}

// put fills a slot.
func (s *hashSet) put(slot int, hash uint64) {
	b := s.slots[slot*hashBytes:]
	binary.LittleEndian.PutUint32(b, uint32(hash))
	binary.LittleEndian.PutUint16(b[4:], uint16(hash>>32))
}

// last is the last slot.
func (s *hashSet) last() int { return (len(s.slots)-padding)/hashBytes - 1 }

// home is where a hash stands if nothing is in the way, of so many homes.
func home(hash uint64, homes uint32) int {
	slot, _ := bits.Mul64(hash<<(64-8*hashBytes), uint64(homes))
	return int(slot)
}

// slot is where a hash stands, or where it would.
func (s *hashSet) slot(hash uint64) (slot int, found bool) {
	slot = home(hash, s.homes)
	for rest := s.slots[slot*hashBytes:]; ; rest = rest[hashBytes:] {
		at := binary.LittleEndian.Uint64(rest) & hashMask
		if at == 0 || at >= hash {
			return slot, at == hash
		}
		slot++
	}
}

func (s *hashSet) has(hash uint64) bool {
	if s.size > 0 {
		if _, found := s.slot(hash); found {
			return true
		}
	}
	return s.base != nil && s.base.has(hash)
}

// add reports whether the hash was not there yet.
func (s *hashSet) add(hash uint64) bool {
	if s.base != nil && s.base.has(hash) {
		return false
	}
	if s.homes == 0 {
		s.fill(&hashSet{}, leastHomes, leastHomes/2)
	}
	slot, found := s.slot(hash)
	if found {
		return false
	}
	if s.size*5 >= s.homes*4 {
		s.grow()
		slot, _ = s.slot(hash)
	}
	free := slot
	for s.at(free) != 0 {
		free++
	}
	if free == s.last() { // Rarely: what stands behind the homes has come to its end.
		s.grow()
		return s.add(hash)
	}
	copy(s.slots[(slot+1)*hashBytes:(free+1)*hashBytes], s.slots[slot*hashBytes:free*hashBytes])
	s.put(slot, hash)
	s.size++
	return true
}

const (
	leastHomes = 6       // What a set begins with.
	largeSet   = 1 << 15 // 200 kB.
	moreBehind = 8       // Slots, where those behind the homes are too few.
)

// grow makes room for half as many again, and for some behind the homes: with a fifth of
// these free, hardly more than a hundred stand there. Large sets, of which there are few,
// grow in smaller steps: half as much again would mostly be free.
func (s *hashSet) grow() {
	old := *s
	homes := s.homes + s.homes/2
	if s.homes > largeSet {
		homes = s.homes + s.homes/8
	}
	s.fill(&old, homes, int(min(homes/4, 128)))
}

// reserve makes room for so many more, where it is known that they come.
func (s *hashSet) reserve(n int) {
	if homes := (s.size+uint32(n))*5/4 + 1; homes > s.homes {
		old := *s
		homes = max(homes, leastHomes, s.homes+s.homes/2)
		s.fill(&old, homes, int(min(homes/2, 128)))
	}
}

// packed is the same set, to be searched only: 6.5 bytes a recipient.
func (s *hashSet) packed() *hashSet {
	p := &hashSet{base: s.base}
	if s.size > 0 {
		end := p.fill(s, s.size+s.size/16+1, int(min(s.size/16, 64)))
		p.slots = slices.Clone(p.slots[:(max(end, int(p.homes))+1)*hashBytes+padding])
	}
	return p
}

// fill takes over another set, with room for so many slots behind the homes, or for more
// where more stand there. It returns where the last hash ends.
func (s *hashSet) fill(from *hashSet, homes uint32, behind int) (end int) {
	s.homes, s.size = homes, from.size
	s.slots = make([]byte, (int(homes)+behind+1)*hashBytes+padding)
	for i, n := 0, from.size; n > 0; i++ {
		hash := from.at(i)
		if hash == 0 {
			continue
		}
		slot := max(end, home(hash, homes))
		if slot == s.last() {
			s.slots = append(s.slots, make([]byte, moreBehind*hashBytes)...)
		}
		s.put(slot, hash)
		end = slot + 1
		n--
	}
	return end
}

// pack appends a hash in its stored form, lowest byte first.
func pack(packed []byte, hash uint64) []byte {
	return append(packed, byte(hash), byte(hash>>8), byte(hash>>16), byte(hash>>24), byte(hash>>32), byte(hash>>40))
}

// unpack reads the first hash of packed.
func unpack(packed []byte) uint64 {
	_ = packed[hashBytes-1]
	return uint64(packed[0]) | uint64(packed[1])<<8 | uint64(packed[2])<<16 | uint64(packed[3])<<24 | uint64(packed[4])<<32 | uint64(packed[5])<<40
}
