package detect

import (
	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// hashBytes is the size of a recipient in the memory: 40 bits. Of a million
// recipients two in a million are taken for ones that were mailed before.
const hashBytes = 5

// hashPath is what the memory keeps of a recipient. It is never 0.
func hashPath(p mail.Path) uint64 {
	return max(1, xxhash.Sum64String(string(p))>>(64-8*hashBytes))
}

// contact is the first time that a submitter mailed a recipient.
type contact struct {
	hash uint64
	at   mail.Time
}

// hashSet is a set of hashes that are not 0. It probes an array, at half the
// memory and time of a map. The zero hashSet is empty.
type hashSet struct {
	base  *hashSet // Is searched too and never changed; nil in the engine itself.
	slots []uint64 // 0 is a free slot. The length is 0 or a power of two.
	size  int
}

func (s *hashSet) slot(hash uint64) int {
	// Fibonacci hashing: the multiplication spreads what the 40 bits leave.
	i := int(hash*0x9E3779B97F4A7C15>>32) & (len(s.slots) - 1)
	for s.slots[i] != 0 && s.slots[i] != hash {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return i
}

func (s *hashSet) has(hash uint64) bool {
	if s.size > 0 && s.slots[s.slot(hash)] == hash {
		return true
	}
	return s.base != nil && s.base.has(hash)
}

// add reports whether the hash was not there yet.
func (s *hashSet) add(hash uint64) bool {
	if s.base != nil && s.base.has(hash) {
		return false
	}
	if s.size*4 >= len(s.slots)*3 {
		s.grow()
	}
	i := s.slot(hash)
	if s.slots[i] == hash {
		return false
	}
	s.slots[i] = hash
	s.size++
	return true
}

func (s *hashSet) grow() {
	old := s.slots
	s.slots = make([]uint64, max(8, 2*len(old)))
	for _, hash := range old {
		if hash != 0 {
			s.slots[s.slot(hash)] = hash
		}
	}
}

// pack appends a hash in its stored form, lowest byte first.
func pack(packed []byte, hash uint64) []byte {
	return append(packed, byte(hash), byte(hash>>8), byte(hash>>16), byte(hash>>24), byte(hash>>32))
}

// unpack reads the first hash of packed.
func unpack(packed []byte) uint64 {
	_ = packed[hashBytes-1]
	return uint64(packed[0]) | uint64(packed[1])<<8 | uint64(packed[2])<<16 | uint64(packed[3])<<24 | uint64(packed[4])<<32
}
