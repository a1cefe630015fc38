package detect

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// hashBytes is the size of a recipient in the memory: 40 bits. Of a million
// recipients two in a million are taken for ones that were mailed before.
const hashBytes = 5

const hashMask = 1<<(8*hashBytes) - 1

// hashPath is what the memory keeps of a recipient. It is never 0.
func hashPath(p mail.Path) uint64 {
	return max(1, xxhash.Sum64String(string(p))>>(64-8*hashBytes))
}

// contact is the first time that a submitter mailed a recipient.
type contact struct {
	hash uint64
	at   mail.Time
}

// hashSet is a set of hashes that are not 0. It probes an array of them, packed: 7
// to 13 bytes a recipient, where a map takes 40. The zero hashSet is empty.
type hashSet struct {
	base  *hashSet // Is searched too and never changed; nil in the engine itself.
	slots []byte   // Packed; 0 is a free slot. What follows the last lets it be read as 8 bytes.
	mask  int      // One less than the slots, which are a power of two.
	size  int
}

func (s *hashSet) at(slot int) uint64 {
	return binary.LittleEndian.Uint64(s.slots[slot*hashBytes:]) & hashMask
}

// slot is where a hash stands, or the free slot where it would.
func (s *hashSet) slot(hash uint64) (slot int, found bool) {
	// Fibonacci hashing: the multiplication spreads what the 40 bits leave.
	i := int(hash*0x9E3779B97F4A7C15>>32) & s.mask
	for {
		switch s.at(i) {
		case 0:
			return i, false
		case hash:
			return i, true
		}
		i = (i + 1) & s.mask
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
	if s.size*4 >= (s.mask+1)*3 || s.size == 0 {
		s.grow()
	}
	i, found := s.slot(hash)
	if !found {
		pack(s.slots[:i*hashBytes], hash)
		s.size++
	}
	return !found
}

func (s *hashSet) grow() {
	old := *s
	n := 8
	if s.size > 0 {
		n = 2 * (s.mask + 1)
	}
	s.slots, s.mask = make([]byte, n*hashBytes+8-hashBytes), n-1
	for i := 0; old.size > 0 && i <= old.mask; i++ {
		if hash := old.at(i); hash != 0 {
			free, _ := s.slot(hash)
			pack(s.slots[:free*hashBytes], hash)
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
