package detect

import (
	"bytes"
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

// storedChannel is the stored form of a channel.
type storedChannel struct {
	Sum, From, Nats  float64
	At, Start, Began int64
	Steps            uint32
}

// storedStep is the stored form of a step.
type storedStep struct {
	At, Offset                                   int64
	Log                                          uint64
	Novelty, Path, External, Refused, Hour, Late uint8
	Nth                                          int32
	Own                                          [terms]float32
	Nats                                         float64
}

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
	b := fixed([]byte{profileVersion}, uint8(len(p.channels)), uint8(len(p.records)), &p.profileState)
	for i := range p.channels {
		b = p.channels[i].stored(b)
	}
	return fixed(b, p.records, p.names)
}

// stored appends a storedChannel and its storedSteps. Sums are the most of a profile: by
// reflection, as all else is written, they took ten times as long.
func (c *channel) stored(b []byte) []byte {
	order := binary.LittleEndian
	b = slices.Grow(b, 52+70*len(c.steps))
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
	r := bytes.NewReader(text[3:])
	if err := binary.Read(r, binary.LittleEndian, &p.profileState); err != nil {
		return errDamaged
	}
	for i := range p.channels {
		if err := p.channels[i].read(r); err != nil {
			return err
		}
	}
	if err := binary.Read(r, binary.LittleEndian, p.records); err != nil {
		return errDamaged
	}
	size := binary.Size(machine{})
	if r.Len()%size != 0 || r.Len()/size > maxNames {
		return errDamaged
	}
	if r.Len() > 0 {
		p.names = make([]machine, r.Len()/size)
	}
	if err := binary.Read(r, binary.LittleEndian, p.names); err != nil && len(p.names) > 0 {
		return errDamaged
	}
	return nil
}

func (c *channel) read(r *bytes.Reader) error {
	var s storedChannel
	if err := binary.Read(r, binary.LittleEndian, &s); err != nil || s.Steps > maxSteps {
		return errDamaged
	}
	*c = channel{sum: s.Sum, from: s.From, nats: s.Nats, at: mail.Time(s.At), start: mail.Time(s.Start), began: mail.Time(s.Began)}
	for range s.Steps {
		var st storedStep
		if err := binary.Read(r, binary.LittleEndian, &st); err != nil {
			return errDamaged
		}
		c.steps = append(c.steps, step{
			at: mail.Time(st.At), pos: mail.LogPos{Log: mail.LogID(st.Log), Offset: st.Offset}, own: st.Own, nats: st.Nats,
			told: told{
				novelty: min(novelty(st.Novelty), novelties-1), path: min(pathUse(st.Path), noPath),
				external: st.External == 1, refused: st.Refused == 1, late: st.Late == 1, hour: min(st.Hour, 23), nth: st.Nth,
			},
		})
	}
	return nil
}

// fleet reads what is usual for all.
func (r *caseReader) fleet() {
	b := r.bytes(uint64(binary.Size(&r.judge.fleet)))
	if r.err == nil {
		if _, err := binary.Decode(b, binary.LittleEndian, &r.judge.fleet); err != nil {
			r.fail(errDamaged)
		}
	}
}
