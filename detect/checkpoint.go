package detect

import (
	"cmp"
	"fmt"
	"slices"

	"relaywatch/mail"
)

// saveCases writes what is open at until, and forgets what is not.
func (j *judge) saveCases(until mail.Time) []byte {
	var open []*subject
	for _, s := range j.subjects {
		j.forgetClosed(s, until)
		if len(s.findings) > 0 || s.episode != nil {
			open = append(open, s)
		}
	}
	slices.SortFunc(open, func(a, b *subject) int {
		return cmp.Or(cmp.Compare(a.who.Kind, b.who.Kind), cmp.Compare(a.who.Value, b.who.Value))
	})
	w := caseWriter{judge: j, until: until}
	w.time(j.began)
	w.body = fixed(w.body, &j.fleet)
	w.servers()
	w.owners()
	w.sizes()
	w.whole(len(open))
	for _, s := range open {
		w.subject(s)
	}
	return w.text()
}

// restoreCases reads what saveCases wrote. It is no news: the store has what was
// told.
func (j *judge) restoreCases(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	r := caseReader{judge: j, rest: text}
	r.head()
	j.began = r.time()
	r.fleet()
	r.servers()
	r.owners()
	r.sizes()
	for range r.count() {
		r.subject()
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail(errDamaged)
	}
	if r.err != nil {
		return fmt.Errorf("read open cases: %w", r.err)
	}
	return nil
}

// forgetClosed drops what no row after until can change or count.
func (j *judge) forgetClosed(s *subject, until mail.Time) {
	s.findings = slices.DeleteFunc(s.findings, func(f *finding) bool {
		return until-f.last > seconds(max(Quiet, j.rules[f.rule].Window))
	})
	if s.episode != nil && until-s.episode.last > seconds(Quiet) {
		s.episode = nil
	}
}

// known is the subject of a submitter that was stored.
func (j *judge) known(who mail.Submitter) *subject {
	c := account
	if address := who.Address(); address != "" {
		c = j.network.classOf(address)
	}
	return j.subject(who, c)
}

// takeMemory hands over the contacts up to a time, which are stored from then on.
func (j *judge) takeMemory(upTo mail.Time) []Memory {
	var out []Memory
	for who, s := range j.subjects {
		n, before := 0, len(out)
		for ; n < len(s.contacts) && s.contacts[n].at <= upTo; n++ {
			c := s.contacts[n]
			if len(out) == before || out[len(out)-1].Turn != c.turn() {
				out = append(out, Memory{Submitter: who, Turn: c.turn()})
			}
			last := &out[len(out)-1]
			last.Hashes = pack(last.Hashes, c.hash)
		}
		if n == 0 {
			continue
		}
		s.contacts = slices.Clone(s.contacts[n:])
		s.stored = true
	}
	slices.SortStableFunc(out, func(a, b Memory) int {
		return cmp.Or(cmp.Compare(a.Submitter.Kind, b.Submitter.Kind), cmp.Compare(a.Submitter.Value, b.Submitter.Value))
	})
	return out
}

// restoreMemory adds a stored stretch of the memory.
func (j *judge) restoreMemory(m Memory) error {
	if len(m.Hashes)%hashBytes != 0 {
		return fmt.Errorf("read memory of %s: %d bytes are no whole number of recipients", m.Submitter, len(m.Hashes))
	}
	s := j.known(m.Submitter)
	s.stored = true
	if m.Submitter.Kind == mail.KindUser {
		j.claim(s)
	}
	s.memory.reserve(len(m.Hashes)/hashBytes, m.Turn)
	for packed := m.Hashes; len(packed) > 0; packed = packed[hashBytes:] {
		if hash := unpack(packed); hash != 0 {
			j.restoreNote(s, hash, m.Turn)
		}
	}
	return nil
}
