package store

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// maxCacheBytes bounds the texts of the address cache: some 400,000 addresses, with
// a table of 4 MB.
const maxCacheBytes = 7 << 20

// addressCache finds the number of an address by its domain's and its local part. It is
// blocks of text and one table of numbers, so that a million addresses are nothing to the
// garbage collector, and text is never copied to make room. Texts are compared: addresses
// whose hashes collide stay apart.
type addressCache struct {
	slots  []slot // Open addressing; a power of two, at most four fifths full.
	blocks [][]byte
	felt   byte // Keeps what touch reads from being left out.
	bytes  int  // Of blocks.
	count  int
	whole  bool // All addresses of the store are in it: what is not found is new.
}

// slot is free while at is 0.
type slot struct {
	hash uint32
	at   uint32 // Of the entry: its block, and where in it.
}

// entryHead is the bytes before the text of an entry at the most: number (0 if it was
// removed); that of the domain and length, as varints: mostly these take 3.
const entryHead = 4 + 2*binary.MaxVarintLen32

// A block has blockSize bytes, or one entry that is longer. maxCacheBytes are some 60,
// and slot.at can tell 32,768 apart: one for each address of a Batch, however long.
const (
	blockBits = 17
	blockSize = 1 << blockBits
)

func newAddressCache() *addressCache {
	// No entry stands at 0.
	return &addressCache{slots: make([]slot, 1<<12), blocks: [][]byte{make([]byte, 1, 1<<12)}}
}

// entry is the bytes from an entry on.
func (c *addressCache) entry(s slot) []byte {
	return c.blocks[s.at>>blockBits][s.at&(blockSize-1):]
}

func entryID(entry []byte) int64 { return int64(binary.LittleEndian.Uint32(entry)) }

// splitEntry is what follows the number of an entry, and what it takes in all.
func splitEntry(entry []byte) (domain int64, text []byte, size int) {
	at := 4
	id, n := binary.Uvarint(entry[at:])
	at += n
	length, n := binary.Uvarint(entry[at:])
	at += n
	size = at + int(length)
	return int64(id), entry[at:size], size
}

// at is the entry of an address, or nil if it is not here.
func (c *addressCache) at(hash uint32, domain int64, local string) []byte {
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; c.slots[i].at != 0; i = (i + 1) & mask {
		if c.slots[i].hash != hash {
			continue
		}
		entry := c.entry(c.slots[i])
		if entryID(entry) == 0 {
			continue
		}
		if of, text, _ := splitEntry(entry); of == domain && string(text) == local {
			return entry
		}
	}
	return nil
}

// touch reads what at will read, of many addresses.
func (c *addressCache) touch(hashes []uint32) {
	mask := uint32(len(c.slots) - 1)
	for _, hash := range hashes {
		if s := c.slots[hash&mask]; s.hash == hash {
			c.felt ^= c.entry(s)[0]
		}
	}
}

// find returns the number of an address, or false if it is not here.
func (c *addressCache) find(hash uint32, domain int64, local string) (id int64, ok bool) {
	entry := c.at(hash, domain, local)
	if entry == nil {
		return 0, false
	}
	return entryID(entry), true
}

// add adds an address that is not here. It tells what its entry takes.
func (c *addressCache) add(hash uint32, domain int64, local string, id int64) (bytes int) {
	if c.count >= len(c.slots)/16*13 {
		old := c.slots
		c.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.at != 0 {
				c.put(s)
			}
		}
	}
	var space [entryHead]byte
	head := binary.LittleEndian.AppendUint32(space[:0], uint32(id))
	head = binary.AppendUvarint(head, uint64(domain))
	head = binary.AppendUvarint(head, uint64(len(local)))
	last, length := len(c.blocks)-1, len(head)+len(local)
	if !fits(c.blocks[last], len(c.blocks[last]), length) {
		c.blocks = append(c.blocks, make([]byte, 0, max(blockSize, length)))
		last++
		c.bytes += cap(c.blocks[last])
	}
	c.count++
	c.put(slot{hash, uint32(last<<blockBits | len(c.blocks[last]))})
	c.blocks[last] = append(append(c.blocks[last], head...), local...)
	return length
}

// fits tells whether a block takes so many bytes behind what is used of it. Behind
// blockSize no entry begins.
func fits(block []byte, used, length int) bool {
	return used+length <= cap(block) && (used == 0 || used+length <= blockSize)
}

// remove forgets an address, if it is here. Its entry stays, so that others behind it are
// found.
func (c *addressCache) remove(hash uint32, domain int64, local string) {
	if c == nil {
		return
	}
	if entry := c.at(hash, domain, local); entry != nil {
		binary.LittleEndian.PutUint32(entry, 0)
	}
}

// above are those with greater numbers, so many or nearly, in the order of address_hashes.
func (c *addressCache) above(id, count int64) []hashed {
	list := make([]hashed, 0, count)
	for _, s := range c.slots {
		if s.at == 0 {
			continue
		}
		if n := entryID(c.entry(s)); n > id {
			list = append(list, newHashed(s.hash, n))
		}
	}
	slices.Sort(list)
	return list
}

// drop forgets those up to a number, in place: the others are most of what it holds, and
// twice as much would be the most that reading a long log needs.
func (c *addressCache) drop(upTo int64) {
	kept := c.slots[:0]
	for _, s := range c.slots {
		if s.at != 0 && entryID(c.entry(s)) > upTo {
			kept = append(kept, s)
		}
	}
	kept = slices.Clone(kept)
	slices.SortFunc(kept, func(a, b slot) int { return cmp.Compare(a.at, b.at) })
	clear(c.slots)
	block, used := 0, 1 // No entry stands at 0.
	for _, s := range kept {
		entry := c.entry(s)
		_, _, size := splitEntry(entry)
		for !fits(c.blocks[block], used, size) { // Sooner or later it does: it may stay where it is.
			c.blocks[block] = c.blocks[block][:used]
			block, used = block+1, 0
		}
		copy(c.blocks[block][used:cap(c.blocks[block])], entry[:size])
		c.put(slot{s.hash, uint32(block<<blockBits | used)})
		used += size
	}
	c.blocks[block] = c.blocks[block][:used]
	clear(c.blocks[block+1:])
	c.blocks = c.blocks[:block+1]
	c.count, c.bytes, c.whole = len(kept), 0, false
	for _, b := range c.blocks[1:] {
		c.bytes += cap(b)
	}
}

func (c *addressCache) put(s slot) {
	mask := uint32(len(c.slots) - 1)
	i := s.hash & mask
	for c.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	c.slots[i] = s
}
