package detect

// seen tells for every value of every dimension the newest entry that has it. It
// probes an array: a value takes 8 bytes at three quarters full at most. The zero
// seen is empty.
type seen struct {
	slots []uint64 // The key above the low bits of the entry's number; 0 is free. The length is 0 or a power of two.
	size  int
}

// numberBits are what a slot holds of an entry's number: enough to tell which of those
// that are kept it is.
const numberBits = 18

const (
	numberMask = 1<<numberBits - 1
	_          = uint(numberMask - maxEntries)
)

// keyOf is what the value of an entry in a dimension is found by: what a slot has room for
// of its hash. It is never 0.
func keyOf(d dimension, e *entry) uint64 {
	place := int(placeOf[d])
	key := uint64(max(1, e.keys[place]^uint32(d)*0x9E3779B1)) // The same value of two dimensions is two.
	if place < len(e.more) {
		key |= uint64(e.more[place]) << 32
	}
	return key << numberBits >> numberBits
}

// home is where the probing for a key begins.
func (t *seen) home(key uint64) int {
	return int(uint64(uint32(key))*0x9E3779B97F4A7C15>>32) & (len(t.slots) - 1)
}

// slot is where a key stands, or the free slot where it would.
func (t *seen) slot(key uint64) int {
	i := t.home(key)
	for t.slots[i] != 0 && t.slots[i]>>numberBits != key {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

// swap notes entry number as the newest with a key and returns the one before.
func (t *seen) swap(key, number uint64) (before uint64, known bool) {
	if t.size*4 >= len(t.slots)*3 {
		t.grow()
	}
	i := t.slot(key)
	if t.slots[i] != 0 {
		before, known = number-(number-t.slots[i])&numberMask, true
	} else {
		t.size++
	}
	t.slots[i] = key<<numberBits | number&numberMask
	return before, known
}

// forget takes out a key that is there.
func (t *seen) forget(key uint64) {
	mask := len(t.slots) - 1
	free := t.slot(key)
	// What probed past the slot moves up, so that no search ends too early.
	for i := (free + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if (i-t.home(t.slots[i]>>numberBits))&mask >= (i-free)&mask {
			t.slots[free] = t.slots[i]
			free = i
		}
	}
	t.slots[free] = 0
	t.size--
}

func (t *seen) grow() {
	old := t.slots
	t.slots = make([]uint64, max(8, 2*len(old)))
	for _, s := range old {
		if s != 0 {
			t.slots[t.slot(s>>numberBits)] = s
		}
	}
}
