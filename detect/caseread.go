package detect

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/bits"

	"relaywatch/mail"
)

var (
	errDamaged    = errors.New("they are damaged")
	errOtherRules = errors.New("they are of other rules")
)

// caseReader reads what caseWriter wrote. After an error it reads zeros.
type caseReader struct {
	judge *judge
	until mail.Time
	logs  []mail.LogID
	rest  []byte
	err   error
}

func (r *caseReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *caseReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail(errDamaged)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *caseReader) unsigned() uint64 {
	n, length := binary.Uvarint(r.rest)
	if length <= 0 {
		r.fail(errDamaged)
		return 0
	}
	r.rest = r.rest[length:]
	return n
}

func (r *caseReader) signed() int64 {
	n, length := binary.Varint(r.rest)
	if length <= 0 {
		r.fail(errDamaged)
		return 0
	}
	r.rest = r.rest[length:]
	return n
}

func (r *caseReader) json(to any) {
	if text := r.string(); r.err == nil && json.Unmarshal([]byte(text), to) != nil {
		r.fail(errDamaged)
	}
}

// count reads how many things follow, of which each takes a byte at least.
func (r *caseReader) count() int {
	n := r.unsigned()
	if n > uint64(len(r.rest)) {
		r.fail(errDamaged)
		return 0
	}
	return int(n)
}

// index reads a number below n.
func (r *caseReader) index(n int) int {
	i := r.unsigned()
	if i >= uint64(n) {
		r.fail(errDamaged)
		return 0
	}
	return int(i)
}

func (r *caseReader) truth() bool     { return r.index(2) == 1 }
func (r *caseReader) string() string  { return string(r.bytes(r.unsigned())) }
func (r *caseReader) time() mail.Time { return r.until - mail.Time(r.signed()) }

func (r *caseReader) log() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *caseReader) pos(before int64) mail.LogPos {
	i := r.index(len(r.logs))
	offset := before + r.signed()
	if r.err != nil {
		return mail.LogPos{}
	}
	return mail.LogPos{Log: r.logs[i], Offset: offset}
}

func (r *caseReader) head() {
	if version := r.bytes(1); version != nil && version[0] != casesVersion {
		r.fail(errors.New("another version of relaywatch wrote them"))
	}
	if hash := r.log(); r.err == nil && hash != r.judge.ruleHash() {
		r.fail(errOtherRules)
	}
	r.until = mail.Time(r.signed())
	for range r.count() {
		r.logs = append(r.logs, mail.LogID(r.log()))
	}
}

func (r *caseReader) servers() {
	for range r.count() {
		ip := r.string()
		first := &event{at: r.time(), kind: eventMail}
		first.pos = r.pos(0)
		if r.err == nil {
			r.judge.noteServer(ip, first)
		}
	}
}

func (r *caseReader) owners() {
	for range r.count() {
		o := owner{account: r.string(), contested: r.truth()}
		if r.err == nil {
			r.judge.owners[bareName(o.account)] = o
		}
	}
}

func (r *caseReader) sizes() {
	of := campaigns{kept: r.time(), by: make(map[uint32][]member)}
	for range r.count() {
		size := uint32(r.unsigned())
		for range r.count() {
			m := member{who: mail.Submitter{Kind: r.string(), Value: r.string()}, last: r.time(), pos: r.pos(0)}
			of.by[size] = append(of.by[size], m)
		}
	}
	r.judge.sizes = of
}

func (r *caseReader) subject() {
	who := mail.Submitter{Kind: r.string()}
	who.Value = r.string()
	if r.err != nil {
		return
	}
	s := r.judge.known(who)
	s.findings = nil
	for range r.count() {
		if f := r.finding(who); f != nil {
			s.findings.put(f)
		}
	}
	if r.truth() {
		r.episode(s)
	}
}

func (r *caseReader) episode(s *subject) {
	ep := &episode{who: s.who}
	for _, t := range [...]*mail.Time{&ep.start, &ep.first, &ep.last} {
		*t = r.time()
	}
	for _, t := range [...]*tally{&ep.sent, &ep.pending} {
		t.Recipients, t.External, t.Transactions = int(r.unsigned()), int(r.unsigned()), int(r.unsigned())
	}
	for range r.count() {
		ep.rules = append(ep.rules, r.index(len(r.judge.rules)))
	}
	if len(ep.rules) == 0 {
		r.fail(errDamaged)
	}
	if r.truth() {
		ep.words = r.finding(s.who)
	} else if r.err == nil {
		ep.words = s.findings.of(ep.rules[0])
	}
	if ep.words == nil {
		r.fail(errDamaged)
	}
	if r.err == nil {
		s.episode = ep
	}
}

// finding is nil after an error.
func (r *caseReader) finding(who mail.Submitter) *finding {
	f := &finding{who: who, rule: r.index(len(r.judge.rules))}
	for _, t := range [...]*mail.Time{&f.start, &f.flagged, &f.last} {
		*t = r.time()
	}
	f.shown = r.truth()
	f.silenced = r.string()
	f.behind = r.string()
	if r.err != nil {
		return nil
	}
	for _, i := range r.judge.rules[f.rule].measures {
		f.peak[i] = math.Float64frombits(bits.ReverseBytes64(r.unsigned()))
	}
	r.json(&f.sum)
	r.json(&f.record)
	f.proof, f.others = r.rows(), r.rows()
	if r.err != nil {
		return nil
	}
	return f
}

func (r *caseReader) rows() (list []mail.LogPos) {
	before := int64(0)
	for range r.count() {
		p := r.pos(before)
		list = append(list, p)
		before = p.Offset
	}
	return list
}

// MemorySince is when the memory of a Judgement's Cases begins: when the first
// recipient was seen. 0 is never, and for cases of another version.
func MemorySince(cases []byte) mail.Time {
	r := caseReader{rest: cases}
	if version := r.bytes(1); version == nil || version[0] != casesVersion {
		return 0
	}
	r.log() // The hash of the rules is no matter.
	r.until = mail.Time(r.signed())
	for range r.count() {
		r.log()
	}
	since := r.time()
	if r.err != nil {
		return 0
	}
	return since
}
