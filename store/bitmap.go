package store

// bitmap is a set of ids below a bound. The nil bitmap takes none.
type bitmap []uint64

// newBitmap makes an empty set for ids below bound.
func newBitmap(bound int64) bitmap { return make(bitmap, bound/64+1) }

// set adds id, if it is below the bound.
func (b bitmap) set(id int64) {
	if word := id / 64; word < int64(len(b)) {
		b[word] |= 1 << (id % 64)
	}
}

func (b bitmap) has(id int64) bool {
	word := id / 64
	return word < int64(len(b)) && b[word]&(1<<(id%64)) != 0
}
