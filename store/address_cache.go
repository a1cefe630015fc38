package store

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// maxCacheBytes bounds the texts of the address cache: some 400,000 addresses, with
// a table of 4 MB.
const maxCacheBytes = 10 << 20

// addressCache finds the number of an address by its domain's and its local part. It is
// blocks of text and one table of numbers, so that a million addresses are nothing to the
// garbage collector, and text is never copied to make room. Texts are compared: addresses
// whose hashes collide stay apart.
type addressCache struct {
	slots  []slot // Open addressing; a power of two, at most four fifths full.
	blocks [][]byte
	bytes  int // Of blocks.
	count  int
	whole  bool // All addresses of the store are in it: what is not found is new.
}

// slot is free while at is 0.
type slot struct {
	hash uint32
	at   uint32 // Of the entry: its block, and where in it.
}

// entryHead is the bytes before the text of an entry: number (0 if it was removed), that
// of the domain, length.
const entryHead = 4 + 4 + 4

// A block has blockSize bytes, or one entry that is longer. maxCacheBytes are some 80,
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

func entryDomain(entry []byte) int64 { return int64(binary.LittleEndian.Uint32(entry[4:])) }

func entryText(entry []byte) []byte {
	return entry[entryHead : entryHead+binary.LittleEndian.Uint32(entry[8:])]
}

// at is the entry of an address, or nil if it is not here.
func (c *addressCache) at(hash uint32, domain int64, local string) []byte {
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; c.slots[i].at != 0; i = (i + 1) & mask {
		if c.slots[i].hash != hash {
			continue
		}
		entry := c.entry(c.slots[i])
		if entryID(entry) != 0 && entryDomain(entry) == domain && string(entryText(entry)) == local {
			return entry
		}
	}
	return nil
}

// find returns the number of an address, or false if it is not here.
func (c *addressCache) find(hash uint32, domain int64, local string) (id int64, ok bool) {
	entry := c.at(hash, domain, local)
	if entry == nil {
		return 0, false
	}
	return entryID(entry), true
}

// add adds an address that is not here.
func (c *addressCache) add(hash uint32, domain int64, local string, id int64) {
	if c.count >= len(c.slots)/16*13 {
		old := c.slots
		c.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.at != 0 {
				c.put(s)
			}
		}
	}
	last := len(c.blocks) - 1
	length := entryHead + len(local)
	if len(c.blocks[last])+length > cap(c.blocks[last]) {
		c.blocks = append(c.blocks, make([]byte, 0, max(blockSize, length)))
		last++
		c.bytes += cap(c.blocks[last])
	}
	c.count++
	block := c.blocks[last]
	c.put(slot{hash, uint32(last<<blockBits | len(block))})
	block = binary.LittleEndian.AppendUint32(block, uint32(id))
	block = binary.LittleEndian.AppendUint32(block, uint32(domain))
	block = binary.LittleEndian.AppendUint32(block, uint32(len(local)))
	c.blocks[last] = append(block, local...)
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
			list = append(list, hashed{s.hash, n})
		}
	}
	slices.SortFunc(list, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(int32(a.hash), int32(b.hash)), cmp.Compare(a.id, b.id))
	})
	return list
}

// only is a cache of those with greater numbers.
func (c *addressCache) only(id int64) *addressCache {
	kept := newAddressCache()
	for _, s := range c.slots {
		if s.at == 0 {
			continue
		}
		if entry := c.entry(s); entryID(entry) > id {
			kept.add(s.hash, entryDomain(entry), string(entryText(entry)), entryID(entry))
		}
	}
	return kept
}

func (c *addressCache) put(s slot) {
	mask := uint32(len(c.slots) - 1)
	i := s.hash & mask
	for c.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	c.slots[i] = s
}
