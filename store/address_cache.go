package store

import (
	"cmp"
	"encoding/binary"
	"slices"

	"relaywatch/mail"
)

// maxCacheBytes bounds the texts of the address cache: some 600,000 addresses, with
// a table of 8 MB.
const maxCacheBytes = 24 << 20

// addressCache finds the number of an address by its text. It is one block of text
// and one table of numbers, so that a million addresses are nothing to the garbage
// collector. Texts are compared: addresses whose hashes collide stay apart.
type addressCache struct {
	slots []slot // Open addressing; a power of two, at most three quarters full.
	texts []byte // Entries; see add.
	count int
	whole bool // All addresses of the store are in it: what is not found is new.
}

// slot is free while at is 0.
type slot struct {
	hash uint32
	at   uint32 // Of the entry in texts.
}

// entryHead is the bytes before the text of an entry: number (0 if it was removed),
// external, length.
const entryHead = 4 + 1 + 4

func newAddressCache() *addressCache {
	// No entry stands at 0.
	return &addressCache{slots: make([]slot, 1<<12), texts: make([]byte, 1, 1<<16)}
}

// find returns the number of path, or false if it is not here.
func (c *addressCache) find(hash uint32, path mail.Path) (id int64, e external, ok bool) {
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; c.slots[i].at != 0; i = (i + 1) & mask {
		if c.slots[i].hash != hash {
			continue
		}
		entry := c.texts[c.slots[i].at:]
		length := binary.LittleEndian.Uint32(entry[5:])
		if id := binary.LittleEndian.Uint32(entry); id != 0 && string(entry[entryHead:entryHead+length]) == string(path) {
			return int64(id), external(int8(entry[4])), true
		}
	}
	return 0, 0, false
}

// add adds a path that is not here.
func (c *addressCache) add(hash uint32, path mail.Path, id int64, e external) {
	if c.count >= len(c.slots)/4*3 {
		old := c.slots
		c.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.at != 0 {
				c.put(s)
			}
		}
	}
	c.count++
	c.put(slot{hash, uint32(len(c.texts))})
	c.texts = binary.LittleEndian.AppendUint32(c.texts, uint32(id))
	c.texts = append(c.texts, byte(e))
	c.texts = binary.LittleEndian.AppendUint32(c.texts, uint32(len(path)))
	c.texts = append(c.texts, path...)
}

// remove forgets a path, if it is here. Its entry stays, so that others behind it are
// found.
func (c *addressCache) remove(hash uint32, path mail.Path) {
	mask := uint32(len(c.slots) - 1)
	for i := hash & mask; c.slots[i].at != 0; i = (i + 1) & mask {
		entry := c.texts[c.slots[i].at:]
		length := binary.LittleEndian.Uint32(entry[5:])
		if c.slots[i].hash == hash && string(entry[entryHead:entryHead+length]) == string(path) {
			binary.LittleEndian.PutUint32(entry, 0)
		}
	}
}

// above are those with greater numbers, in the order of address_hashes.
func (c *addressCache) above(id int64) []hashed {
	var list []hashed
	for _, s := range c.slots {
		if s.at == 0 {
			continue
		}
		if n := int64(binary.LittleEndian.Uint32(c.texts[s.at:])); n > id {
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
		entry := c.texts[s.at:]
		if n := int64(binary.LittleEndian.Uint32(entry)); n > id {
			length := binary.LittleEndian.Uint32(entry[5:])
			kept.add(s.hash, mail.Path(entry[entryHead:entryHead+length]), n, external(int8(entry[4])))
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
