package detect

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"relaywatch/mail"
)

// profileVersion is the first byte of Profile.State. What follows are numbers of
// fixed size, lowest byte first: how many sums, records and steps of each sum there
// are, profileState, the sums with their steps, the records, and to the end the names.
const profileVersion = 5

// Sizes of the stored form of a channel, without its steps, and of a step, in bytes.
const (
	channelBytes = 3*8 + 3*8 + 4
	stepBytes    = 3*8 + 6 + 4 + terms*4 + 8
)

// takeProfiles hands over what changed since it was taken last.
func (j *judge) takeProfiles() []Profile {
	var out []Profile
	for _, s := range j.profiles {
		s.profile.dirty = false
		out = append(out, Profile{s.who, s.profile.stored()})
	}
	j.profiles = j.profiles[:0]
	slices.SortFunc(out, func(a, b Profile) int {
		return cmp.Or(cmp.Compare(a.Submitter.Kind, b.Submitter.Kind), cmp.Compare(a.Submitter.Value, b.Submitter.Value))
	})
	return out
}

// fixed appends values of fixed size. binary fails on no such type.
func fixed(to []byte, values ...any) []byte {
	for _, v := range values {
		to, _ = binary.Append(to, binary.LittleEndian, v)
	}
	return to
}

func (p *profile) stored() []byte {
	size := 3 + binary.Size(&p.profileState) + binary.Size(p.records) + binary.Size(p.names)
	for i := range p.channels {
		size += channelBytes + stepBytes*len(p.channels[i].steps)
	}
	b := fixed(append(make([]byte, 0, size), profileVersion), uint8(len(p.channels)), uint8(len(p.records)), &p.profileState)
	for i := range p.channels {
		b = p.channels[i].stored(b)
	}
	return fixed(b, p.records, p.names)
}

// stored appends a sum and its steps. They are the most of a profile: by reflection, as
// all else is written and read, they took ten times as long.
func (c *channel) stored(b []byte) []byte {
	order := binary.LittleEndian
	for _, nats := range [...]float64{c.sum, c.from, c.nats} {
		b = order.AppendUint64(b, math.Float64bits(nats))
	}
	for _, at := range [...]mail.Time{c.at, c.start, c.began} {
		b = order.AppendUint64(b, uint64(at))
	}
	b = order.AppendUint32(b, uint32(len(c.steps)))
	for k := range c.steps {
		st := &c.steps[k]
		t := &st.told
		b = order.AppendUint64(b, uint64(st.at))
		b = order.AppendUint64(b, uint64(st.pos.Offset))
		b = order.AppendUint64(b, uint64(st.pos.Log))
		b = append(b, uint8(t.novelty), uint8(t.path), uint8(index(t.external)), uint8(index(t.refused)), t.hour, uint8(index(t.late)))
		b = order.AppendUint32(b, uint32(t.nth))
		for _, share := range st.own {
			b = order.AppendUint32(b, math.Float32bits(share))
		}
		b = order.AppendUint64(b, math.Float64bits(st.nats))
	}
	return b
}

// restoreProfile reads what takeProfiles handed over.
func (j *judge) restoreProfile(stored Profile) error {
	p := j.newProfile()
	if err := p.read(stored.State); err != nil {
		return fmt.Errorf("read profile of %s: %w (judge everything anew)", stored.Submitter, err)
	}
	s := j.known(stored.Submitter)
	s.profile = p
	for place, i := range j.weighed {
		if w := j.rules[i].Weigher; w.Watch > 0 && p.channels[place].sum >= w.Watch {
			j.onWatch(s)
		}
	}
	if stored.Submitter.Kind == mail.KindUser {
		j.claim(s)
	}
	return nil
}

// Sharing tells who is judged in place of a host that many share.
type Sharing struct{ of *profile }

// Sharing is nil for a submitter that is no such host.
func (p Profile) Sharing() *Sharing {
	if len(p.State) < 3 || p.State[0] != profileVersion {
		return nil
	}
	of := &profile{channels: make([]channel, p.State[1]), records: make([]record, p.State[2])}
	if of.read(p.State) != nil || of.Shared == 0 && of.NamesFrom == 0 {
		return nil
	}
	return &Sharing{of}
}

// Senders tells whether, on a day that is counted from 1970-01-01, those are the
// addresses of own domains.
func (s *Sharing) Senders(day int32) bool { return s != nil && s.of.isShared(day) }

// Named tells whether it is the machine that gives a HELO name, at a moment of a day.
func (s *Sharing) Named(helo string, day int32, at mail.Time) bool {
	hash := hashName(helo)
	return s != nil && hash != 0 && s.of.settled(hash, day, at)
}

func (p *profile) read(text []byte) error {
	if len(text) < 3 || text[0] != profileVersion {
		return errDamaged
	}
	if int(text[1]) != len(p.channels) || int(text[2]) != len(p.records) {
		return errOtherRules
	}
	rest, err := readFixed(text[3:], &p.profileState)
	for i := 0; i < len(p.channels) && err == nil; i++ {
		rest, err = p.channels[i].read(rest)
	}
	if err == nil {
		rest, err = readFixed(rest, p.records)
	}
	size := binary.Size(machine{})
	if err != nil || len(rest)%size != 0 || len(rest)/size > maxNames {
		return errDamaged
	}
	if len(rest) > 0 {
		p.names = make([]machine, len(rest)/size)
		_, err = readFixed(rest, p.names)
	}
	return err
}

// readFixed reads a value of fixed size from the beginning of a text, and returns the rest.
func readFixed(text []byte, to any) (rest []byte, err error) {
	n, err := binary.Decode(text, binary.LittleEndian, to)
	if err != nil {
		return nil, errDamaged
	}
	return text[n:], nil
}

// read reads what stored wrote from the beginning of a text, and returns the rest.
func (c *channel) read(text []byte) (rest []byte, err error) {
	if len(text) < channelBytes {
		return nil, errDamaged
	}
	r := fixedReader(text)
	*c = channel{sum: r.float64(), from: r.float64(), nats: r.float64(), at: r.time(), start: r.time(), began: r.time()}
	steps := int(r.uint32())
	if steps > maxSteps || len(r) < steps*stepBytes {
		return nil, errDamaged
	}
	if steps > 0 {
		c.steps = make([]step, steps)
	}
	for k := range c.steps {
		c.steps[k].read(&r)
	}
	return r, nil
}

func (st *step) read(r *fixedReader) {
	st.at = r.time()
	st.pos.Offset = int64(r.uint64())
	st.pos.Log = mail.LogID(r.uint64())
	t := &st.told
	t.novelty, t.path = min(novelty(r.uint8()), novelties-1), min(pathUse(r.uint8()), noPath)
	t.external, t.refused = r.uint8() == 1, r.uint8() == 1
	t.hour, t.late = min(r.uint8(), 23), r.uint8() == 1
	t.nth = int32(r.uint32())
	for i := range st.own {
		st.own[i] = math.Float32frombits(r.uint32())
	}
	st.nats = r.float64()
}

// fixedReader takes numbers of fixed size from the front, lowest byte first. Who reads sees
// to it that there are as many.
type fixedReader []byte

func (r *fixedReader) next(n int) []byte {
	b := (*r)[:n]
	*r = (*r)[n:]
	return b
}

func (r *fixedReader) uint8() uint8     { return r.next(1)[0] }
func (r *fixedReader) uint32() uint32   { return binary.LittleEndian.Uint32(r.next(4)) }
func (r *fixedReader) uint64() uint64   { return binary.LittleEndian.Uint64(r.next(8)) }
func (r *fixedReader) float64() float64 { return math.Float64frombits(r.uint64()) }
func (r *fixedReader) time() mail.Time  { return mail.Time(r.uint64()) }

// fleet reads what is usual for all.
func (r *caseReader) fleet() {
	b := r.bytes(uint64(binary.Size(&r.judge.fleet)))
	if r.err == nil {
		if _, err := binary.Decode(b, binary.LittleEndian, &r.judge.fleet); err != nil {
			r.fail(errDamaged)
		}
	}
}
