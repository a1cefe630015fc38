package detect

import "encoding/binary"

// hashBytes is the size of a recipient in the memory: of its keyed hash of 64 bits, 48
// are kept, a quarter less. Where two million are known, one new recipient in 140 million
// is taken for one of them, and as nobody knows the key, nobody can choose which.
const hashBytes = 6

const hashMask = 1<<(8*hashBytes) - 1

// keptOf is what the memory keeps of a hash. It is never 0.
func keptOf(hash uint64) uint64 { return max(1, hash>>(64-8*hashBytes)) }

// hashSet is a set of hashes that are not 0. It probes an array of them, packed: 8
// to 16 bytes a recipient, where a map takes 40. The zero hashSet is empty.
type hashSet struct {
	base  *hashSet // Is searched too and never changed; nil in the engine itself.
	slots []byte   // Packed; 0 is a free slot. What follows the last lets it be read as 8 bytes.
	mask  uint32   // One less than the slots, which are a power of two.
	size  uint32
}

func (s *hashSet) at(slot uint32) uint64 {
	return binary.LittleEndian.Uint64(s.slots[int(slot)*hashBytes:]) & hashMask
}

// slot is where a hash stands, or the free slot where it would.
func (s *hashSet) slot(hash uint64) (slot uint32, found bool) {
	// Fibonacci hashing: the multiplication spreads what the bits leave.
	i := uint32(hash*0x9E3779B97F4A7C15>>32) & s.mask
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
		pack(s.slots[:int(i)*hashBytes], hash)
		s.size++
	}
	return !found
}

func (s *hashSet) grow() {
	old := *s
	n := uint32(8)
	if s.size > 0 {
		n = 2 * (s.mask + 1)
	}
	s.slots, s.mask = make([]byte, int(n)*hashBytes+8-hashBytes), n-1
	for i := uint32(0); old.size > 0 && i <= old.mask; i++ {
		if hash := old.at(i); hash != 0 {
			free, _ := s.slot(hash)
			pack(s.slots[:int(free)*hashBytes], hash)
		}
	}
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
