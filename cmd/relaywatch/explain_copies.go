package main

import "relaywatch/mail"

// copies are a run of messages of one size, with one of another size at most between two
// of them.
type copies struct {
	streak
	between float32 // Size of the one that came since the last of the run; 0: none did.
	inside  int     // Recipients of own domains that the run went to.
	within  int     // The same of message of, which has not ended.
	of      *mail.Transaction
	newest  *mail.Transaction // Of the run; nil: a message came since.
	recent  [3]float32        // Sizes of the newest messages; 0: there are not so many.
}

// mails adds a recipient of an own domain.
func (c *copies) mails(tx *mail.Transaction) {
	switch tx {
	case c.newest:
		c.inside++
	case c.of:
		c.within++
	default:
		c.within, c.of = 1, tx
	}
}

// end adds the end of a message.
func (c *copies) end(tx *mail.Transaction, at mail.Time) {
	size, inside := float32(tx.SizeBytes), 0
	if c.of == tx {
		inside = c.within
	}
	c.within, c.of, c.newest = 0, nil, tx
	switch {
	case ofOneSize(size, c.mean):
		c.goOn(size, true, at)
		c.inside += inside
		c.between = 0
	case c.length > 1 && c.between == 0:
		c.between, c.newest = size, nil
	default:
		pair := ofOneSize(size, c.between)
		c.length, c.mean, c.inside, c.between = 1, size, inside, 0
		if pair {
			c.length = 2
		}
	}
	if c.broken == 0 && c.breaks(size) {
		c.broken = at
	}
	c.recent = [3]float32{c.recent[1], c.recent[2], size}
}

// breaks tells whether a message surely ended a run that began before the stored rows: of
// four sizes that are unlike each other one at most may be of that run, and two others are
// neighbours.
func (c *copies) breaks(size float32) bool {
	newest := [...]float32{c.recent[0], c.recent[1], c.recent[2], size}
	for i, a := range newest {
		for _, b := range newest[:i] {
			if b == 0 || a < b*1.05 && b < a*1.05 {
				return false
			}
		}
	}
	return true
}

// ofOneSize tells whether a message has the size of others. The engine reckons in 32 bits.
func ofOneSize(size, others float32) bool {
	return others > 0 && size <= others*1.02 && size >= others*0.98
}
