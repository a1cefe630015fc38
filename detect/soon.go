package detect

// soonMost is how many events are looked at together before they are judged one by one.
const soonMost = 16

// soon are the events that are judged next. What judging them will read is scattered over
// memory, far more of it than a processor keeps at hand: it waits for one such place after
// the other where it learns of them one by one, and for all together where they are asked
// for side by side.
type soon struct {
	hashes [soonMost]uint64 // Of the recipients, see network.hashPath; 0: it is none, or not told.
	read   uint64           // What was read: nobody asks, but what nobody keeps is not read.
}

// lookAt reads where the judging of the first of the events will look, and changes nothing.
// It tells how many they are.
func (j *judge) lookAt(events []event) int {
	events = events[:min(len(events), soonMost)]
	n := &j.soon
	for i := range events {
		n.hashes[i] = 0
		if ev := &events[i]; ev.kind == eventRecipient {
			if path := ev.part.transaction.Recipients[ev.index].Path; path.Known() {
				n.hashes[i] = j.network.hashPath(path)
			}
		}
	}
	for i, hash := range n.hashes[:len(events)] {
		if hash == 0 {
			continue
		}
		p := events[i].part
		n.read += j.everyone.young.peek(hash)
		if j.pairs != nil {
			n.read += j.pairs.memory.young.peek(pairOf(p.pathHash, hash))
		}
		if p.subject == nil && p.class == inside {
			p.subject = j.subjects[p.who]
		}
		if s := p.subject; s != nil {
			n.read += s.memory.young.peek(hash) + s.rows.peek(hash)
		}
	}
	return len(events)
}

// peek reads where a hash is searched for.
func (s *hashSet) peek(hash uint64) uint64 {
	if s.homes == 0 {
		return 0
	}
	return uint64(s.slots[home(hash, s.homes)*hashBytes])
}

// peek reads what a recipient with a hash is going to touch: where the next row is put, where
// the recipient is searched for, and the rows that are the next to be too old.
func (r *rows) peek(hash uint64) uint64 {
	if len(r.ring) == 0 || len(r.seen.slots) == 0 {
		return 0
	}
	e := entry{keys: [3]uint32{uint32(hash)}, more: [2]uint16{uint16(hash >> 32)}}
	read := r.seen.slots[r.seen.home(keyOf(byRecipient, &e))] + uint64(r.at(r.end).at)
	for i := range r.windows {
		read += uint64(r.at(r.windows[i].first).flags)
	}
	return read
}
